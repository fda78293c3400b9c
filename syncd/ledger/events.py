"""What became of each path: `syncd log`. Part of the ledger; runs inside its transactions.

No decision reads it, but the guards count what came under a name within minutes. Bounded: `trim`
keeps the newest MOST events, none older than AGE.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.core.decision import Decision
from syncd.core.model import Content, Digest, Intent, Key, Refused, Tombstone, Version
from syncd.ledger import many
from syncd.ledger.rows import Columns, key_columns

MOST = 100_000
"""Events that are kept, about 20 MB."""

AGE = 90 * 86400.0
"""Seconds an event is kept."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a key at `at`, seconds since the epoch.

    `what` is one of pulled, removed (here, as elsewhere), merged, pushed, deleted (there, as
    here), moved (to or from another path, as there or as here), conflict, held, parked, contested;
    of a person's commands resolved, undone, restored (files were written), decided, reopened
    (conflicts). `digest` is the version it was about, None for an absence.
    """

    key: Key
    what: str
    at: float
    digest: Digest | None = None
    revision: int | None = None
    device: str | None = None
    detail: str | None = None


class Events:
    """Appended to by every commit that did something."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        """Append."""
        self._append([event])

    def _append(self, events: Sequence[Event]) -> None:
        many.write(
            self._connection,
            """INSERT INTO events
                 (store, path, record, what, digest, revision, device, detail, at) {rows}""",
            [_columns(event) for event in events],
        )

    def written(
        self, decided: Sequence[Decision], devices: Mapping[Key, str | None], now: float
    ) -> None:
        """Files were written or removed as decisions said, with what `devices` made."""
        made = (_written(each, devices.get(each.key), now) for each in decided)
        self._append([event for event in made if event is not None])

    def pushed(self, applied: Sequence[tuple[Intent, int]], device: str, now: float) -> None:
        """The deployment applied operations, each at a revision."""
        self._append([_pushed(intent, revision, device, now) for intent, revision in applied])

    def parked(self, intent: Intent, refused: Refused, now: float) -> None:
        """The deployment refused an operation for good."""
        self.add(Event(intent.key, "parked", now, detail=f"{refused.reason}: {refused.detail}"))

    def newest(self, most: int) -> list[Event]:
        """The newest `most` events of all, newest first."""
        return self._select("ORDER BY number DESC LIMIT ?", most)

    def of(self, key: Key, most: int) -> list[Event]:
        """The newest `most` events of a path, newest first: of one record, or of all in it; of a
        folder, or with an empty path of a store, those of every file below.
        """
        return self._select(f"WHERE {_BELOW} ORDER BY number DESC LIMIT ?", *_below(key), most)

    def after(self, number: int, key: Key | None, most: int) -> tuple[int, list[Event]]:
        """The newest `most` events behind `number`, oldest first, and the number of the last.

        Of a ledger that took the place of one which went so far, behind none.
        """
        (last,) = self._connection.execute(
            "SELECT coalesce(max(number), ?) FROM events", (number,)
        ).fetchone()
        if last == number:
            return number, []
        where = "number > ? AND number <= ?"
        values: list[object] = [number if number < last else 0, last]
        if key is not None:
            where += f" AND {_BELOW}"
            values += _below(key)
        found = self._select(f"WHERE {where} ORDER BY number DESC LIMIT ?", *values, most)
        return last, found[::-1]

    def came(self, store: str, since_ns: int) -> list[tuple[str, Digest]]:
        """(path, digest) of the files that came under their names after `since_ns`, or changed.

        A rename stamps the inode's ctime, but not that of a folder the files in it: those are told
        by what was sent since, or is about to be.
        """
        rows = self._connection.execute(
            """SELECT path, digest FROM files WHERE store = :store AND ctime_ns >= :since
               UNION SELECT path, f.digest FROM events e JOIN files f USING (store, path)
                 WHERE store = :store AND e.digest = f.digest AND e.at >= :since / 1e9
               UNION SELECT path, f.digest FROM outbox o JOIN files f USING (store, path)
                 WHERE store = :store AND o.digest = f.digest AND o.state != 'parked'
                   AND o.since >= :since / 1e9""",
            {"store": store, "since": since_ns},
        )
        return [(path, Digest(digest)) for path, digest in rows]

    def author(self, key: Key, digest: Digest) -> str | None:
        """The device that wrote a version of a path, where that is remembered."""
        row = self._connection.execute(
            """SELECT device FROM events WHERE store = ? AND path = ? AND record = ?
               AND digest = ? AND device NOT NULL ORDER BY number LIMIT 1""",
            (*key_columns(key), digest),
        ).fetchone()
        return row[0] if row else None

    def trim(self, now: float) -> None:
        """Forget what is too old or too much."""
        self._connection.execute(
            """DELETE FROM events WHERE at < ?
               OR number <= (SELECT max(number) FROM events) - ?""",
            (now - AGE, MOST),
        )

    def _select(self, where: str, *values: object) -> list[Event]:
        rows = self._connection.execute(
            f"""SELECT store, path, record, what, at, digest, revision, device, detail
                FROM events {where}""",  # noqa: S608 - ours
            values,
        )
        return [Event(Key(*row[:3]), *row[3:]) for row in rows]


_BELOW = """store = ? AND (path = ? AND (record = ? OR ? = '') OR ? = ''
            OR path > ? AND path < ?)"""


def _below(key: Key) -> list[str]:
    """The values of _BELOW. "0" comes next behind "/"; a record is no folder."""
    folder = "" if key.record else f"{key.path}/"
    return [*key_columns(key), key.record, key.path, folder, folder and f"{key.path}0"]


def _columns(event: Event) -> Columns:
    return (
        *key_columns(event.key), event.what, event.digest, event.revision,
        event.device, event.detail, event.at,
    )  # fmt: skip


def _written(decision: Decision, device: str | None, now: float) -> Event | None:
    plan = decision.plan
    if plan.to_local is None or plan.base is None:
        return None
    what = "pulled" if plan.to_local == plan.base.version else "merged"
    digest, detail = _digest(plan.to_local), None
    if isinstance(plan.to_local, Tombstone):
        what = "removed"
        if plan.to_local.moved_to is not None:
            what, detail = "moved", f"to {plan.to_local.moved_to}"
    return Event(decision.key, what, now, digest, plan.base.revision, device, detail)


def _pushed(intent: Intent, revision: int, device: str, now: float) -> Event:
    digest = _digest(intent.version)
    what, detail = "deleted" if digest is None else "pushed", None
    if intent.target is not None:
        what, detail = "moved", f"to {intent.target.key.path}"
    elif intent.source is not None:
        what, detail = "moved", f"from {intent.source.path}"
    return Event(intent.key, what, now, digest, revision, device, detail)


def _digest(version: Version) -> Digest | None:
    return version.digest if isinstance(version, Content) else None
