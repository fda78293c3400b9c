"""What programs are known to hold of files, and what syncd wrote there. Part of the ledger; runs
inside its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.core.model import Digest, Key
from syncd.ledger.rows import KEY, key_columns


class Authoring:
    """Of each key the last version that somebody else wrote, and the last that syncd did."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def author(self, authored: Iterable[tuple[Key, Digest | None]]) -> None:
        """Files were seen to hold what syncd did not write; None: it was deleted."""
        self._connection.executemany(
            f"""UPDATE entries SET authored_digest = ?, unseen = iif(? IS NULL, unseen, 0)
                WHERE {KEY}""",  # noqa: S608
            [(digest, digest, *key_columns(key)) for key, digest in authored],
        )

    def wrote(self, written: Iterable[tuple[Key, Digest, Digest | None]]) -> None:
        """(key, first, what syncd wrote there; None: nothing just now).

        `first` is what it was written over, or made with: what its programs hold at least, where no
        save of theirs was seen.
        """
        self._connection.executemany(
            f"""UPDATE entries SET authored_digest = coalesce(authored_digest, ?), unseen = 0,
                  shown_digest = coalesce(?, shown_digest) WHERE {KEY}""",  # noqa: S608
            [(first, wrote, *key_columns(key)) for key, first, wrote in written],
        )

    def authored(self, key: Key) -> Digest | None:
        """The digest of the last version of the file that syncd did not write, or made it with."""
        return self.last(key)[0]

    def last(self, key: Key) -> tuple[Digest | None, Digest | None]:
        """(see `authored`, the digest of what syncd last wrote into the file)."""
        row = self._connection.execute(
            f"SELECT authored_digest, shown_digest FROM entries WHERE {KEY}",  # noqa: S608
            key_columns(key),
        ).fetchone()
        authored, wrote = row or (None, None)
        return authored and Digest(authored), wrote and Digest(wrote)
