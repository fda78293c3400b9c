"""What a save of a records file changes in what its keys are to be: see `core.authored`.

No IO but reads of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.core.authored import authored_after, taken
from syncd.core.decision import Known, Taken, View
from syncd.core.model import (
    NEVER,
    TOMBSTONE,
    Conflict,
    Content,
    Digest,
    Format,
    Key,
    Kind,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger
from syncd.stores.merge import Combined, merge
from syncd.stores.records import ENVELOPE, Part, Split, differing, part_of
from syncd.stores.tree import compact

UNKNOWN = Known(View(None, NEVER), TOMBSTONE, TOMBSTONE)
"""What is known of a key that was never met."""


class Saves:
    """Takes saves as edits of what syncd keeps."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica]) -> None:
        self._ledger = ledger
        self._stores = stores

    def beside(self, file: Key, save: Split) -> Taken:
        """What a save changes that is not in the file: it was, or came after that was replaced.

        It is no mark for the saves that follow, whose program may not have known of it.
        """
        known = self._ledger.records.known(file)
        state = self._ledger.places.file(file.store, file.path)
        found = self.taken(file, known, save)
        parts = {
            key: (local, known.get(key.record, UNKNOWN).authored)
            for key, (local, _) in found.parts.items()
        }
        return replace(found, file=state, parts=parts)

    def taken(self, file: Key, known: Mapping[str, Known], save: Split) -> Taken:
        """What a save of the whole file changes in what is known of its keys."""
        unchanged = self._absent_is_unchanged(file.store)
        first_look = self._ledger.places.file(file.store, file.path) is None
        absorbed = Taken(file, None, parts := {}, bodies := {}, conflicts := [])
        for name in {**dict.fromkeys(known), **dict.fromkeys(save.parts)}:
            key, part = Key(file.store, file.path, name), save.parts.get(name)
            before = known.get(name, UNKNOWN)
            absent = unchanged or before.unseen
            saved = part.content if part is not None else TOMBSTONE
            if saved == before.local == before.authored:
                continue
            plain = part is None or saved in (before.authored, before.local)
            plain = plain or before.authored == before.local
            ours = () if plain else self._ours(key, known, save.parts)
            local = taken(saved, before.authored, before.local, ours, absent_is_unchanged=absent)
            after = authored_after(saved, before.authored, absent_is_unchanged=absent)
            if first_look and before.unseen:
                after = before.authored  # An earlier ledger may have written it.
            if part is not None:
                bodies[part.content.digest] = part.body
            if local is None and part is not None:
                local, body, lost = self._merged(key, before, part, ours)
                bodies[local.digest] = body
                conflicts += [(key, lost)] if lost else []
            if local is not None and (local, after) != (before.local, before.authored):
                parts[key] = (local, after)
        return absorbed

    def left_out(self, file: Key, before: Known) -> Version:
        """What programs are taken to hold of a record that was deleted with its file."""
        absent = self._absent_is_unchanged(file.store) or before.unseen
        return authored_after(TOMBSTONE, before.authored, absent_is_unchanged=absent)

    def _ours(
        self, key: Key, known: Mapping[str, Known], saves: Mapping[str, Part]
    ) -> Sequence[Digest]:
        """What syncd wrote of `key` since its program saved it, as far as that may have read it.

        A record that it saves it has read. Of the envelope that is certain once it has saved
        another's record; one that only ever held its own may have read no file. Where no save was
        seen it may have read an older one: what that leaves out stays, once. (sim: a file may
        hold all records before its envelope names them.)
        """
        before = known[key.record]
        if key.record == ENVELOPE and before.unseen:
            return ()
        if key.record == ENVELOPE and before.authored == TOMBSTONE:
            mine = (n for n in saves if n in known and known[n].authored == TOMBSTONE)
            if not any(saves[name].content == known[name].local for name in mine):
                return ()
        return self._ledger.records.ours(key, before.authored)

    def _merged(
        self, key: Key, before: Known, part: Part, ours: Sequence[Digest]
    ) -> tuple[Content, bytes, Conflict | None]:
        """A save and what syncd has, which it did not know, merged from what it started from."""
        kind = self._stores[key.store].kind
        theirs, start = self._bytes(before.local), self._start(key, before, part, ours)
        found, base = None, self._bytes(start)
        if theirs is not None and (base is not None or isinstance(before.authored, Tombstone)):
            found = merge(base, part.body, theirs, Format.JSON, kind)
        lost = Conflict(Snapshot(0, start), part.content, _met(before.view.remote, before.local))
        if theirs is None or not isinstance(found, Combined):
            return part.content, part.body, lost
        merged = part_of(compact(found.body.decode()))
        clashed = bool(found.clashes)
        if before.unseen and base is not None:
            # It may have read an older version yet: what loses then is listed.
            alone = merge(None, part.body, theirs, Format.JSON, kind)
            clashed = not isinstance(alone, Combined) or bool(alone.clashes)
        return merged.content, merged.body, lost if clashed else None

    def _start(self, key: Key, before: Known, part: Part, ours: Sequence[Digest]) -> Version:
        """The version that a save was made from, as far as it can be told; a tombstone: none.

        Of a record, which of those that its program may have read differs least from the save,
        the oldest of several: the others would make changes of its program of what it repeats.
        Of the envelope, whose list may lack what others queued, the oldest.
        """
        read = [Content(digest, 0) for digest in ours if self._ledger.contents.has(digest)]
        if isinstance(before.authored, Content):
            read.insert(0, before.authored)
        if key.record == ENVELOPE:
            return next(iter(read), TOMBSTONE)
        bodies = ((each, self._bytes(each)) for each in read)
        unlike = [(differing(body, part.body), each) for each, body in bodies if body is not None]
        return min(unlike, key=lambda one: one[0])[1] if unlike else before.authored

    def _absent_is_unchanged(self, store: str) -> bool:
        return self._stores[store].kind is Kind.DEPLOYMENT

    def _bytes(self, version: Version) -> bytes | None:
        return self._ledger.contents.get(version.digest) if isinstance(version, Content) else None


def _met(remote: Snapshot, local: Version) -> Snapshot:
    """The snapshot that a version which lost here is, as far as that is known."""
    return remote if remote.version == local else Snapshot(0, local)
