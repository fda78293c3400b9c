"""Increments that are counted once, whatever happens to the call. Does IO.

An increment is put down before it is sent. It is crossed out when it is known what became of it:
counted by the deployment, or certainly not, and then by the file. What is left was sent and not
answered; a later call sends it again under the same id, which the deployment counts once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage.edit import fields_of
from syncd.storage.file import change, remove
from syncd.storage.mirror import Lost, Mirror
from syncd.storage.records import Asset
from syncd.storage.root import made_root, root_of, troubles
from syncd.storage.rows import AssetRow, Counted
from syncd.storage.stores import Stores
from syncd.stores.layout import format_of

_AT_ONCE: Final = 20
"""Most calls that are sent again before a new one."""

_log = logging.getLogger("syncd.storage")


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
        settled = False
        try:
            settled = await self._settled()
        finally:
            # A call that is cancelled settles nothing either.
            self._unanswered |= not settled

    async def increment(self, id: str) -> None:
        """Count one download. Raises RecordError where no asset has this id."""
        await self.settle()
        if self._mirror.away:
            if not await asyncio.to_thread(self._count_here, id):
                raise _no_asset(id)
            return
        request = Request(secrets.token_hex(16), id)
        answer: Counted | Lost = Lost.UNKNOWN
        try:
            noted = await asyncio.to_thread(self._put_down, request)
            answer = await self._ask(request) if noted else Lost.NOT_DONE
        finally:
            self._unanswered |= answer is Lost.UNKNOWN
        if answer is Lost.UNKNOWN:
            return
        counted = isinstance(answer, Counted) and answer.counted
        if not await asyncio.to_thread(self._close, request, counted=counted, noted=noted):
            raise _no_asset(id)

    async def _settled(self) -> bool:
        """Whether all that was left is answered now."""
        try:
            left = await asyncio.to_thread(self._left)
        except RecordError as error:
            # The state folder may be another user's, and what is in it that one's to send.
            _log.warning("increments without an answer are not sent again: %s", error)
            return True
        for request in left:
            answer = await self._ask(request)
            if isinstance(answer, Lost):
                # What was sent before may have been counted then, whatever became of it now.
                return False
            try:
                await asyncio.to_thread(self._close, request, counted=answer.counted)
            except RecordError as error:
                # Of an earlier call: nobody waits for it, and this one is about something else.
                _log.warning("a download of %s was not counted: %s", request.asset, error)
        return True

    async def _ask(self, request: Request) -> Counted | Lost:
        return await self._mirror.mutation(
            "assets:incrementDownloads", Counted, id=request.asset, requestId=request.id
        )

    def _close(self, request: Request, *, counted: bool, noted: bool = True) -> bool:
        """Cross it out, and count it here unless it was `counted`; whether it is counted now."""
        # RACE: another program may have sent it too. Who crosses it out is one of them. A crash
        # behind it loses this one; the other way round it would be counted twice.
        mine = not noted or self._cross_out(request)
        return counted or not mine or self._count_here(request.asset)

    def _count_here(self, id: str) -> bool:
        return self._assets.edit(id, _one_more)

    def _put_down(self, request: Request) -> bool:
        """Whether it could be: nothing is sent that could not be sent again."""
        try:
            root = made_root(self._folder, "nothing was sent")
            change(root, request.id, lambda _: request.asset.encode())
        except RecordError as error:
            _log.info("the file counts a download of %s: %s", request.asset, error)
            return False
        return True

    def _cross_out(self, request: Request) -> bool:
        root = root_of(self._folder, "it was not crossed out")
        return root is not None and remove(root, request.id)

    def _left(self) -> list[Request]:
        """Requests whose answers were lost, the oldest first; no more than are sent at once."""
        found: list[tuple[int, Request]] = []
        with troubles(str(self._folder), "it was not listed"):
            if not self._folder.is_dir():
                return []
            for path in self._folder.iterdir():
                # RACE: another program may have crossed it out meanwhile.
                with suppress(FileNotFoundError):
                    if not path.name.startswith("."):
                        asset = path.read_text(encoding="utf-8")
                        found.append((path.stat().st_mtime_ns, Request(path.name, asset)))
        return [request for _, request in sorted(found, key=itemgetter(0))[:_AT_ONCE]]


def _no_asset(id: str) -> RecordError:
    return RecordError(f"there is no asset {id!r}; nothing was counted", "check the id")


def _one_more(asset: Asset) -> None:
    if asset.metadata.downloads is None and (found := _instead(asset)) is not None:
        raise RecordError(
            f"downloads holds {found!r}, which is no whole number; nothing was written",
            f"mend the file of {asset.id!r}",
        )
    asset.metadata.downloads = (asset.metadata.downloads or 0) + 1


def _instead(asset: Asset) -> Any:
    """What the asset's file holds where its count belongs and is none; None where nothing is."""
    if asset.origin is None or asset.place is None:
        return None
    fields = fields_of(asset.origin, format_of(asset.place[1]))
    metadata = None if isinstance(fields, str) else fields.get("metadata")
    return metadata.get("downloads") if isinstance(metadata, dict) else None
