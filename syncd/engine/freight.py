"""The seams through which payloads move: state folder, files, deployment. Pure: Protocols only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from syncd.core.model import Content, Digest, Format, Hold


class Arrival(Protocol):
    """A payload being received, in a `with`: nothing of it stays unless it was finished."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None: ...  # fmt: skip

    def write(self, part: bytes) -> None:
        """Add `part`. Raises OSError, and ValueError once there is too much."""

    def finish(self) -> None:
        """Give it its name, durably. Raises OSError, and ValueError where it is not right."""


class Payloads(Protocol):
    """Payloads that came in, of all stores, until their files hold them."""

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of `digest` are here, or in history."""

    def receive(self, content: Content) -> Arrival:
        """Begin to receive `content`. Raises OSError where the disk will not do."""

    def shelve(self, digest: Digest) -> None:
        """Move a payload into history, durably; nothing where it is not here. Raises OSError."""

    def drop(self, digest: Digest) -> None:
        """Forget a payload that nothing waits for."""

    def waiting(self) -> Collection[Digest]:
        """The payloads that are here."""


class Transit(Protocol):
    """The payloads of one store, on their way from its files and to them. Calls block."""

    @property
    def payloads(self) -> Payloads:
        """What came in."""

    def open(self, path: str) -> BinaryIO | Hold:
        """The file at `path`, opened to be sent."""

    def prepare(self, path: str, digest: Digest, *, move: bool) -> Hold | None:
        """Put a payload durably beside the file at `path`; with `move` the last that needs it.

        Raises ValueError where what came in is not right, FileNotFoundError where nothing did.
        """

    def prepared(self, path: str, digest: Digest) -> bool:
        """Whether the payload lies ready beside the file at `path`."""

    def ready(self) -> Mapping[str, Digest]:
        """The payloads that lie ready, by the paths of the files beside which they do."""

    def put_away(self, path: str, digest: Digest) -> None:
        """Remove the payload that lies ready beside the file at `path`, if it is `digest`."""


class Carrying(Protocol):
    """A store whose files may be payloads."""

    @property
    def transit(self) -> Transit:
        """Its payloads."""

    def format(self, path: str) -> Format:
        """How the file at `path` is written."""


class FileStorage(Protocol):
    """Where a deployment keeps payloads, by digest. See RemoteReplica for troubles."""

    async def missing(self, digests: Sequence[Digest]) -> set[Digest]:
        """Those that are not there."""

    async def upload(self, content: Content, parts: AsyncIterator[bytes], name: str) -> None:
        """Bring `content` there, whose bytes are `parts`; `name` tells what type it is of.

        Raises PayloadRefused where it is not what was claimed.
        """

    def download(self, url: str) -> AsyncIterator[bytes]:
        """What is served at `url`. Raises PayloadRefused where it is not there any more."""
