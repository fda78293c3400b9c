"""Rows: the columns by which records are listed and found, as the deployment's tables have them.

The deployment makes them from a file's text (convex/model/project.ts), `columns` does the same
here; a test holds the two to the same answers. Times are milliseconds since the epoch. Pure.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from syncd.errors import RecordError

_STORED: Final = "stored"


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

    @property
    def stored(self) -> bool:
        """Whether the deployment has the text in file storage, and so no columns of it."""
        return _STORED in self.flags

    def beside(self, here: Self) -> Self:
        """This row, as the deployment tells it, with what only that of the file tells: all of
        one that is `stored`.
        """
        if not self.stored:
            return self
        return here.model_copy(update={"revision": self.revision, "flags": (*here.flags, _STORED)})


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

    def beside(self, here: Self) -> Self:
        """See Row.beside: the deployment does not answer what it searches."""
        return super().beside(here).model_copy(update={"search_text": here.search_text})


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
    """What `get` answers: where the record is, and its exact text; None of one in file storage."""

    text: str | None

    @property
    def body(self) -> bytes:
        """The text's bytes. Raises RecordError where file storage has them."""
        if self.text is None:
            raise RecordError(
                f"{self.path} is too long to be loaded from the deployment",
                "it is loaded from its file, once the daemon has written that here",
            )
        return self.text.encode()


R = TypeVar("R", bound=Row)


class Page(_Wire, Generic[R]):
    """A page of a list; `cursor` is None after the last."""

    rows: tuple[R, ...]
    cursor: str | None


class Counted(_Wire):
    """What an increment is answered."""

    outcome: str

    @property
    def counted(self) -> bool:
        """Whether the deployment counted it, now or before."""
        return self.outcome == "applied"


class Sample(_Wire):
    """A sample; `timestamp` in milliseconds, `text` its line."""

    type: str
    name: str
    value: float
    unit: str | None = None
    timestamp: float
    labels: Any = None
    text: str = Field(default="", repr=False)


class Summary(_Wire):
    """What some samples come to; all but count and sum are None where there are none."""

    count: float
    sum: float
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class Bucket(Summary):
    """The samples from `start`, in milliseconds, for the time of one bucket."""

    start: float


class Aggregate(Summary):
    """Samples summed up, and by bucket. Exact, but for percentiles, which the deployment tells
    within 1 %; `widened`: the samples of whole minutes were counted at the ends of the range.
    """

    buckets: tuple[Bucket, ...] = ()
    widened: bool = False
    cursor: str | None = None


class Samples(_Wire):
    """A page of samples; `cursor` is None after the last."""

    rows: tuple[Sample, ...]
    cursor: str | None


class Extent(_Wire):
    """How far the deployment has a file that grows: its length in bytes, and SHA-256 of the last
    4 KiB before that.
    """

    length: int
    tail: str


class Tails(_Wire):
    """A page of the calling device's logs of a store."""

    logs: tuple[Extent, ...]
    next: str | None
