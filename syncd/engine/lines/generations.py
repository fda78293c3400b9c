"""Which file is the life of which log, in one store.

A file is known by its inode: under whatever name, what follows its acknowledged bytes belongs to
its log. A file that is shorter than its log, or holds other bytes at its end, begins another. A
file that is met for the first time begins a log, but where the ledger, the folder or the
deployment is another one: there it goes on with the log whose tail lies in it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from syncd.core.log import NOTHING, Extent, Log, ToldLog
from syncd.core.reading import Stat
from syncd.engine.lines.continuing import Candidate, Live, Met, holders, match, renumberings
from syncd.engine.ports import Clock, LinesReplica
from syncd.ledger.ledger import Ledger

COPYING = 10.0
"""Seconds for which a new file that begins as a live log does is taken for a copy under way: a
program that rotates by copying empties the first file when it is done."""

QUIET = 60.0
"""Seconds without a write after which a deleted file is let go."""

log = structlog.get_logger()


class Generations:
    """The logs of one store. Nothing here is safe to call twice at once."""

    def __init__(self, ledger: Ledger, store: str, folder: LinesReplica, clock: Clock) -> None:
        self._ledger = ledger
        self._store = store
        self._folder = folder
        self._clock = clock
        self._logs = ledger.logs.of(store)
        self._inodes = {each.generation: inode for inode, each in self._logs.items()}
        self._kept: set[int] = set()
        self._copies: dict[int, tuple[Met, float]] = {}
        self._compared: dict[int, int] = {}
        self._taken_up = False
        self.behind: set[int] = set()
        """Inodes of files that may hold lines that are not acknowledged."""
        self.met: set[int] = set()
        """Inodes of files that were looked at since they were last read."""

    def get(self, inode: int) -> Log | None:
        """The log of a file."""
        return self._logs.get(inode)

    async def meet(self, files: Mapping[str, Stat]) -> list[str]:
        """Take note of files as a look found them; paths to be looked at again in a while."""
        self.met.update(stat.inode for stat in files.values())
        fresh: list[Met] = []
        ended: list[Log] = []
        grown: list[Log] = []
        for rewritten in await self._rewritten(files.values()):
            self.restart(rewritten)
        for path, stat in files.items():
            known = self._logs.get(stat.inode)
            if known is None or stat.size < known.furthest.length:
                fresh.append((path, stat))
                ended += [known] if known is not None else []
            elif stat.size > known.extent.length:
                self.behind.add(stat.inode)
                grown += [replace(known, whole=stat.size)] if known.whole != stat.size else []
        begun, later = await self._begin(fresh, ended)
        if begun or grown:
            self._put([*grown, *begun])
        self.behind.update(each.inode for each in begun)
        await self._keep(files.items())
        return later

    async def take_up(self, files: Mapping[str, Stat]) -> None:
        """Find what has a second name where the state folder was copied. `files` are all files."""
        if self._taken_up:
            return
        inodes = {stat.inode for stat in files.values()}
        found = await asyncio.to_thread(holders, self._folder, inodes)
        self._taken_up = True
        # All at once: the number of one may have been another's.
        moves = renumberings(found, self._logs.keys())
        moved = [replace(self._logs.pop(was), inode=now) for was, now in moves.items()]
        with self._ledger.transaction():
            for each in moved:
                self._ledger.logs.forget(each)
            for each in moved:
                self._ledger.logs.put(each)
        self._logs |= {each.inode: each for each in moved}
        self._inodes = {each.generation: inode for inode, each in self._logs.items()}
        self.behind = (self.behind & self._logs.keys()) | {each.inode for each in moved}
        self._kept -= found.keys()

    async def settle(self, told: Sequence[ToldLog], files: Mapping[str, Stat]) -> None:
        """Meet the deployment: what it says of its logs counts, and new files go on with them.

        `files` are all there are.
        """
        await self.take_up(files)
        there = {each.generation: each for each in told}
        inodes = {stat.inode for stat in files.values()}
        candidates, missing = list[Candidate](), list[tuple[Log, Extent]]()
        for known in list(self._logs.values()):
            here = there.pop(known.generation, None)
            extent = here.extent if here is not None else NOTHING
            if known.inode not in inodes:
                # Its file is gone. One that was put back under another inode holds all of it.
                end = await asyncio.to_thread(self._folder.end, known.inode)
                told_so = ToldLog(known.generation, known.path, extent)
                candidates.append(Candidate(told_so, end or extent))
                missing.append((known, extent))
            elif extent != known.extent:
                await self.resume(known, extent)
        strays = await asyncio.to_thread(self._folder.strays, inodes | self._logs.keys())
        every = {f"renamed/{stat.inode}": stat for stat in strays} | dict(files)
        fresh = [(p, s) for p, s in every.items() if self._extent(s.inode) == NOTHING]
        unclaimed = [Candidate(each, each.extent) for each in there.values()]
        found = await asyncio.to_thread(match, self._folder, fresh, candidates + unclaimed)
        self._put([self._log(met, each) for met, each in found])
        # Deleted since a lost ledger met them: they too go on with a log that nobody claimed.
        unclaimed = [each for each in unclaimed if each.told.generation not in self._inodes]
        deleted = [(k.path, Stat(k.whole, 0, 0, k.inode)) for k, e in missing if e == NOTHING]
        found = await asyncio.to_thread(match, self._folder, deleted, unclaimed)
        self._put([self._log(met, each) for met, each in found])
        for known, extent in missing:
            if self._current(known) and extent != known.extent:
                await self.resume(known, extent)
        await self.meet(every)

    async def resume(self, known: Log, extent: Extent) -> None:
        """The deployment's log goes as far as `extent`: the file goes on from there, or anew."""
        if extent == NOTHING or await asyncio.to_thread(self._folder.holds, known.inode, extent):
            self._put([replace(known, extent=extent, whole=max(known.whole, extent.length))])
            self.behind.add(known.inode)
        else:
            self.restart(known)

    def restart(self, known: Log) -> None:
        """The file is no longer what its log is of: another begins, with all of the file."""
        log.warning("log_begun_anew", key=f"{self._store}:{known.path}",
                    why="the file does not go on where its log ends")  # fmt: skip
        self._put([replace(known, generation=_generation(), extent=NOTHING, tried=NOTHING)])
        self.behind.add(known.inode)

    def tries(self, tried: Mapping[int, Extent]) -> None:
        """The first append of these logs is about to be sent: their extents, by inode."""
        logs = [(self._logs[inode], extent) for inode, extent in tried.items()]
        if fresh := [replace(each, tried=extent) for each, extent in logs if each.tried != extent]:
            self._put(fresh)

    def advance(self, known: Log, extent: Extent, whole: int) -> None:
        """Lines of a log up to `extent` are acknowledged. Inside the caller's transaction."""
        if self._current(known):
            after = replace(known, extent=extent, whole=whole)
            self._ledger.logs.put(after)
            self._logs[known.inode] = after

    def caught_up(self, known: Log) -> None:
        """No whole line waits."""
        self.behind.discard(known.inode)
        if known.whole != known.extent.length and self._current(known):
            self._put([replace(known, whole=known.extent.length)])

    async def let_go(self, files: Mapping[str, Stat]) -> bool:
        """Forget files that were deleted and hold nothing more; whether some are deleted, yet.

        `files` are all there are.
        """
        inodes = {stat.inode for stat in files.values()}
        self._copies = {inode: met for inode, met in self._copies.items() if inode in inodes}
        deleted = False
        for known in [each for each in self._logs.values() if each.inode not in inodes]:
            end = await asyncio.to_thread(self._folder.end, known.inode)
            if end not in (None, known.extent):
                self.behind.add(known.inode)
            since = await asyncio.to_thread(self._folder.deleted_since, known.inode)
            if since is None:
                continue
            # A time that has not come yet was set by hand, or by a clock that was wrong then.
            if known.inode in self.behind or abs(self._clock.now() - since) < QUIET:
                deleted = True
                continue
            if end is None and known.whole > known.extent.length:
                log.warning("lines_lost", key=f"{self._store}:{known.path}",
                            bytes=known.whole - known.extent.length,
                            why="the file was deleted before they were sent")  # fmt: skip
            self._forget(known)
        return deleted

    async def _rewritten(self, stats: Iterable[Stat]) -> list[Log]:
        """Logs whose files are just as long as they were, were written, and hold other bytes."""
        doubtful: list[Log] = []
        for stat in stats:
            known = self._logs.get(stat.inode)
            if known is not None and stat.size == known.extent.length != 0:
                if self._compared.get(stat.inode) != stat.mtime_ns:
                    doubtful.append(known)
                self._compared[stat.inode] = stat.mtime_ns
        return await asyncio.to_thread(self._parted, doubtful)

    def _parted(self, logs: Iterable[Log]) -> list[Log]:
        return [each for each in logs if not self._folder.holds(each.inode, each.extent)]

    async def _begin(self, fresh: list[Met], ended: list[Log]) -> tuple[list[Log], list[str]]:
        """Logs for files that have none, and the paths of those that seem to be copied just now."""
        if not fresh:
            return [], []
        candidates = [
            Candidate(ToldLog(each.generation, each.path, each.extent), each.furthest)
            for each in ended
        ]
        # RACE: a copy that an earlier look met is not always looked at with what it was made of.
        copies = {inode: met for inode, (met, _) in self._copies.items() if ended}
        strangers = copies | {met[1].inode: met for met in fresh}
        unknown = [met for inode, met in strangers.items() if inode not in self._logs]
        found = await asyncio.to_thread(match, self._folder, unknown, candidates)
        adopted = {met[1].inode: self._log(met, each) for met, each in found}
        for inode in adopted:  # Forgotten as a copy: the next file of its inode may be another.
            self._copies.pop(inode, None)
        begun, later = list(adopted.values()), []
        live = Live(self._folder, self._logs.values())
        for path, stat in fresh:
            known = stat.inode in adopted or stat.inode in self._logs
            if not known and await self._is_copied((path, stat), live):
                later.append(path)
                continue
            if stat.inode not in adopted:
                self._copies.pop(stat.inode, None)
                begun.append(Log(self._store, _generation(), path, stat.inode, NOTHING, stat.size))
        return begun, later

    async def _is_copied(self, met: Met, live: Live) -> bool:
        now, inode = self._clock.monotonic(), met[1].inode
        _, since = self._copies.setdefault(inode, (met, now))
        if now - since >= COPYING:
            return False
        if await asyncio.to_thread(live.copied_to, met):
            return True
        del self._copies[inode]
        return False

    def _log(self, met: Met, told: ToldLog) -> Log:
        inode = met[1].inode
        return Log(self._store, told.generation, told.path, inode, told.extent, met[1].size)

    async def _keep(self, files: Iterable[Met]) -> None:
        inodes = self._logs.keys() - self._kept
        unkept = [(path, stat.inode) for path, stat in files if stat.inode in inodes]
        before = self._folder.unkept
        for path, inode in unkept:
            if await asyncio.to_thread(self._folder.keep, path, inode):
                self._kept.add(inode)
        if self._folder.unkept and not before:
            log.warning("not_kept", store=self._store, why=self._folder.unkept,
                        so="a file that is deleted before it was sent is lost")  # fmt: skip

    def _extent(self, inode: int) -> Extent:
        known = self._logs.get(inode)
        return known.extent if known is not None else NOTHING

    def _current(self, known: Log) -> bool:
        now = self._logs.get(known.inode)
        return now is not None and now.generation == known.generation

    def _put(self, logs: Sequence[Log]) -> None:
        with self._ledger.transaction():
            for each in logs:
                self._ledger.logs.put(each)
        for each in logs:
            former = self._inodes.get(each.generation, each.inode)
            if former != each.inode:
                self._drop(former)
            if (replaced := self._logs.get(each.inode)) is not None:
                self._inodes.pop(replaced.generation, None)
            self._logs[each.inode] = each
            self._inodes[each.generation] = each.inode

    def _forget(self, known: Log) -> None:
        with self._ledger.transaction():
            self._ledger.logs.forget(known)
        self._drop(known.inode)

    def _drop(self, inode: int) -> None:
        if (known := self._logs.pop(inode, None)) is not None:
            self._inodes.pop(known.generation, None)
        self._kept.discard(inode)
        self._compared.pop(inode, None)
        self.behind.discard(inode)
        self.met.discard(inode)
        self._folder.release(inode)


def _generation() -> str:
    return secrets.token_hex(16)
