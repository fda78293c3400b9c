"""What a save of a records file says of one of its records. Pure.

Programs hold such a file in memory and rewrite it whole, so a save says only what differs from
*that program's* last save: what it repeats, it may never have looked at. A program that drops or
repeats old versions of others' records does not mean it (sim: taken at its word, 45 % of records
were lost and 40 % of updates reverted).
"""

from __future__ import annotations

from collections.abc import Collection

from syncd.core.model import Digest, Tombstone, Version


def taken(
    saved: Version,
    authored: Version,
    local: Version,
    ours: Collection[Digest] = (),
    *,
    absent_is_unchanged: bool = False,
) -> Version | None:
    """The local version after a save; None where the save and syncd both changed the record.

    `saved` is what the save holds, `authored` what the save before it held, `local` what the file
    was to hold, `ours` what syncd wrote there since that save: a program may have read it then.
    `absent_is_unchanged`: programs leave out records that they do not know.
    """
    if saved in (authored, local):
        return local
    if authored == local:
        return local if isinstance(saved, Tombstone) and absent_is_unchanged else saved
    if isinstance(saved, Tombstone):
        return local  # syncd's version is an edit that the program did not see.
    if isinstance(local, Tombstone):
        return local if saved.digest in ours else saved
    return local if saved.digest in ours else None


def authored_after(saved: Version, authored: Version, *, absent_is_unchanged: bool) -> Version:
    """What the program is taken to hold in memory after it `saved`."""
    return authored if isinstance(saved, Tombstone) and absent_is_unchanged else saved
