"""What a save costs as more machines hear it, and what a newcomer's first contact costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.report.cost import ALLOWANCES

from .crowd import STORE, Crowd, paths
from .growth import begin
from .metered import Metered, Spent


@dataclass(frozen=True)
class Save:
    """One save of an idle workspace: what its machine does, and what each other one does."""

    size: int
    """Bytes of the file."""
    push: Spent
    head: Spent
    """What every machine's subscription runs again."""
    page: Spent
    """The page in which another machine meets it; the one that saved does not ask."""

    def calls(self, machines: int) -> int:
        """Function calls as the platform counts them: updates of subscriptions too."""
        return 1 + machines + (machines - 1)

    def database(self, machines: int) -> int:
        """Bytes of documents read and written."""
        hearing = machines * self.head.bytes_read + (machines - 1) * self.page.bytes_read
        return self.push.bytes_read + self.push.bytes_written + hearing

    def a_month(self, plan: str, machines: int) -> int:
        """How many saves the plan includes, of all machines together."""
        included = ALLOWANCES[plan]
        by_calls = (included.calls or 0) // self.calls(machines)
        return min(by_calls, (included.database or 0) // self.database(machines))


def save(meter: Metered, size: int) -> Save:
    """Measure a save of a file of `size` bytes among others of that size."""
    crowd = begin(meter, f"saves of {size}", size)
    writer, reader = crowd.devices[:2]
    cursor, _ = crowd.head(reader)
    push = crowd.push(writer, [crowd.operation(paths(1)[0])])
    _, head = crowd.head(reader)
    return Save(size, push, head, crowd.changes(reader, cursor)[1])


@dataclass(frozen=True)
class Contact:
    """A newcomer's first contact: calls, bytes of documents read, bytes of answers."""

    entries: int
    tombstones: int
    calls: int
    database: int
    answers: int


FETCHED = 100
"""Keys the daemon asks for at once."""


def first_contact(crowd: Crowd, tombstones: int) -> Contact:
    """Do what a newcomer with empty folders does, call for call."""
    (newcomer,) = crowd.enroll(1)
    told: list[tuple[object, Spent]] = []
    told.append(crowd.meter.mutation("sync:hello", **crowd.greeting(newcomer, None, 2)))
    told.append(crowd.meter.query("sync:head", **newcomer.who))
    after: object = None
    while after is not None or len(told) == 2:
        page, spent = crowd.meter.query(
            "sync:manifest", **newcomer.who, store=STORE, after=after
        )  # fmt: skip
        told.append((page, spent))
        after = page["next"]
        live = [_key(entry) for entry in page["entries"] if not entry["deleted"]]
        while live:
            answer, spent = crowd.meter.query(
                "sync:fetch", **newcomer.who, keys=live[:FETCHED]
            )  # fmt: skip
            told.append((answer, spent))
            live = live[len(answer["entries"]) :]
    return Contact(
        sum(digest is not None for _, digest in crowd.held.values()), tombstones, len(told),
        sum(spent.bytes_read for _, spent in told),
        sum(len(json.dumps(answer)) for answer, _ in told),
    )  # fmt: skip


def _key(entry: Mapping[str, object]) -> dict[str, object]:
    return {name: entry[name] for name in ("store", "path", "record")}
