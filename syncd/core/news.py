"""What the deployment tells beside snapshots. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.model import Change, Cursor, Kind, Witness


@dataclass(frozen=True, slots=True)
class Welcome:
    """The deployment's answer to hello. `seen` is the last start number it knew of us, `broken`
    what it denies, `behind` whether its feed ends before the cursor that was shown, `missed`
    whether tombstones behind that cursor were reaped, `reaped` the place before which all were,
    None where it does not tell."""

    deployment: str
    device: str
    name: str
    seen: int
    broken: tuple[Witness, ...]
    behind: bool = False
    missed: bool = False
    reaped: Cursor | None = None


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """A store as the deployment is told of it, so that its functions know where to create.

    `create` is the path of a new entry, with `{id}` and `{category}` to be filled in; `pointer`
    says where in a records file its list is.
    """

    name: str
    kind: Kind
    layout: str
    direction: str
    create: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the feed: changes in order, the place behind them, whether it is the last.

    `broken` are the witnesses shown that the deployment denies, `missed` says that tombstones
    behind the cursor shown were reaped: in either case nothing of it counts.
    """

    changes: list[Change]
    cursor: Cursor
    done: bool
    broken: tuple[Witness, ...] = ()
    missed: bool = False
