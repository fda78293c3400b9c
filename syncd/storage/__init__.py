"""What programs use of syncd: the stores of files, with Convex behind them where it is there.

    from syncd.storage import Workflow, WorkflowStorage

    storage = WorkflowStorage("config.toml")
    workflow = storage.load("release-notes")

A save is in its file, durably, when the call returns, and needs no network; the daemon mirrors it
from there. Loads and lists are answered by the deployment's indexes together with the files, and
by the files alone where the deployment is away. What a call cannot do is a RecordError, with its
advice. The classes without `Async` are the same for programs without an
event loop.
"""

from syncd.errors import RecordError
from syncd.storage.assets import AsyncAssetStorage
from syncd.storage.blocking import (
    AssetStorage,
    DeploymentStorage,
    MetricsStorage,
    WorkflowStorage,
)
from syncd.storage.deployments import AsyncDeploymentStorage, new_deployment_id
from syncd.storage.metrics import AsyncMetricsStorage
from syncd.storage.records import (
    Asset,
    AssetMetadata,
    Deployment,
    Execution,
    Metric,
    Workflow,
    WorkflowStep,
)
from syncd.storage.rows import Aggregate, AssetRow, DeploymentRow, ExecutionRow, Sample, WorkflowRow
from syncd.storage.times import datetime_of
from syncd.storage.workflows import AsyncWorkflowStorage, new_execution_id

__all__ = [
    "Aggregate",
    "Asset",
    "AssetMetadata",
    "AssetRow",
    "AssetStorage",
    "AsyncAssetStorage",
    "AsyncDeploymentStorage",
    "AsyncMetricsStorage",
    "AsyncWorkflowStorage",
    "Deployment",
    "DeploymentRow",
    "DeploymentStorage",
    "Execution",
    "ExecutionRow",
    "Metric",
    "MetricsStorage",
    "RecordError",
    "Sample",
    "Workflow",
    "WorkflowRow",
    "WorkflowStep",
    "WorkflowStorage",
    "datetime_of",
    "new_deployment_id",
    "new_execution_id",
]
