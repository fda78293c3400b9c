"""The records that programs keep in files: the one source of what fields they have. Pure.

Convex validators and TypeScript types are made from these models (`typescript`). A model says
what a program may rely on, not what a file must look like: fields it does not know are kept, and
a field that a file holds in another type reads as if it were absent and stays in the file as it
is. What a program makes or assigns is checked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from syncd.core.model import Kind
from syncd.errors import RecordError
from syncd.storage.ids import digits
from syncd.storage.times import spelled
from syncd.stores.tree import DEEPEST

T = TypeVar("T")

_FROM_A_FILE = {"from a file": True}


def _with_zone(time: T) -> T:
    if isinstance(time, datetime):
        spelled(time)
    return time


Text = Annotated[str, BeforeValidator(digits)]
"""A string; files hold ids and versions as numbers too, and those read as their digits."""

Time = Annotated[int | float | str | datetime, AfterValidator(_with_zone)]
"""An ISO 8601 string (without a zone: UTC), milliseconds since the epoch, or an aware datetime. No
file holds a datetime: what is loaded is one of the others, of which `datetime_of` makes one.
"""


class Part(BaseModel):
    """What records are made of. Python names are in snake case, files are in camel case.

    None is written as null; what is taken away (`del workflow.status`) is not in the file any more.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="allow", validate_assignment=True
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _total(
        cls, value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> object:
        try:
            return check(value)
        except ValidationError:
            if info.context is not _FROM_A_FILE or info.field_name is None:
                raise
            return _default(cls.model_fields[info.field_name])

    def __delattr__(self, name: str) -> None:
        """Take a field away: it reads as one that was never told."""
        field = type(self).model_fields.get(name)
        if field is None:
            super().__delattr__(name)
        else:
            self.__dict__[name] = _default(field)
            self.model_fields_set.discard(name)


class Record(Part):
    """One record of a store. Two are equal where their fields are."""

    kind: ClassVar[Kind]
    _place: tuple[str, str, str] | None = PrivateAttr(default=None)
    _origin: bytes | None = PrivateAttr(default=None)

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        """The record that a JSON object is, whatever it holds."""
        # Names as the files spell them only: `workflow_id` in a file is a field we do not know.
        return cls.model_validate(value, context=_FROM_A_FILE, by_alias=True, by_name=False)

    def keep(self, place: tuple[str, str, str], origin: bytes) -> None:
        """Remember where this record is (a Key), and what it said there."""
        self._place, self._origin = place, origin

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Where it is (a Key); None for a record that was never in a file."""
        return self._place

    @property
    def origin(self) -> bytes | None:
        """The text this record was last read from, or saved as."""
        return self._origin

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and told(self) == told(other)

    __hash__ = None  # type: ignore[assignment]


class WorkflowStep(Part):
    """A step of a workflow; it begins when those it depends on have ended."""

    id: Text | None = None
    agent: str | None = None
    parallel: bool | None = None
    depends_on: list[str] = []


class Workflow(Record):
    """A workflow's definition: of steps, or of nodes with connections as n8n writes them."""

    kind = Kind.WORKFLOW

    id: Text | None = None
    name: str | None = None
    description: str | None = None
    version: Text | None = None
    steps: list[WorkflowStep] = []
    config: dict[str, Any] | None = None
    status: str | None = None
    tags: list[Any] = Field(default=[], description="strings, or objects that have a name")
    nodes: list[dict[str, Any]] | None = None
    connections: dict[str, Any] | None = None
    active: bool | None = None


class Execution(Record):
    """A run of a workflow. Its id is its file's name. Programs replace it whole at every step.

    A version that tells no status is of a run that goes on; one may omit the start time that an
    earlier one told.
    """

    kind = Kind.EXECUTION

    workflow_id: str | None = None
    status: str | None = None
    plan: dict[str, Any] | None = None
    context: Any = None
    start_time: Time | None = None
    end_time: Time | None = None
    completed_steps: list[str] | None = None
    step_results: dict[str, Any] | None = None
    results: list[Any] | None = None
    error: Any = None
    saved_at: Time | None = None


class AssetMetadata(Part):
    """What is known about an asset besides itself; `downloads` is a counter."""

    downloads: int | None = None
    rating: float | None = None
    author: str | None = None
    version: Text | None = None


class Asset(Record):
    """An asset of the library. Its category is its first folder's name, whatever it says here."""

    kind = Kind.ASSET

    id: Text | None = None
    name: str | None = None
    category: str | None = None
    type: str | None = None
    tags: list[Text] = []
    content: Any = None
    metadata: AssetMetadata = Field(default_factory=AssetMetadata)
    dependencies: list[str] = []
    status: str | None = None


class Deployment(Record):
    """One deployment of a site, among the others in one file."""

    kind = Kind.DEPLOYMENT

    id: Text | None = None
    site_id: str | None = None
    status: str | None = Field(
        default=None,
        description="pending, queued, building, deploying, success, failed or rolled-back",
    )
    environment: str | None = None
    commit_hash: str | None = None
    branch: str | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    build_artifacts: list[Any] | None = None
    health_check_status: str | None = Field(default=None, description="pending, passing or failing")
    error: Any = None
    rollback_id: str | None = None


class Metric(Record):
    """One sample: a line of a file that only grows."""

    kind = Kind.METRIC

    type: str | None = None
    name: str | None = None
    value: float | None = None
    unit: str | None = None
    timestamp: Time | None = None
    labels: dict[str, Any] | None = None


RECORDS: tuple[type[Record], ...] = (Workflow, Execution, Asset, Deployment, Metric)
"""Every kind of record, one model each."""


def expect(given: object, model: type[Record]) -> None:
    """Raises RecordError where it is not such a record that is to be saved."""
    if not isinstance(given, model):
        raise RecordError(
            f"{type(given).__name__} is no {model.__name__}; nothing was written",
            f"give it one: {model.__name__}(...)",
        )


def told(part: Part) -> dict[str, Any]:
    """The fields that `part` tells, as JSON spells them: those that were set, or are not the
    default, in the order of the model, and behind them those it does not know.

    Raises RecordError for what no file could tell again, as it nests too deep.
    """
    return _fields(part, 1)


def _fields(part: Part, level: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    unknown = part.model_extra or {}
    # pydantic counts the names of unknown fields among those that were set.
    known = part.model_fields_set - unknown.keys()
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if name in known or value != _default(field):
            fields[field.alias or name] = _plain(value, level)
    return fields | {name: _plain(value, level) for name, value in unknown.items()}


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _plain(value: Any, above: int) -> Any:
    if isinstance(value, Part | list | tuple | dict) and above == DEEPEST:
        raise RecordError("the record nests too deep; nothing was written", "flatten it")
    match value:
        case Part():
            return _fields(value, above + 1)
        case list() | tuple():
            return [_plain(each, above + 1) for each in value]
        case dict():
            return {name: _plain(each, above + 1) for name, each in value.items()}
        case datetime():
            return spelled(value)
        case _:
            return value
