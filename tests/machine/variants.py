"""Deliberately broken variants of the real code: the simulator must catch each of them.

A variant replaces one thing in the code under test, or in the model of the functions, and names
the mix of faults under which it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from syncd.core import doubt, move, reconcile
from syncd.core.decision import Heard, View, Write
from syncd.core.guard import RootState
from syncd.core.model import Content, OperationId, Snapshot, Stale
from syncd.core.reading import Missing, Unreadable
from syncd.core.writing import Note, NotWritten, Written
from syncd.engine.exchange.bootstrap import Bootstrap
from syncd.engine.exchange.pusher import Pusher
from syncd.engine.naming import rescan
from syncd.engine.session import Session
from syncd.engine.stops.guards import Guards
from syncd.engine.turns import turn, writer
from syncd.engine.turns.moves import Moves
from syncd.files import swap, write
from syncd.files.folder import Folder
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger import answers, claimable
from syncd.ledger.entries import Entries
from syncd.ledger.ledger import Ledger
from syncd.ledger.outbox import Outbox
from syncd.ledger.places import Places
from syncd.ledger.views import Views

from .deployment import Deployment, Entry, Receipt
from .faults import (
    BELATED,
    CRASHING,
    HIDING,
    INTERRUPTED,
    MEDDLING,
    MOUNTING,
    MOVING,
    PLAIN,
    REMOVING,
    WANDERING,
    Mix,
)
from .sources import CALLS, CHANCE


@dataclass(frozen=True)
class Variant:
    """One rule left out. `patches` are entered for the whole of a run."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...] = ()
    mix: Mix = PLAIN
    deployment: type[Deployment] = Deployment

    @contextmanager
    def applied(self) -> Iterator[None]:
        with ExitStack() as stack:
            for target, name, stand_in in self.patches:
                # `bound` is set on instances only: the class has none to put back.
                made = name == "bound"
                stack.enter_context(mock.patch.object(target, name, stand_in, create=made))
            yield


_views, _hear, _drop, _read = Views.of, Ledger.hear, Outbox.drop, FileReplica.read_first
_entries_hear, _take, _unanswered = Entries.hear, answers._take, Outbox.unanswered
_claim, _begin, _agree_with = Ledger._claim, rescan.Rescan.begin, answers._agree_with


def _views_without_sent(self: Views, keys: Any) -> dict[Any, View]:
    return {key: replace(view, sent=None) for key, view in _views(self, keys).items()}


def _drop_sent_too(self: Outbox, keys: Any) -> None:
    self._connection.executemany(
        "DELETE FROM outbox WHERE store = ? AND path = ? AND record = ?",
        [(key.store, key.path, key.record) for key in keys],
    )


def _cursor_first(self: Ledger, news: Any, cursor: Any) -> Any:
    if cursor is not None:
        with self.transaction():
            self.places.put("cursor", cursor)
    return _hear(self, news, None)


def _hear_anything(self: Entries, heard: Heard) -> bool:
    self._connection.execute(
        "UPDATE entries SET remote_at = NULL WHERE store = ? AND path = ?",
        (heard.key.store, heard.key.path),
    )
    return _entries_hear(self, heard)


def _unreadable_is_missing(self: FileReplica, paths: Any, most: int, **where: Any) -> Any:
    readings = _read(self, paths, most, **where)
    return [Missing() if isinstance(each, Unreadable) else each for each in readings]


def _digest_is_applied(self: Ledger, intent: Any, outcome: Any, device: str, now: float) -> bool:
    if isinstance(outcome, Stale) and outcome.current.version == intent.version:
        _agree_with(self, intent, outcome.current, device, now)
        return False
    return _take(self, intent, outcome, device, now)


def _stale_is_applied(self: Ledger, intent: Any, outcome: Any, device: str, now: float) -> bool:
    if isinstance(outcome, Stale):
        current = outcome.current
        _agree_with(
            self, intent, Snapshot(current.revision, intent.version, current.at), device, now
        )
        return False
    return _take(self, intent, outcome, device, now)


def _base_at_claim(self: Ledger, *args: Any) -> Any:
    claimed = _claim(self, *args)
    for intent in claimed:
        guessed = Snapshot(intent.expect_revision + 1, intent.version)
        self.entries.agree([(intent.key, guessed)])
    return claimed


def _receipt_tells_nothing_heard(
    self: Ledger, intent: Any, snapshot: Snapshot, device: str, now: float
) -> None:
    if self.outbox.remove([intent.operation]):
        self.entries.agree([(intent.key, snapshot)])
        if snapshot.at:
            self.entries.hear(Heard(intent.key, snapshot, device, None))


