"""Broken variants of edits that follow moves, and of folders that move: see `variants`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syncd.core.model import Digest
from syncd.core.writing import Note
from syncd.engine.turns.plan import Planner
from syncd.engine.turns.renamed import Renamed
from syncd.files import replica, staging

from .faults import FOLDERS, SHUFFLING, TRADING
from .variants import Variant


async def _over(self: Any, edit: Any, here: bytes, digest: Digest) -> bytes:
    body: bytes = edit.decision.body
    return body


async def _not_into(self: Any, edit: Any, here: bytes, digest: Digest) -> bytes:
    return here


_NOTING = ((staging, "_note"), (replica, "stage_removal"), (staging, "stage_prepared"))


def _anywhere(stage: Any) -> Any:
    def staged(*given: Any) -> Any:
        noted = stage(*given)
        return replace(noted, folder=None) if isinstance(noted, Note) else noted

    return staged


VARIANTS = (
    Variant("what follows a move goes over it", ((Renamed, "_merged", _over),), SHUFFLING),
    Variant("what follows a move is dropped", ((Renamed, "_merged", _not_into),), SHUFFLING),
    Variant(
        "any folder is the one of a note",
        tuple((module, name, _anywhere(getattr(module, name))) for module, name in _NOTING),
        FOLDERS,
    ),
    Variant(
        "a folder in a file's place is a deletion of what was never read",
        ((Planner, "wants_no_file", lambda *_: True),),
        TRADING,
    ),
)
