"""A syncd broken on purpose, one rule each: the matrix must see what every one of them loses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .killing import Function, replace


@dataclass(frozen=True)
class Variant:
    """`apply` breaks this process; `point` is where a death then does visible harm."""

    sentence: str
    point: str
    apply: Callable[[], None]


def _no_note() -> None:
    replace("syncd.ledger.ledger:Ledger.note", lambda real: lambda *args: None)


def _commit_before_perform() -> None:
    def early(real: Function) -> Function:
        async def write(writer: Any, decisions: Any) -> Any:
            writer._ledger.commit(decisions, writer._clock.now())
            return await real(writer, decisions)

        return write

    replace("syncd.engine.turns.writer:Writer.write", early)


def _receipts_ignored() -> None:
    from syncd.core.model import Replayed, Stale

    def forgetful(real: Function) -> Function:
        async def push(*args: Any) -> Any:
            outcomes = await real(*args)
            return [Stale(o.current) if isinstance(o, Replayed) else o for o in outcomes]

        return push

    replace("syncd.remote.replica:ConvexReplica.push", forgetful)


def _sent_not_frozen() -> None:
    def thawed(real: Function) -> Function:
        def unanswered(outbox: Any) -> Any:
            outbox._connection.execute(
                """UPDATE outbox SET state = 'queued', operation = lower(hex(randomblob(16)))
                   WHERE state = 'sent'"""
            )
            return []

        return unanswered

    replace("syncd.ledger.outbox:Outbox.unanswered", thawed)


def _not_looked_at() -> None:
    from syncd.files.swap import _written

    def blind(real: Function) -> Function:
        def judge(folder: Any, note: Any, met: Any, swapped: Any) -> Any:
            return _written(folder, note, None, swapped)

        return judge

    replace("syncd.files.swap:_judge", blind)


def _cursor_before_news() -> None:
    def hasty(real: Function) -> Function:
        def hear(ledger: Any, news: Any, cursor: Any, now: float) -> Any:
            real(ledger, (), cursor, now)
            return real(ledger, news, None, now)

        return hear

    replace("syncd.ledger.ledger:Ledger.hear", hasty)


VARIANTS = {
    "no-note": Variant("Files are touched without a note.", "met-a-save", _no_note),
    "commit-before-perform": Variant(
        "A turn is committed before its files are written.", "noted", _commit_before_perform
    ),
    "receipts-ignored": Variant(
        "A replay that was applied is taken for stale.", "push-answered", _receipts_ignored
    ),
    "sent-not-frozen": Variant(
        "Sent rows are queued again under new operations.", "push-answered", _sent_not_frozen
    ),
    "not-looked-at": Variant(
        "What an exchange brought out is not looked at.", "met-performed", _not_looked_at
    ),
    "cursor-before-news": Variant(
        "The cursor is committed before what lies behind it.", "page-half-heard",
        _cursor_before_news,
    ),
}  # fmt: skip
