"""From a file's text to the columns of its row, as convex/model/project.ts makes them. Pure.

Total, as that is: a field that is absent or of another type reads as absent.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, TypeVar

import orjson

from syncd.core.model import Format, Kind
from syncd.storage.edit import plain
from syncd.storage.ids import digits
from syncd.storage.records import Asset, Workflow
from syncd.storage.rows import AssetRow, DeploymentRow, ExecutionRow, Row, WorkflowRow
from syncd.storage.times import finite, milliseconds
from syncd.stores.layout import format_of
from syncd.stores.yaml_tree import parse_yaml

T = TypeVar("T")

_NAME: Final = 300
_ID: Final = 512
_PROSE: Final = 2000
_TAGS: Final = 100
_SEARCHED: Final = 4000
_MARK: Final = b"\xef\xbb\xbf"
_UNPARSED: Final = object()
_IN_NAME: Final = re.compile(r"(?:^|\D)(\d{13})(?:\D|$)", re.ASCII)


def row_of(
    kind: Kind, store: str, path: str, digest: str, body: bytes, record: str = ""
) -> Row | None:
    """The row of the file at `path`, or of a record in it; None where its text is not whole."""
    flags: set[str] = set()
    try:
        value = _yaml(body) if format_of(path) is Format.YAML else parsed(body)
    except (ValueError, RecursionError):
        return None
    if value is _UNPARSED:
        flags.add("unparsed")
    elif not isinstance(value, dict):
        flags.add("not-an-object")
    fields = _Fields(value, flags)
    columns = _COLUMNS[kind](path, fields)
    model = _ROWS[kind]
    return model.model_construct(
        store=store, path=path, record=record, digest=digest, revision=None,
        flags=tuple(sorted(flags)), **columns,
    )  # fmt: skip


def stem(path: str) -> str:
    """The file's name without its extension."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name


def id_told(record: Workflow | Asset) -> str:
    """The record's id; where it tells none, the name of the file that it was loaded from, as in
    its row. Empty for a new one without.
    """
    return record.id or (stem(record.place[1]) if record.place else "")


def parsed(body: bytes) -> Any:
    """What a JSON text says, as JavaScript reads it. Raises ValueError or RecursionError."""
    text = body.removeprefix(_MARK)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # What real files hold and orjson refuses: lone surrogates, integers beyond 64 bits.
        return json.loads(text.decode(), parse_constant=_refused)


def _yaml(body: bytes) -> Any:
    read = parse_yaml(body.decode())
    return _UNPARSED if isinstance(read, str) else plain(read.root.value)


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


class _Fields:
    """The fields of one object, and the flags of what was lost in reading them."""

    def __init__(self, value: object, flags: set[str]) -> None:
        self._fields: dict[str, Any] = value if isinstance(value, dict) else {}
        self.flags = flags

    def raw(self, *names: str) -> Any:
        return next((v for n in names if (v := self._fields.get(n)) is not None), None)

    def below(self, name: str) -> _Fields:
        return _Fields(self.raw(name), self.flags)

    def unflagged(self) -> _Fields:
        """The same fields, of which nothing is flagged."""
        return _Fields(self._fields, set())

    def text(self, *names: str) -> str | None:
        return self._cut(digits(self.raw(*names)), _NAME)

    def id(self, name: str) -> str | None:
        return self._cut(digits(self.raw(name)), _ID)

    def prose(self, *names: str) -> str | None:
        return self._cut(self.raw(*names), _PROSE)

    def number(self, *names: str) -> float | None:
        return finite(self.raw(*names))

    def boolean(self, name: str) -> bool | None:
        value = self.raw(name)
        return value if isinstance(value, bool) else None

    def time(self, *names: str) -> float | None:
        return milliseconds(self.raw(*names))

    def count(self, *names: str) -> float | None:
        value = self.raw(*names)
        return float(len(value)) if isinstance(value, list | dict) else None

    def tags(self, name: str) -> tuple[str, ...]:
        value = self.raw(name)
        if not isinstance(value, list):
            return ()
        if len(value) > _TAGS:
            self.flags.add("cut")
        names = (each.get("name") if isinstance(each, dict) else each for each in value[:_TAGS])
        told = (self._cut(each, _NAME) for each in names)
        return tuple(each for each in told if each is not None)

    def _cut(self, value: object, length: int) -> str | None:
        told, has_more = _cut(value, length)
        if has_more:
            self.flags.add("cut")
        return told


