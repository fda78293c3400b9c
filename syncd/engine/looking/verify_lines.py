"""Does each log go exactly as far as its file? Lengths and tails are compared, nothing is read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from syncd.core.log import NOTHING, Extent
from syncd.core.model import Digest, Key
from syncd.core.reading import Stat
from syncd.engine.looking.verify import ASK_AGAIN, Drift, Verdict
from syncd.engine.ports import LinesReplica, RemoteLogs


async def verify_lines(remote: RemoteLogs, folders: Mapping[str, LinesReplica]) -> list[Verdict]:
    """Compare every store of lines; stores that differ are asked about twice. Raises remote
    troubles.

    A file is the same where some log of this device goes as far as its last whole line, with the
    same tail, or where it has no whole line. Logs of files that are gone are no drift: logs outlive
    them.
    """
    verdicts = [await _compare(remote, name, folder) for name, folder in folders.items()]
    if any(verdict.drifts for verdict in verdicts):
        await asyncio.sleep(ASK_AGAIN)
        verdicts = [
            await _compare(remote, each.store, folders[each.store]) if each.drifts else each
            for each in verdicts
        ]
    return verdicts


async def _compare(remote: RemoteLogs, name: str, folder: LinesReplica) -> Verdict:
    seen = await asyncio.to_thread(folder.scan)
    verdict = Verdict(name, held={path: hold.reason for path, hold in seen.holds.items()})
    ends = await asyncio.to_thread(_ends, folder, seen.stats)
    there = Counter(log.extent for log in await remote.tails(name))
    for path, end in ends:
        if end is None:
            verdict.held[path] = "unreadable"
        elif end == NOTHING or there[end]:
            # Two files that hold the same need two logs.
            there[end] -= 1
            verdict.same += 1
        else:
            verdict.drifts.append(Drift(Key(name, path), Digest(end.tail), None))
    return verdict


def _ends(folder: LinesReplica, stats: Mapping[str, Stat]) -> Sequence[tuple[str, Extent | None]]:
    return [(path, folder.end(stat.inode)) for path, stat in sorted(stats.items())]
