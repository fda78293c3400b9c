"""What follows from how things are, in a word and in a few. Pure."""

from __future__ import annotations

from datetime import datetime

from syncd.core.wording import counted
from syncd.report.standing import Part, Readiness, Rollback, State, StatusReport

UNHEARD = 180.0
"""Seconds of silence after which a daemon is not believed to be well: it tells every minute."""


def judge(found: StatusReport) -> tuple[State, str]:
    """The state that `found` amounts to, and why in a few words."""
    waiting = _waiting(found)
    deployment = found.parts.get("deployment")
    if found.running is None:
        pause = f", and {paused(found.paused_until)}" if found.paused else ""
        return (
            State.HALTED,
            f"no daemon runs{pause}; {waiting}, saves are not seen. Start `syncd run`",
        )
    if found.stopped:
        return State.HALTED, (f"process {found.running} is stopped; {waiting}, saves are not seen. "
                              f"`kill -CONT {found.running}` lets it go on")  # fmt: skip
    if found.full:
        return State.HALTED, (f"process {found.running} waits for room on the disk of its state "
                              f"folder; {waiting}, saves are not seen. Free some space: then it "
                              "goes on by itself")  # fmt: skip
    if deployment and deployment.state == "auth-failed":
        return State.AUTH_FAILED, deployment.detail
    if found.rollback is not None and not reviewed(found):
        return State.ROLLBACK_REVIEW, _rolled_back(found, found.rollback)
    going = _judge_going(found, deployment, waiting)
    degraded = _degraded(found, *going)
    return (State.DEGRADED, degraded) if degraded else going


def paused(until: float | None) -> str:
    """That mirroring is paused, and what ends it: None where no time does."""
    return f"mirroring is paused {_until(until)}"


def _judge_going(found: StatusReport, deployment: Part | None, waiting: str) -> tuple[State, str]:
    """How far what nobody has to look at is."""
    if found.paused or (deployment and deployment.state == "ceiling"):
        return State.PAUSED, _paused(found, deployment, waiting)
    if deployment is None:
        what = "reaching the deployment" if found.parts else "it has just started"
        return State.SYNCING, f"{what}; {waiting}"
    if deployment.state != "online":
        return State.OFFLINE, f"{waiting}; {deployment.detail}"
    return _judge_online(found, waiting)


def out_of_touch(found: StatusReport) -> str:
    """Why what was last heard of the deployment may not be what is there; empty where it is that,
    as far as the daemon knows.
    """
    if found.running is None:
        return "no daemon runs"
    if found.stopped or found.full or found.unheard > UNHEARD:
        return "the daemon does nothing"
    if found.paused:
        return "mirroring is paused"
    deployment, feed = found.parts.get("deployment"), found.parts.get("feed")
    if deployment is None or deployment.state != "online":
        return "the deployment is not heard"
    return "" if feed is not None and feed.state == "current" else "what is new is being fetched"


def reviewed(found: StatusReport) -> bool:
    """Whether nothing is left to look at of what the end of an epoch led to."""
    if found.rollback is None or found.rollback.open:
        return False
    files, feed = found.parts.get("files"), found.parts.get("feed")
    current = all(part is not None and part.state == "current" for part in (files, feed))
    return current and not found.queued + found.sent and _known(found)


def _rolled_back(found: StatusReport, rollback: Rollback) -> str:
    when = _time_of(rollback.since)
    told = f"{rollback.why} ({when}); files and deployment are compared anew, nothing is deleted"
    if not rollback.open:
        return f"{told}; {_waiting(found)}"
    return f"{told}; {rollback.open} to look at, see below"


def _known(found: StatusReport) -> bool:
    return all(store.bootstrapped for store in found.stores)


