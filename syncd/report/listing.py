"""What `syncd conflicts` and `syncd log` tell: read from the ledger and from history alone, so it
works with the daemon up and down.

Does IO: read-only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from syncd.config import Config
from syncd.core.conflict import ListedConflict
from syncd.core.model import Digest, Key
from syncd.errors import ConfigError
from syncd.files.history import History, NotInHistory
from syncd.ledger.authors import Authors
from syncd.ledger.conflicts import Conflicts
from syncd.ledger.connection import read_ledger
from syncd.ledger.contents import Contents
from syncd.ledger.events import Event, Events
from syncd.ledger.past import Past
from syncd.ledger.places import Places
from syncd.ledger.state import StateFolder
from syncd.opening import never_ran

HERE = "this machine"


class Version(BaseModel):
    """One side of a conflict. `who` is the device that wrote it, None where it is not known."""

    digest: str
    size: int | None
    kept: bool
    who: str | None
    revision: int | None = None


class ConflictReport(BaseModel):
    """A conflict; times are seconds since the epoch, `resolved` None while it is open."""

    number: int
    store: str
    path: str
    record: str
    since: float
    base: Version | None
    mine: Version | None
    theirs: Version | None
    resolved: float | None
    resolution: str | None


class ConflictList(BaseModel):
    """Version 1 of the list: fields are only ever added."""

    version: int = 1
    open: int
    conflicts: list[ConflictReport]


class EventReport(BaseModel):
    """Something that happened to a path; `digest` is the version it was about."""

    at: float
    store: str
    path: str
    record: str
    what: str
    digest: str | None
    revision: int | None
    who: str | None
    detail: str | None


class EventList(BaseModel):
    """Version 1 of the log, newest first: fields are only ever added."""

    version: int = 1
    events: list[EventReport]


class Listing:
    """Answers from one read-only connection."""

    def __init__(self, connection: sqlite3.Connection, history: History) -> None:
        self._events = Events(connection)
        self._conflicts = Conflicts(connection, self._events)
        self._contents = Contents(connection)
        self._past = Past(connection)
        self._history = history
        self._names = self._conflicts.names() | Authors(connection).names()
        if device := Places(connection).get("device"):
            self._names[device] = HERE

    def conflicts(self, most: int | None = None) -> ConflictList:
        """The open conflicts, oldest first; with `most` the newest ones, resolved ones too."""
        unresolved = self._conflicts.unresolved()
        chosen = unresolved if most is None else self._conflicts.all(most)
        return ConflictList(open=len(unresolved), conflicts=[self._report(each) for each in chosen])

    def conflicts_of(self, key: Key) -> list[ConflictReport]:
        """The open conflicts of a record, or of a file and its records, oldest first."""
        return [self._report(each) for each in self._conflicts.unresolved(key)]

    def conflict(self, number: int) -> ConflictReport:
        """One conflict. Raises ConfigError where there is none of this number."""
        found = self._conflicts.get(number)
        if found is None:
            raise ConfigError(
                f"there is no conflict {number}; nothing was changed",
                "`syncd conflicts list` tells the numbers",
            )
        return self._report(found)

    def body(self, version: Version | None) -> bytes | None:
        """The bytes of one side, None where they are not kept."""
        return self._body(Digest(version.digest)) if version is not None else None

    def mirrored(self, conflict: ConflictReport) -> Version | None:
        """What the file of a conflict held when it was mirrored last, what both sides changed
        merged; None where its bytes are not kept.
        """
        key = Key(conflict.store, conflict.path, conflict.record)
        found = self._version(self._past.newest(key, conflict.since))
        return found if found is not None and found.kept else None

    def log(self, key: Key | None, most: int) -> EventList:
        """What happened to a path, or to all, newest first."""
        events = self._events.newest(most) if key is None else self._events.of(key, most)
        return EventList(events=[self._event(event) for event in events])

    def after(self, place: int, key: Key | None, most: int) -> tuple[int, list[EventReport]]:
        """The events behind `place`, oldest first, at most the newest `most`, and the place behind
        them. 0 is the place before all.
        """
        last, events = self._events.after(place, key, most)
        return last, [self._event(event) for event in events]

    def at(self, key: Key, time: float) -> Digest:
        """What a file held at `time`. Raises ConfigError."""
        known, digest = self._past.at(key, time)
        if digest is not None:
            return digest
        what = "there was no file then" if known else "what it held then is not remembered"
        raise _not_found(key, what)

    def below(self, store: str, folder: str) -> list[str]:
        """The files below a folder of which anything is remembered; "": of the store."""
        return self._past.below(store, folder)

    def last(self, key: Key) -> Digest | None:
        """What a file that is gone held last. See `Past.last`."""
        return self._past.last(key)

    def revision(self, key: Key, revision: int) -> Digest:
        """The digest of a revision. Raises ConfigError."""
        digest = self._past.revision(key, revision)
        if digest is None:
            raise _not_found(key, f"revision {revision} is not remembered")
        return digest

    def digest(self, key: Key, start: str) -> Digest:
        """The version whose digest starts with `start`. Raises ConfigError."""
        found = self._past.starting(key, start.lower())
        if len(found) == 1:
            return found.pop()
        raise _not_found(
            key, f"{len(found) or 'no'} versions have a digest that starts with {start!r}"
        )

    def _report(self, conflict: ListedConflict) -> ConflictReport:
        base, theirs = self._version(conflict.base), self._version(conflict.remote)
        if base is not None and conflict.base is not None:
            base.who = self._who(self._events.author(conflict.key, conflict.base))
        if theirs is not None:
            theirs.who, theirs.revision = self._who(conflict.device), conflict.revision
        mine = self._version(conflict.local)
        if mine is not None:
            mine.who = HERE
        return ConflictReport(
            number=conflict.number, store=conflict.key.store, path=conflict.key.path,
            record=conflict.key.record, since=conflict.since, base=base, mine=mine,
            theirs=theirs, resolved=conflict.resolved, resolution=conflict.resolution,
        )  # fmt: skip

    def _version(self, digest: Digest | None) -> Version | None:
        if digest is None:
            return None
        size = self._contents.size(digest)
        if size is None:
            size = self._history.size(digest)
        return Version(digest=digest, size=size, kept=size is not None, who=None)

    def _body(self, digest: Digest) -> bytes | None:
        body = self._contents.get(digest)
        if body is not None:
            return body
        try:
            return self._history.get(digest)
        except NotInHistory:
            return None

    def _event(self, event: Event) -> EventReport:
        return EventReport(
            at=event.at, store=event.key.store, path=event.key.path,
            record=event.key.record, what=event.what,
            digest=event.digest, revision=event.revision, who=self._who(event.device),
            detail=event.detail,
        )  # fmt: skip

    def _who(self, device: str | None) -> str | None:
        return None if device is None else self._names.get(device, device)


@contextmanager
def open_listing(config: Config) -> Iterator[Listing]:
    """What the ledger says. Raises LedgerError, and ConfigError where syncd never ran."""
    state = StateFolder(config.state)
    path = state.ledger_path(config.url, config.workspace)
    if path is None:
        raise never_ran(config)
    connection = read_ledger(path)
    try:
        yield Listing(connection, History(state.history))
    finally:
        connection.close()


def _not_found(key: Key, what: str) -> ConfigError:
    return ConfigError(
        f"{key}: {what}; nothing was changed", "`syncd log PATH` lists the versions of a file"
    )
