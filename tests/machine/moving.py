"""What must hold of moves, beside what holds of every write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.core.model import Digest, Key

from .deployment import Accepted

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World


def check_pushed(world: World, accepted: Sequence[Accepted]) -> None:
    """Of what one push wrote: moves take both keys, what is moved is all there, and its row."""
    gone = {each.key: each for each in accepted if each.digest is None}
    for each in accepted:
        if each.moved_from is None:
            continue
        source = gone.get(each.moved_from)
        what = f"{each.device} moves {each.moved_from.path} to {each.key.path}"
        if each.moved_from.store != each.key.store:
            world.violated("a move stays in its store", what)
        elif source is None:
            world.violated("a move takes both keys", f"{what}, and only the target is written")
        elif source.replaced != each.digest:
            world.violated("a move keeps the bytes", f"{what}, which are others now")
        elif each.replaced is not None:
            world.violated("a move is onto nothing", f"{what}, where {each.replaced[:8]} was")
        elif source.former_row != each.row:
            world.violated("a move keeps the row", f"{what}, and makes another row")
    rows = [e.row for e in world.deployment.state.entries.values() if e.digest is not None]
    if None in rows or len(set(rows)) < len(rows):
        world.violated(
            "one row an entry", f"the live entries have the rows {sorted(map(str, rows))}"
        )


def check_removed(world: World, machine: Machine, key: Key, seen: set[Digest]) -> None:
    """The daemon took away a file; `seen` is what was ever visible under the name it moved to.

    Elsewhere it must have been written by then, if its machine heard of it and nothing is amiss.
    """
    there = world.deployment.state.entries
    entry = there.get(key)
    if entry is None or entry.moved_to is None:
        return
    target = there.get(Key(key.store, entry.moved_to))
    if target is None or target.digest is None or target.digest in seen:
        return
    row = machine.database.execute(_HEARD, (entry.moved_to,)).fetchone()
    if row is not None and row[0] == target.digest and row[1] is None and row[2] is None:
        world.violated("new before old", f"{machine.name} removes {key.path} before "
                       f"{entry.moved_to} is written")  # fmt: skip


_HEARD = """SELECT e.remote_digest, e.base_digest, h.reason
    FROM entries e LEFT JOIN held h USING (store, path, record) WHERE e.path = ?"""
