"""Broken variants of edits that follow moves: see `variants`."""

from __future__ import annotations

from typing import Any

from syncd.core.model import Digest
from syncd.engine.turns.renamed import Renamed

from .faults import SHUFFLING
from .variants import Variant


async def _over(self: Any, edit: Any, here: bytes, digest: Digest) -> bytes:
    body: bytes = edit.decision.body
    return body


async def _not_into(self: Any, edit: Any, here: bytes, digest: Digest) -> bytes:
    return here


VARIANTS = (
    Variant("what follows a move goes over it", ((Renamed, "_merged", _over),), SHUFFLING),
    Variant("what follows a move is dropped", ((Renamed, "_merged", _not_into),), SHUFFLING),
)
