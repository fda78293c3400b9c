"""The asset library: assets, found by words, category and tags, and how often each was loaded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Final

from syncd.errors import RecordError
from syncd.storage.asking import LIMIT, Answers, Asking, Settings
from syncd.storage.columns import id_told
from syncd.storage.counting import Counting
from syncd.storage.ids import id_of
from syncd.storage.mirror import Mirror
from syncd.storage.records import Asset, expect
from syncd.storage.rows import AssetRow
from syncd.storage.stores import Stores

_Assets = list[AssetRow]

_WORD: Final = re.compile(r"\w+")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _hits(row: AssetRow, words: list[str]) -> int:
    """How many of the words the asset has."""
    # Of what has no file here only these columns are known.
    told = set(_words(row.search_text or f"{row.name} {' '.join(row.tags)}"))
    begun = words[-1:]
    return sum(
        word in told or (word in begun and any(each.startswith(word) for each in told))
        for word in words
    )


class AsyncAssetStorage(Asking):
    """Assets. Saves are durable when they return, and need no network."""

    def __init__(self, config: Settings = "config.toml", *, mirror: Mirror | None = None) -> None:
        super().__init__(config, mirror=mirror)
        self._library: Stores[Asset, AssetRow] = Stores(self._config, Asset)
        self._assets = Answers(self._library, self._mirror, AssetRow)
        self._counting = Counting(self._config, self._mirror, self._library)

    async def save(self, asset: Asset) -> None:
        """Save an asset in its file; a new one in the folder of its category.

        One that has a file stays in that folder, which is its category. What others changed in
        the file since it was loaded stays, but for what this program changed too; changes of
        `downloads` add up. Raises RecordError.
        """
        expect(asset, Asset)
        if not (id := id_told(asset)):
            raise RecordError("the asset has no id; nothing was written", "give it one")
        await asyncio.to_thread(self._library.save, id, asset, asset.category or "")

    async def load(self, id: str) -> Asset | None:
        """The asset with this id, None where there is none."""
        await self._counting.settle()
        return await self._assets.load(id, "assets:get")

    async def delete(self, id: str) -> bool:
        """Delete the asset's file; whether there was one. Payloads beside it stay."""
        return await asyncio.to_thread(self._library.delete, id_of(id))

    async def by_category(
        self, category: str, *, type: str | None = None, limit: int = LIMIT
    ) -> _Assets:
        """Assets of a category, and of a type where one is given, by path."""
        await self._counting.settle()
        return await self._assets.list(
            "assets:list",
            lambda row: row.category == category and type in (None, row.type),
            lambda row: row.path,
            limit,
            category=category,
            type=type,
        )

    async def search(
        self,
        text: str = "",
        *,
        category: str | None = None,
        tags: Iterable[str] = (),
        limit: int = LIMIT,
    ) -> _Assets:
        """Assets with words of the text, in this category, with all of these tags.

        Those with most of the words come first; the last word may be the beginning of one. A
        single tag may be given by itself.
        """
        await self._counting.settle()
        words, wanted = _words(text), [tags] if isinstance(tags, str) else list(tags)
        return await self._assets.list(
            "assets:search",
            lambda row: (
                category in (None, row.category)
                and set(wanted) <= set(row.tags)
                and (not words or _hits(row, words) > 0)
            ),
            lambda row: (-_hits(row, words), row.path),
            limit,
            query=text or None,
            category=category,
            tags=wanted or None,
        )

    async def increment_downloads(self, id: str) -> None:
        """Count one download of the asset. Raises RecordError where there is no such asset.

        Through the deployment where it is there: then the count is exact whatever happens, and
        is in the file about a second later. Without it the file counts; the mirror adds up what
        each side counted, which is exact as long as no other program rewrites the file from
        memory at the same time. A call whose answer was lost is sent again by a later one, and
        counted once.
        """
        await self._counting.increment(id_of(id))
