"""Why the two sides of a conflict are not one version: found anew, from the bytes that are kept."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from syncd.core.model import Format, Kind
from syncd.report.listing import ConflictReport, Listing
from syncd.stores.layout import format_of
from syncd.stores.merge import Combined, merge


class Dispute(BaseModel):
    """`clashes` are JSON pointers to what both sides changed, "" for all of it, where the rest was
    merged; `unmerged` says why nothing was. Neither where a side is gone, or its bytes are.
    """

    clashes: list[str] = []
    unmerged: str | None = None


def dispute(listing: Listing, conflict: ConflictReport, kinds: Mapping[str, Kind]) -> Dispute:
    """What a merge of the two sides comes to; `kinds` are those of the stores. Long ones take a
    second.
    """
    sides = (conflict.base, conflict.mine, conflict.theirs)
    base, mine, theirs = (listing.body(side) for side in sides)
    lost = base is None and conflict.base is not None
    if lost or mine is None or theirs is None or conflict.store not in kinds:
        return Dispute()
    kind = kinds[conflict.store]
    found = merge(base, mine, theirs, _format(conflict, kind), kind)
    if isinstance(found, Combined):
        return Dispute(clashes=[clash.pointer for clash in found.clashes])
    return Dispute(unmerged=found.why)


def _format(conflict: ConflictReport, kind: Kind) -> Format:
    if conflict.record:
        return Format.JSON
    return Format.TEXT if kind is Kind.FILE else format_of(conflict.path)