def _fresh_operations(self: Outbox) -> Any:
    again = []
    for intent in _unanswered(self):
        operation = OperationId(CHANCE.token_hex(16))
        self._connection.execute(
            "UPDATE outbox SET operation = ? WHERE operation = ?", (operation, intent.operation)
        )
        again.append(replace(intent, operation=operation))
    return again


def _resent_as_new(self: Pusher, *args: Any) -> Any:
    return self._ledger.outbox.unanswered()


async def _retire_first(self: Session) -> None:
    for replica in self.rescan._stores.values():
        replica.retire(replica.scan().leftovers)
    self.intake.name(await self._reconciler.recover())
    await self.rescan.begin()


async def _head_last(self: Bootstrap, progress: Any) -> list[str]:
    fresh = [name for name in self._stores if not self._guards.roots.bootstrapped(name)]
    if not fresh:
        return []
    for name in fresh:
        await self._hear(name, progress)
    head = await self._remote.head()
    if self._ledger.passing.cursor is None:
        self._ledger.hear((), head)
    for name in fresh:
        self._mark(name)
    return fresh


def _taken_unlooked(folder: Folder, note: Note, met: Any, swapped: Swapped) -> Any:
    swapped.take(folder, note.temporary, note.path, met.digest)
    return swap._written(folder, note, met.digest, swapped)


def _dropped(self: Swapped, folder: Folder, name: str, path: str, digest: Any) -> None:
    folder.remove(name)


def _never_written(root: Any, folder: Folder, note: Note, swapped: Swapped) -> Any:
    if folder.stat(note.temporary) is not None:
        folder.remove(note.temporary)
    return NotWritten()


def _removed_unlooked(root: Any, folder: Folder, note: Note, swapped: Swapped) -> Any:
    folder.remove(swap._name(note))
    return Written(None, note.expected)


def _deletion_wins(base: Snapshot, local: Any, remote: Snapshot) -> Any:
    if not isinstance(remote.version, Content):
        return reconcile._pull(remote)
    if not isinstance(local, Content):
        return reconcile._push(local, remote)
    return reconcile._conflict(base, local, remote)


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _not_flushed(self: Folder) -> None:
    return None


class _NoReceipts(Deployment):
    def receipt(self, entry: Entry | None, device: str) -> Receipt | None:
        return None


class _CutGroups(Deployment):
    def cut_here(self, at: int, last: int) -> bool:
        return True


class _NoComparison(Deployment):
    def is_expected(self, entry: Entry | None, intent: Any) -> bool:
        return True


class _DeletesAnything(Deployment):
    def is_expected(self, entry: Entry | None, intent: Any) -> bool:
        return intent.body is None or super().is_expected(entry, intent)


class _ReceiptsOfBatches(Deployment):
    """The device's last batch is remembered, not its operations."""

    def push(self, device: str, intents: Sequence[Any], passed: Any = None) -> Any:
        batch = tuple(intent.operation for intent in intents)
        last = self.__dict__.setdefault("_batches", {})
        if last.get(device, (None,))[0] == batch:
            return super().push(device, intents, passed)
        self._without = True
        try:
            outcomes = super().push(device, intents, passed)
        finally:
            self._without = False
        last[device] = (batch,)
        return outcomes

    def receipt(self, entry: Entry | None, device: str) -> Receipt | None:
        return None if getattr(self, "_without", False) else super().receipt(entry, device)


class _MovesAnywhere(Deployment):
    """A move does not look at what is where it goes."""

    def is_target_expected(self, entry: Entry | None, target: Any) -> bool:
        return True


class _MovesToo(Deployment):
    """A move makes the target's row anew."""

    def _row(self, digest: Any, former: Entry | None) -> int | None:
        return None if digest is None else next(self._rows)


def _by_inode_alone(trace: move.Trace) -> Any:
    return trace.key.store, trace.inode


def _like_anything(self: Places, store: str, digest: Any, inode: int, most: int) -> Any:
    rows = self._connection.execute(
        "SELECT path, inode FROM files WHERE store = ? AND inode = ?", (store, inode)
    )
    return rows.fetchall()


class _LosesAChange(Deployment):
    """A page is answered without its first change, and with its cursor."""

    def changes(self, *args: Any) -> Any:
        page = super().changes(*args)
        return replace(page, changes=page.changes[1:]) if len(page.changes) > 1 else page


