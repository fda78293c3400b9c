"""`syncd restore`: files, or whole folders, made again what they were."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.asking import have_done, print_answer
from syncd.cli.naming import PATHS, place_of, time_of
from syncd.cli.progress import showing_progress
from syncd.config import Config, StoreConfig
from syncd.control.acts import HELD_ALREADY
from syncd.control.messages import LISTED, Answer, Restore, RestoreMany
from syncd.core.model import Digest, Key
from syncd.core.wording import counted
from syncd.errors import ConfigError
from syncd.report.listing import Listing, open_listing

SHOWN = 10
"""Of many files, that many are named; the rest are counted."""

AT = "As it was at this time: 2026-11-23T14:00, or 2h for that long ago."
DELETED = "What is gone, as it was last, or with --at as it was then; nothing that is there."


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which versions are wanted."""

    at: float | None
    revision: int | None
    digest: str | None
    deleted: bool


@app.command()
@reporting
def restore(
    paths: Annotated[list[str], typer.Argument(help=PATHS)],
    config: ConfigPath = CONFIG,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=AT)] = None,
    revision: Annotated[
        int | None, typer.Option("--rev", metavar="N", help="As it was at this revision.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="D", help="Start of the version's digest.")
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help=DELETED)] = False,
    as_json: AsJson = False,
) -> int:
    """Make files hold earlier versions again; what they hold now goes into history first.

    A folder stands for every file below it. What was not there at the time of --at stays as it is.

    Examples: `syncd restore workflows/a.json --at 2h`, `syncd restore workflows --deleted`
    """
    settings = configured(config)
    moment = None if at is None else time_of(at, datetime.now(UTC))
    asked = _Asked(moment, revision, digest, deleted)
    with open_listing(settings) as listing:
        chosen = _Choosing(settings, listing, asked)
        wanted = list({each: None for path in paths for each in chosen.below(path)})
    if len(wanted) == 1:
        answer = have_done(settings, wanted[0])
        return print_answer(answer, as_json=as_json, nothing="nothing was restored")
    answer = _restored(settings, wanted)
    if as_json:
        return print_answer(answer.bounded(), as_json=True, nothing="")
    _print_many(answer)
    return answer.exit_code


class _Choosing:
    """Which files get which version. Raises ConfigError, before anything is changed."""

    def __init__(self, config: Config, listing: Listing, asked: _Asked) -> None:
        self._config = config
        self._listing = listing
        self._asked = asked
        self._there: dict[str, set[str]] = {}

    def below(self, told: str) -> Iterator[Restore]:
        """What becomes of a path that a person told."""
        key = place_of(self._config, told)
        files = [] if key.record else self._listing.below(key.store, key.path)
        if key.path and not files:
            yield from self._one(key)
            return
        self._require_folder(key)
        for path in files:
            yield from self._in_folder(Key(key.store, path))

    def _one(self, key: Key) -> Iterator[Restore]:
        asked = self._asked
        _require_one_version(key, asked)
        if asked.deleted or self._store(key).layout == "lines":
            self._require_file(key)
        if asked.deleted and self._is_there(key):
            return
        if asked.at is not None:
            yield _wanted(key, self._listing.at(key, asked.at))
        elif asked.revision is not None:
            yield _wanted(key, self._listing.revision(key, asked.revision))
        elif asked.digest is not None:
            yield _wanted(key, self._listing.digest(key, asked.digest))
        elif last := self._listing.last(key):
            yield _wanted(key, last)
        else:
            raise ConfigError(f"{key}: nothing is remembered of it; nothing was changed",
                              "`syncd log` lists what became of files")  # fmt: skip

    def _in_folder(self, key: Key) -> Iterator[Restore]:
        if self._asked.deleted and self._is_there(key):
            return
        if digest := self._of_folder(key):
            yield _wanted(key, digest)

    def _of_folder(self, key: Key) -> Digest | None:
        if self._asked.at is None:
            return self._listing.last(key)
        try:
            return self._listing.at(key, self._asked.at)
        except ConfigError:
            return None  # It was not there then, or that is not remembered.

    def _is_there(self, key: Key) -> bool:
        if key.store not in self._there:
            self._there[key.store] = _names_in(self._store(key).path)
        return key.path in self._there[key.store]

    def _require_folder(self, key: Key) -> None:
        self._require_file(key)
        if self._asked.revision is not None or self._asked.digest is not None:
            raise ConfigError(f"{key} is a folder: its files have versions of their own; "
                              "nothing was changed", "say --at TIME, or --deleted")  # fmt: skip
        if self._asked.at is None and not self._asked.deleted:
            raise ConfigError(
                "say which versions; nothing was changed",
                "--deleted brings back what is gone, --at TIME makes all as it was at a time",
            )

    def _require_file(self, key: Key) -> None:
        if key.record or self._store(key).layout != "file":
            raise ConfigError(
                f"the files of {key.store} hold records or lines; nothing was changed",
                "restore a record by PATH#ID, with --at, --rev or --digest; lines are only read",
            )

    def _store(self, key: Key) -> StoreConfig:
        return next(each for each in self._config.stores if each.name == key.store)


def _require_one_version(key: Key, asked: _Asked) -> None:
    numbers = [each is not None for each in (asked.revision, asked.digest)]
    if sum(numbers) + (asked.at is not None or asked.deleted) == 1:
        return
    raise ConfigError(
        "say which version; nothing was changed",
        "with one of --at, --rev, --digest and --deleted: "
        f"`syncd log {shlex.quote(str(key))}` lists them",
    )


def _wanted(key: Key, digest: Digest) -> Restore:
    return Restore(store=key.store, path=key.path, record=key.record, digest=digest)


def _names_in(root: Path) -> set[str]:
    """The files that are there, spelled as keys are."""
    return {
        unicodedata.normalize("NFC", (Path(folder) / name).relative_to(root).as_posix())
        for folder, _, names in os.walk(root)
        for name in names
    }


def _restored(config: Config, wanted: Sequence[Restore]) -> Answer:
    answer = Answer()
    with showing_progress() as progress:
        for start in range(0, len(wanted), LISTED):
            some = RestoreMany(files=list(wanted[start : start + LISTED]))
            answer = answer.joined(have_done(config, some))
            progress("restoring", start + len(some.files), len(wanted))
    return answer


def _print_many(answer: Answer) -> None:
    changed = [each for each in answer.done if each.detail != HELD_ALREADY]
    left = len(changed[SHOWN:]) + len(answer.failed[SHOWN:])
    same = len(answer.done) - len(changed)
    if changed or answer.failed or not same:
        shown = Answer(done=changed[:SHOWN], failed=answer.failed[:SHOWN], more=left)
        print_answer(shown, as_json=False, nothing="nothing to restore, as far as is remembered")
    words = [f"{counted(len(changed), 'file')} restored"] if changed else []
    words += [f"{counted(same, 'file', 'hold')} these bytes already"] if same else []
    failed = sum(bool(each.key) for each in answer.failed)
    words += [f"{counted(failed, 'file', 'stay')} as before"] if failed else []
    if words:
        typer.echo("; ".join(words))
