"""Runs a workflow with syncd.storage: `run_workflow.py WORKFLOW [CONFIG]`.

The steps do nothing here; what becomes of them is saved after each, as the stack's engine does.
It runs the same with the deployment there, away, or lost in the middle.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from syncd.storage import (
    Execution,
    Metric,
    MetricsStorage,
    WorkflowStorage,
    new_execution_id,
)


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    name = sys.argv[1]
    config = sys.argv[2] if len(sys.argv) > 2 else "config.toml"
    with WorkflowStorage(config) as storage, MetricsStorage(config) as metrics:
        workflow = storage.load(name)
        if workflow is None:
            raise SystemExit(f"there is no workflow {name!r}")
        workflow.status = "running"
        storage.save(workflow)

        run = new_execution_id()
        execution = Execution(workflow_id=name, start_time=now(), step_results={})
        done: list[str] = []
        for step in workflow.steps:
            began = time.perf_counter()
            time.sleep(0.05)
            taken = 1000 * (time.perf_counter() - began)
            metrics.record(Metric(type="step", name=step.agent or "?", value=taken, unit="ms"))
            done.append(step.id or "")
            execution.completed_steps = done
            execution.saved_at = now()
            storage.save_execution(run, execution)
        execution.status, execution.end_time = "completed", now()
        storage.save_execution(run, execution)

        workflow.status = "completed"
        storage.save(workflow)
        for row in storage.list_executions(name, limit=3):
            print(row.id, row.status, f"{row.completed_steps or 0:.0f} steps")
        told = metrics.aggregate(type="step")
        print(f"{told.count:.0f} steps so far, {told.p95 or 0:.0f} ms at the 95th percentile")


main()
