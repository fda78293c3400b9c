"""What must not grow does not, and who must not wait for each other does not. Nothing is timed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.scale import contention, fanout, growth, herd
from tests.bench.scale.crowd import STORE, Crowd, paths
from tests.bench.scale.metered import Metered, metered

CHECKOUT = Path(__file__).parents[2]

SIZES = (12, 48)
"""Small, and four times that: more of anything than an entry or a page has room for."""


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    with metered(tmp_path_factory.mktemp("metered")) as made:
        yield made


@pytest.mark.parametrize("dimension", growth.DIMENSIONS)
def test_no_function_reads_or_writes_more_of_more(meter: Metered, dimension: str) -> None:
    for each in growth.grown(meter, dimension, SIZES):
        small, large = each.spent
        told = f"{each.function} with more {dimension}"
        assert large.documents_read == small.documents_read, told
        assert large.ranges == small.ranges, told
        # Names have more digits, no more.
        assert large.bytes_read <= 1.005 * small.bytes_read + 50, told
        assert large.bytes_written <= 1.005 * small.bytes_written + 50, told


def test_no_function_uses_more_than_the_page_tells(meter: Metered) -> None:
    crowd = growth.begin(meter, "entries 10")
    growth.entries(crowd, 10)
    measured = growth.probe(crowd)
    told = dict(_told_of_functions())
    for title, numbers in told.items():
        spent = measured[_function(title)]
        used = (spent.documents_read, spent.bytes_read, spent.ranges, spent.bytes_written)
        told_and_used = list(zip(numbers, used, strict=True))
        assert all(used <= 1.1 * most for most, used in told_and_used), (title, told_and_used)
    assert len(told) == 10


def _told_of_functions() -> Iterator[tuple[str, tuple[int, ...]]]:
    page = (CHECKOUT / "docs/scale.md").read_text()
    table = page.partition("| function |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        title, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
        yield title, tuple(int(number.replace(",", "") or 0) for number in numbers)


def _function(title: str) -> str:
    name = title.split("`")[1]
    return f"{name} of 100" if "100" in title else name


def test_machines_conflict_about_what_both_write_and_nothing_else(meter: Metered) -> None:
    table = contention.conflicts(meter)
    found = {(one, other) for one, row in table.items() for other in row if row[other]}
    both = {"push of a shared file", "update of the shared record"}
    expected = {(one, other) for one in both for other in both}
    # What a machine heard last it shows as a witness.
    expected |= {("hello", other) for other in both}
    # Who withdraws a store last takes it away.
    expected |= {("register, changed", "register, changed")}
    assert found == expected


def test_only_changes_of_the_workspace_wake_its_listeners(meter: Metered) -> None:
    crowd, other = growth.begin(meter, "woken"), growth.begin(meter, "woken too")
    writer, reader = crowd.devices[:2]
    cursor, head = crowd.head(reader)
    attempts = contention.attempts(crowd, 0, cursor)
    quiet = {"hello", "register, as before", "register, changed", "record of a sample"}
    assert not any(head.depends_on(attempts[name]) for name in quiet)
    assert not head.depends_on(other.push(other.devices[0], [other.operation("new.json")]))
    # Kept, since an attempt has no place in the feed yet.
    assert head.depends_on(crowd.push(writer, [crowd.operation("new.json")]))


def test_a_page_reads_what_is_behind_its_cursor_only(meter: Metered) -> None:
    crowd = growth.begin(meter, "pages")
    writer, reader = crowd.devices[:2]
    cursor, _ = crowd.head(reader)
    _, nothing = crowd.changes(reader, cursor, witnesses=0)
    crowd.push(writer, [crowd.operation(path) for path in paths(7)])
    page, seven = crowd.changes(reader, cursor, witnesses=0)
    assert [change["store"] for change in page["changes"]] == [STORE] * 7
    assert seven.documents_read == nothing.documents_read + 7


def test_a_full_push_of_files_that_everybody_writes_is_within_the_platforms_bounds(
    meter: Metered,
) -> None:
    crowd = Crowd(meter, "full", size=3000)
    devices, shared = crowd.enroll(20), paths(5)
    for device in devices:
        crowd.push(device, [crowd.operation(path) for path in shared])
    operations = [crowd.operation(path) for path in shared]
    spent = meter.attempt("sync:push", **devices[0].who, operations=operations)
    # 200 operations a push, 4,096 ranges a mutation: convex/model/limits.ts.
    assert spent.ranges * 200 / len(shared) < 4096


def test_machines_that_lost_a_deployment_do_not_come_back_at_once() -> None:
    for outage in (5, 60, 600):
        together = herd.come_back(1000, outage, herd.even)
        spread = herd.come_back(1000, outage, herd.seeded(1))
        assert together.busiest == 1000
        assert spread.busiest < 400
        assert spread.refused == 0


def test_every_listener_hears_of_a_save(tmp_path: Path) -> None:
    (heard,) = fanout.measure(tmp_path / "data", [3])
    assert heard.listeners == 3
    assert 0 < heard.first <= heard.middle <= heard.last <= heard.fetched
