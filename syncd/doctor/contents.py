"""What lies in a store: names that collide, ids that are given twice, what is too large. Does IO.

Names and sizes are looked at of every file, ids and nesting of the first `READ` JSON files.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from syncd.core.model import INLINE_LIMIT, Format, Kind
from syncd.core.wording import counted
from syncd.doctor.finding import Finding, fail, ok, warn
from syncd.store_config import StoreConfig
from syncd.stores.codec import PAYLOAD_LIMIT, RECORDS_LIMIT, nests_deeper
from syncd.stores.layout import format_of, normal
from syncd.stores.tree import DEEPEST

READ = 5000
"""Files of a store that are read."""

SMALL = 1024 * 1024
"""Bytes of a file that is read: larger ones are not merged by value anyway."""

_WITH_COLUMNS = (Kind.WORKFLOW, Kind.EXECUTION, Kind.ASSET, Kind.DOCUMENT)


@dataclass(frozen=True, slots=True)
class Met:
    """A file of the store: its path as on disk, and its size in bytes."""

    path: str
    size: int


def examine(store: StoreConfig) -> Iterator[Finding]:
    """Everything that concerns the files of one store."""
    links: list[str] = []
    files = sorted(_files(store, links), key=lambda met: met.path)
    if links:
        evidence = f"{_some(sorted(links))}: a link to a folder, where nothing is mirrored"
        advice = "move the folder itself here, or give it a store of its own in config.toml"
        yield warn(f"links:{store.name}", evidence, advice)
    yield _names(store, files)
    yield _sizes(store, files)
    if store.kind in _WITH_COLUMNS and store.layout == "file":
        yield from _insides(store, files)


def _files(store: StoreConfig, links: list[str]) -> Iterator[Met]:
    """The files of the store. What leads to folders is put into `links`."""
    layout = store.patterns()
    for folder, folders, files in os.walk(store.path):
        below = folder[len(str(store.path)) :].lstrip("/")
        folders[:] = [f for f in folders if not layout.prunes(normal(f"{below}/{f}".lstrip("/")))]
        links += [f"{below}/{f}".lstrip("/") for f in folders if (Path(folder) / f).is_symlink()]
        matches = layout.within(normal(below))
        for name in filter(lambda name: matches(normal(name)), files):
            # RACE: programs go on deleting while this looks.
            with suppress(FileNotFoundError):
                met = (Path(folder) / name).lstat()
                if stat.S_ISREG(met.st_mode):  # A pipe would never end; what is none is held.
                    yield Met(f"{below}/{name}".lstrip("/"), met.st_size)


def _names(store: StoreConfig, files: Sequence[Met]) -> Finding:
    check = f"names:{store.name}"
    if unreadable := [met.path for met in files if _undecodable(met.path)]:
        return warn(
            check,
            f"{_some(unreadable)}: not UTF-8, and held",
            f"convmv -f latin1 -t utf8 -r --notest {_quoted(store.path)}, or rename it otherwise",
        )
    spelled = _groups((normal(met.path), met.path) for met in files)
    if twins := [group for group in spelled.values() if len(group) > 1]:
        evidence = f"{_pair(twins)} are one name in two Unicode spellings: both are held"
        return warn(check, evidence, _renaming(store, twins[0][1]))
    folded = _groups((normal(met.path).casefold(), met.path) for met in files)
    if twins := [group for group in folded.values() if len(group) > 1]:
        evidence = (
            f"{_pair(twins)} differ in capitals only: where those do not count, as on many a "
        )
        evidence += "Mac, the second is held"
        return warn(check, evidence, _renaming(store, twins[0][1]))
    return ok(check, f"{counted(len(files), 'name', 'are')} told apart everywhere")


def _sizes(store: StoreConfig, files: Sequence[Met]) -> Finding:
    check = f"sizes:{store.name}"
    if store.layout == "lines":
        return ok(check, "files of lines grow as large as they like: each line travels by itself")
    most = RECORDS_LIMIT if store.layout == "records" else PAYLOAD_LIMIT
    if beyond := [met.path for met in files if met.size > most]:
        advice = f"split it, or leave it out with `exclude` of {store.name!r} in config.toml"
        return fail(check, f"{_some(beyond)}: more than {most:,} bytes, and held", advice)
    large = [met.path for met in files if met.size > INLINE_LIMIT]
    if store.layout == "file" and store.kind is not Kind.FILE and large:
        return warn(check, f"{_some(large)}: more than {INLINE_LIMIT:,} bytes: mirrored whole, "
                    "without columns, and never merged", "split it where lists of it are to be "
                    "searched or two machines edit it; else nothing to do")  # fmt: skip
    largest = max((met.size for met in files), default=0)
    return ok(check, f"the largest of {counted(len(files), 'file')} has {counted(largest, 'byte')}")


def _insides(store: StoreConfig, files: Sequence[Met]) -> Iterator[Finding]:
    small = [m for m in files if format_of(m.path) is Format.JSON and m.size <= SMALL][:READ]
    deep: list[str] = []
    named: list[tuple[str, str]] = []
    for met in small:  # One at a time: all of them parsed may not fit into memory.
        value = _parsed(store.path / met.path)
        if nests_deeper(value, DEEPEST):
            deep.append(met.path)
        if isinstance(value, dict):
            named.append((_id(store.kind, met.path, value), met.path))
    if deep:
        yield warn(f"nesting:{store.name}", f"{_some(deep)}: nested deeper than {DEEPEST} levels: "
                   "mirrored, without columns, and never merged", "flatten it")  # fmt: skip
    if store.kind is not Kind.DOCUMENT:  # Those are known by their paths.
        yield _ids(store, _groups(named), len(small))


def _ids(store: StoreConfig, ids: Mapping[str, Sequence[str]], files: int) -> Finding:
    check = f"ids:{store.name}"
    twice = [group for group in ids.values() if len(group) > 1]
    if not twice:
        return ok(check, f"{counted(len(ids), 'id')} in {counted(files, 'file')}, none twice")
    fix = f"give one of them an id of its own: ${{EDITOR:-vi}} {_quoted(store.path / twice[0][1])}"
    if store.kind is Kind.EXECUTION:
        fix = _renaming(store, twice[0][1])
    return warn(check, f"{_pair(twice)} have one id: Convex lists both, and `update` by that id "
                "answers `ambiguous`", fix)  # fmt: skip


def _id(kind: Kind, path: str, value: dict[str, Any]) -> str:
    """By what Convex finds the record: see convex/model/project.ts."""
    told = value.get("id")
    if kind is Kind.EXECUTION or isinstance(told, bool) or not isinstance(told, str | int):
        return Path(path).stem
    return str(told) or Path(path).stem


def _parsed(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None  # Held, and told by `syncd status`.


def _groups(named: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, path in named:
        found.setdefault(name, []).append(path)
    return found


def _pair(groups: Sequence[Sequence[str]]) -> str:
    one, two, *_ = groups[0]
    more = f" (and {len(groups) - 1:,} more such)" if len(groups) > 1 else ""
    return f"{one!r} and {two!r}{more}"


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{paths[0]!r}{more}"


def _renaming(store: StoreConfig, path: str) -> str:
    place = store.path / path
    other = place.with_name(f"{place.stem}-2{place.suffix}")
    return f"mv {_quoted(place)} {_quoted(other)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _undecodable(path: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in path)