_UNBOUND = property(lambda self: None, lambda self, identity: None)
_NO_CHECK: Callable[..., bool] = lambda *_: False  # noqa: E731

VARIANTS = (
    Variant("no note before files", ((Ledger, "note", _nothing),)),
    Variant("what came out is not looked at", ((swap, "_judge", _taken_unlooked),)),
    Variant("what came out is dropped", ((Swapped, "take", _dropped),), MEDDLING),
    Variant("removed without a look", ((swap, "_remove", _removed_unlooked),), REMOVING),
    Variant("removal taken as expected", ((swap, "_judge_removed", _taken_unlooked),), REMOVING),
    Variant(
        "a sent row is replaced",
        ((Views, "of", _views_without_sent), (Outbox, "drop", _drop_sent_too)),
    ),
    Variant("changes before answers", ((Views, "of", _views_without_sent),)),
    Variant("no receipts", deployment=_NoReceipts),
    Variant(
        "same digest means applied",
        ((answers, "_take", _digest_is_applied),),
        deployment=_NoReceipts,
    ),
    Variant("receipts of batches", deployment=_ReceiptsOfBatches),
    Variant("pages cut groups", deployment=_CutGroups),
    Variant("a page loses a change", deployment=_LosesAChange),
    Variant("cursor before effects", ((Ledger, "hear", _cursor_first),), CRASHING),
    Variant("older news accepted", ((Entries, "hear", _hear_anything),)),
    Variant(
        "deletes what is unreadable", ((FileReplica, "read_first", _unreadable_is_missing),), HIDING
    ),
    Variant("missing at first look", ((doubt, "ABSENCE", 0.0),)),
    Variant("base at the push", ((Ledger, "_claim", _base_at_claim),)),
    Variant("stale means applied", ((answers, "_take", _stale_is_applied),)),
    Variant(
        "receipt without hearing",
        ((answers, "_agree_with", _receipt_tells_nothing_heard),),
        BELATED,
    ),
    Variant("nothing compared", deployment=_NoComparison),
    Variant("tombstone without expectation", deployment=_DeletesAnything),
    Variant("new operation ids at a start", ((Outbox, "unanswered", _fresh_operations),)),
    Variant(
        "leftovers retired before recovery", ((Session, "_prepare", _retire_first),), INTERRUPTED
    ),
    Variant("head noted last", ((Bootstrap, "run", _head_last),)),
    Variant(
        "guards removed",
        (
            (FileReplica, "bound", _UNBOUND),
            (Guards, "check", _NO_CHECK),
            (Guards, "holds_back", _NO_CHECK),
            (Guards, "admitted", lambda self, decisions, there: list(decisions)),
            (Guards, "root_state", lambda self, store: RootState.PRESENT),
        ),
        MOUNTING,
    ),
    Variant(
        "turns in a replaced folder",
        (
            (Guards, "root_state", lambda self, store: RootState.PRESENT),
            (FileReplica, "bound", _UNBOUND),
        ),
        MOUNTING,
    ),
    Variant("history skipped", ((History, "put", _nothing), (Swapped, "take", _dropped))),
    Variant("recovery: never written", ((write, "recover_in", _never_written),), INTERRUPTED),
    Variant("temporary file not flushed", ((CALLS, "flushes_files", False),), CRASHING),
    Variant("folder not flushed", ((Folder, "sync", _not_flushed),), CRASHING),
    Variant("a deletion beats an edit", ((reconcile, "_clash", _deletion_wins),)),
    Variant(
        "first contact takes theirs",
        ((reconcile, "_first_contact", lambda local, remote: reconcile._pull(remote)),),
    ),
    Variant(
        "move trusted",
        (
            (move, "_MARKS", (_by_inode_alone,)),
            (Places, "like", _like_anything),
            (claimable, "_WAITING", "0"),
        ),
        WANDERING,
    ),
    Variant("a move ignores what is at its target", mix=MOVING, deployment=_MovesAnywhere),
    Variant("a move makes another row", mix=MOVING, deployment=_MovesToo),
    Variant("the old key goes first", ((Moves, "comes_later", _NO_CHECK),), MOVING),
    Variant("nothing is scanned", ((rescan.Rescan, "_name", _nothing),)),
    Variant(
        "expects whatever is there",
        (
            (
                writer,
                "_to_write",
                lambda decision: Write(decision.key.path, None, decision.body),
            ),
        ),
    ),
)

assert turn is not None
