"""What the log is told of turns and answers: a few one by one, many of a sort summed up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from syncd.core.decision import Decision
from syncd.core.model import (
    MISSING_BLOB,
    Applied,
    Hold,
    Intent,
    Key,
    Outcome,
    Reason,
    Refused,
    Replayed,
    Tombstone,
)

FEW = 5
"""Of one sort at once, that many are told one by one."""

log = structlog.get_logger()


def tell_turn(decisions: Sequence[Decision], fresh_holds: Collection[Key]) -> None:
    """What a turn came to, once it is committed. A hold is told when it is news."""
    fresh = [each for each in decisions if each.key in fresh_holds]
    tell_holds([(str(each.key), each.plan.hold) for each in fresh if each.plan.hold is not None])
    for decision in decisions:
        plan, key = decision.plan, str(decision.key)
        if plan.hold is not None:
            continue
        if plan.conflict is not None:
            log.warning("conflict", key=key, kept="the file; the other version is listed")
        elif plan.reason is Reason.MERGED:
            log.info("merged", key=key)
    _tell_pulled([decision for decision in decisions if _is_pulled(decision)])


def tell_holds(holds: Sequence[tuple[str, Hold]]) -> None:
    """Holds that are news, by the names of what is held; many for one reason are summed up."""
    alike: dict[str, list[tuple[str, Hold]]] = {}
    for name, hold in holds:
        alike.setdefault(hold.reason, []).append((name, hold))
    for reason, several in alike.items():
        if len(several) > FEW:
            first, hold = several[0]
            log.warning("held", keys=len(several), reason=reason, first=first, detail=hold.detail,
                        advice=f"{hold.advice}; `syncd plan --json` lists them")  # fmt: skip
            continue
        for name, hold in several:
            log.warning("held", key=name, reason=reason, detail=hold.detail, advice=hold.advice)


def tell_answers(answers: Sequence[tuple[Intent, Outcome]]) -> None:
    """What the deployment answered to what was sent."""
    done = [i for i, outcome in answers if isinstance(outcome, Applied | Replayed)]
    _tell_moved([intent for intent in done if intent.source is not None])
    _tell_pushed([each for each in done if each.source is None and each.target is None])
    for intent, outcome in answers:
        if isinstance(outcome, Refused) and outcome.reason != MISSING_BLOB:
            _tell_refused(intent, outcome)


def _tell_refused(intent: Intent, refused: Refused) -> None:
    told = {"key": str(intent.key), "reason": refused.reason, "detail": refused.detail}
    if intent.target is not None or intent.source is not None:
        log.warning("move_refused", **told, next="both halves of it are sent by themselves")
    else:
        advice = "mend the file: its next save is sent; or `syncd retry`"
        log.warning("parked", **told, advice=advice)


def _is_pulled(decision: Decision) -> bool:
    plan = decision.plan
    return plan.reason is Reason.PULL and plan.hold is None and plan.conflict is None


def _tell_pulled(pulled: Sequence[Decision]) -> None:
    gone = [isinstance(decision.plan.to_local, Tombstone) for decision in pulled]
    if len(pulled) > FEW:
        log.info("pulled", entries=len(pulled), deletions=sum(gone), first=str(pulled[0].key))
        return
    for decision, deleted in zip(pulled, gone, strict=True):
        log.info("pulled", key=str(decision.key), deleted=deleted)


def _tell_moved(moved: Sequence[Intent]) -> None:
    if len(moved) > FEW:
        log.info("moved", files=len(moved), first=str(moved[0].source), to=str(moved[0].key))
        return
    for intent in moved:
        log.info("moved", key=str(intent.source), to=str(intent.key))


def _tell_pushed(pushed: Sequence[Intent]) -> None:
    if len(pushed) > FEW:
        log.info("pushed", operations=len(pushed), first=str(pushed[0].key))
        return
    for intent in pushed:
        log.info("pushed", key=str(intent.key), deleted=isinstance(intent.version, Tombstone))
