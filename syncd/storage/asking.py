"""What all four systems share: a configuration, a mirror, and answers put together from both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from syncd import config as configuration
from syncd.config import Config
from syncd.errors import RecordError, SyncdError
from syncd.storage.ids import id_of
from syncd.storage.index import Key
from syncd.storage.mirror import Mirror, given
from syncd.storage.records import Record
from syncd.storage.rows import Found, Page, Row

M = TypeVar("M", bound=Record)
R = TypeVar("R", bound=Row)

_PAGE: Final = 200
LIMIT: Final = 50
"""How many rows a list answers where nobody said."""

Settings = Config | str | os.PathLike[str]
"""A configuration, or where its config.toml is."""


def check(limit: int) -> None:
    """Raises RecordError for a limit that is no count of rows."""
    if not isinstance(limit, int) or limit < 1:
        raise RecordError(f"a limit of {limit!r} lists nothing", "ask for one or more")


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


M_co = TypeVar("M_co", bound=Record, covariant=True)


class Local(Protocol[M_co, R]):
    """The files of one kind, as lists and loads need them; its calls block."""

    removed: dict[Key, str]
    """The versions that this program deleted: the mirror may still tell of them."""

    def rows(self) -> Mapping[Key, R]:
        """What the files say."""

    def load(self, id: str) -> M_co | None:
        """The record from its file."""

    def received(self, found: Found) -> M_co:
        """A record that the mirror told."""

    def stands(self, row: R, local: Mapping[Key, R]) -> bool:
        """Whether what the mirror tells holds beside the files, which `local` tells."""


class Answers(Generic[M, R]):
    """Lists and records of one kind, from the files and the mirror.

    A file that is here is the truth: the mirror adds what is not here, and columns that only it
    knows. So a program always sees what it saved, whether it is mirrored yet or not.
    """

    def __init__(self, files: Local[M, R], mirror: Mirror, row: type[R]) -> None:
        self._files = files
        self._mirror = mirror
        self._page: type[Page[R]] = Page[row]  # type: ignore[valid-type]

    async def load(self, id: str, function: str, argument: str = "id") -> M | None:
        """The record from its file, else as the deployment tells it."""
        id = id_of(id)
        here = await asyncio.to_thread(self._files.load, id)
        if here is not None:
            return here
        found = await self._mirror.query(function, Found, **{argument: id})
        if found is None or self._files.removed.get(found.key) == found.digest:
            return None
        return self._files.received(found)

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
        check(limit)
        local = await asyncio.to_thread(self._files.rows)
        rows = {row.key: row for row in local.values() if wanted(row)}
        for key, row in (await self._told(function, local, limit, filters)).items():
            # The deployment lists by columns, and of what is stored it has not those of the file.
            if not row.stored or key not in local or wanted(row):
                rows[key] = row
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
                function, self._page, limit=size, **given({"cursor": cursor, **filters})
            )
            if page is None:
                return {}
            for row in page.rows:
                if self._files.stands(row, local):
                    here = local.get(row.key)
                    found[row.key] = row if here is None else row.beside(here)
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                return found
