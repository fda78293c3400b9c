"""Full text search: which documents, in which order, and that writes are found at once."""

from __future__ import annotations

from typing import Any

import pytest

from .backend import Backend


def fill(backend: Backend, tag: str, *texts: str, **more: str) -> list[str]:
    return [str(backend.mutate("pages:insert", tag=tag, text=text, **more)) for text in texts]


def search(backend: Backend, tag: str, words: str, **more: object) -> list[str]:
    found = backend.query("pages:search", tag=tag, words=words, **more)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("lorry", {"red lorry", "Yellow LORRY, red-hot"}),
        ("red", {"red lorry", "Yellow LORRY, red-hot", "reddish: tint"}),
        ("red lorry", {"red lorry", "Yellow LORRY, red-hot"}),
        ("lor", {"red lorry", "Yellow LORRY, red-hot"}),
        ("lor tint", {"reddish: tint"}),
        ("HOT", {"Yellow LORRY, red-hot"}),
        ("éclair", {"Éclair au café"}),
        ("nothing", set()),
        ("", set()),
        ("?!", set()),
    ],
)
def test_any_of_the_words_and_the_beginning_of_the_last(
    backend: Backend, tag: str, words: str, found: set[str]
) -> None:
    fill(backend, tag, "red lorry", "Yellow LORRY, red-hot", "reddish: tint", "Éclair au café")
    assert set(search(backend, tag, words)) == found


def test_the_best_match_first_and_of_equal_ones_the_newest(backend: Backend, tag: str) -> None:
    fill(backend, tag, "one word", "rare word", "rare rare word", "another word")
    assert search(backend, tag, "word rare") == [
        "rare rare word", "rare word", "another word", "one word",
    ]  # fmt: skip
    assert search(backend, tag, "word rare", limit=1) == ["rare rare word"]


def test_filters_are_equalities(backend: Backend, tag: str) -> None:
    fill(backend, tag, "on a shelf", shelf="top")
    fill(backend, tag, "on the floor")
    assert search(backend, tag, "on", shelf="top") == ["on a shelf"]
    assert search(backend, f"{tag} other", "on") == []


def test_a_write_is_found_at_once_and_an_undone_one_never(backend: Backend, tag: str) -> None:
    first, second = fill(backend, tag, "apple pie", "apple tart")
    backend.mutate("pages:rewrite", id=first, text="plum pie")
    assert search(backend, tag, "apple") == ["apple tart"]
    assert search(backend, tag, "plum") == ["plum pie"]
    failed = backend.call("mutation", "pages:rewrite", {"id": second, "text": "x", "fails": True})
    assert "undo this" in failed.error
    assert search(backend, tag, "apple") == ["apple tart"]
    backend.mutate("pages:rewrite", id=second, text=None)
    assert search(backend, tag, "apple") == []


def test_too_many_words_are_refused(backend: Backend, tag: str) -> None:
    words = " ".join(f"w{number}" for number in range(17))
    refused = backend.call("query", "pages:search", {"tag": tag, "words": words})
    assert "at most 16 words" in refused.error


def paged(backend: Backend, tag: str, words: str, size: int, **more: str) -> list[list[str]]:
    """Every page of a search, `size` documents on each."""
    pages: list[list[str]] = []
    cursor = None
    while True:
        asked = {"numItems": size, "cursor": cursor}
        found: Any = backend.query("pages:searchPage", tag=tag, words=words, **more,
                                   paginationOpts=asked)  # fmt: skip
        pages.append(found["page"])
        if found["isDone"]:
            return pages
        cursor = found["continueCursor"]


def test_a_search_is_read_in_pages(backend: Backend, tag: str) -> None:
    fill(backend, tag, *(f"word {number}" for number in range(5)), "rare word", "rare rare word")
    whole = search(backend, tag, "word rare")
    assert whole[:3] == ["rare rare word", "rare word", "word 4"]
    assert paged(backend, tag, "word rare", 3) == [whole[:3], whole[3:6], whole[6:]]
    kept = [text for text in whole if text != "word 4"]
    assert paged(backend, tag, "word rare", 3, without="word 4") == [kept[:3], kept[3:], []]
    assert paged(backend, tag, "nothing", 3) == [[]]


def test_pages_of_a_search_end_where_a_search_ends(backend: Backend, tag: str) -> None:
    for number in range(1030):
        backend.mutate("pages:insert", tag=tag, text=f"many {number}")
    pages = paged(backend, tag, "many", 600)
    assert [len(page) for page in pages] == [600, 424]
    assert [text for page in pages for text in page] == search(backend, tag, "many")


def test_a_page_of_a_search_may_be_read_up_to_where_it_ended(backend: Backend, tag: str) -> None:
    fill(backend, tag, "word 0", "word 1", "word 2")
    args = {"tag": tag, "words": "word"}
    first: Any = backend.query(
        "pages:searchPage", **args, paginationOpts={"numItems": 2, "cursor": None}
    )
    ends = {"numItems": 1, "cursor": None, "endCursor": first["continueCursor"]}
    again: Any = backend.query("pages:searchPage", **args, paginationOpts=ends)
    assert (again["page"], again["isDone"]) == (["word 2", "word 1"], False)
    assert again["continueCursor"] == first["continueCursor"]


def test_a_place_of_another_search_is_refused(backend: Backend, tag: str) -> None:
    fill(backend, tag, "word one", "word two")
    args = {"tag": tag, "paginationOpts": {"numItems": 1, "cursor": None}}
    first: Any = backend.query("pages:searchPage", words="word", **args)
    args["paginationOpts"] = {"numItems": 1, "cursor": first["continueCursor"]}
    refused = backend.call("query", "pages:searchPage", {"words": "one", **args})
    assert "InvalidCursor" in refused.error


def test_a_field_within_a_field_is_searched(backend: Backend, tag: str) -> None:
    page = backend.mutate("pages:insert", tag=tag, text="t", about={"title": "red lorry"})
    assert backend.query("pages:searchTitle", tag=tag, words="lorry") == ["t"]
    backend.mutate("pages:rewrite", id=page, text=None)
    assert backend.query("pages:searchTitle", tag=tag, words="lorry") == []
