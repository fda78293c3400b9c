"""The configured stores of one kind, in which a record is a file. Does IO; calls block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from syncd.config import Config
from syncd.core.model import Kind
from syncd.errors import ConfigError, RecordError
from syncd.storage.columns import row_of, stem
from syncd.storage.edit import edited, edited_anew, fields_of, joined, replaced, written
from syncd.storage.file import HalfWritten, Make, body_of, change, digest, patiently, remove
from syncd.storage.index import Index, Key
from syncd.storage.records import Record, told
from syncd.storage.root import made_root, root_of, troubles
from syncd.storage.rows import Found, Row
from syncd.stores.codec import unparsable
from syncd.stores.layout import format_of, names_a_file, normal, unsafe
from syncd.stores.merge import read

M = TypeVar("M", bound=Record)
R = TypeVar("R", bound=Row)


class Stores(Generic[M, R]):
    """All stores of a kind. What is new is saved in the first.

    `removed` are the versions this program deleted: the mirror may still tell of them.
    """

    def __init__(self, config: Config, model: type[M]) -> None:
        self._stores = {each.name: each for each in config.stores if each.kind is model.kind}
        if not self._stores:
            raise ConfigError(
                f"{config.source} has no store of kind {model.kind.value!r}; nothing was opened",
                f'add a [[store]] with kind = "{model.kind.value}" and its path',
            )
        self._model = model
        self._index: Index[R] = Index(self._stores.values())
        self.removed: dict[Key, str] = {}

    def rows(self) -> Mapping[Key, R]:
        """What the files say, by store and path."""
        return self._index.rows()

    def stands(self, row: R, local: Mapping[Key, R]) -> bool:
        """Whether what the mirror tells holds beside the files, which `local` tells.

        It does for what these stores cannot hold, for what is not here (but for what this
        program deleted), and for the very bytes that are here.
        """
        here = local.get(row.key)
        if row.store not in self._stores:
            return True
        return row.digest == here.digest if here else self.removed.get(row.key) != row.digest

    def load(self, id: str) -> M | None:
        """The record `id` from its file; of several files, the first by path. Raises RecordError
        where none tells that it is it, and one of that name does not parse: it may.
        """
        keys = self._keys(id)
        if not keys and any(self._whole(key, "it was not read") for key in self._index.rowless(id)):
            keys = self._keys(id)
        for key in keys:
            if (body := self._whole(key, "it was not read")) is not None:
                return self._record(key, body)
        return None

    def received(self, found: Found) -> M:
        """The record that the deployment told, of which there is no file here."""
        return self._record(found.key, found.body)

    def save(self, id: str, record: M, category: str = "") -> Key:
        """Save the record where it is, a new one where the store's `create` says; where that is.

        One that was loaded under another id is a new one: what it was loaded from stays.
        Raises RecordError with all files as they were.
        """
        key = self._place(id, record, category)
        after = told(record)
        origin, format, kind = record.origin, format_of(key[1]), record.kind
        before: dict[str, Any] = {}
        mine: bytes | None = None
        if origin is not None and record.place is not None:
            before, former = told(self._record(record.place, origin)), format_of(record.place[1])
            mine = edited(origin, before, after, former, kind)
            if former is not format:  # A copy: JSON of what was YAML, or the other way round.
                mine = written(_fields(record.place, mine, "nothing was written"), format)

        def make(met: bytes | None) -> bytes:
            if mine is not None and (met is None or met == origin):
                return mine
            if met is None:
                return written(after, format)
            if mine is None or origin is None:
                return replaced(met, after, format, kind)
            both = joined(origin, mine, met, format, kind)
            return edited_anew(met, before, after, format, kind) if both is None else both

        body = self._change(key, make, origin)
        # What others changed meanwhile is in the file, not in the record: the next save starts
        # from what this program said.
        record.keep(key, body if mine is None else mine)
        self.removed.pop(key, None)
        return key

    def edit(self, id: str, act: Callable[[M], None]) -> bool:
        """Let `act` change the record in its file, alone among programs; whether there is one."""
        key = self._only(id)
        if key is None:
            return False

        def make(met: bytes | None) -> bytes:
            record = self._record(key, met or b"")
            before = told(record)
            act(record)
            return edited(met or b"", before, told(record), format_of(key[1]), record.kind)

        seen = self._whole(key, "nothing was written")
        if seen is not None:
            self._change(key, make, seen)
        return seen is not None

    def delete(self, id: str) -> bool:
        """Delete the record's file; whether there was one."""
        key = self._only(id)
        root = None if key is None else root_of(self._stores[key[0]].path, "it was not removed")
        if key is None or root is None:
            return False
        spelled = self._index.spelling(key)
        if (found := body_of(root, spelled)) is not None:
            self.removed[key] = digest(found[0])
        return remove(root, spelled)

    def _change(self, key: Key, make: Make, known: bytes | None = None) -> bytes:
        """Change the file, unless it holds no record: what somebody is about to mend cannot be
        merged, and nothing else keeps it. `known` is one.
        """

        # RACE: what the file holds by the time it is changed may be half written.
        def whole(met: bytes | None) -> bytes:
            if met is not None and met != known:
                _fields(key, met, "nothing was written")
            return make(met)

        root = made_root(self._stores[key[0]].path, "nothing was written")
        return patiently(lambda: change(root, self._index.spelling(key), whole))

    def _only(self, id: str) -> Key | None:
        keys = self._keys(id)
        if len(keys) > 1:
            places = " and ".join(key[1] for key in keys)
            raise RecordError(
                f"{id!r} is the id of {places}; nothing was changed",
                "give each its own id, or work on the file",
            )
        return keys[0] if keys else None

    def _keys(self, id: str) -> list[Key]:
        """Where the record is. A name that is the id needs no look at all other files."""
        if self._model.kind is Kind.EXECUTION:
            for name, store in self._stores.items():
                path = store.creates_at().replace("{id}", id)
                with troubles(path, "it was not read"):
                    if stem(path) == id and not unsafe(path) and (store.path / path).is_file():
                        return [(name, path, "")]
            return self._index.named(id)
        return self._index.paths(id)

    def _place(self, id: str, record: M, category: str) -> Key:
        known = self._only(id) or self._former(id, record, category)
        if known is not None:
            return known
        if record.place is not None and "/" in record.place[1]:
            category = category or record.place[1].partition("/")[0]
        store = next(iter(self._stores.values()))
        new = _filled(store.creates_at(), id, category)
        if hold := unsafe(new):
            raise RecordError(
                f"{id!r} makes no file name: {hold.detail}; nothing was written",
                "choose another id",
            )
        if not store.patterns().matches(new):
            raise RecordError(
                f"{new} is not among the files of store {store.name!r}; nothing was written",
                "choose another id, or widen the store's include",
            )
        key = (store.name, new, "")
        if (met := self._whole(key, "nothing was written")) is not None:
            raise RecordError(
                f"{new} holds another record ({len(met):,} bytes); nothing was written",
                "choose another id, or rename that file",
            )
        return key

    def _former(self, id: str, record: M, category: str) -> Key | None:
        """Where the record was, if it is still the one that was there, and not a copy with an id of
        its own, or given another category since.
        """
        key, origin = record.place, record.origin
        if key is None or origin is None or key[0] not in self._stores:
            return None
        row = row_of(record.kind, *key[:2], digest(origin), origin)
        if getattr(row, "id", None) != id:
            return None
        was = getattr(self._record(key, origin), "category", None)
        return key if category in ("", was) else None

    def _record(self, key: Key, body: bytes) -> M:
        record = self._model.read(_fields(key, body, "it was not read"))
        record.keep(key, body)
        return record

    def _whole(self, key: Key, what_not: str) -> bytes | None:
        """The file's bytes, waited for while a program writes them; None where it is gone."""
        root = root_of(self._stores[key[0]].path, what_not)
        spelled = self._index.spelling(key)

        def whole() -> bytes | None:
            found = None if root is None else body_of(root, spelled)
            if found is not None:
                _fields(key, found[0], what_not)
            return None if found is None else found[0]

        return patiently(whole)


def _filled(template: str, id: str, category: str) -> str:
    """The path of a new record. Raises RecordError where it would lie in other folders than said:
    an id of `a/b` is one record and makes no folder.
    """
    names = {"id": id, "category": category}
    for field, name in names.items():
        if f"{{{field}}}" not in template:
            continue
        if not name:
            raise RecordError(f"there is no {field}; nothing was written", "give it one")
        if not names_a_file(name):
            raise RecordError(
                f"the {field} {name!r} makes no file name; nothing was written",
                f"choose another {field}: without /, with no dot in front, of 200 bytes at most",
            )
    return normal(re.sub(r"\{(id|category)\}", lambda found: names[found[1]], template))


def _fields(key: Key, body: bytes, what_not: str) -> dict[str, Any]:
    """What the file's bytes tell. Raises RecordError where they are no record, HalfWritten where
    they may become one.
    """
    format = format_of(key[1])
    found = fields_of(body, format)
    if isinstance(found, dict):
        return found
    whole = isinstance(read(body, format), str) and unparsable(format, body) is None
    raise (RecordError if whole else HalfWritten)(
        f"{key[1]} holds no record: {found}; {what_not}",
        "mend the file or move it away, then call again",
    )