def _time_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _waiting(found: StatusReport) -> str:
    """What is not sent or not answered yet, in words that end with a verb."""
    changes, lines = found.queued + found.sent, sum(store.unsent for store in found.stores)
    parts = [counted(changes, "change")] if changes else []
    parts += [f"{counted(lines, 'byte')} of lines"] if lines else []
    verb = "waits" if not parts or (changes == 1 and not lines) else "wait"
    return f"{' and '.join(parts) or 'nothing'} {verb}"


def _degraded(found: StatusReport, state: State, detail: str) -> str:
    """Why not everything is mirrored as it should be, empty where it is; of the rest `state` and
    `detail` tell.
    """
    if found.unheard > UNHEARD:
        return (f"the daemon gave no sign of life for {found.unheard / 60:.0f} min: look at its "
                "log; ending it and starting it again loses nothing")  # fmt: skip
    if found.unread:
        return (f"the daemon has not read what config.toml says now of {', '.join(found.unread)}: "
                f"`kill -HUP {found.running}` has it do so")  # fmt: skip
    if found.guards or found.held or found.parked:
        rest = "everything else is" if state is State.IN_SYNC else f"the rest: {state}: {detail}"
        return f"some keys are not mirrored, see below; {rest}"
    for name, part in found.parts.items():
        if name.startswith("watch:") and part.state == "polling":
            return f"{name} is polled: {part.detail}"
    return ""


def _paused(found: StatusReport, deployment: Part | None, waiting: str) -> str:
    """What stops mirroring, and what ends that."""
    if found.paused or deployment is None:
        return f"{_until(found.paused_until)}; {waiting}"
    return f"{waiting}: {deployment.detail}"


def _until(end: float | None) -> str:
    if end is None:
        return "until `syncd resume`"
    return f"until {_time_of(end)}, or `syncd resume`"


def _judge_online(found: StatusReport, waiting: str) -> tuple[State, str]:
    files = found.parts.get("files")
    if files is None or files.state != "current":
        what = files.detail if files else "what changed while no daemon ran"
        return State.SYNCING, f"reading {what}; {waiting}"
    feed = found.parts.get("feed")
    if not _known(found):
        return State.SYNCING, f"comparing with the deployment; {waiting}"
    if found.queued + found.sent or any(store.unsent for store in found.stores):
        return State.SYNCING, f"{_put_off(found) or 'sending'}; {waiting}"
    if feed is None or feed.state != "current":
        return State.SYNCING, "hearing what changed on the deployment"
    if carrying := _carrying(found):
        return State.SYNCING, carrying
    listener = found.parts.get("listener")
    means = "live" if listener and listener.state == "live" else "polling"
    means += "".join(
        f"; {name}: {part.detail}" for name, part in found.parts.items()
        if name.startswith("watch:") and part.state == "unproven"
    )  # fmt: skip
    return State.IN_SYNC, f"everything told is here and everything saved is there ({means})"


def _put_off(found: StatusReport) -> str:
    """For what nothing of some store is sent now; empty where all goes."""
    stores = [
        f"{part.detail} in {name.removeprefix('git:')}"
        for name, part in found.parts.items()
        if name.startswith("git:") and part.state == "waiting"
    ]
    return f"not sent while git is at work: {', '.join(stores)}" if stores else ""


def _carrying(found: StatusReport) -> str:
    """What payloads are on their way or wait for it; empty where none is."""
    parts = (found.parts.get("uploads"), found.parts.get("downloads"))
    busy = [part for part in parts if part is not None and part.state != "current"]
    return "; ".join(part.detail for part in busy)


def readiness(found: StatusReport) -> Readiness:
    """Whether what programs save here is taken care of.

    It is once every store was in touch with the deployment, or while there is none to be in touch
    with: saves wait in the outbox then. What waits for a person stops nothing else.
    """
    if found.state in (State.HALTED, State.NEEDS_INIT, State.AUTH_FAILED):
        return Readiness.HALTED
    files = found.parts.get("files")
    read = files is not None and files.state in ("current", "busy")
    if _known(found) and read:
        return Readiness.READY
    return Readiness.READY if found.state is State.OFFLINE and read else Readiness.STARTING
