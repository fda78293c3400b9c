"""The logs of this device on a deployment, by way of `convex/logs.ts`. Does IO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from syncd.core.log import Answer, Append, Appended, Extent, Line, Mismatch, ToldLog
from syncd.core.model import Refused
from syncd.errors import ProtocolError
from syncd.remote.client import ConvexHttp
from syncd.remote.patience import patiently


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Extent(_Message):
    length: int = Field(ge=0)
    tail: str

    def extent(self) -> Extent:
        return Extent(self.length, self.tail)


class _Appended(_Extent):
    outcome: Literal["appended"]

    def to_core(self) -> Answer:
        return Appended(self.extent())


class _Mismatch(_Extent):
    outcome: Literal["mismatch"]

    def to_core(self) -> Answer:
        return Mismatch(self.extent())


class _Refused(_Message):
    outcome: Literal["refused"]
    reason: str
    detail: str

    def to_core(self) -> Answer:
        return Refused(self.reason, self.detail)


_Result = Annotated[_Appended | _Mismatch | _Refused, Field(discriminator="outcome")]


class AppendAnswer(_Message):
    """`logs:append`: one result an append, in the order sent."""

    results: list[_Result]


class _Log(_Extent):
    generation: str
    path: str


class TailsAnswer(_Message):
    """`logs:tails`: a page of logs, and the generation that the next page begins behind."""

    logs: list[_Log]
    next: str | None


class ConvexLogs:
    """Reads and extends the logs of the device whose token this is. Raises as ConvexHttp does."""

    def __init__(self, http: ConvexHttp, token: str, workspace: str) -> None:
        self._http = http
        self._who = {"token": token, "workspace": workspace}

    async def append(self, appends: Sequence[Append]) -> list[Answer]:
        """Add lines in one transaction. Sent again, what was added is a mismatch, not added."""
        args = {**self._who, "appends": [_to_append(append) for append in appends]}
        async for attempt in patiently():
            with attempt:
                answer = await self._http.mutation("logs:append", args, AppendAnswer)
        answers = [result.to_core() for result in answer.results]
        ends = [each.extent if isinstance(each, Appended) else None for each in answers]
        agreed = [end in (None, append.next) for end, append in zip(ends, appends, strict=False)]
        if len(answers) != len(appends) or not all(agreed):
            raise ProtocolError(
                "logs:append answered something else than was sent; nothing was recorded",
                "deploy this version's functions: see convex/README.md",
            )
        return answers

    async def tails(self, store: str) -> list[ToldLog]:
        """How far the logs of a store go."""
        found: list[ToldLog] = []
        after: str | None = None
        while True:
            answer = await self._tails(store, after)
            found += [ToldLog(each.generation, each.path, each.extent()) for each in answer.logs]
            if answer.next is None:
                return found
            if after is not None and answer.next <= after:
                raise ProtocolError(
                    "logs:tails does not come to an end; nothing was recorded",
                    "deploy this version's functions: see convex/README.md",
                )
            after = answer.next

    async def _tails(self, store: str, after: str | None) -> TailsAnswer:
        args = {**self._who, "store": store, "after": after}
        async for attempt in patiently():
            with attempt:
                return await self._http.query("logs:tails", args, TailsAnswer)
        raise AssertionError("tenacity reraises")


def _to_append(append: Append) -> dict[str, Any]:
    return {
        "store": append.store,
        "path": append.path,
        "generation": append.generation,
        "kind": append.kind.value,
        "expect": _to_extent(append.expect),
        "next": _to_extent(append.next),
        "lines": [_to_line(line) for line in append.lines],
    }


def _to_extent(extent: Extent) -> dict[str, Any]:
    return {"length": extent.length, "tail": extent.tail}


def _to_line(line: Line) -> str | dict[str, str]:
    return line.text if line.flag is None else {"text": line.text, "flag": line.flag}
