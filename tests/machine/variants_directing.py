"""Broken variants of stores whose changes go one way: see `variants`."""

from __future__ import annotations

from typing import Any

from syncd.core import direction
from syncd.core.model import Plan
from syncd.engine.exchange import bodies
from syncd.engine.turns import plan
from syncd.ledger.outbox import Outbox

from .faults import DIRECTED
from .variants import Variant


def _whatever(found: Plan, *_args: Any, **_kwargs: Any) -> Plan:
    return found


def _all_ours(*_args: Any) -> bool:
    return True


def _pushed_silently(found: Plan, base: Any, local: Any, remote: Any) -> Plan:
    decided = _pushed(found, base, local, remote)
    return Plan(decided.reason, decided.base, to_remote=decided.to_remote)


_pushed = direction._pushed

VARIANTS = (
    Variant("directions are ignored", ((plan, "directed", _whatever),), DIRECTED),
    Variant("a pull store sends", ((direction, "_pulled", _whatever),), DIRECTED),
    Variant("a push store is written to", ((direction, "_pushed", _whatever),), DIRECTED),
    Variant("all is one's own", ((plan, "ours", _all_ours), (bodies, "ours", _all_ours)), DIRECTED),
    Variant("a push store tells of no loss", ((direction, "_pushed", _pushed_silently),), DIRECTED),
    Variant(
        "what may not be sent stays queued", ((Outbox, "drop", lambda self, key: None),), DIRECTED
    ),
)
