"""Rows: the columns by which records are listed and found, as the deployment's tables have them.

The deployment makes them from a file's text (convex/model/project.ts), `columns` does the same
here; a test holds the two to the same answers. Times are milliseconds since the epoch. Pure.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Wire(BaseModel):
    # Later functions may say more: unknown fields are passed over.
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True
    )


class _Placed(_Wire):
    store: str
    path: str
    record: str = ""
    digest: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it apart from all others: see index.Key."""
        return self.store, self.path, self.record


class Row(_Placed):
    """Where a record is: its store, the path in it and, in a file of many, its id.

    `revision` is None for what was read from a file. `flags` tell what could not be taken over.
    """

    revision: float | None = None
    flags: tuple[str, ...] = ()


class WorkflowRow(Row):
    """A workflow, of either shape: `steps`, or `nodes` with connections."""

    id: str = Field(alias="recordId")
    name: str
    description: str | None = None
    version: str | None = None
    status: str | None = None
    tags: tuple[str, ...] = ()
    active: bool | None = None
    step_count: float | None = None
    node_count: float | None = None
    created_at: float | None = None
    updated_at: float | None = None


class ExecutionRow(Row):
    """An execution. `start_time` is known to the deployment even where a later text omits it."""

    id: str = Field(alias="executionId")
    workflow_id: str | None = None
    status: str
    start_time: float | None = None
    end_time: float | None = None
    completed_steps: float | None = None
    error: str | None = None


class AssetRow(Row):
    """An asset. The category is its first folder's name, None for a file in no folder."""

    id: str = Field(alias="recordId")
    name: str
    category: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    status: str | None = None
    downloads: float | None = None
    rating: float | None = None
    author: str | None = None
    version: str | None = None
    search_text: str = Field(default="", repr=False)


class DeploymentRow(Row):
    """A deployment; `started_at` may be the milliseconds in its id."""

    id: str = Field(alias="recordId")
    site_id: str | None = None
    status: str | None = None
    environment: str | None = None
    commit_hash: str | None = None
    branch: str | None = None
    started_at: float | None = None
    completed_at: float | None = None
    health_check_status: str | None = None
    error: str | None = None
    rollback_id: str | None = None
    artifact_count: float | None = None


class Found(_Placed):
    """What `get` answers: where the record is, and its exact text."""

    text: str


R = TypeVar("R", bound=Row)


class Page(_Wire, Generic[R]):
    """A page of a list; `cursor` is None after the last."""

    rows: tuple[R, ...]
    cursor: str | None


class Counted(_Wire):
    """What an increment is answered; `replayed` is one that was counted before."""

    outcome: str

    @property
    def counted(self) -> bool:
        """Whether the deployment counted it, now or before."""
        return self.outcome in ("applied", "replayed")
