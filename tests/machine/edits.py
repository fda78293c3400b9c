"""What edits write: another value in one field or line, and over which value they wrote it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Mapping

from syncd.core.model import Digest

UNWRITTEN = "00000"
"""What fields hold to which nobody wrote yet."""


def is_whole(path: str, body: bytes) -> bool:
    """Whether a program would save these bytes under that name."""
    if not path.endswith(".json"):
        return True
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


class Edits:
    """Makes edits, each with a value of its own. `bodies` is what was ever saved."""

    def __init__(
        self, rng: random.Random, number: Callable[[], int], bodies: Mapping[Digest, bytes]
    ) -> None:
        self._rng = rng
        self._number = number
        self._bodies = bodies
        self._over: dict[str, str] = {}
        """Of every value that was written to a field, which was there before."""

    def edited(self, path: str, former: bytes, name: str) -> bytes:
        """Another version of what was read: one field or one line is different."""
        number, rng = f"{self._number():05d}", self._rng
        if not path.endswith(".json"):
            lines = former.decode().splitlines() or ["one", "two", "three", "four", "five"]
            lines[rng.randrange(len(lines))] = f"{number} {name}"
            return ("\n".join(lines) + "\n").encode()
        try:
            fields = dict(json.loads(former))
        except ValueError:
            fields = dict.fromkeys("abcde", UNWRITTEN)
        field = rng.choice("abcde")
        self._over[number] = fields[field]
        fields[field] = number
        return json.dumps(fields).encode()

    def takes_back(
        self,
        one: Digest,
        other: Digest,
        since: Collection[Digest],
        agreed: Collection[Digest],
        ours: Collection[Digest],
    ) -> bool:
        """Whether a field of `one` has a value over which that of `other` was written.

        One that it had in every version of `since` too: others may have been changed on purpose.
        Or in one that was `agreed` on before, while it has nothing of what came after that. And
        none whose value in `other` is that of a save of `ours`: that is ours to take back.
        """
        now, former, *before = (self._fields(digest) for digest in (one, other, *since))
        left = {name for name in former if all(each.get(name) == now.get(name) for each in before)}
        for read in map(self._fields, agreed):
            differ = [name for name in former if read.get(name) != former[name]]
            if not any(now.get(name) == former[name] for name in differ):
                left |= {name for name in differ if now.get(name) == read.get(name)}
        own = [self._fields(digest) for digest in ours]
        theirs = [n for n in left if all(each.get(n) != former[n] for each in own)]
        return any(now.get(name) in self._before(former[name]) for name in theirs)

    def _fields(self, digest: Digest) -> dict[str, str]:
        try:
            found = json.loads(self._bodies.get(digest) or b"{}")
        except ValueError:  # A text that was moved to the name of a JSON file.
            return {}
        return found if isinstance(found, dict) else {}

    def _before(self, value: str) -> set[str]:
        found: set[str] = set()
        while (value := self._over.get(value, UNWRITTEN)) not in (UNWRITTEN, *found):
            found.add(value)
        return found
