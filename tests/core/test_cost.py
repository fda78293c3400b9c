"""What a month comes to, and that nothing that was counted is counted twice or lost."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.cost import (
    DAY,
    LOOKED_BACK,
    NOTHING,
    Allowance,
    Cost,
    Spending,
    day_of,
    exceeding,
    month_of,
    projected,
    spent,
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-11-16T12:00")
TODAY = day_of(NOON)

amounts = st.integers(0, 10**9)
costs = st.builds(Cost, amounts, amounts, amounts, amounts, amounts)
books = st.dictionaries(st.integers(TODAY - 40, TODAY), costs, max_size=40)


def test_months_are_those_of_the_calendar_in_utc() -> None:
    assert len(month_of(at("2028-02-29T23:59:59"))) == 29
    december = month_of(at("2026-12-31T23:59:59"))
    assert (december.start, december.stop) == (
        day_of(at("2026-12-01")), day_of(at("2027-01-01")),
    )  # fmt: skip


def test_nothing_is_projected_before_a_whole_day_was_counted() -> None:
    assert projected({}, NOON) is None
    assert projected({TODAY: Cost(calls=10**6)}, NOON) is None
    assert projected({TODAY - 1: Cost(calls=10**6)}, NOON) is None, "counting began within that day"
    found = projected({TODAY - 2: Cost(calls=10**6), TODAY - 1: Cost(calls=100)}, NOON)
    assert found is not None
    assert found.days == 1
    assert found.calls == 10**6 + 100 + round(100 * 14.5), "the first mirror is not what days cost"


def test_idle_days_count() -> None:
    found = projected({TODAY - 8: Cost(calls=1), TODAY - 1: Cost(calls=70)}, NOON)
    assert found is not None
    assert (found.days, found.calls) == (7, 71 + round(10 * 14.5))


@given(books, st.floats(0, 0.999))
def test_a_projection_is_what_was_spent_and_more(book: dict[int, Cost], share: float) -> None:
    now = (TODAY + share) * DAY
    found = projected(book, now)
    if found is None:
        assert not book or min(book) >= TODAY - 1
        return
    month = spent(book, month_of(now))
    assert found.calls >= month.calls
    assert found.database >= month.database
    assert 1 <= found.days <= LOOKED_BACK
    busiest = max((cost.calls for cost in book.values()), default=0)
    assert found.calls <= month.calls + busiest * (month_of(now).stop - now / DAY) + 1


@given(costs)
def test_even_days_are_projected_exactly(each: Cost) -> None:
    book = dict.fromkeys(range(TODAY - 40, TODAY), each)
    found = projected(book, TODAY * DAY)
    assert found is not None
    assert found.calls == each.calls * len(month_of(NOON))
    assert found.database == each.database * len(month_of(NOON))


def test_what_a_month_will_not_do_with_is_told() -> None:
    allowance = Allowance(calls=1000, database=1000)
    even = {day: Cost(calls=30, sent=10) for day in range(TODAY - 10, TODAY + 1)}
    assert exceeding(even, allowance, NOON) == ""
    even[TODAY - 1] = Cost(calls=600)
    assert "by the end of the month at this rate" in exceeding(even, allowance, NOON)
    assert exceeding({TODAY: Cost(received=1001)}, allowance, NOON) == (
        "at least 1,001 bytes of database traffic this month, and 1,000 are included"
    )
    assert exceeding({TODAY: Cost(calls=10**9)}, Allowance(), NOON) == ""


STEPS = ["add", "back", "write", "begin", "stand", "fall", "open", "lose"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), costs, st.integers(0, 2))))
def test_everything_is_counted_once(steps: list[tuple[str, Cost, int]]) -> None:
    spending = Spending()
    book: dict[int, Cost] = {}
    total = NOTHING
    writing: dict[int, Cost] | None = None
    for step, cost, day in steps:
        if step in ("add", "back"):
            cost = cost if step == "add" else -cost
            spending.add(cost, (TODAY + day) * DAY)
            total += cost
        elif step == "open" and writing is None:
            spending.known(book)
        elif step == "lose" and writing is None:
            book.clear()
            spending.lost()
        elif step == "begin" and writing is None:
            writing = dict(spending.unwritten)
        elif step == "fall":
            writing = None
        elif step in ("stand", "write"):
            done = dict(spending.unwritten) if writing is None else writing
            for each, more in done.items():
                book[each] = book.get(each, NOTHING) + more
            spending.written(done)
            writing = None
        assert sum(spending.costs.values(), NOTHING) == total
        left = sum(spending.unwritten.values(), NOTHING)
        assert sum(book.values(), NOTHING) + left == total
