"""What the deployment tells beside snapshots. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.model import Change, Cursor, Witness


@dataclass(frozen=True, slots=True)
class Welcome:
    """The deployment's answer to hello. `seen` is the last start number it knew of us."""

    deployment: str
    device: str
    name: str
    head: Cursor
    seen: int
    broken: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the feed: changes in order, the place behind them, whether it is the last."""

    changes: list[Change]
    cursor: Cursor
    done: bool
