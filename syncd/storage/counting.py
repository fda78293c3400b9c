"""Increments that are counted once, whatever happens to the call. Does IO.

An increment is put down before it is sent. It is crossed out when it is known what became of it:
counted by the deployment, or certainly not, and then by the file. What is left was sent and not
answered; a later call sends it again under the same id, which the deployment counts once.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from syncd.config import Config
from syncd.errors import RecordError
from syncd.files.root import Root
from syncd.storage.file import change, remove
from syncd.storage.mirror import Lost, Mirror
from syncd.storage.records import Asset
from syncd.storage.rows import AssetRow, Counted
from syncd.storage.stores import Stores

_AT_ONCE: Final = 20
"""Most calls that are sent again before a new one."""


@dataclass(frozen=True, slots=True)
class Request:
    """An increment of an asset's counter under an id of its own."""

    id: str
    asset: str


class Counting:
    """The download counters of all assets. `<state>/increments` holds what was not answered."""

    def __init__(self, config: Config, mirror: Mirror, assets: Stores[Asset, AssetRow]) -> None:
        self._folder = config.state / "increments"
        self._mirror = mirror
        self._assets = assets
        # What an earlier program left is looked for once.
        self._unanswered = True

    async def settle(self) -> None:
        """Send again what was not answered, if there is any and the deployment is there."""
        if not self._unanswered or self._mirror.away:
            return
        self._unanswered = False
        for request in await asyncio.to_thread(self._left):
            if await self._send(request) is Lost.UNKNOWN:
                break

    async def increment(self, id: str) -> None:
        """Count one download. Raises RecordError where no asset has this id."""
        await self.settle()
        if self._mirror.away:
            await self._count_here(id)
            return
        request = Request(secrets.token_hex(16), id)
        await asyncio.to_thread(self._put_down, request)
        await self._send(request)

    async def _send(self, request: Request) -> Counted | Lost:
        answer = await self._mirror.mutation(
            "assets:incrementDownloads", Counted, id=request.asset, requestId=request.id
        )
        if answer is Lost.UNKNOWN:
            self._unanswered = True
            return answer
        await asyncio.to_thread(self._cross_out, request)
        if answer is Lost.NOT_DONE or not answer.counted:
            await self._count_here(request.asset)
        return answer

    async def _count_here(self, id: str) -> None:
        if not await asyncio.to_thread(self._assets.edit, id, _one_more):
            raise RecordError(f"there is no asset {id!r}; nothing was counted", "check the id")

    def _put_down(self, request: Request) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        root = Root.open(self._folder)
        change(root, request.id, lambda _: request.asset.encode())

    def _cross_out(self, request: Request) -> None:
        remove(Root.open(self._folder), request.id)

    def _left(self) -> list[Request]:
        """Requests whose answers were lost, the oldest first; no more than are sent at once."""
        if not self._folder.is_dir():
            return []
        paths = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        oldest = sorted(paths, key=lambda path: path.stat().st_mtime_ns)[:_AT_ONCE]
        return [Request(path.name, path.read_text()) for path in oldest]


def _one_more(asset: Asset) -> None:
    asset.metadata.downloads = (asset.metadata.downloads or 0) + 1
