"""File storage of a deployment: payloads go there and come from there, over HTTP. Does IO."""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from syncd.core.cost import Cost
from syncd.core.model import Content, Digest
from syncd.errors import PayloadRefused, ProtocolError, SyncdError, Unavailable
from syncd.remote.client import ConvexHttp
from syncd.remote.message import HexDigest, Message
from syncd.remote.pool import CONNECT, Timeouts
from syncd.remote.trouble import words_of

if TYPE_CHECKING:
    import aiohttp

DOWNLOAD: Mapping[str, float] = {"connect": CONNECT, "sock_read": Timeouts().silence}
"""However long it takes, as long as something comes."""

ANSWER_BYTES = 4096
"""The most that is read of what file storage itself says: an id, or why not."""

WHOLE = 1 << 18
"""Bytes up to which a payload goes in one piece, with what is said of it."""

_PART = 1 << 18
_REFUSED = frozenset({400, 401, 404, 413, 416})


class MissingAnswer(Message):
    """`blobs:missing`: those of the digests that are not there."""

    missing: list[HexDigest]


class BeginAnswer(Message):
    """`blobs:begin`: where to upload to, None for what is there already."""

    url: str | None


class Refusal(Message):
    """Why something was not taken."""

    reason: str
    detail: str


class CommitAnswer(Message):
    """`blobs:commit`: None for what was taken."""

    refusal: Refusal | None


class UploadAnswer(Message):
    """What file storage itself answers an upload with."""

    storage_id: str = Field(alias="storageId")


class ConvexStorage:
    """The payloads of one workspace. Raises the errors of ConvexHttp, and PayloadRefused."""

    def __init__(self, http: ConvexHttp, token: str, workspace: str) -> None:
        self._http = http
        self._who: Mapping[str, Any] = {"token": token, "workspace": workspace}

    async def missing(self, digests: Sequence[Digest]) -> set[Digest]:
        """Those that are not there."""
        args = {**self._who, "digests": list(digests)}
        answer = await self._http.query("blobs:missing", args, MissingAnswer)
        return {Digest(digest) for digest in answer.missing}

    async def upload(self, content: Content, parts: AsyncIterator[bytes], name: str) -> None:
        """Bring `content` there, whose bytes are `parts`; `name` tells what type it is of."""
        args = {**self._who, "digest": content.digest}
        begun = await self._http.mutation("blobs:begin", args, BeginAnswer)
        if begun.url is None:
            return
        storage_id = await self._post(begun.url, content, parts, name)
        claim = {**args, "size": content.size, "storageId": storage_id}
        committed = await self._http.mutation("blobs:commit", claim, CommitAnswer)
        if committed.refusal is not None:
            reason, detail = committed.refusal.reason, committed.refusal.detail
            raise PayloadRefused(f"blobs:commit: {detail} ({reason})", "it is uploaded again")

    async def download(self, url: str) -> AsyncIterator[bytes]:
        """What is served at `url`, in parts as they come."""
        await self._http.meter.admit()
        self._http.meter.count(Cost(calls=1))
        session = await self._http.session()
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(**DOWNLOAD)
            async with session.get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal("a download", response.status, await _said(response))
                async for part in response.content.iter_chunked(_PART):
                    self._http.meter.count(Cost(downloaded=len(part)))
                    yield part
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _lost("a download", error) from error

    async def _post(
        self, url: str, content: Content, parts: AsyncIterator[bytes], name: str
    ) -> str:
        digest = b64encode(bytes.fromhex(content.digest)).decode()
        # Of a whole name that looks like a URL a type would be taken as that says.
        ending = PurePosixPath(name).suffix
        kind = mimetypes.guess_type(f"payload{ending}")[0] or "application/octet-stream"
        headers = {
            "Content-Type": f"{kind}; syncd=payload",
            "Content-Length": str(content.size),
            "Digest": f"sha-256={digest}",
        }
        whole = content.size <= WHOLE
        body = b"".join([part async for part in parts]) if whole else None
        await self._http.meter.admit()
        self._http.meter.count(Cost(calls=1, uploaded=len(body or b"")))
        session = await self._http.session()
        import aiohttp

        try:
            async with (
                # The platform ends what takes longer than two minutes; others need not.
                self._http.timeouts.waiting(content.size, endless=True) as heard,
                session.post(
                    url,
                    data=self._counted(parts, heard) if body is None else body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                said = await _said(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _lost("an upload", error) from error
        if response.status != 200:
            raise _refusal("an upload", response.status, said)
        try:
            return UploadAnswer.model_validate_json(said).storage_id
        except ValidationError as error:
            raise ProtocolError(
                "file storage answered an upload with something else than an id; it counts as not "
                "uploaded", "is this a Convex deployment?",
            ) from error  # fmt: skip

    async def _counted(
        self, parts: AsyncIterator[bytes], heard: Callable[[], None]
    ) -> AsyncIterator[bytes]:
        async for part in parts:
            heard()
            self._http.meter.count(Cost(uploaded=len(part)))
            yield part


async def _said(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of what was answered, which need not be text and need not end."""
    said = bytearray()
    async for part in response.content.iter_any():
        said += part
        if len(said) >= ANSWER_BYTES:
            break
    return bytes(said[:ANSWER_BYTES])


def _lost(what: str, error: BaseException) -> Unavailable:
    why = "no progress in time" if isinstance(error, TimeoutError) else words_of(error)
    return Unavailable(
        f"{what} was cut short ({why}); nothing was changed",
        "nothing to do: it is tried again",
    )


def _refusal(what: str, status: int, answer: bytes) -> SyncdError:
    text = answer.decode(errors="replace")[:200]
    said = f"{what} was answered HTTP {status}: {text}; nothing was changed"
    if status in _REFUSED:
        return PayloadRefused(said, "nothing to do: it is asked for again")
    return Unavailable(said, "nothing to do: it is tried again")
