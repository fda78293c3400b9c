"""Which mutations get in each other's way, and how often each is run again for it.

Conflicts are measured: a mutation is in another's way where it writes a key in a range that the
other read. What follows from them is a model of the platform: an execution takes TAKES seconds; one
that finds at its end that something it read was written meanwhile is run again, RETRIES times at
most, after pauses from FIRST_BACKOFF doubled to LONGEST_BACKOFF.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .crowd import Crowd
from .growth import SHARED, begin
from .metered import Metered, Spent

TAKES = 0.02
RETRIES = 4
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 2.0
"""Seconds; the platform's own (`knobs.rs` of get-convex/convex-backend) but for TAKES, a guess."""


def conflicts(meter: Metered) -> dict[str, dict[str, bool]]:
    """Whether the first, of one machine, is run again when the second, of another, commits."""
    crowd = begin(meter, "conflicts")
    cursor, _ = crowd.head(crowd.devices[0])
    first, second = attempts(crowd, 0, cursor), attempts(crowd, 1, cursor)
    return {
        name: {other: spent.depends_on(second[other]) for other in second}
        for name, spent in first.items()
    }


def attempts(crowd: Crowd, who: int, cursor: str) -> Mapping[str, Spent]:
    """What mutations of one machine would use; none of them is kept."""
    device = crowd.devices[who]
    own = f"own-{who}.json"
    attempt = crowd.meter.attempt
    new = {**crowd.registration(device), "stores": crowd.registration(device)["stores"][:2]}
    return {
        "push of its own file": attempt(
            "sync:push", **device.who, operations=[crowd.operation(own)]
        ),
        "push of a shared file": attempt(
            "sync:push", **device.who, operations=[crowd.operation(SHARED)]
        ),
        "hello": attempt("sync:hello", **crowd.greeting(device, cursor, 2)),
        "register, as before": attempt("sync:register", **crowd.registration(device)),
        "register, changed": attempt("sync:register", **new),
        "update of the shared record": attempt(
            "workflows:update", **device.who, id="shared", updates={"n": who}
        ),
        "record of a sample": attempt(
            "metrics:record", **device.who, type="t", name="n", value=who, timestamp=0
        ),
    }


@dataclass(frozen=True)
class Mutation:
    """What a mutation depends on and what it changes, by name."""

    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """Of a run: mutations committed and given up, executions, seconds of the slowest hundredth."""

    committed: int
    given_up: int
    executions: int
    p99: float

    @property
    def each(self) -> float:
        """Executions a mutation."""
        return self.executions / max(1, self.committed + self.given_up)


Make = Callable[[random.Random, int], Mutation]
"""The next mutation of a machine, by its number."""


def contend(make: Make, machines: int, rate: float, seconds: float, seed: int = 1) -> Outcome:
    """Let `machines` send `rate` mutations a second each, for so many seconds."""
    rng = random.Random(seed)
    number = 0
    waiting: list[tuple[float, int, float, int, Mutation]] = []
    for machine in range(machines):
        at = rng.expovariate(rate)
        while at < seconds:
            # When it ends, a tie-breaker, when it was asked for, attempts so far.
            waiting.append((at + _takes(rng), number, at, 1, make(rng, machine)))
            number += 1
            at += rng.expovariate(rate)
    began = {each[1]: each[2] for each in waiting}
    heapq.heapify(waiting)
    changed: dict[str, float] = {}
    committed, given_up, executions, latencies = 0, 0, 0, []
    while waiting:
        now, one, asked, attempts, mutation = heapq.heappop(waiting)
        executions += 1
        if any(changed.get(name, -1.0) >= began[one] for name in mutation.reads):
            if attempts > RETRIES:
                given_up += 1
                continue
            most = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempts - 1))
            began[one] = now + rng.uniform(0, most)
            heapq.heappush(waiting, (began[one] + _takes(rng), one, asked, attempts + 1, mutation))
            continue
        committed += 1
        latencies.append(now - asked)
        changed |= dict.fromkeys(mutation.writes, now)
    latencies.sort()
    return Outcome(committed, given_up, executions, latencies[int(0.99 * (len(latencies) - 1))])


def _takes(rng: random.Random) -> float:
    return TAKES * rng.uniform(0.5, 1.5)


def own_files(rng: random.Random, machine: int) -> Mutation:
    """A save of a file that only this machine writes."""
    key = f"{machine}/{rng.randrange(100)}"
    return Mutation(frozenset({key}), frozenset({key, "head"}))


def one_file(rng: random.Random, machine: int) -> Mutation:
    """A save of one file that all write."""
    return Mutation(frozenset({"shared"}), frozenset({"shared", "head"}))


def thousand_files(rng: random.Random, machine: int) -> Mutation:
    """A save of one of a thousand files that all write."""
    key = str(rng.randrange(1000))
    return Mutation(frozenset({key}), frozenset({key, "head"}))


def samples(rng: random.Random, machine: int) -> Mutation:
    """A sample, into one of the sixteen logs that calls are spread over."""
    log = f"log {rng.randrange(16)}"
    return Mutation(frozenset({log}), frozenset({log}))


def reading_the_head(rng: random.Random, machine: int) -> Mutation:
    """A save of an own file by a mutation that reads the head: what `push` must never do."""
    saved = own_files(rng, machine)
    return Mutation(saved.reads | {"head"}, saved.writes)


LOADS: Mapping[str, Make] = {
    "files of their own": own_files,
    "a thousand shared files": thousand_files,
    "one shared file": one_file,
    "samples (metrics:record)": samples,
    "if push read the head": reading_the_head,
}
