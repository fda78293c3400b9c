"""What is told as what it changes in a text that is here is not fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.delta import Delta, Splice
from syncd.core.model import Change, Cursor, Key, Witness
from syncd.core.news import Page
from syncd.core.portion import ANSWER

from .fakes import Machine, Remote, deployment, digest

FORMER = "".join(f"line {number}\n" for number in range(1000))
TEXT = FORMER + "more\n"


class Telling(Remote):
    """Tells the one change it is asked for as a delta, and counts what is fetched."""

    def __init__(self, remote: Remote, told: Delta) -> None:
        super().__init__(remote.deployment, remote.device)
        self.told = told
        self.fetched: list[Key] = []

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        page = await super().changes(stores, cursor, witnesses, known, most)
        told = [
            replace(each, body=None, delta=self.told) if each.body is not None else each
            for each in page.changes
        ]
        return replace(page, changes=told)

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        self.fetched += keys
        return await super().fetch(keys, most)


async def received(folder: Path, told: Delta) -> Telling:
    """A machine that had FORMER hears of TEXT, told so."""
    writer = Machine(folder / "writer", deployment(), "writer")
    reader = Machine(folder / "reader", writer.deployment, "reader")
    writer.save(a=FORMER)
    await writer.sync()
    await reader.sync()
    writer.save(a=TEXT)
    await writer.sync()
    reader.remote = telling = Telling(reader.remote, told)
    await reader.sync()
    assert reader.tree() == {"a": TEXT}
    await reader.sync()
    assert writer.mirror() == {"a": TEXT}
    return telling


BASE = digest(FORMER.encode())
APPEND = (Splice(len(FORMER), 0, "more\n"),)


async def test_it_is_made_of_what_is_here(tmp_path: Path) -> None:
    assert (await received(tmp_path, Delta(BASE, APPEND))).fetched == []


@pytest.mark.parametrize(
    "told",
    [
        Delta("0" * 64, APPEND),
        Delta(BASE, ()),
        Delta(BASE, (Splice(10**9, 5, "other\n"),)),
        Delta(BASE, (Splice(9, 5, "x"), Splice(2, 10**9, "y"))),
    ],
    ids=["of another text", "nothing", "outside", "over another"],
)
async def test_what_does_not_lead_to_the_digest_is_fetched(tmp_path: Path, told: Delta) -> None:
    telling = await received(tmp_path, told)
    assert telling.fetched == [Key("notes", "a.txt")]
