"""The daemon's memory: its verbs, each one transaction. Does IO.

Nothing but the owner of the state folder's lock writes here. The parts (`entries`, `outbox` and so
on) share one connection and are read directly; whatever changes more than one of them is a verb of
Ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncd.core.decision import Decision, Heard, Taken, View
from syncd.core.model import (
    Conflict,
    Content,
    Cursor,
    Digest,
    Intent,
    Key,
    Outcome,
    Snapshot,
)
from syncd.core.writing import Note
from syncd.ledger.answers import Acknowledged, take
from syncd.ledger.attention import Attention
from syncd.ledger.authoring import Authoring
from syncd.ledger.authors import Authors
from syncd.ledger.carried import Carried
from syncd.ledger.claimable import Claim
from syncd.ledger.commits import commit
from syncd.ledger.conflicts import Conflicts
from syncd.ledger.connection import moment, open_ledger, transaction
from syncd.ledger.contents import Contents
from syncd.ledger.costs import CostBook
from syncd.ledger.deletions import Deletions
from syncd.ledger.entries import Entries
from syncd.ledger.epochs import Epochs
from syncd.ledger.events import Event, Events
from syncd.ledger.forgetting import Forgetting
from syncd.ledger.logs import Logs
from syncd.ledger.outbox import Outbox
from syncd.ledger.passing import Passing
from syncd.ledger.past import Past
from syncd.ledger.places import Places
from syncd.ledger.records import Records
from syncd.ledger.rejecting import Rejecting
from syncd.ledger.rows import (
    inode_column,
    snapshot_columns,
    to_inode,
    to_snapshot,
)
from syncd.ledger.takeovers import Takeovers
from syncd.ledger.tidemark import Tidemark, commits, count
from syncd.ledger.uploads import Uploads
from syncd.ledger.views import Views

CONTESTED = "contested"
"""How the history index calls saves that a write of the daemon's met."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a turn's end leaves to tell: keys whose hold is news, and the rows that were claimed."""

    held: set[Key]
    claimed: list[Intent]


class Ledger:
    """Bases, last-heard remote, notes, outbox, cursor, conflicts, history index, health."""

    def __init__(self, connection: sqlite3.Connection, tidemark: Tidemark | None = None) -> None:
        self._connection = connection
        self._tidemark = tidemark
        self.views = Views(connection)
        self.contents = Contents(connection)
        self.entries = Entries(connection)
        self.authoring = Authoring(connection)
        self.carried = Carried(connection)
        self.outbox = Outbox(connection, self.contents, self.carried)
        self.uploads = Uploads(connection)
        self.places = Places(connection)
        self.takeovers = Takeovers(connection)
        self.passing = Passing(self.places, self.outbox)
        self.attention = Attention(connection)
        self.events = Events(connection)
        self.conflicts = Conflicts(connection, self.events)
        self.authors = Authors(connection)
        self.past = Past(connection)
        self.deletions = Deletions(connection)
        self.rejecting = Rejecting(connection)
        self.epochs = Epochs(connection)
        self.forgetting = Forgetting(connection)
        self.records = Records(connection)
        self.logs = Logs(connection)
        self.costs = CostBook(connection)
        self._closed = False

    @classmethod
    def open(cls, path: Path, tidemark: Tidemark | None = None) -> Ledger:
        """The ledger at `path`, made where there is none, beside its mark. Raises LedgerError."""
        ledger = cls(open_ledger(path), tidemark)
        ledger._measure()
        return ledger

    def _measure(self) -> None:
        """Find out whether this is an old copy of what the tidemark was told of."""
        known = self._tidemark.read() if self._tidemark is not None else 0
        if known > commits(self._connection):
            with self.transaction() as connection:
                count(connection, known)
                self.epochs.suspect()

    def close(self) -> None:
        """Release the file, once. Nothing but what was counted since the last write, and how far
        our own writes reach into the feed, is lost without it.

        Raises LedgerError where that cannot be written.
        """
        closed, self._closed = self._closed, True
        try:
            if not closed and (self.costs.unwritten or self.passing.unwritten):
                with self.transaction():
                    pass
        finally:
            self._connection.close()
            if self._tidemark is not None:
                self._tidemark.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction over calls to the parts. Raises LedgerError."""
        before = self._connection.total_changes
        try:
            with transaction(self._connection) as connection:
                yield connection
                costs = self.costs.write()
                self.passing.write()
                # A commit of nothing is not written, and stays free.
                written = connection.total_changes != before
                counted = count(connection) if written else 0
        except BaseException:
            self.contents.let_go()
            self.deletions.approvals = True
            raise
        self.costs.written(costs)
        self.passing.written()
        if self._tidemark is not None and written:
            self._tidemark.raise_to(counted)

    def moment(self) -> AbstractContextManager[None]:
        """What is read in the block is of one moment; nothing is written in it, nothing awaited."""
        return moment(self._connection)

    def view(self, key: Key) -> View:
        """What is known of `key` before a turn decides about it."""
        return self.views.of([key])[key]

    def note(
        self, noted: Sequence[tuple[Key, Note, Snapshot | None, Conflict | None]], now: float
    ) -> None:
        """Before files are touched: what is to be written over what, and the base that follows.

        Conflicts are listed here already: after a crash the write may stand, and with it a
        remote version that lost.
        """
        with self.transaction() as connection:
            for key, _, _, conflict in noted:
                if conflict is not None:
                    self.conflicts.add(key, conflict, self.entries.last_write(key)[1], now)
            connection.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        key.store, key.path, note.temporary, inode_column(note.inode),
                        note.expected, note.digest, *snapshot_columns(base),
                        None if note.folder is None else inode_column(note.folder),
                    )
                    for key, note, base, _ in noted
                ],
            )  # fmt: skip

    def notes(self) -> list[tuple[Key, Note, Snapshot | None]]:
        """What a crash may have left half done, each with the base that follows.

        None for a records file, whose keys were agreed on before it was to be written, and for any
        file that was noted before an epoch ended: what followed then is agreed by nobody.
        """
        rows = self._connection.execute(
            """SELECT store, path, temporary, inode, expected, digest,
                      folder, base_revision, base_digest, base_size FROM notes"""
        )
        return [
            (
                Key(store, path),
                Note(path, temporary, to_inode(inode), expected, digest,
                     None if folder is None else to_inode(folder)),
                to_snapshot(*base),
            )
            for store, path, temporary, inode, expected, digest, folder, *base in rows
        ]  # fmt: skip

    def commit(
        self,
        decisions: Sequence[Decision],
        now: float,
        taken: Iterable[Taken] = (),
        claim: Claim | None = None,
    ) -> Committed:
        """A turn's end: bases, queued rows, conflicts, holds, files, and then what is claimed, in
        one transaction.
        """
        with self.transaction():
            held = commit(self, decisions, now, taken)
            return Committed(held, self._claim(claim) if claim is not None else [])

    def hear(self, news: Iterable[Heard], cursor: Cursor | None) -> list[Key]:
        """Remember news and the cursor behind it in one transaction; the keys it was news of."""
        with self.transaction():
            every = list(news)
            self.contents.put_all(dict(filter(None, map(_body, every))))
            fresh = [heard.key for heard in every if self.entries.hear(heard)]
            self.authors.heard(heard.device for heard in every)
            if cursor is not None:
                self.passing.heard(cursor)
        return fresh

    def claim(self, claim: Claim) -> list[Intent]:
        """Freeze the next queued rows as sent. See Outbox.claim."""
        with self.transaction():
            return self._claim(claim)

    def _claim(self, claim: Claim) -> list[Intent]:
        self.passing.claiming()
        return self.outbox.claim(claim)

    def acknowledge(
        self,
        answers: Iterable[tuple[Intent, Outcome]],
        device: str,
        now: float,
        claim: Claim | None = None,
    ) -> Acknowledged:
        """Take the deployment's answers, and then freeze the next rows in the same transaction.

        An operation applied while nothing else was heard of its key leaves nothing to consider:
        saves made meanwhile are queued already.
        """
        with self.transaction():
            taken = take(self, answers, device, now)
            taken.claimed += self._claim(claim) if claim is not None else []
        return taken

    def abandon(self, key: Key, kept: Iterable[Digest], now: float) -> None:
        """The noted write came to nothing; index what it met and put into history."""
        with self.transaction():
            self.forgetting.noted([key])
            for digest in kept:
                self.past.replaced(key, digest, CONTESTED, now)
                self.events.add(Event(key, CONTESTED, now, digest))


def _body(heard: Heard) -> tuple[Digest, bytes] | None:
    version = heard.snapshot.version
    if isinstance(version, Content) and heard.body is not None:
        return version.digest, heard.body
    return None
