"""What every act works with: the ledger, the stores' files, and history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from syncd.control.messages import Failure
from syncd.control.saving import Body, KeptBytes, OpaqueFiles, Saved, save
from syncd.core.model import INLINE_LIMIT, TOMBSTONE, Content, Digest, Format, Hold, Key, Version
from syncd.core.reading import Found
from syncd.engine.ports import Clock
from syncd.ledger.events import Event
from syncd.ledger.ledger import Ledger
from syncd.stores.codec import not_text, unparsable
from syncd.stores.records import fitting, split


@dataclass(frozen=True, slots=True)
class Desk:
    """`name` has keys looked at soon; while no daemon runs the next start looks at everything.

    `pointers` are those of the stores whose files hold many records; `formats` tell, by store, how
    the file at a path is written. `between_turns` is held while a turn of the engine runs: see
    `Reconciler`.
    """

    ledger: Ledger
    files: Mapping[str, OpaqueFiles]
    history: KeptBytes
    clock: Clock
    pointers: Mapping[str, str]
    formats: Mapping[str, Callable[[str], Format]]
    name: Callable[[Iterable[Key]], None]
    between_turns: asyncio.Lock

    async def find(self, digest: Digest) -> Body:
        """The bytes of `digest`, from the ledger or from history; None where nobody has them.

        For those of a payload its digest stands.
        """
        body = self.ledger.contents.get(digest)
        if body is not None:
            return body
        if (self.history.size(digest) or 0) > INLINE_LIMIT:
            return digest
        try:
            return await asyncio.to_thread(self.history.get, digest)
        except KeyError:
            return None

    async def holds(self, key: Key, digest: Digest) -> bool:
        """Whether a file holds the version `digest` now; of one record nobody looks."""
        files = self.files.get(key.store)
        if files is None or key.record:
            return False
        found = await asyncio.to_thread(files.read, key.path)
        return isinstance(found, Found) and found.content.digest == digest

    async def breaks(self, key: Key, body: bytes) -> Hold | None:
        """Why a file would not parse any more if it held `body`; None where it would, or does not
        now. Of one record its save tells.
        """
        if key.store in self.pointers or key.store not in self.formats:
            return None
        format = self.formats[key.store](key.path)
        hold = _unfit(format, body)
        if hold is not None:
            match await asyncio.to_thread(self.files[key.store].read, key.path):
                case Found(_, bytes() as present) if _unfit(format, present) is not None:
                    return None
        return hold

    def tell(self, key: Key, what: str, detail: str) -> None:
        """Add to the log what changed no file. Runs inside the caller's transaction."""
        self.ledger.events.add(Event(key, what, self.clock.now(), detail=detail))

    async def save(self, key: Key, body: Body, what: str) -> Saved | Failure:
        """Write a file, and say so in the log as the event `what`."""
        (saved,) = await self.save_all([(key, body)], what)
        return saved

    async def save_all(
        self, wanted: Sequence[tuple[Key, Body]], what: str
    ) -> list[Saved | Failure]:
        """As `save`, in this order; what can be waits for the disk once, and is named together.

        One by one a thousand files waited a thousand times, and took as many function calls.
        """
        outcomes: list[Saved | Failure] = []
        for some in self._together(wanted):
            (first, body), store = some[0], some[0][0].store
            files, pointer = self.files.get(store), self.pointers.get(store)
            if files is None or not files.includes(first.path):
                outcomes.append(Failure(
                    key=str(first), what="this path is of no store that is configured now; "
                    "nothing was changed", advice="compare with the stores in config.toml",
                    exit_code=2,
                ))  # fmt: skip
            elif pointer is not None:
                outcomes.append(await self._save_record(files, first, body, what, pointer))
            else:
                outcomes += await self._save_files(files, some, what)
        return outcomes

    def _together(self, wanted: Sequence[tuple[Key, Body]]) -> Iterator[list[tuple[Key, Body]]]:
        """`wanted` in parts: files of one store, none twice. A payload is by itself, for its copy
        lies beside the file first, and so is whatever is no file of a store.
        """
        part: dict[str, tuple[Key, Body]] = {}
        for key, body in wanted:
            files = self.files.get(key.store)
            alone = isinstance(body, str) or key.store in self.pointers
            alone = alone or files is None or not files.includes(key.path)
            other = any(each.store != key.store for each, _ in islice(part.values(), 1))
            if part and (alone or other or key.path in part):
                yield list(part.values())
                part = {}
            if alone:
                yield [(key, body)]
            else:
                part[key.path] = key, body
        if part:
            yield list(part.values())

    async def _save_files(
        self, files: OpaqueFiles, some: Sequence[tuple[Key, Body]], what: str
    ) -> list[Saved | Failure]:
        keys = [key for key, _ in some]
        found = await save(files, self.history, [(key.path, body) for key, body in some])
        now = self.clock.now()
        with self.ledger.transaction():
            for (key, body), saved in zip(some, found, strict=True):
                if isinstance(saved, Saved):
                    if saved.changed and saved.former is not None:
                        self.ledger.past.replaced(key, saved.former, what, now)
                    self.ledger.events.add(Event(key, what, now, _digest(body)))
        self.name([k for k, each in zip(keys, found, strict=True) if isinstance(each, Saved)])
        return [
            Failure(key=str(key), what=f"{each.detail}; nothing was changed", advice=each.advice)
            if isinstance(each, Hold) else each
            for key, each in zip(keys, found, strict=True)
        ]  # fmt: skip

    async def _save_record(
        self, files: OpaqueFiles, key: Key, body: Body, what: str, pointer: str
    ) -> Saved | Failure:
        if broken := await asyncio.to_thread(_broken, files, key.path, pointer):
            return Failure(key=str(key), what=f"nothing was changed: {broken.detail}",
                           advice="mend the file, or move it away: then `syncd status` says "
                           "how all of its records come back")  # fmt: skip
        # RACE: a turn that is under way would put what it decided about the key over this.
        async with self.between_turns:
            # Records are text, and never payloads.
            part = None if isinstance(body, str) else body
            return self._save_part(key, part, what, pointer)

    def _save_part(self, key: Key, body: bytes | None, what: str, pointer: str) -> Saved | Failure:
        """Say what a file is to hold of one key; the next look at the file writes and sends it."""
        part = None if body is None else fitting(key.record, body, pointer)
        if isinstance(part, Hold):
            return Failure(key=str(key), what=f"nothing was changed: {part.detail}",
                           advice="restore a version of this very record")  # fmt: skip
        local: Version = TOMBSTONE if part is None else part.content
        known = self.ledger.records.known(key).get(key.record)
        former = known.local if known is not None else TOMBSTONE
        digest = former.digest if isinstance(former, Content) else None
        if former == local:
            return Saved(digest, changed=False)
        now, made = self.clock.now(), local.digest if isinstance(local, Content) else None
        with self.ledger.transaction():
            if part is not None:
                self.ledger.contents.put(part.content.digest, part.body)
            self.ledger.records.keep(key, local)
            if digest is not None:
                self.ledger.past.replaced(key, digest, what, now)
            self.ledger.events.add(Event(key, what, now, made))
        self.name([key])
        return Saved(digest, changed=True)


def _digest(body: Body) -> Digest | None:
    return Digest(sha256(body).hexdigest()) if isinstance(body, bytes) else body


def _broken(files: OpaqueFiles, path: str, pointer: str) -> Hold | None:
    """Why nothing can be written into a file of records, or None."""
    found = files.read(path)
    if not isinstance(found, Found) or found.body is None:
        return None
    whole = split(found.body, pointer)
    return (unparsable(Format.JSON, found.body) or whole) if isinstance(whole, Hold) else None


def _unfit(format: Format, body: bytes) -> Hold | None:
    return not_text(format, body) or unparsable(format, body)
