"""Whether what the functions answered is an answer to what they were asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from syncd.core.model import Change, Content, Key
from syncd.errors import ProtocolError
from syncd.remote.wire import WireChange


def asked_for(keys: Sequence[Key], entries: Sequence[WireChange | None]) -> list[Change | None]:
    """`entries` as changes, if they are those of the first of `keys`. Raises ProtocolError."""
    others = [e for k, e in zip(keys, entries, strict=False) if e is not None and e.key != k]
    if others or not 0 < len(entries) <= len(keys):
        raise ProtocolError(
            "sync:fetch answered other keys than were asked for; none was recorded",
            "deploy this version's functions: see convex/README.md",
        )
    return [None if entry is None else verified(entry.to_change()) for entry in entries]


def stuck(path: str) -> ProtocolError:
    """That a page ends where it began, and is not the last."""
    return ProtocolError(
        f"{path} answered the place it was asked from, and that there is more behind it; "
        "nothing was recorded",
        "deploy this version's functions: see convex/README.md",
    )


def verified(change: Change) -> Change:
    """The change without its bytes where they are not what it says they are.

    One damaged entry must not stop the feed: whoever needs the bytes finds them missing.
    """
    version = change.snapshot.version
    if not isinstance(version, Content) or change.body is None:
        return change
    whole = hashlib.sha256(change.body).hexdigest() == version.digest
    return change if whole else replace(change, body=None)
