"""What history forgets, by the rule that its module spells."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Digest
from syncd.core.retention import AGE, GONE, NEWEST, SIZE, Replaced, surplus

NOW = 10_000 * 86400.0
HOUR, DAY = 3600.0, 86400.0


def version(number: int, age: float, path: str = "a", digest: str | None = None) -> Replaced:
    return Replaced(number, "flows", path, Digest(digest or f"d{number}"), NOW - age)


def gone(versions: list[Replaced], sizes: dict[Digest, int] | None = None,
         needed: frozenset[Digest] = frozenset()) -> set[int]:  # fmt: skip
    return {each.number for each in surplus(versions, sizes or {}, needed, NOW)}


def test_the_newest_few_of_each_path_stay_however_old() -> None:
    versions = [version(n, (400 + n) * DAY, path) for path in "ab" for n in range(5)]
    assert sorted(each.number for each in surplus(versions, {}, (), NOW)) == [3, 3, 4, 4]


def test_what_is_older_than_a_month_goes() -> None:
    recent = [version(n, n * 60.0) for n in range(NEWEST)]
    assert gone([*recent, version(8, AGE - 1), version(9, AGE + 1)]) == {9}


def test_a_day_is_kept_whole_a_week_by_the_hour_a_month_by_the_day() -> None:
    recent = [version(n, n * 60.0) for n in range(NEWEST)]
    today = [version(10, 5 * HOUR), version(11, 5 * HOUR + 1)]
    hour = [version(20, 3 * DAY + 60), version(21, 3 * DAY + 120), version(22, 3 * DAY + 2 * HOUR)]
    day = [version(30, 20 * DAY + 60), version(31, 20 * DAY + HOUR), version(32, 22 * DAY)]
    assert gone([*recent, *today, *hour, *day]) == {21, 31}


def test_a_version_that_a_conflict_names_stays() -> None:
    recent = [version(n, n * 60.0) for n in range(NEWEST)]
    old = [version(8, 2 * AGE), version(9, 2 * AGE + 1)]
    assert gone([*recent, *old], needed=frozenset({Digest("d9")})) == {8}


def test_beyond_the_size_the_oldest_go_and_the_newest_few_stay() -> None:
    versions = [version(n, n * HOUR) for n in range(6)]
    sizes = {each.digest: SIZE // 4 for each in versions}
    assert gone(versions, sizes) == {4, 5}
    assert gone(versions, dict.fromkeys(sizes, SIZE)) == {3, 4, 5}


def test_bytes_that_two_versions_share_count_once() -> None:
    versions = [version(n, n * HOUR, digest="same") for n in range(9)]
    assert gone(versions, {Digest("same"): SIZE}) == set()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 60 * DAY),
                          st.integers(0, 6), st.integers(0, SIZE)), max_size=40))  # fmt: skip
def test_a_second_round_finds_nothing_and_the_newest_are_never_lost(
    told: list[tuple[str, float, int, int]],
) -> None:
    versions = [version(n, age, path, f"d{d}") for n, (path, age, d, _) in enumerate(told)]
    sizes = {Digest(f"d{digest}"): size for _, _, digest, size in told}
    dropped = gone(versions, sizes)
    left = [each for each in versions if each.number not in dropped]
    assert gone(left, sizes) == set()
    for path in "ab":
        ages = sorted((NOW - v.since, -v.number) for v in versions if v.path == path)[:NEWEST]
        assert not dropped & {-number for _, number in ages}


def slot(age: float, since: float) -> tuple[float, float] | None:
    """What is thinned to one: an hour of a week, a day of what is older."""
    width = HOUR if age <= 7 * DAY else DAY
    return None if age <= DAY else (width, since // width)


@given(st.lists(st.tuples(st.sampled_from("ab"),
                          st.sampled_from([0, 1, 2, 7, 30]).flatmap(
                              lambda day: st.integers(48 * day, 48 * day + 9)),
                          st.sampled_from("defg")),
                unique=True, min_size=10, max_size=40),
       st.dictionaries(st.sampled_from("defg"), st.sampled_from([SIZE // 3, SIZE])))  # fmt: skip
def test_exactly_what_the_rule_names_goes(
    told: list[tuple[str, int, str]], sizes: dict[str, int]
) -> None:
    versions = [
        version(number, half_hours * HOUR / 2, path, digest)
        for number, (path, half_hours, digest) in enumerate(sorted(told, key=lambda each: -each[1]))
    ]
    by_rule, spared, kept = set[int](), set[Digest](), list[Replaced]()
    for each in reversed(versions):
        age, newer = (
            NOW - each.since,
            [o for o in versions[each.number + 1 :] if o.path == each.path],
        )
        mine = slot(age, each.since)
        if len(newer) < NEWEST:
            spared.add(each.digest)
        elif age > AGE or (mine and mine in [slot(NOW - o.since, o.since) for o in newer]):
            by_rule.add(each.number)
        else:
            kept.append(each)
    for place, each in enumerate(kept):
        stays = spared.union(one.digest for one in kept[: place + 1])
        if sum(sizes.get(digest, 0) for digest in stays) > SIZE:
            by_rule.add(each.number)
    assert gone(versions, {Digest(digest): size for digest, size in sizes.items()}) == by_rule


def test_of_what_is_gone_the_newest_few_go_too_in_the_end() -> None:
    ages = [1.0, AGE + 1, GONE, GONE + 1, 9 * GONE]
    left = [replace(version(n, age, f"run-{n}"), gone=True) for n, age in enumerate(ages)]
    assert gone([*left, version(9, 9 * GONE, "stays")]) == {3, 4}
    assert gone(left, needed=frozenset({Digest("d3")})) == {4}
