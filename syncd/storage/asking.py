"""What all four systems share: a configuration, a mirror, and answers put together from both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

from syncd import config as configuration
from syncd.config import Config
from syncd.errors import RecordError, SyncdError
from syncd.storage.index import Key
from syncd.storage.mirror import Mirror
from syncd.storage.records import Record
from syncd.storage.rows import Found, Page, Row
from syncd.storage.stores import Stores

M = TypeVar("M", bound=Record)
R = TypeVar("R", bound=Row)

_PAGE: Final = 200
LIMIT: Final = 50
"""How many rows a list answers where nobody said."""

Settings = Config | str | os.PathLike[str]
"""A configuration, or where its config.toml is."""


class Asking:
    """Base of the asynchronous systems. Each may be used in one event loop at a time.

    Close it at the end (or use `async with`) so that its connections are let go.
    """

    def __init__(self, config: Settings = "config.toml", *, mirror: Mirror | None = None) -> None:
        self._config = config if isinstance(config, Config) else configuration.load(Path(config))
        self._mirror = mirror or Mirror(self._config)

    @property
    def trouble(self) -> SyncdError | None:
        """Why the last answer came from files; None where the deployment answered, or was not
        asked.
        """
        return self._mirror.trouble

    async def close(self) -> None:
        """Let the connections go."""
        await self._mirror.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class Answers(Generic[M, R]):
    """Lists and records of one kind, from the files and the mirror.

    A file that is here is the truth: the mirror adds what is not here, and columns that only it
    knows. So a program always sees what it saved, whether it is mirrored yet or not.
    """

    def __init__(self, config: Config, mirror: Mirror, model: type[M], row: type[R]) -> None:
        self.stores: Stores[M, R] = Stores(config, model)
        self._mirror = mirror
        self._page: type[Page[R]] = Page[row]  # type: ignore[valid-type]

    async def load(self, id: str, function: str, argument: str = "id") -> M | None:
        """The record from its file, else as the deployment tells it."""
        here = await asyncio.to_thread(self.stores.load, id)
        if here is not None:
            return here
        found = await self._mirror.query(function, Found, **{argument: id})
        if found is None or self.stores.removed.get((found.store, found.path)) == found.digest:
            return None
        return self.stores.received(found)

    async def list(
        self,
        function: str,
        wanted: Callable[[R], bool],
        order: Callable[[R], Any],
        limit: int,
        **filters: Any,
    ) -> list[R]:
        """The rows that are `wanted`, in their order, at most `limit`.

        `filters` and the order of the deployment's function must say the same.
        """
        if limit < 1:
            raise RecordError(f"a limit of {limit} lists nothing", "ask for one or more")
        local = await asyncio.to_thread(self.stores.rows)
        rows = {(row.store, row.path): row for row in local.values() if wanted(row)}
        rows |= await self._told(function, local, limit, filters)
        return sorted(rows.values(), key=order)[:limit]

    async def _told(
        self, function: str, local: Mapping[Key, R], limit: int, filters: dict[str, Any]
    ) -> dict[Key, R]:
        """The deployment's rows that hold beside the files; none where it is not there."""
        found: dict[Key, R] = {}
        cursor: str | None = None
        while True:
            size = min(limit, _PAGE)
            page = await self._mirror.query(
                function, self._page, limit=size, cursor=cursor, **filters
            )
            if page is None:
                return {}
            rows = (row for row in page.rows if self.stores.stands(row, local))
            found |= {(row.store, row.path): row for row in rows}
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                return found
