"""How much of a page is heard at once: as much as one answer carries of its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import TOMBSTONE, Change, Content, Cursor, Key, Snapshot, Witness
from syncd.core.news import Page
from syncd.core.portion import ANSWER
from syncd.engine.exchange import bodies
from syncd.engine.exchange.pages import by_place, cut, lacking
from syncd.errors import Unavailable

from .fakes import STORE, Machine, Remote, deployment, digest

MANY = 6


def told(name: int, size: int | None, at: int, *, here: bool) -> Change:
    version = TOMBSTONE if size is None else Content(digest(b"%d" % name), size)
    body = b"x" * size if here and size is not None else None
    return Change(Key(STORE, f"{name}.txt"), Snapshot(1, version, at), "desk", body)


PLACES = st.lists(
    st.lists(st.tuples(st.none() | st.integers(0, 50), st.booleans()), min_size=1, max_size=4),
    min_size=1,
    max_size=12,
)


@given(PLACES, st.integers(1, 120), st.integers(1, 8))
def test_a_page_is_cut_between_places_only_and_no_smaller_than_need_be(
    places: list[list[tuple[int | None, bool]]], most: int, rows: int
) -> None:
    page = [
        told(10 * at + number, size, at, here=here)
        for at, group in enumerate(places)
        for number, (size, here) in enumerate(group)
    ]
    cuts = list(cut(by_place(page), rows, lambda: most))
    assert [change for some in cuts for change in some] == page
    ats = [{change.snapshot.at for change in some} for some in cuts]
    assert all(not left & right for left, right in pairwise(ats))
    for some, places_of, after in zip(cuts, ats, [*cuts[1:], None], strict=True):
        fits = len(some) <= rows and sum(map(lacking, some)) <= most
        assert fits or len(places_of) == 1
        if after is not None:
            more = next(by_place(after))
            assert len(some + more) > rows or sum(map(lacking, some + more)) > most


class Lacking(Remote):
    """Tells the feed without bytes, answers of a fetch what it may, and is away after `lasts`."""

    def __init__(self, remote: Remote, lasts: int) -> None:
        super().__init__(remote.deployment, remote.device)
        self.lasts = lasts
        self.answered: list[int] = []

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        page = self.deployment.changes(self.device, stores, cursor, witnesses, known)
        for change in page.changes:
            object.__setattr__(change, "body", None)
        return page

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        if len(self.answered) == self.lasts:
            raise Unavailable("the deployment is away", "wait")
        answers = await super().fetch(keys, most)
        self.answered.append(len(answers))
        return answers


async def story(folder: Path) -> tuple[Machine, Machine]:
    """Two machines in sync, and one saves many texts of 100 bytes, of which the other lacks all."""
    writer = Machine(folder / "writer", deployment(), "writer")
    reader = Machine(folder / "reader", writer.deployment, "reader")
    await writer.sync()
    await reader.sync()
    for number in range(MANY):
        writer.save(**{f"n{number}": f"{number:0100}"})
        await writer.sync()
    return writer, reader


async def test_large_texts_are_not_held_in_memory_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANSWER", 250)
    writer, reader = await story(tmp_path)
    reader.remote = lacking = Lacking(reader.remote, lasts=100)
    await reader.sync()
    assert reader.tree() == writer.tree()
    assert lacking.answered == [2] * (MANY // 2)


async def test_what_was_heard_stays_where_the_deployment_is_lost_in_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANSWER", 250)
    writer, reader = await story(tmp_path)
    fetched = []
    for _ in range(MANY // 2 - 1):
        reader.remote = lacking = Lacking(reader.remote, lasts=1)
        with pytest.raises(Unavailable):
            await reader.sync()
        fetched += lacking.answered
    reader.remote = lacking = Lacking(reader.remote, lasts=1)
    await reader.sync()
    assert reader.tree() == writer.tree()
    assert fetched == [2] * (MANY // 2 - 1)


async def test_keys_that_are_wanted_are_fetched_as_many_as_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANSWER", 250)
    writer, reader = await story(tmp_path)
    await reader.sync()
    reader.remote = lacking = Lacking(reader.remote, lasts=100)
    with closing(reader.ledger()) as ledger:
        session = reader.session(ledger)
        online = session._online
        assert online is not None
        online.puller.fetch(Key(STORE, f"n{number}.txt") for number in range(MANY))
        await session.once(lambda *_: None)
    assert lacking.answered == [2] * (MANY // 2)
    assert reader.tree() == writer.tree()
