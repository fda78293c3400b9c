"""The configured deployments files, in each of which are many records. Does IO; calls block.

A save reads the file, changes one record in it and puts the whole file in its place, alone among
programs that use this: none drops what another added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from syncd.config import Config
from syncd.core.model import Format, Hold, Kind
from syncd.errors import ConfigError, RecordError
from syncd.files.root import Root
from syncd.storage.columns import row_of
from syncd.storage.edit import edited, edited_anew, fields_of, joined, replaced, written
from syncd.storage.file import HalfWritten, body_of, change, patiently
from syncd.storage.forking import Lock
from syncd.storage.index import Key
from syncd.storage.records import Deployment, told
from syncd.storage.root import made_root, root_of
from syncd.storage.rows import DeploymentRow, Found, Row
from syncd.store_config import StoreConfig
from syncd.stores.codec import unparsable
from syncd.stores.join import join
from syncd.stores.records import ENVELOPE, ID_BYTES, Split, split, tokens, unfit
from syncd.stores.tree import compact

_UNREAD: Final = "it was not read"
_UNWRITTEN: Final = "nothing was written"

Parts = dict[str, bytes]
"""The tokens of a file's envelope and records, by id."""


class Shelf:
    """All deployments, by the files that hold them. What is new goes into the first."""

    def __init__(self, config: Config) -> None:
        found = [each for each in config.stores if each.kind is Kind.DEPLOYMENT and each.pointer]
        if not found:
            raise ConfigError(
                f"{config.source} has no store of kind 'deployment' whose file holds many of them; "
                "nothing was opened",
                'add a [[store]] with kind = "deployment" and the path of its folder',
            )
        for each in found:
            if not each.patterns().matches(each.creates_at()):
                raise ConfigError(
                    f"{each.creates_at()} is not among the files of store {each.name!r}; nothing "
                    "was opened",
                    "name the file of all deployments: create = ... in its [[store]]",
                )
        self._files = {each.name: _File(each) for each in found}
        self.removed: dict[Key, str] = {}

    def rows(self) -> Mapping[Key, DeploymentRow]:
        """What the files say."""
        return {key: row for file in self._files.values() for key, row in file.rows().items()}

    def stands(self, row: Row, local: Mapping[Key, Row]) -> bool:
        """Whether what the mirror tells holds beside the files: a record that is not here does."""
        here = local.get(row.key)
        return here is None or here.digest == row.digest

    def load(self, id: str) -> Deployment | None:
        """The deployment `id` from its file."""
        for file in self._files.values():
            if (body := file.parts().get(id)) is not None and id != ENVELOPE:
                return _deployment(file.key(id), body)
        return None

    def received(self, found: Found) -> Deployment:
        """The deployment that the mirror told, of which there is no file here."""
        return _deployment(found.key, found.body)

    def save(self, id: str, deployment: Deployment) -> None:
        """Put the deployment in its place, or behind all others. Raises RecordError."""
        fitting(id)
        file = next(
            (each for each in self._files.values() if id in each.parts(_UNWRITTEN)), self._first
        )
        after, origin = told(deployment), deployment.origin
        before = {} if origin is None else told(_deployment(file.key(id), origin))
        mine = b""

        def ours(met: bytes | None) -> bytes:
            if origin is not None:
                text = edited(origin, before, after, Format.JSON, Kind.DEPLOYMENT)
            elif met is None:
                text = written(after, Format.JSON)
            else:
                text = replaced(met, after, Format.JSON, Kind.DEPLOYMENT)
            return compact(text.decode()).encode()

        def put(parts: Parts) -> None:
            nonlocal mine
            met = parts.get(id)
            parts[id] = mine = ours(met)
            if origin is not None and met not in (None, origin):
                both = joined(origin, parts[id], met or b"", Format.JSON, Kind.DEPLOYMENT)
                if both is None:
                    both = edited_anew(met or b"", before, after, Format.JSON, Kind.DEPLOYMENT)
                parts[id] = compact(both.decode()).encode()

        file.change(put)
        # What others changed meanwhile is in the file, not in the record: see Stores.save.
        deployment.keep(file.key(id), mine)

    def envelope(self) -> dict[str, Any] | None:
        """What the first file holds beside its records; None where it does not exist."""
        body = self._first.parts().get(ENVELOPE)
        return None if body is None else _object(body)

    def told(self, found: Found) -> dict[str, Any]:
        """What the mirror tells that a file holds beside its records."""
        return _object(found.body)

    def edit_envelope(self, act: Callable[[dict[str, Any]], None]) -> None:
        """Let `act` change what the first file holds beside its records."""

        def put(parts: Parts) -> None:
            before, after = _object(parts[ENVELOPE]), _object(parts[ENVELOPE])
            act(after)
            text = edited(parts[ENVELOPE], before, after, Format.JSON, Kind.DEPLOYMENT)
            parts[ENVELOPE] = compact(text.decode()).encode()

        self._first.change(put)

    @property
    def place(self) -> Key:
        """Where the first file's envelope is."""
        return self._first.key("")

    @property
    def _first(self) -> _File:
        return next(iter(self._files.values()))


