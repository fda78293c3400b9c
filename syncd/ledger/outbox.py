"""What is to be sent, frozen once it was. Part of the ledger; runs inside its transactions.

Rows go queued -> sent -> gone, or sent -> parked. At most one sent and one queued row a key: a
newer save replaces the queued one only. The expectation is taken from the base at the claim, and
the operation gets its id then, under which it was only queued before: copies of one ledger that
queue the same send two operations. A payload's row is queued without its bytes, and claimed once
they are uploaded.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

from syncd.core.decision import Decision
from syncd.core.delta import LEAST
from syncd.core.model import (
    INLINE_LIMIT,
    Content,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Refused,
    Version,
)
from syncd.ledger import many
from syncd.ledger.carried import Carried
from syncd.ledger.claimable import Claim, Claimable
from syncd.ledger.contents import Contents
from syncd.ledger.rows import KEY, Columns, key_columns, to_version, version_columns

_INTENT = """o.operation, o.store, o.path, o.record, o.kind, o.format, o.digest, o.size,
             o.expect_revision, o.expect_digest, o.target"""
_ROWS = """SELECT o.store, o.path, o.record, o.state, o.digest, o.size FROM ({rows}) k
           JOIN outbox o ON o.store = k.column1 AND o.path = k.column2 AND o.record = k.column3"""


class Outbox:
    """The queue of intents, in the order of the saves."""

    def __init__(
        self, connection: sqlite3.Connection, contents: Contents, carried: Carried
    ) -> None:
        self._connection = connection
        self._contents = contents
        self._carried = carried
        self.claimable = Claimable(connection)

    def queue(
        self, decided: Sequence[tuple[Decision, Version]], now: float, *, bulk: bool = False
    ) -> None:
        """Queue versions of different keys, in order, each in place of what was queued or parked
        before if that was another.
        """
        rows = self._rows([decision.key for decision, _ in decided])
        fresh = [
            (decision, version)
            for decision, version in decided
            if not self._stands(decision.key, version, rows.get(decision.key, []), bulk=bulk)
        ]
        self._contents.put_all(dict(filter(None, starmap(_text_of, fresh))))
        many.write(
            self._connection,
            """INSERT INTO outbox (operation, store, path, record, kind, format, digest, size,
                                   state, since, target, upload, bulk) {rows}""",
            [
                (
                    d.operation, *key_columns(d.key), d.kind, d.format, *_columns(version),
                    "queued", now, d.target, self._upload(d, version), bulk,
                )
                for d, version in fresh
            ],
        )  # fmt: skip
        self.claimable.tie([decision for decision, _ in decided])

    def _stands(
        self, key: Key, version: Version, rows: Sequence[tuple[str, Version]], *, bulk: bool
    ) -> bool:
        """Whether `version` need not be queued. What else waits goes."""
        waiting = [there for state, there in rows if state != "sent"]
        if waiting == [version]:
            self._press(key, bulk=bulk)
            return True
        if rows:
            self.drop([key])
        # RACE: a turn may name again what an earlier one queued; it was claimed since then.
        return ("sent", version) in rows

    def _upload(self, decision: Decision, version: Version) -> str | None:
        if decision.body is not None or not isinstance(version, Content):
            return None
        return None if self._contents.has(version.digest) else "wanted"

    def _press(self, key: Key, *, bulk: bool) -> None:
        if not bulk:
            self._connection.execute(
                f"UPDATE outbox SET bulk = 0 WHERE {KEY} AND state != 'sent' AND bulk",  # noqa: S608
                key_columns(key),
            )

    def drop(self, keys: Iterable[Key]) -> dict[Key, str | None]:
        """Forget what is queued or parked for `keys`: its digests. Sent rows stay."""
        # Each key is looked up: asked whether theirs is in a list, all rows would be.
        dropped = many.read(
            self._connection,
            """DELETE FROM outbox WHERE place IN (
                 SELECT o.place FROM ({rows}) k CROSS JOIN outbox o ON o.store = k.column1
                   AND o.path = k.column2 AND o.record = k.column3 WHERE o.state != 'sent')
               RETURNING store, path, record, digest""",
            [key_columns(key) for key in keys],
        )
        return {Key(*row[:3]): row[3] for row in dropped}

    def claim(self, claim: Claim) -> list[Intent]:
        """Freeze the next queued rows as sent and return them, oldest first: bulk, or the others.

        Of texts, what they replace is counted too; one larger row goes alone. What has news that
        no turn took up yet stays queued. Both halves of a move are claimed together; where it
        cannot be one any more, its deletion stays queued until its target was accepted.
        """
        rows = self.claimable.next(claim)
        operations = self._operations(2 * len(rows))
        claimed: list[Intent] = []
        frozen: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []
        targets = {row[11] for row in rows}
        total = 0
        for row in rows:
            if row[0] in targets:
                continue  # It goes with its deletion, wherever that stands.
            target = self.claimable.target(row[11])
            total += _text(row[7]) + _text(row[10] or 0) + (_text(target[7]) if target else 0)
            if claimed and total > claim.most_bytes:
                break
            queued = [row, target] if target else [row]
            sent = [(next(operations), *each[1:]) for each in queued]
            frozen += zip(queued, sent, strict=True)
            claimed.append(self._move(*sent) if target else self._intent(sent[0]))
        self.claimable.freeze(frozen)
        return claimed

    def _operations(self, most: int) -> Iterator[str]:
        """Fresh ids. Drawn at once, and none kept for later: copies of a memory would share it."""
        drawn = secrets.token_hex(16 * most)
        return (drawn[start : start + 32] for start in range(0, len(drawn), 32))

    def unanswered(self) -> list[Intent]:
        """Every sent row, oldest first: to be sent again just as it was."""
        rows = self._connection.execute(
            f"SELECT {_INTENT} FROM outbox o WHERE o.state = 'sent' ORDER BY o.place"  # noqa: S608
        ).fetchall()
        sent = {row[0]: row for row in rows}
        targets = {row[10] for row in rows} & sent.keys()
        return [
            self._move(row, sent[row[10]]) if row[10] in targets else self._intent(row)
            for row in rows
            if row[0] not in targets
        ]

    def awaits_answers(self) -> bool:
        """Whether any row is sent."""
        query = "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'sent')"
        return bool(self._connection.execute(query).fetchone()[0])

    def remove(self, operations: Iterable[OperationId]) -> set[OperationId]:
        """The rows were answered. Those of them that no earlier answer had removed."""
        removed = many.read(
            self._connection,
            "DELETE FROM outbox WHERE operation IN ({rows}) RETURNING operation",
            [(operation,) for operation in operations],
        )
        return {row[0] for row in removed}

    def park(self, intent: Intent, refused: Refused) -> bool:
        """The row was refused for good: keep it in sight until the next save or a retry.

        False for a half of a move, which may be taken by itself: it is queued again.
        """
        if intent.target is not None or intent.source is not None:
            self._part(intent)
            return False
        self._connection.execute(
            f"DELETE FROM outbox WHERE {KEY} AND state = 'parked'",  # noqa: S608
            key_columns(intent.key),
        )
        self._connection.execute(
            "UPDATE outbox SET state = 'parked', reason = ?, detail = ? WHERE operation = ?",
            (refused.reason, refused.detail, intent.operation),
        )
        return True

    def _part(self, intent: Intent) -> None:
        # Something newer that is queued already stands.
        self._connection.execute(
            """UPDATE OR IGNORE outbox SET state = 'queued', target = NULL,
                 expect_revision = NULL, expect_digest = NULL WHERE operation = ?""",
            (intent.operation,),
        )
        self._connection.execute(
            "DELETE FROM outbox WHERE operation = ? AND state = 'sent'", (intent.operation,)
        )

    def retry(self, reason: str | None = None, key: Key | None = None) -> list[Key]:
        """Queue again what is parked: for `reason`, of `key`, or all of it; the keys of that.

        A newer save that is queued already stands.
        """
        store, path, record = key_columns(key) if key else (None, None, None)
        rows = self._connection.execute(
            """UPDATE OR IGNORE outbox SET state = 'queued', reason = NULL, detail = NULL,
                 expect_revision = NULL, expect_digest = NULL
               WHERE state = 'parked' AND (:reason IS NULL OR reason = :reason)
                 AND (:store IS NULL OR (store = :store AND path = :path AND record = :record))
               RETURNING store, path, record""",
            {"reason": reason, "store": store, "path": path, "record": record},
        )
        return [Key(*row) for row in rows.fetchall()]

    def newest(self, store: str | None = None) -> float | None:
        """When the last row that is queued, of `store` or of all, was; None where none is.

        Seconds since the epoch. Rows that are sent or parked do not count.
        """
        chosen, values = ("", ()) if store is None else ("AND store = ?", (store,))
        row = self._connection.execute(
            f"""SELECT since FROM outbox WHERE state = 'queued' {chosen}
                ORDER BY place DESC LIMIT 1""",  # noqa: S608
            values,
        ).fetchone()
        return float(row[0]) if row else None

    def pending(self, key: Key) -> str | None:
        """The state of the newest row of `key`: queued, sent or parked; None where none is."""
        row = self._connection.execute(
            f"SELECT state FROM outbox WHERE {KEY} ORDER BY place DESC LIMIT 1",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return row[0] if row else None

    def count(self) -> dict[str, int]:
        """How many rows are in each state."""
        return dict(self._connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))

    def _rows(self, keys: Iterable[Key]) -> dict[Key, list[tuple[str, Version]]]:
        """(state, version) of every row of `keys`."""
        found: dict[Key, list[tuple[str, Version]]] = {}
        for store, path, record, state, digest, size in many.read(
            self._connection, _ROWS, [key_columns(key) for key in keys]
        ):
            there = found.setdefault(Key(store, path, record), [])
            there.append((state, to_version(digest, size)))
        return found

    def _move(self, row: tuple[Any, ...], target: tuple[Any, ...]) -> Intent:
        intent = self._intent(row)
        to = replace(self._intent(target, bodiless=True), source=intent.key)
        return replace(intent, target=to)

    def _intent(self, row: tuple[Any, ...], *, bodiless: bool = False) -> Intent:
        operation, store, path, record, kind, format, digest, size, revision, expected = row[:10]
        key = Key(store, path, record)
        worth = digest and expected and not bodiless and LEAST <= size <= INLINE_LIMIT
        return Intent(
            OperationId(operation),
            key,
            Kind(kind),
            Format(format),
            to_version(digest, size),
            revision,
            Digest(expected) if expected else None,
            self._contents.get(Digest(digest)) if digest and not bodiless else None,
            started=self._carried.started(key) if kind == Kind.EXECUTION else None,
            former=self._contents.get(Digest(expected)) if worth else None,
        )


def _columns(version: Version) -> Columns:
    """(digest, size), of which a tombstone has none."""
    digest, size = version_columns(version)
    return digest, size or 0


def _text_of(decision: Decision, version: Version) -> tuple[Digest, bytes] | None:
    if isinstance(version, Content) and decision.body is not None:
        return version.digest, decision.body
    return None


def _text(size: int) -> int:
    """How much of so many bytes travels as text: what is longer lies in file storage."""
    return size if size <= INLINE_LIMIT else 0
