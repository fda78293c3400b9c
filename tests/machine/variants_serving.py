"""Broken variants of the functions that an application calls: see `variants`."""

from __future__ import annotations

from typing import Any

from syncd.core.model import Key

from .deployment import Accepted, Deployment
from .faults import SERVING
from .variants import Variant


class _ForgetsRequests(Deployment):
    """What is asked for again under its id is done again."""

    def is_done(self, request: str) -> bool:
        return False


class _FoldsOldText(Deployment):
    """A fold is made of the text that the counter had when it was first added to."""

    def increment(self, key: Key, request: str) -> bool:
        texts = self.__dict__.setdefault("_texts", {})
        texts[key] = self.state.entries[key].body
        return super().increment(key, request)

    def folded(self, key: Key, added: Any) -> bytes | None:
        by = self.state.increments.pop(key, 0)
        text = self.__dict__.get("_texts", {}).get(key)
        return added(text, by) if by and text is not None else None


class _KeepsRevision(Deployment):
    """What the application writes is no new revision."""

    def write(self, key: Key, body: bytes | None, operation: str) -> Accepted:
        before = self.state.entries.get(key)
        accepted = super().write(key, body, operation)
        if before is not None:
            entry = self.state.entries[key]
            self.state.entries[key] = type(entry)(**{**entry.__dict__, "revision": before.revision})
        return accepted


class _Unseen(Deployment):
    """What the application writes is told of to nobody."""

    def write(self, key: Key, body: bytes | None, operation: str) -> Accepted:
        before = self.state.entries.get(key)
        accepted = super().write(key, body, operation)
        if before is not None:
            entry = self.state.entries[key]
            self.state.entries[key] = type(entry)(**{**entry.__dict__, "at": before.at})
        return accepted


VARIANTS = (
    Variant("a request is done twice", mix=SERVING, deployment=_ForgetsRequests),
    Variant("a fold undoes a push", mix=SERVING, deployment=_FoldsOldText),
    Variant("the application keeps the revision", mix=SERVING, deployment=_KeepsRevision),
    Variant("the feed passes over the application", mix=SERVING, deployment=_Unseen),
)