def fitting(id: str) -> None:
    """Raises RecordError for an id that no deployment may have: it would hold the whole file."""
    hold = unfit(id) if id else Hold("unparsable", "there is no id", "")
    if hold is not None:
        raise RecordError(
            f"{hold.detail}; nothing was written",
            f"choose another id: text of {ID_BYTES} bytes at most, without a null",
        )


class _File:
    """One file of many records; what did not change in it is not parsed again."""

    def __init__(self, store: StoreConfig) -> None:
        self._store = store
        self._pointer = store.pointer or ""
        self._path = store.creates_at()
        self._split: Split | None = None
        self._rows: dict[str, DeploymentRow] = {}
        self._lock = Lock()

    def key(self, id: str) -> Key:
        return self._store.name, self._path, id

    def parts(self, what_not: str = _UNREAD) -> Parts:
        with self._lock:
            return self._parts(what_not)

    def rows(self) -> dict[Key, DeploymentRow]:
        with self._lock:
            parts = self._parts(_UNREAD)
            self._rows = {id: self._row(id, body) for id, body in parts.items() if id != ENVELOPE}
            return {self.key(id): row for id, row in self._rows.items()}

    def change(self, put: Callable[[Parts], None]) -> None:
        """Let `put` change the parts of the file, which is made where it is missing."""

        def make(met: bytes | None) -> bytes:
            here = None if met is None else self._taken_apart(met, _UNWRITTEN)
            parts = tokens(here.parts) if here else {ENVELOPE: _empty(self._pointer)}
            put(parts)
            body = join(here, parts, self._pointer)
            if isinstance(hold := split(body, self._pointer, here), Hold):
                raise RecordError(f"{self._path}: {hold.detail}; {_UNWRITTEN}", "flatten it")
            return body

        with self._lock:
            root = made_root(self._store.path, _UNWRITTEN)
            patiently(lambda: change(root, self._path, make))

    def _parts(self, what_not: str) -> Parts:
        root = root_of(self._store.path, what_not)
        return {} if root is None else patiently(lambda: self._read(root, what_not))

    def _read(self, root: Root, what_not: str) -> Parts:
        found = body_of(root, self._path)
        return {} if found is None else tokens(self._taken_apart(found[0], what_not).parts)

    def _taken_apart(self, body: bytes, what_not: str) -> Split:
        if self._split is not None and self._split.text.encode() == body:
            return self._split
        found = split(body, self._pointer, self._split)
        if isinstance(found, Hold):
            broken = unparsable(Format.JSON, body)
            hold, trouble = (broken, HalfWritten) if broken else (found, RecordError)
            raise trouble(f"{self._path}: {hold.detail}; {what_not}", hold.advice)
        self._split = found
        return found

    def _row(self, id: str, body: bytes) -> DeploymentRow:
        assert self._split is not None
        digest = self._split.parts[id].content.digest
        known = self._rows.get(id)
        if known is not None and known.digest == digest:
            return known
        made = row_of(Kind.DEPLOYMENT, self._store.name, self._path, digest, body, id)
        assert isinstance(made, DeploymentRow)  # a part parses
        return made


def _deployment(key: Key, body: bytes) -> Deployment:
    fields = fields_of(body, Format.JSON)
    if isinstance(fields, str):
        raise RecordError(f"deployment {key[2]} is no record: {fields}", "mend the file")
    deployment = Deployment.read(fields)
    deployment.keep(key, body)
    return deployment


def _object(body: bytes) -> dict[str, Any]:
    fields = fields_of(body, Format.JSON)
    return {} if isinstance(fields, str) else fields


def _empty(pointer: str) -> bytes:
    """The envelope of a new file."""
    names = [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]
    value: Any = []
    for name in reversed(names):
        value = {name: value}
    if pointer == "/deployments":
        value["queue"] = []
    return orjson.dumps(value)
