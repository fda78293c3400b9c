"""What the file system of a store was seen to do: for `doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.files.replica import FileReplica
from syncd.files.spelling import Folding


@dataclass(frozen=True, slots=True)
class Abilities:
    """None stands for what nothing has told yet.

    `exchanges`: two names are swapped in one step; without, a save by rename in the instant of
    a write is lost. `leases`: programs that have a file open for writing are noticed.
    `unwatched` counts replaced files that could not be looked at again.
    """

    exchanges: bool | None
    leases: bool | None
    folding: Folding
    unwatched: int


def abilities(replica: FileReplica) -> Abilities:
    """What was learnt of the store's file system since it was opened."""
    root = replica.root
    return Abilities(
        exchanges=root.exchanges if root else None,
        leases=root.leases if root else None,
        folding=replica.names.folding,
        unwatched=replica.swapped.unwatched,
    )
