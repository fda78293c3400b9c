"""Performance metrics: samples are recorded, listed and summed up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from syncd.errors import RecordError
from syncd.storage.asking import LIMIT, Asking, Settings, check
from syncd.storage.journal import Journal
from syncd.storage.mirror import Mirror, given
from syncd.storage.records import Metric
from syncd.storage.rows import Aggregate, Extent, Sample, Samples, Tails
from syncd.storage.samples import Question, added, sum_up
from syncd.storage.times import When, moment

T = TypeVar("T")

_PAGE: Final = 200
_TRIES: Final = 3

Logs = dict[str, list[Extent]]


class AsyncMetricsStorage(Asking):
    """Samples of metrics, a line each. What is recorded is durable when the call returns."""

    def __init__(self, config: Settings = "config.toml", *, mirror: Mirror | None = None) -> None:
        super().__init__(config, mirror=mirror)
        self._journal = Journal(self._config)

    async def record(self, *metrics: Metric) -> None:
        """Add samples, all or none; one that tells no time has that of now. Raises RecordError."""
        now = time.time_ns() // 1_000_000
        await asyncio.to_thread(self._journal.record, metrics, now)

    async def by_type(
        self,
        type: str,
        *,
        name: str | None = None,
        start: When | None = None,
        end: When | None = None,
        limit: int = LIMIT,
    ) -> list[Sample]:
        """Samples of a type, from `start` to `end`, both included: the newest first."""
        return await self._listed(Question(type, name, moment(start), moment(end)), limit)

    async def by_name(
        self,
        name: str,
        *,
        type: str | None = None,
        start: When | None = None,
        end: When | None = None,
        limit: int = LIMIT,
    ) -> list[Sample]:
        """Samples of a name, from `start` to `end`, both included: the newest first."""
        return await self._listed(Question(type, name, moment(start), moment(end)), limit)

    async def aggregate(
        self,
        *,
        type: str | None = None,
        name: str | None = None,
        start: When | None = None,
        end: When | None = None,
        bucket: float | None = None,
    ) -> Aggregate:
        """What the samples of a type, a name or both come to; also by `bucket` of so many ms.

        Buckets are whole minutes. Percentiles are the deployment's, within 1 %, where it has most
        of the samples, else exact; all else is exact.
        """
        question = Question(type, name, moment(start), moment(end))
        if type is None and name is None:
            raise RecordError("nothing was asked for", "name a type, a name, or both")
        if bucket is not None and not _minutes(bucket):
            raise RecordError(
                f"{bucket!r} is no bucket of whole minutes; nothing was added up",
                "give its milliseconds, a multiple of 60_000",
            )
        there, here = await self._both(question, lambda: self._summed(question, bucket))
        local = sum_up(here, bucket)
        return local if there is None else added(there, local)

    async def _listed(self, question: Question, limit: int) -> list[Sample]:
        check(limit)
        there, here = await self._both(question, lambda: self._told(question, limit))
        return sorted([*(there or []), *here], key=lambda each: -each.timestamp)[:limit]

    async def _both(
        self, question: Question, ask: Callable[[], Awaitable[T | None]]
    ) -> tuple[T | None, list[Sample]]:
        """What the deployment answers, None where it is not there, and the samples beside it."""
        logs = await self._logs()
        for _ in range(_TRIES if logs is not None else 0):
            assert logs is not None
            here = await asyncio.to_thread(self._journal.samples, question, logs)
            there = await ask()
            if there is None:
                break
            again = await self._logs() if here else logs
            # RACE: lines that were mirrored meanwhile may be in both, or in neither.
            if again == logs:
                return there, here
            if again is None:
                break
            logs = again
        return None, await asyncio.to_thread(self._journal.samples, question, {})

    async def _logs(self) -> Logs | None:
        """How far this device's files are mirrored; None where the deployment is not there."""
        found: Logs = {}
        for store in self._journal.names:
            after, found[store] = None, []
            while True:
                page = await self._mirror.query("logs:tails", Tails, store=store, after=after)
                if page is None:
                    return None
                found[store] += page.logs
                if (after := page.next) is None:
                    break
        return found

    async def _told(self, question: Question, limit: int) -> list[Sample] | None:
        by_type = question.type is not None
        found: list[Sample] = []
        cursor: str | None = None
        while True:
            page = await self._mirror.query(
                "metrics:getByType" if by_type else "metrics:getByName", Samples,
                **_args(question), limit=min(limit, _PAGE), cursor=cursor,
            )  # fmt: skip
            if page is None:
                return None
            found += page.rows
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                return found

    async def _summed(self, question: Question, bucket: float | None) -> Aggregate | None:
        buckets: list[object] = []
        cursor: str | None = None
        while True:
            page = await self._mirror.query(
                "metrics:aggregate",
                Aggregate,
                **_args(question),
                **given({"bucket": bucket}),
                cursor=cursor,
            )
            if page is None:
                return None
            buckets += page.buckets
            cursor = page.cursor
            if cursor is None:
                return page.model_copy(update={"buckets": tuple(buckets)})


def _minutes(bucket: float) -> bool:
    return isinstance(bucket, int | float) and bucket > 0 and bucket % 60_000 == 0


def _args(question: Question) -> dict[str, str | float]:
    return given(
        {
            "type": question.type, "name": question.name,
            "startTime": question.start, "endTime": question.end,
        }
    )  # fmt: skip
