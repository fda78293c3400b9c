"""The seams of the engine: the file tree, the deployment, the clock. Pure: Protocols only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from syncd.core.decision import Write
from syncd.core.direction import Way
from syncd.core.guard import RootState
from syncd.core.log import Answer, Append, Cut, Extent, Gone, Parted, ToldLog
from syncd.core.model import (
    Change,
    Cursor,
    Digest,
    Hold,
    Intent,
    Key,
    Kind,
    Outcome,
    Witness,
)
from syncd.core.news import Page, StoreSettings, Welcome
from syncd.core.portion import ANSWER
from syncd.core.reading import Reading, Stat
from syncd.core.stats import Compared, KnownFile
from syncd.core.writing import LateSave, Note, Writing
from syncd.engine.freight import Carrying


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""

    def read_ns(self) -> int:
        """Nanoseconds since the epoch, on the clock that stamps files.

        Asked before a look at files: what is saved while it lasts is not in it for certain.
        """


class Seen(Protocol):
    """What a scan saw of a store."""

    @property
    def root(self) -> str | None:
        """Identity of the folder that was walked, None where it was not one from end to end."""

    @property
    def stats(self) -> Mapping[str, Stat]:
        """Every file that matches, by path."""

    @property
    def holds(self) -> Mapping[str, Hold]:
        """Names and folders that cannot be mirrored, by path."""

    @property
    def leftovers(self) -> Sequence[str]:
        """Files under temporary names of ours, as spelled on disk."""

    def compared(self, known: Iterable[KnownFile]) -> Compared:
        """What became of the `known` files. Of those that are gone it is not certain: see
        `missing`.
        """

    def missing(self, path: str) -> bool:
        """Whether it is certain that no file has the key `path`."""


class Aside(Protocol):
    """Files that were taken out of the tree while a program may have had them open."""

    @property
    def empty(self) -> bool:
        """Whether it is known that there are none: then nothing is due."""

    def due(self, now: float) -> Sequence[LateSave]:
        """Look at what is due at the monotonic time `now`; saves that came late, until released."""

    def release(self, save: LateSave) -> None:
        """The ledger knows of `save`."""

    def kept(self, digest: Digest) -> bytes | None:
        """Bytes that are in history, None where they are not."""

    def keep(self, body: bytes) -> Digest:
        """Put bytes that nothing else holds into history, durably."""


class LocalReplica(Carrying, Protocol):
    """The file tree of one store. Calls block; the engine makes them from a thread."""

    kind: Kind

    way: Way
    """The direction in which changes go."""

    pointer: str | None
    """Where in a file the list of its records is, None where each file is one record."""

    bound: str | None
    """Identity of the only folder that is read and written; None takes whichever is there."""

    @property
    def swapped(self) -> Aside:
        """What was taken out of the tree and is looked at again."""

    def includes(self, path: str) -> bool:
        """Whether the store's patterns match `path`, which the deployment may have named."""

    def identity(self) -> str | None:
        """What the store's folder is, None while it is missing."""

    def root_state(self, known: str | None) -> RootState:
        """What became of the folder that was `known`."""

    def scan(self, *, first: bool = False) -> Seen:
        """Look at every file without reading it; `first`: until some are met, if there are any."""

    def read(self, path: str, *, anew: bool = False, within: str | None = None) -> Reading:
        """Read one file; `anew` a long one too whose digest is known for the stat that it has.

        `within` names the folder to read in, where that is not the one that is bound.
        """

    def read_first(
        self, paths: Sequence[str], most: int, *, within: str | None = None
    ) -> list[Reading]:
        """Read the first of `paths`, as many as hold `most` bytes, and the one that holds more.

        Slow, and nothing read, for those that take long. `within`: see `read`.
        """

    def stage(self, writes: Sequence[Write]) -> list[Note | Hold | None]:
        """Put new bytes durably beside their files, and say what will be done.

        None where the file that was to be removed is gone already.
        """

    def perform(self, notes: Sequence[Note]) -> list[Writing | Hold]:
        """Do what was noted, each if its file still is what was expected.

        A hold: it could not be finished, the note stands, `recover` decides.
        """

    def recover(self, note: Note, *, doubted: bool = False) -> Writing | Hold:
        """Find out, after a crash, whether what was noted was done. A hold: not yet.

        `doubted`: another copy of the ledger may have finished it; a hold if that can be.
        """

    def discard(self, notes: Sequence[Note]) -> None:
        """Clear the temporary names of notes that the ledger does not hold any more."""

    def retire(self, leftovers: Sequence[str]) -> None:
        """Move files under temporary names that no note names into history."""


