"""Does what Convex holds equal what is on disk? Every file is read, every digest compared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.model import Change, Content, Digest, Key
from syncd.core.reading import Found, Missing
from syncd.engine.bootstrap import Progress
from syncd.engine.ports import LocalReplica, RemoteReplica

ASK_AGAIN = 2.0
"""Seconds before a key that differs is looked at once more: it may just be on its way."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A key on which the two sides differ: the digests there are, None for no file or entry."""

    key: Key
    local: Digest | None
    remote: Digest | None


@dataclass(slots=True)
class Verdict:
    """What a comparison of one store found. `held` keys are not compared: path -> reason."""

    store: str
    same: int = 0
    drifts: list[Drift] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)


async def verify(
    remote: RemoteReplica, stores: Mapping[str, LocalReplica], progress: Progress
) -> list[Verdict]:
    """Compare every store; keys that differ are asked about twice. Raises remote troubles."""
    verdicts = await compare(remote, stores, progress)
    if any(verdict.drifts for verdict in verdicts):
        await asyncio.sleep(ASK_AGAIN)
    for verdict in verdicts:
        if verdict.drifts:
            await _ask_again(remote, stores[verdict.store], verdict)
    return verdicts


async def compare(
    remote: RemoteReplica, stores: Mapping[str, LocalReplica], progress: Progress
) -> list[Verdict]:
    """Compare every store once. Raises remote troubles."""
    return [await _compare(remote, name, store, progress) for name, store in stores.items()]


async def _compare(
    remote: RemoteReplica, name: str, store: LocalReplica, progress: Progress
) -> Verdict:
    verdict = Verdict(name)
    manifest = await _manifest(remote, name)
    there = {path: digest for path, digest in manifest.items() if store.includes(path)}
    seen = await asyncio.to_thread(store.scan)
    verdict.held |= {path: hold.reason for path, hold in seen.holds.items()}
    paths = sorted(seen.stats.keys() | there.keys())
    for start in range(0, len(paths), 200):
        some = paths[start : start + 200]
        await asyncio.to_thread(_read_some, store, verdict, some, there)
        progress(f"comparing {name}", start + len(some), len(paths))
    return verdict


def _read_some(
    store: LocalReplica, verdict: Verdict, paths: Sequence[str], there: Mapping[str, Digest]
) -> None:
    for path in paths:
        _judge(store, verdict, path, there.get(path))


def _judge(store: LocalReplica, verdict: Verdict, path: str, remote: Digest | None) -> None:
    if path in verdict.held:
        return
    match store.read(path):
        case Found(content):
            local: Digest | None = content.digest
        case Missing():
            local = None
        case unread:
            verdict.held[path] = unread.hold.reason
            return
    if local == remote:
        verdict.same += local is not None
    else:
        verdict.drifts.append(Drift(Key(verdict.store, path), local, remote))


async def _manifest(remote: RemoteReplica, store: str) -> dict[str, Digest]:
    found: dict[str, Digest] = {}
    after: Key | None = None
    while True:
        entries, after = await remote.manifest(store, after)
        for change in entries:
            if (digest := _digest(change)) is not None:
                found[change.key.path] = digest
        if after is None:
            return found


async def _ask_again(remote: RemoteReplica, store: LocalReplica, verdict: Verdict) -> None:
    doubtful, verdict.drifts = verdict.drifts, []
    answers = await remote.fetch([drift.key for drift in doubtful])
    for drift, change in zip(doubtful, answers, strict=True):
        now = _digest(change) if change is not None else None
        await asyncio.to_thread(_judge, store, verdict, drift.key.path, now)


def _digest(change: Change) -> Digest | None:
    version = change.snapshot.version
    return version.digest if isinstance(version, Content) else None
