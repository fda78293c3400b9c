"""What is known and done of one store, file or record has nothing to do with those beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, get_args

import pytest

from syncd.core.decision import FileState
from syncd.core.guard import Direction
from syncd.core.log import Extent, Log
from syncd.core.model import TOMBSTONE, Content, Digest, Key, Snapshot
from syncd.core.reading import Stat
from syncd.ledger.deletions import State
from syncd.ledger.ledger import Ledger

SAME, OTHER = Digest("a" * 64), Digest("b" * 64)
FILE, KEY = Key("flows", "a.json"), Key("flows", "a.json", "r")
BESIDE = {
    "store": [Key("notes", "a.json", "r"), Key("notes", "a.json")],
    "file": [Key("flows", "b.json", "r"), Key("flows", "b.json"), Key("flows", "a.json0")],
    "key": [FILE, Key("flows", "a.json", "s")],
}
"""What lies beside KEY: in another store, in another file, in the same one."""

STATES: tuple[State, ...] = get_args(State)
AGREED = ((1, SAME), (1, None), (None, None))
VARIANTS = list(product((SAME, None), AGREED, STATES))
"""What is sent, what is agreed on, and what became of a deletion."""

Variant = tuple[Digest | None, tuple[int | None, Digest | None], State]
WAYS = (Direction.TO_REMOTE, Direction.TO_LOCAL)
CONTENT = Content(SAME, 1)
STAT = Stat(1, 1, 1, 1)


def beside(scope: str) -> list[Key]:
    wider = list(BESIDE)[: list(BESIDE).index(scope) + 1]
    return [key for each in wider for key in BESIDE[each]]


def fill(ledger: Ledger, keys: Collection[Key], variant: Variant, digest: Digest = SAME) -> None:
    """A row of every key in every table that has any."""
    sent, (revision, base), deletion = variant
    told: dict[str, Any] = {"kind": "workflow", "format": "json", "what": "pushed", "why": "pull"}
    told |= dict.fromkeys(("place", "number", "resolved", "upload", "target", "taken"))
    told |= {"base_revision": revision, "base_digest": base and digest, "remote_moved_to": "b"}
    for (table, columns), key in product(tables(ledger), keys):
        rows: list[dict[str, Any]] = [{}]
        if table == "outbox":
            rows = [
                {"state": state, "digest": sent and digest, "operation": f"{key} {state}"}
                for state in ("queued", "sent", "parked")
            ]
        elif table in ("deletions", "guards"):
            rows = [{"direction": way, "state": deletion} for way in WAYS]
        elif table == "former":
            rows = [{"digest": OTHER}, {"digest": digest}]
        elif table == "logs":
            rows = [{"generation": key.path, "inode": sum(key.path.encode())}]
        for row in rows:
            values = told | key._asdict() | row
            ledger._connection.execute(
                f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(columns))})",
                [values.get(name, digest if kind == "TEXT" else 1) for name, kind in columns],
            )


@cache
def tables(ledger: Ledger) -> list[tuple[str, list[tuple[str, str]]]]:
    """Those that say something of a store, with their columns and the types of these."""
    found = []
    for (table,) in ledger._connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ):
        told = ledger._connection.execute(f"PRAGMA table_info({table})").fetchall()
        if "store" in (columns := {row[1]: row[2] for row in told}):
            found.append((table, list(columns.items())))
    return found


def told_of_a_store(ledger: Ledger) -> Iterator[Any]:
    for way in WAYS:
        yield [ledger.deletions.listed(state, "flows", way) for state in STATES]
        yield ledger.deletions.listed("gone", "flows", way, queued=True)
        yield ledger.deletions.any_of("flows", way, [SAME])
        yield ledger.deletions.size("flows", way)
        yield ledger.views.moved("flows", way)
        yield ledger.views.returned("flows", way)
    yield ledger.deletions.decided("flows")
    yield from (list(ledger.entries.live("flows", unread=unread)) for unread in (False, True))
    yield from (list(ledger.entries.unfinished("flows", here=here)) for here in (False, True))
    yield ledger.entries.count_live("flows")
    yield list(ledger.places.files("flows"))
    yield ledger.places.digests("flows", ["a.json"])
    yield ledger.places.files_behind("flows", "", 9)
    yield from (ledger.places.like("flows", SAME, 1, most) for most in (0, 9))
    yield ledger.takeovers.had(SAME, "flows", ("x", "y"))
    yield ledger.views.linked([(KEY, Stat(2, 2, 2, 1))])
    yield ledger.attention.held("flows")
    yield ledger.attention.held_records("flows")
    yield ledger.epochs.remembered("flows")
    yield ledger.past.below("flows", "")
    yield ledger.records.absent("flows")
    yield ledger.records.paths("flows")
    yield ledger.forgetting.outstanding("flows")
    yield ledger.forgetting.path_behind("flows", "", 1)
    yield ledger.events.came("flows", 0)
    yield ledger.events.of(Key("flows", ""), 9)
    yield ledger.logs.of("flows")
    yield ledger.outbox.newest("flows")


def told_of_a_file(ledger: Ledger) -> Iterator[Any]:
    yield ledger.places.file(FILE.store, FILE.path)
    yield ledger.records.known(FILE)
    yield ledger.records.locals(FILE)
    yield [replace(each, number=0) for each in ledger.conflicts.unresolved(FILE)]
    yield ledger.events.of(FILE, 9)
    yield ledger.past.below(FILE.store, FILE.path)


def told_of_a_key(ledger: Ledger) -> Iterator[Any]:
    yield ledger.entries.get(KEY)
    yield ledger.authoring.authored(KEY)
    yield ledger.entries.last_write(KEY)
    yield ledger.carried.started(KEY)
    yield ledger.views.of([KEY])
    yield ledger.views.devices([KEY])
    yield from (ledger.deletions.states(way, [KEY]) for way in WAYS)
    yield ledger.outbox.pending(KEY)
    yield ledger.uploads.wants(KEY, CONTENT)
    yield ledger.attention.reason(KEY)
    yield [replace(each, number=0) for each in ledger.conflicts.unresolved(KEY)]
    yield ledger.epochs.former(KEY)
    yield from (ledger.past.at(KEY, time) for time in (0, 2))
    yield ledger.past.newest(KEY, 0)
    yield ledger.past.last(KEY)
    yield ledger.past.known(KEY, SAME, "pull")
    yield ledger.past.revision(KEY, 1)
    yield ledger.past.starting(KEY, "a")
    yield ledger.records.ours(KEY, TOMBSTONE)
    yield ledger.records.origin(KEY)
    yield ledger.events.of(KEY, 9)
    yield ledger.events.author(KEY, SAME)


DONE: dict[str, list[Callable[[Ledger], Any]]] = {
    "store": [
        lambda led: led.deletions.approve("flows", 2.0),
        lambda led: led.deletions.withdraw("flows", 2.0),
        lambda led: led.epochs.settle("flows"),
        lambda led: led.forgetting.notes("flows"),
        lambda led: led.forgetting.unmatched("flows", lambda path: False),
        lambda led: led.forgetting.store("flows"),
        lambda led: led.forgetting.gone("flows", "", None, 9),
        lambda led: led.records.begin("flows", SAME, ["a.json"]),
        lambda led: led.attention.lift_guard("flows", Direction.TO_REMOTE),
        lambda led: led.logs.forget(
            Log("flows", "a.json", "a", 1, Extent(1, ""), True, Extent(1, ""))
        ),
    ],
    "file": [
        lambda led: led.forgetting.noted([KEY]),
        lambda led: led.forgetting.unmatched("flows", lambda path: path != "a.json"),
        lambda led: led.records.wrote(KEY),
        lambda led: led.rejecting.bring_back([KEY]),
        lambda led: led.forgetting.bases([KEY]),
        lambda led: led.places.record_files([(KEY, None)]),
        lambda led: led.places.record_files([(KEY, FileState(STAT, OTHER, 2))]),
    ],
    "key": [
        lambda led: led.forgetting.bases([KEY]),
        lambda led: led.rejecting.bring_back([KEY]),
        lambda led: led.rejecting.put_over([KEY]),
        lambda led: led.takeovers.record([KEY]),
        lambda led: led.carried.keep(KEY, 2),
        lambda led: led.carried.forget(KEY),
        lambda led: led.entries.agree([(KEY, Snapshot(2, Content(OTHER, 1)))], {KEY: OTHER}),
        lambda led: led.entries.acknowledge([(KEY, Snapshot(2, Content(OTHER, 1), 2))], "me"),
        lambda led: led.authoring.author([(KEY, OTHER)]),
        lambda led: led.epochs.pulled([(KEY, SAME)]),
        lambda led: led.records.keep(KEY, TOMBSTONE),
        lambda led: led.records.met([KEY]),
        lambda led: led.outbox.drop([KEY]),
        lambda led: led.outbox.retry(key=KEY),
        lambda led: led.attention.release_keys([KEY]),
        lambda led: led.attention.release(*KEY),
        lambda led: led.deletions.drop(Direction.TO_REMOTE, [KEY]),
        lambda led: led.deletions.forget_approvals(Direction.TO_LOCAL, [KEY]),
        lambda led: led.deletions.put(Direction.TO_LOCAL, {KEY: OTHER}, "spent", 2.0),
    ],
}


@pytest.mark.parametrize(
    ("scope", "told"),
    [("store", told_of_a_store), ("file", told_of_a_file), ("key", told_of_a_key)],
)
@pytest.mark.parametrize("own", [[], [FILE, KEY]])
def test_what_is_told_of_it_is_the_same_whatever_lies_beside_it(
    ledger: Ledger, scope: str, told: Callable[[Ledger], Iterator[Any]], own: list[Key]
) -> None:
    apart = [key for key in beside(scope) if key not in own]
    for variant in VARIANTS:
        with undone(ledger):
            fill(ledger, own, variant)
            alone = list(told(ledger))
        let_go: Variant = (None, AGREED[0], "approved")
        for other, digest in ((variant, SAME), (variant, OTHER), (let_go, SAME)):
            with undone(ledger):
                fill(ledger, apart, other, digest)
                fill(ledger, own, variant)
                assert list(told(ledger)) == alone, variant


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("scope", DONE)
def test_what_is_done_to_it_is_the_same_and_changes_nothing_that_lies_beside_it(
    ledger: Ledger, scope: str, *, last: bool
) -> None:
    apart = beside(scope)
    own = [key for key in (KEY, FILE, Key("flows", "b.json")) if key not in apart]
    for variant in VARIANTS:
        with undone(ledger):
            fill(ledger, own, variant)
            alone = [after(ledger, do, own) for do in DONE[scope]]
        with undone(ledger):
            if not last:
                fill(ledger, own, variant)
            fill(ledger, apart, (variant[0], AGREED[0], variant[2]))
            fill(ledger, own if last else (), variant)
            before = rows(ledger, apart)
            assert [after(ledger, do, own) for do in DONE[scope]] == alone, variant
            for place, do in enumerate(DONE[scope]):
                assert after(ledger, do, apart) == before, (place, variant)


def after(ledger: Ledger, do: Callable[[Ledger], Any], keys: Collection[Key]) -> set[Any]:
    with undone(ledger):
        do(ledger)
        return rows(ledger, keys)


@contextmanager
def undone(ledger: Ledger) -> Iterator[None]:
    ledger._connection.execute("SAVEPOINT done")
    try:
        yield
    finally:
        ledger._connection.execute("ROLLBACK TO done")
        ledger._connection.execute("RELEASE done")


def rows(ledger: Ledger, keys: Collection[Key]) -> set[tuple[Any, ...]]:
    """What is written of `keys`; in tables of files, of those that are theirs alone."""
    found: set[tuple[Any, ...]] = set()
    files = {key[:2] for key in keys} - (
        {KEY[:2]} if KEY not in keys or FILE not in keys else set()
    )
    stores = {(key.store,) for key in keys} - ({(KEY.store,)} if KEY not in keys else set())
    for table, columns in tables(ledger):
        names = [name for name, _ in columns]
        place = [names.index(name) for name in ("store", "path", "record") if name in names]
        for row in ledger._connection.execute(f"SELECT * FROM {table}"):
            key = tuple(row[at] for at in place)
            if key in keys or key in files or key in stores:
                told = (row[at] for at, name in enumerate(names) if name not in ("number", "place"))
                found.add((table, *told))
    return found