class LinesReplica(Protocol):
    """The files of one store that only grow, known by their inodes. Calls block."""

    kind: Kind

    unkept: str
    """Why some file has no second name, empty while all have one."""

    def scan(self) -> Seen:
        """Look at every file without reading it; no root where not all could be seen."""

    def look(self, paths: Iterable[str]) -> Mapping[str, Stat]:
        """Those of `paths` at which a file is."""

    def keep(self, path: str, inode: int) -> bool:
        """Give a file a second name, by which it is found; whether it has one now."""

    def release(self, inode: int) -> None:
        """Take the second name away."""

    def renumbered(self) -> Mapping[int, int]:
        """The inodes of second names that are files by themselves now, by their former ones."""

    def strays(self, inodes: Collection[int]) -> Sequence[Stat]:
        """Files other than `inodes` that have a second name: a lost ledger followed them."""

    def deleted_since(self, inode: int) -> float | None:
        """When a file that is deleted was last written (0: it cannot be found), else None."""

    def holds(self, inode: int, extent: Extent) -> bool:
        """Whether the file holds what a log of this extent holds."""

    def holds_any(self, inode: int, tails: Mapping[int, Collection[str]]) -> bool:
        """Whether the file holds what a log of one of these lengths does, with one of its tails."""

    def end(self, inode: int) -> Extent | None:
        """Where the file's last whole line ends; None where it cannot be read."""

    def cut(self, inode: int, extent: Extent, most: int, text_bytes: int) -> Cut | Parted | Gone:
        """Whole lines behind `extent`, bounded in number and bytes."""


class RemoteLogs(Protocol):
    """The logs of this device on a deployment. May raise the troubles of `syncd.errors`."""

    async def append(self, appends: Sequence[Append]) -> list[Answer]:
        """Add lines to logs in one transaction; an answer each, in order."""

    async def tails(self, store: str) -> list[ToldLog]:
        """How far this device's logs of a store go."""


class RemoteReplica(Protocol):
    """A workspace of a deployment. Every method may raise the troubles of `syncd.errors`."""

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        """Say who we are and what we remember. `passed`: see `Passing.place`."""

    async def tell_passed(self, ledger: str, start: int, passed: Cursor) -> Cursor | None:
        """Say how far the ledger has passed since the hello with this start number; the place
        before which all tombstones are reaped, None where that is not told.
        """

    async def register(self, stores: Sequence[StoreSettings]) -> None:
        """Make the configured stores known; the same again changes nothing."""

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        """Send intents in one transaction; an outcome for each of `halves(intents)`, in order.

        `passed` is what the ledger has passed while these are on their way.
        """

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        """What happened behind `cursor`, and which of `witnesses` are denied.

        What lies at the `known` places is our own and left out; the cursor passes it. The page has
        up to `most` bytes of text, unless one alone has more.
        """

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        """The current snapshots of the first of `keys`, with their bytes; None for one never held.

        As many as have up to `most` bytes of text, and one at least.
        """

    async def head(self) -> Cursor:
        """The newest place in the feed."""

    async def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        """A page of the entries of `store` behind `after`, without bytes, and its last key.

        None for the last key where the page is the last.
        """
