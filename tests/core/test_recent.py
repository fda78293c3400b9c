"""What was used last stays, and never more than may."""

from __future__ import annotations

from syncd.core.recent import Recent


def test_what_was_used_last_stays() -> None:
    recent = Recent[str, int](10)
    recent.put("a", 1, 4)
    recent.put("b", 2, 4)
    assert recent.get("a") == 1
    recent.put("c", 3, 4)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_what_is_put_again_counts_once() -> None:
    recent = Recent[str, int](10)
    for value in range(5):
        recent.put("a", value, 6)
    recent.put("b", 7, 4)
    assert (recent.get("a"), recent.get("b")) == (4, 7)
    recent.drop("a")
    recent.drop("a")
    recent.put("c", 8, 6)
    assert (recent.get("b"), recent.get("c"), len(recent)) == (7, 8, 2)


def test_the_last_stays_whatever_it_weighs() -> None:
    recent = Recent[str, int](10)
    recent.put("a", 1, 4)
    recent.put("b", 2, 400)
    assert (recent.get("a"), recent.get("b")) == (None, 2)
    recent.put("c", 3, 4)
    assert (recent.get("b"), recent.get("c")) == (None, 3)
