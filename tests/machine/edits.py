"""What edits write: another value in one field or line, and over which value they wrote it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Mapping

from syncd.core.model import Digest

UNWRITTEN = "00000"
"""What fields hold to which nobody wrote yet."""

APPENDED = "line "
"""How lines begin that were appended."""


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
        self._by: dict[str, str] = {}
        """And who wrote it."""

    def edited(self, path: str, former: bytes, name: str) -> bytes:
        """Another version of what was read: one field or one line is different."""
        number, rng = f"{self._number():05d}", self._rng
        if not path.endswith(".json"):
            lines = former.decode().splitlines() or ["one", "two", "three", "four", "five"]
            line = rng.randrange(len(lines))
            self._wrote(f"{number} {name}", lines[line], name)
            lines[line] = f"{number} {name}"
            return ("\n".join(lines) + "\n").encode()
        try:
            fields = dict(json.loads(former))
        except ValueError:
            fields = dict.fromkeys("abcde", UNWRITTEN)
        field = rng.choice("abcde")
        self._wrote(number, fields[field], name)
        fields[field] = number
        return json.dumps(fields).encode()

    def appended(self, name: str) -> str:
        """A line that is appended to what a file holds."""
        line = f"{APPENDED}{self._number():05d} {name}"
        self._by[line] = name
        return line

    def _wrote(self, value: str, over: str, name: str) -> None:
        self._over[value], self._by[value] = over, name

    def taken_back(
        self,
        one: Digest,
        other: Digest,
        since: Collection[Digest],
        agreed: Collection[Digest],
        known: Collection[Digest],
        by: str,
    ) -> set[str]:
        """The values of `other` that were written over values which `one` has.

        One has them in every version of `since` too: others may have been changed on purpose.
        Or in one that was `agreed` on before, while it has nothing of what came after that. And
        none that was written `by` who takes it back: that is theirs; nor one that tells nothing,
        since no version of those that are `known` has what `one` has in its place.
        """
        now, former, *before = (self._fields(digest) for digest in (one, other, *since))
        left = {name for name in former if all(each.get(name) == now.get(name) for each in before)}
        for read in map(self._fields, agreed):
            differ = [name for name in former if read.get(name) != former[name]]
            if not any(now.get(name) == former[name] for name in differ):
                left |= {name for name in differ if now.get(name) == read.get(name)}
        origins = [self._fields(digest) for digest in known]
        told = [name for name in left if any(each.get(name) == now.get(name) for each in origins)]
        theirs = [name for name in told if self._by.get(former[name]) != by]
        return {former[n] for n in theirs if now.get(n) in self._before(former[n])}

    def values(self, digest: Digest) -> Collection[str]:
        """The values of all fields, or the lines."""
        return self._fields(digest).values()

    def _fields(self, digest: Digest) -> dict[str, str]:
        """The fields of a version, or its lines by number: none is ever put between others."""
        body = self._bodies.get(digest) or b"{}"
        try:
            found = json.loads(body)
        except ValueError:
            return {str(at): line for at, line in enumerate(body.decode().splitlines())}
        return found if isinstance(found, dict) else {}

    def _before(self, value: str) -> set[str | None]:
        """What was written over for it, at any time; None: it was appended where nothing was."""
        if value not in self._over and value.startswith(APPENDED):
            return {None}
        found: set[str | None] = set()
        while value in self._over and self._over[value] not in found:
            value = self._over[value]
            found.add(value)
        return found
