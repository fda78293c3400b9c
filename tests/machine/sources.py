"""Puts simulated disks, chance and logs under the real modules, once for the whole process."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

from syncd.core import settle
from syncd.core.decision import Decision
from syncd.core.model import Conflict, Digest, Format, Key, Kind, Snapshot
from syncd.engine.exchange import bodies
from syncd.engine.turns import combine, renamed
from syncd.files import syscalls
from syncd.files.spelling import Folding
from syncd.ledger import commits
from syncd.stores.merge import Combined, Merge, merge, summed

from .kernel import SystemCalls

CALLS = SystemCalls()


class _Chance:
    """Stands in for `random` and `secrets`: everything from the seed of the run."""

    def __init__(self) -> None:
        self.rng = random.Random(0)

    def uniform(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high)

    def token_hex(self, size: int) -> str:
        return f"{self.rng.getrandbits(8 * size):0{2 * size}x}"


class _Ids:
    """Stands in for the `secrets` of ledgers: no two ids are the same, and none is chance."""

    def reset(self) -> None:
        self._count = itertools.count(1)

    def token_hex(self, size: int) -> str:
        each = min(size, 16)  # What is drawn at once for several ids is as many.
        return "".join(f"{next(self._count):0{2 * each}x}" for _ in range(max(1, size // 16)))


class _Log:
    """Stands in for structlog's loggers: what is told goes into the story of the run."""

    def __init__(self) -> None:
        self.told: Callable[[str], None] = lambda line: None

    def _tell(self, event: str, **facts: object) -> None:
        self.told(event + "".join(f" {name}={value}" for name, value in facts.items()))

    info = warning = error = _tell

    def debug(self, event: str, **facts: object) -> None:
        pass


class _Taps:
    """What the run wants to be told of that leaves no trace elsewhere."""

    def __init__(self) -> None:
        self.merged: Callable[..., None] = lambda local, remote, result, *, clashed: None
        self.tried: Callable[[bytes, bytes, bytes], None] = lambda local, remote, result: None
        self.unaware: Callable[[Key, Digest], None] = lambda key, digest: None
        self.followed: Callable[[Decision, Decision], None] = lambda edit, made: None


class _Inline:
    """Stands in for a pool of threads: one after the other."""

    def __init__(self, _size: int) -> None:
        pass

    def __enter__(self) -> _Inline:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *items: Iterable[Any]) -> list[Any]:
        return [function(*each) for each in zip(*items, strict=True)]


CHANCE = _Chance()
IDS = _Ids()
LOG = _Log()
TAPS = _Taps()

_write_both = combine._write_both
_unaware = combine._unaware
_given_up = renamed._given_up


def _telling_merge(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind
) -> Merge:
    found = merge(base, local, remote, format, kind)
    if isinstance(found, Combined):
        TAPS.tried(local, remote, found.body)
    return found


def _telling_summed(base: bytes | None, both: bytes, format: Format, kind: Kind) -> bytes | None:
    total = summed(base, both, format, kind)
    if total is not None:
        TAPS.tried(both, both, total)
    return total


def _telling_write_both(
    decision: Decision, remote: Snapshot, body: bytes, theirs: bytes, conflict: Conflict | None
) -> Decision:
    TAPS.merged(decision.body or b"", theirs, body, clashed=conflict is not None)
    return _write_both(decision, remote, body, theirs, conflict)


def _telling_unaware(decision: Decision, *what: Any) -> Decision:
    refined = _unaware(decision, *what)
    if refined.plan.conflict is not None and refined.plan.conflict.remote.digest is not None:
        TAPS.unaware(decision.key, refined.plan.conflict.remote.digest)
    return refined


def _telling_given_up(edit: Any, made: Decision) -> Decision:
    TAPS.followed(edit.decision, made)
    return _given_up(edit, made)


_EVERYWHERE: dict[str, dict[str, object]] = {
    "syncd.files": {
        "os": CALLS, "secrets": CHANCE, "ThreadPoolExecutor": _Inline,
        "probe": lambda _: Folding(case=False, form=False),
    },
    "syncd.engine": {
        "random": CHANCE, "secrets": CHANCE, "log": LOG, "merge": _telling_merge,
        "summed": _telling_summed,
    },
    "syncd.ledger": {"secrets": IDS},
}  # fmt: skip
"""Names and what stands in for them, in every module of a package that has them."""

_ONCE: list[tuple[object, str, object]] = [
    (syscalls, "rename", CALLS.rename2),
    (syscalls, "open_beneath", CALLS.open_beneath),
    (syscalls, "start_writing", CALLS.start_writing),
    (syscalls, "lease", CALLS.lease),
    (syscalls, "unlease", CALLS.unlease),
    (combine, "_write_both", _telling_write_both),
    (combine, "_unaware", _telling_unaware),
    (renamed, "_given_up", _telling_given_up),
    # Stores are small here: two keys are many, so that saves and bulk pass each other.
    (settle, "FEW", 1),
    (commits, "FEW", 1),
    # An answer takes one text or two: what is told is heard in parts.
    (bodies, "ANSWER", 100),
]


def _patches() -> list[tuple[object, str, object]]:
    found = list(_ONCE)
    for package, stand_ins in _EVERYWHERE.items():
        for name, module in sys.modules.items():
            if name.startswith(package + ".") and module is not syscalls:
                found += [(module, each, stand_ins[each]) for each in stand_ins
                          if hasattr(module, each)]  # fmt: skip
    return found


class Simulated:
    """While it is entered, the modules of syncd live in the simulated world."""

    def __enter__(self) -> None:
        patches = _patches()
        self._real = [(module, name, getattr(module, name)) for module, name, _ in patches]
        for module, name, stand_in in patches:
            setattr(module, name, stand_in)
        CALLS.reset()
        IDS.reset()

    def __exit__(self, *_: object) -> None:
        for module, name, real in self._real:
            setattr(module, name, real)