def _workflow(path: str, fields: _Fields) -> dict[str, Any]:
    return {
        "id": _id(path, fields),
        "name": _or(fields.text("name", "title"), stem(path)),
        "description": fields.prose("description"),
        "version": fields.text("version"),
        "status": fields.text("status"),
        "tags": fields.tags("tags"),
        "active": fields.boolean("active"),
        "step_count": fields.count("steps"),
        "node_count": fields.count("nodes"),
        "created_at": fields.time("createdAt"),
        "updated_at": fields.time("updatedAt"),
    }


def _execution(path: str, fields: _Fields) -> dict[str, Any]:
    return {
        "id": stem(path),
        "workflow_id": fields.id("workflowId"),
        "status": _or(fields.text("status"), "running"),
        "start_time": _first(fields.time("startTime"), _time_in_name(path)),
        "end_time": fields.time("endTime"),
        "completed_steps": fields.count("completedSteps", "results"),
        "error": _error(fields),
    }


def _asset(path: str, fields: _Fields) -> dict[str, Any]:
    metadata = fields.below("metadata")
    return {
        "id": _id(path, fields),
        "name": _or(fields.text("name", "title"), stem(path)),
        "category": path.partition("/")[0] if "/" in path else None,
        "type": fields.text("type"),
        "tags": fields.tags("tags"),
        "status": fields.text("status"),
        "downloads": metadata.number("downloads"),
        "rating": metadata.number("rating"),
        "author": metadata.text("author"),
        "version": _first(metadata.text("version"), fields.text("version")),
        "search_text": _search_text(path, fields),
    }


def _search_text(path: str, fields: _Fields) -> str:
    """What finds an asset: names, description, tags, and the beginning of the content."""
    fields = fields.unflagged()
    content = fields.raw("content")
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    names = [fields.text(name) for name in ("id", "type", "name", "title")]
    prose = (fields.prose("description"), *fields.tags("tags"), _cut(content, _PROSE)[0])
    told = [each for each in (stem(path), *names, *prose) if each is not None]
    return _cut(" ".join(told), _SEARCHED)[0] or ""


def _cut(value: object, length: int) -> tuple[str | None, bool]:
    """The first `length` UTF-16 units of a string, and whether it has more; None of all else."""
    if not isinstance(value, str):
        return None, False
    if len(value) <= length and value.isascii():
        return value, False
    units = value.encode("utf-16-le", "surrogatepass")
    return units[: 2 * length].decode("utf-16-le", "replace"), len(units) > 2 * length


def _deployment(path: str, fields: _Fields) -> dict[str, Any]:
    id = _id(path, fields)
    return {
        "id": id,
        "site_id": fields.id("siteId"),
        "status": fields.text("status"),
        "environment": fields.text("environment"),
        "commit_hash": fields.text("commitHash"),
        "branch": fields.text("branch"),
        "started_at": _first(fields.time("startedAt"), _time_in_name(id)),
        "completed_at": fields.time("completedAt"),
        "health_check_status": fields.text("healthCheckStatus"),
        "error": _error(fields),
        "rollback_id": fields.id("rollbackId"),
        "artifact_count": fields.count("buildArtifacts"),
    }


def _error(fields: _Fields) -> str | None:
    return _first(fields.prose("error"), fields.below("error").prose("message"))


def _time_in_name(path: str) -> float | None:
    found = _IN_NAME.search(stem(path))
    return float(found[1]) if found else None


def _id(path: str, fields: _Fields) -> str:
    if told := fields.id("id"):
        return told
    fields.flags.add("id-from-name")
    return stem(path)


def _or(value: str | None, other: str) -> str:
    return other if value is None else value


def _first(value: T | None, other: T | None) -> T | None:
    return other if value is None else value


_COLUMNS: Final = {
    Kind.WORKFLOW: _workflow,
    Kind.EXECUTION: _execution,
    Kind.ASSET: _asset,
    Kind.DEPLOYMENT: _deployment,
}
_ROWS: Final[dict[Kind, type[Row]]] = {
    Kind.WORKFLOW: WorkflowRow,
    Kind.EXECUTION: ExecutionRow,
    Kind.ASSET: AssetRow,
    Kind.DEPLOYMENT: DeploymentRow,
}
