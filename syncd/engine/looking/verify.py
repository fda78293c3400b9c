"""Does what Convex holds equal what is on disk? Every file is read, every digest compared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.model import Change, Content, Digest, Key
from syncd.core.reading import Found, Missing
from syncd.engine.exchange.bootstrap import Progress
from syncd.engine.ports import LocalReplica, RemoteReplica
from syncd.engine.versions import versions

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
    """What a comparison of one store found. Held files are not compared: path -> reason."""

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
    there: dict[str, dict[str, Digest]] = {}
    for key, digest in manifest.items():
        if store.includes(key.path):
            there.setdefault(key.path, {})[key.record] = digest
    seen = await asyncio.to_thread(store.scan)
    verdict.held |= {path: hold.reason for path, hold in seen.holds.items()}
    paths = sorted(seen.stats.keys() | there.keys())
    for start in range(0, len(paths), 200):
        some = paths[start : start + 200]
        await asyncio.to_thread(_read_some, store, verdict, some, there)
        progress(f"comparing {name}", start + len(some), len(paths))
    return verdict


def _read_some(
    store: LocalReplica, verdict: Verdict, paths: Sequence[str],
    there: Mapping[str, Mapping[str, Digest]],
) -> None:  # fmt: skip
    for path in paths:
        remote = there.get(path, {})
        if path not in verdict.held and (local := _local(store, verdict, path)) is not None:
            # What is there alone may be another's business: see `core.direction`.
            there_too = () if store.way.leaves else remote
            _judge(verdict, path, local, remote, [*dict.fromkeys([*local, *there_too])])


def _local(store: LocalReplica, verdict: Verdict, path: str) -> Mapping[str, Digest] | None:
    """The versions in a file, by record; None where it is held."""
    reading = store.read(path)
    if isinstance(reading, Missing):
        return {}
    if not isinstance(reading, Found):
        verdict.held[path] = reading.hold.reason
        return None
    found = versions(reading, store.pointer)
    if found is None:
        verdict.held[path] = "not-records"
    return found


def _judge(
    verdict: Verdict, path: str, local: Mapping[str, Digest], remote: Mapping[str, Digest],
    records: Iterable[str],
) -> None:  # fmt: skip
    for record in records:
        here, there = local.get(record), remote.get(record)
        if here == there:
            verdict.same += here is not None
        else:
            verdict.drifts.append(Drift(Key(verdict.store, path, record), here, there))


async def _manifest(remote: RemoteReplica, store: str) -> dict[Key, Digest]:
    found: dict[Key, Digest] = {}
    after: Key | None = None
    while True:
        entries, after = await remote.manifest(store, after)
        for change in entries:
            if (digest := _digest(change)) is not None:
                found[change.key] = digest
        if after is None:
            return found


async def _ask_again(remote: RemoteReplica, store: LocalReplica, verdict: Verdict) -> None:
    doubtful, verdict.drifts = verdict.drifts, []
    keys = [drift.key for drift in doubtful]
    now: dict[str, dict[str, Digest | None]] = {}
    while keys:
        answers = await remote.fetch(keys)
        for key, change in zip(keys, answers, strict=False):
            digest = _digest(change) if change is not None else None
            now.setdefault(key.path, {})[key.record] = digest
        keys = keys[len(answers) :]
    for path, remote_now in now.items():
        local = await asyncio.to_thread(_local, store, verdict, path)
        if local is not None:
            known = {record: digest for record, digest in remote_now.items() if digest}
            _judge(verdict, path, local, known, remote_now)


def _digest(change: Change) -> Digest | None:
    version = change.snapshot.version
    return version.digest if isinstance(version, Content) else None
