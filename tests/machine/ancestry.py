"""What was ever saved, and what was saved knowing what.

A *save* is an instance: the same bytes saved twice are two. Its mask has a bit for itself and for
everything it was made from, so that "is an ancestor of" and "is reachable" are bit operations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.core.model import Digest


@dataclass(frozen=True, slots=True)
class Save:
    """One save. `mask` holds its own bit and those of its ancestors."""

    number: int
    digest: Digest
    machine: str
    path: str
    mask: int
    when: float
    part: bool = False
    """Whether a program was in the middle of it."""

    @property
    def bit(self) -> int:
        return 1 << self.number


def digest_of(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).hexdigest())


EMPTY = digest_of(b"")


class Saves:
    """Every save of a run, by number and by digest."""

    def __init__(self) -> None:
        self.all: list[Save] = []
        self.bodies: dict[Digest, bytes] = {}
        self.required = 0
        """Saves that must stay reachable, in the strict sense unless they are in `loose`."""
        self.loose = 0
        """Saves that somebody saved over without having read them, or that reached a file which
        had lost its name: history is enough for them."""
        self.loose_digests: set[Digest] = set()
        """What only a ledger showed that is gone: every save of these bytes is loose."""
        self.over = 0
        """Saves that were deleted by somebody who saw them."""
        self._by_digest: dict[Digest, list[Save]] = {}

    def save(
        self, body: bytes, machine: str, path: str, known: int, when: float, *, whole: bool = True
    ) -> Save:
        """Somebody saved `body`, knowing the saves in the mask `known`."""
        number = len(self.all)
        digest = digest_of(body)
        part = not whole and bool(path)
        save = Save(number, digest, machine, path, known | 1 << number, when, part)
        self.all.append(save)
        self.bodies[digest] = body
        self._by_digest.setdefault(digest, []).append(save)
        if whole:
            self.required |= save.bit
        return save

    def knows(self, digest: Digest) -> bool:
        """Whether these bytes are something that somebody saved."""
        return digest in self._by_digest

    def of(self, digest: Digest) -> list[Save]:
        """The saves of these bytes, oldest first."""
        return self._by_digest.get(digest, [])

    def mask(self, digest: Digest | None) -> int:
        """What is contained in these bytes."""
        mask = 0
        for save in self._by_digest.get(digest, []) if digest else []:
            # Every truncated file holds the same bytes: nothing can be told from them.
            mask |= save.bit if digest == EMPTY else save.mask
        return mask

    def known(self, digest: Digest) -> int:
        """What is known for sure by who has read these bytes."""
        saves = self._by_digest.get(digest, [])
        if len({save.machine for save in saves if save.part}) < 2:
            return self.mask(digest)
        # Two half-written files may hold the same bytes.
        return sum(save.bit for save in saves)

    def masks(self, digests: Iterable[Digest | None]) -> int:
        """What is contained in any of these."""
        mask = 0
        for digest in digests:
            mask |= self.mask(digest)
        return mask

    def missing(self, reached: int) -> int:
        """The required saves that are not among the `reached`, nor the same bytes as one of them.

        Bytes that are an ancestor stand for every save of them: a version is its bytes.
        """
        lost = self.required & ~reached
        while lost:
            again = reached
            for save in self.names(lost):
                if any(same.bit & reached for same in self._by_digest[save.digest]):
                    reached |= save.mask
            if again == reached:
                break
            lost = self.required & ~reached
        return lost

    def deleted(self, digest: Digest | None) -> None:
        """Somebody deleted what held these bytes."""
        self.over |= self.mask(digest)

    @property
    def need_not_be_shown(self) -> int:
        """The saves for which history is enough."""
        return self.loose | self.masks(self.loose_digests)

    def loosen(self, mask: int) -> None:
        """These need not be shown to anybody any more; they must still be in history."""
        self.loose |= mask

    def is_older(self, one: Digest, other: Digest) -> bool:
        """Whether every save of `one` was known to every save of `other`, which is not `one`."""
        if one == other or EMPTY in (one, other):
            return False
        bits = 0
        for save in self._by_digest.get(one, []):
            bits |= save.bit
        later = self._by_digest.get(other, [])
        return bool(bits and later) and all(bits & ~save.mask == 0 for save in later)

    def names(self, mask: int) -> list[Save]:
        """The saves in a mask."""
        found: list[Save] = []
        while mask:
            lowest = mask & -mask
            found.append(self.all[lowest.bit_length() - 1])
            mask ^= lowest
        return found
