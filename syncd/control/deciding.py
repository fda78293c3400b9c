"""Conflicts decided, and decisions undone. What a decision replaces is in history first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from syncd.control.desk import Desk
from syncd.control.messages import Answer, Done, Failure, Resolve, Side, Undo
from syncd.control.saving import Body
from syncd.core.conflict import ListedConflict
from syncd.core.model import Digest

TOGETHER = 32
"""Files that are written by one wait for the disk: each has up to 2 MiB in memory meanwhile."""


class Deciding:
    """Resolves conflicts: a failure leaves its conflict open and the rest go on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def resolve(self, request: Resolve) -> Answer:
        """Decide one conflict, or every open one. Raises LedgerError."""
        answer = Answer()
        chosen = self._chosen(request.number, answer)
        for start in range(0, len(chosen), TOGETHER):
            await asyncio.sleep(0)  # Of thousands each part waits for the disk: saves go between.
            answer = answer.joined(await self._resolve(chosen[start : start + TOGETHER], request))
        return answer

    async def undo(self, request: Undo) -> Answer:
        """Put back what the file held before. Raises LedgerError."""
        conflict = self._desk.ledger.conflicts.get(request.number)
        if conflict is None:
            return Answer(failed=[_unknown(request.number)])
        if conflict.resolved is None:
            return Answer(failed=[_failure(conflict, "it is not resolved", "nothing to undo", 2)])
        detail = "nothing had been written"
        if conflict.resolution != "mine":
            failure = await self._put_back(conflict)
            if failure is not None:
                return Answer(failed=[failure])
            detail = "the file holds what it held before"
        with self._desk.ledger.transaction():
            self._desk.ledger.conflicts.reopen(conflict.number)
            self._desk.tell(conflict.key, "reopened", f"conflict {conflict.number}")
        return Answer(done=[Done(key=str(conflict.key), what="open again", detail=detail)])

    def _chosen(self, number: int | None, answer: Answer) -> list[ListedConflict]:
        conflicts = self._desk.ledger.conflicts
        if number is None:
            return conflicts.unresolved()
        conflict = conflicts.get(number)
        if conflict is None:
            answer.failed.append(_unknown(number))
            return []
        if conflict.resolved is not None:
            answer.failed.append(
                _failure(conflict, f"it is resolved already ({conflict.resolution})",
                         f"`syncd conflicts undo {number}` opens it again", 2)
            )  # fmt: skip
            return []
        return [conflict]

    async def _resolve(self, some: Sequence[ListedConflict], request: Resolve) -> Answer:
        answer = Answer()
        formers: list[tuple[ListedConflict, Digest | None]] = []
        if request.side == "mine":
            formers = [(conflict, None) for conflict in some]
        else:
            wanted: list[tuple[ListedConflict, bytes | Digest]] = []
            for conflict in some:
                match await self._body(conflict, request):
                    case Failure() as failure:
                        answer.failed.append(failure)
                    case body:
                        wanted.append((conflict, body))
            saving = [(conflict.key, body) for conflict, body in wanted]
            outcomes = await self._desk.save_all(saving, "resolved")
            for (conflict, _), saved in zip(wanted, outcomes, strict=True):
                if isinstance(saved, Failure):
                    answer.failed.append(saved)
                else:
                    formers.append((conflict, saved.former))
        answer.done += self._decided(formers, request.side)
        return answer

    def _decided(
        self, formers: Sequence[tuple[ListedConflict, Digest | None]], side: Side
    ) -> list[Done]:
        """Conflicts are decided, each with what its file held before."""
        now, done = self._desk.clock.now(), []
        with self._desk.ledger.transaction():
            for conflict, former in formers:
                self._desk.ledger.conflicts.resolve(conflict.number, side, former, now)
                self._desk.tell(conflict.key, "decided", f"conflict {conflict.number}: {side}")
                detail = "the file stays as it is"
                if side != "mine":
                    detail = f"the file holds {_WORDS[side]}; {_of_former(conflict, former)}"
                done.append(Done(key=str(conflict.key), what="resolved", detail=detail))
        return done

    async def _body(self, conflict: ListedConflict, request: Resolve) -> bytes | Digest | Failure:
        if request.side == "file":
            if request.content is None:
                return _failure(conflict, "no file was sent", "name one with --file", 2)
            broken = await self._desk.breaks(conflict.key, request.content)
            if broken is not None:
                return _failure(conflict, f"the file that was sent does not parse: {broken.detail}",
                                "mend it, and resolve again", 2)  # fmt: skip
            return request.content
        digest = conflict.remote if request.side == "theirs" else conflict.base
        if digest is None:
            return _failure(conflict, f"there is no {request.side}: the two sides never agreed",
                            "choose --mine, --theirs or --file", 2)  # fmt: skip
        body = await self._desk.find(digest)
        if body is None:
            return _failure(conflict, f"the bytes of {request.side} are not kept here",
                            "choose another version")  # fmt: skip
        return body

    async def _put_back(self, conflict: ListedConflict) -> Failure | None:
        body: Body = None
        if conflict.former is not None:
            body = await self._desk.find(Digest(conflict.former))
            if body is None:
                return _failure(conflict, "what the file held before is not kept any more",
                                "save the file as it should be")  # fmt: skip
        saved = await self._desk.save(conflict.key, body, "undone")
        return saved if isinstance(saved, Failure) else None


_WORDS: dict[Side, str] = {
    "mine": "what it held",
    "theirs": "their version",
    "base": "the common version",
    "file": "what you sent",
}


def _of_former(conflict: ListedConflict, former: Digest | None) -> str:
    if former is None:
        return "there was none before"
    if former != conflict.local:
        return "a save made since the conflict is in history, undo puts it back"
    return "what it held is in history"


def _unknown(number: int) -> Failure:
    what = f"there is no conflict {number}; nothing was changed"
    return Failure(what=what, advice="`syncd conflicts list` tells the numbers", exit_code=2)


def _failure(conflict: ListedConflict, why: str, advice: str, exit_code: int = 1) -> Failure:
    what = f"conflict {conflict.number}: {why}; nothing was changed"
    return Failure(key=str(conflict.key), what=what, advice=advice, exit_code=exit_code)
