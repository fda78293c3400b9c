"""Which replaced versions need not be kept any longer. Pure.

The rule, for the versions of one path from the newest on:

1. The newest NEWEST stay, however old, and so does every version that a conflict names. Of a path
   at which nothing is any more they stay for GONE: else each short-lived file left some for ever.
2. What is older than AGE goes.
3. What is older than a day is thinned to the newest of each hour, what is older than a week to
   the newest of each day.
4. While what stays is together larger than SIZE, the oldest that rule 1 does not spare go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from syncd.core.model import Digest

NEWEST = 3
AGE = 30 * 86400.0
GONE = 90 * 86400.0
SIZE = 1 << 30

_HOUR, _DAY, _WEEK = 3600.0, 86400.0, 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Replaced:
    """A version that was replaced at `since`: row `number` of the history index.

    `gone`: both sides agreed that nothing is at its path, and nothing is.
    """

    number: int
    store: str
    path: str
    digest: Digest
    since: float
    gone: bool = False


def surplus(
    versions: Iterable[Replaced],
    sizes: Mapping[Digest, int],
    needed: Collection[Digest],
    now: float,
) -> list[Replaced]:
    """Those of `versions` that may go. `sizes` are the bytes that each digest takes."""
    spared: list[Replaced] = []
    kept: list[Replaced] = []
    gone: list[Replaced] = []
    seen: dict[tuple[str, str], int] = {}
    slots: set[tuple[str, str, int, int]] = set()
    for version in sorted(versions, key=lambda each: (-each.since, -each.number)):
        place = (version.store, version.path)
        seen[place] = seen.get(place, 0) + 1
        slot = _slot(version, now)
        outlived = version.gone and now - version.since > GONE
        if (seen[place] <= NEWEST and not outlived) or version.digest in needed:
            spared.append(version)
        elif now - version.since > AGE or slot in slots:
            gone.append(version)
        else:
            kept.append(version)
        if slot is not None:
            slots.add(slot)
    return gone + _beyond_size(spared, kept, sizes)


def _slot(version: Replaced, now: float) -> tuple[str, str, int, int] | None:
    age = now - version.since
    if age <= _DAY:
        return None
    width = _HOUR if age <= _WEEK else _DAY
    return version.store, version.path, int(width), int(version.since // width)


def _beyond_size(
    spared: list[Replaced], kept: list[Replaced], sizes: Mapping[Digest, int]
) -> list[Replaced]:
    stays = {version.digest for version in spared}
    total = sum(sizes.get(digest, 0) for digest in stays)
    gone: list[Replaced] = []
    for version in kept:  # Newest first: once it is full, all that is older goes.
        if version.digest not in stays:
            stays.add(version.digest)
            total += sizes.get(version.digest, 0)
        if total > SIZE:
            gone.append(version)
    return gone
