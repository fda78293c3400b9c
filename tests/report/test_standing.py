"""What state the facts amount to: the worst that holds, and never better than what is known."""

from __future__ import annotations

import pytest

from syncd.cli.status import short
from syncd.report.judging import judge, readiness, reviewed
from syncd.report.standing import Part, Readiness, Rollback, State, StatusReport, StoreReport

WELL = {"deployment": "online", "files": "current", "feed": "current", "listener": "live"}


def found(**told: object) -> StatusReport:
    """A report of a daemon that is in sync, but for what is told."""
    parts = {name: Part(state=state, detail="why", since=0, checked=0)
             for name, state in WELL.items()}  # fmt: skip
    parts |= {name: Part(state=str(told.pop(name)), detail="why", since=0, checked=0)
              for name in WELL if name in told}  # fmt: skip
    parts = {name: part for name, part in parts.items() if part.state != "None"}
    store = StoreReport(name="s", path="/s", files=1, held=0,
                        bootstrapped=bool(told.pop("bootstrapped", True)))  # fmt: skip
    known = {"state": State.IN_SYNC, "detail": "", "running": 1, "url": "u", "workspace": "w",
             "stores": [store], "parts": parts}  # fmt: skip
    return StatusReport.model_validate({**known, **told})


def rolled_back(still_open: int) -> Rollback:
    return Rollback(since=1.0, why="the deployment was restored from a backup", open=still_open)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({}, State.IN_SYNC),
        ({"running": None}, State.HALTED),
        ({"deployment": "auth-failed", "rollback": rolled_back(1)}, State.AUTH_FAILED),
        ({"rollback": rolled_back(1), "conflicts": 1}, State.ROLLBACK_REVIEW),
        ({"rollback": rolled_back(1), "held": 1}, State.ROLLBACK_REVIEW),
        ({"rollback": rolled_back(0), "bootstrapped": False}, State.ROLLBACK_REVIEW),
        ({"rollback": rolled_back(0), "queued": 1}, State.ROLLBACK_REVIEW),
        ({"rollback": rolled_back(0), "feed": "behind"}, State.ROLLBACK_REVIEW),
        ({"rollback": rolled_back(0)}, State.IN_SYNC),
        ({"rollback": rolled_back(0), "held": 1}, State.DEGRADED),
        ({"stopped": True, "rollback": rolled_back(1)}, State.HALTED),
        ({"full": True, "rollback": rolled_back(1)}, State.HALTED),
        ({"unheard": 170.0}, State.IN_SYNC),
        ({"unheard": 200.0}, State.DEGRADED),
        ({"unread": ["s"]}, State.DEGRADED),
        ({"unread": ["s"], "bootstrapped": False}, State.DEGRADED),
        ({"unread": ["s"], "running": None}, State.HALTED),
        ({"held": 1, "deployment": "offline"}, State.DEGRADED),
        ({"paused": True, "deployment": "offline"}, State.PAUSED),
        ({"deployment": "offline"}, State.OFFLINE),
        ({"deployment": None}, State.SYNCING),
        ({"queued": 1}, State.SYNCING),
        ({"feed": "behind"}, State.SYNCING),
        ({"files": "reading"}, State.SYNCING),
        ({"files": "busy"}, State.SYNCING),
        ({"bootstrapped": False}, State.SYNCING),
    ],
)
def test_the_worst_that_holds_is_the_state(told: dict[str, object], state: State) -> None:
    assert judge(found(**told))[0] is state


@pytest.mark.parametrize(
    ("told", "rest"),
    [
        ({}, "everything else is"),
        ({"deployment": "offline"}, "the rest: offline: nothing waits; why"),
        ({"queued": 2}, "the rest: syncing: sending; 2 changes wait"),
        ({"paused": True}, "the rest: paused: until `syncd resume`; nothing waits"),
    ],
)
def test_what_is_held_does_not_hide_how_the_rest_is(told: dict[str, object], rest: str) -> None:
    assert judge(found(held=1, **told))[1] == f"some keys are not mirrored, see below; {rest}"


def test_a_deployment_that_was_not_asked_yet_is_not_called_away() -> None:
    asking = judge(found(deployment=None, queued=1))
    assert asking == (State.SYNCING, "reaching the deployment; 1 change waits")
    assert judge(found(parts={})) == (State.SYNCING, "it has just started; nothing waits")


def test_what_waits_for_git_is_not_called_on_its_way() -> None:
    report = found(queued=2)
    git = Part(state="waiting", detail="a rebase is under way", since=0, checked=0)
    report.parts["git:flows"] = git
    told = "not sent while git is at work: a rebase is under way in flows; 2 changes wait"
    assert judge(report) == (State.SYNCING, told)
    report.parts["git:flows"] = git.model_copy(update={"state": "going-on"})
    assert judge(report) == (State.SYNCING, "sending; 2 changes wait")


@pytest.mark.parametrize(
    ("queued", "unsent", "said"),
    [
        (0, 0, "nothing waits"),
        (1, 0, "1 change waits"),
        (2, 0, "2 changes wait"),
        (0, 9999, "9,999 bytes of lines wait"),
        (1, 9999, "1 change and 9,999 bytes of lines wait"),
    ],
)
def test_what_waits_is_told_in_words(queued: int, unsent: int, said: str) -> None:
    report = found(queued=queued, running=None)
    report.stores[0].unsent = unsent
    assert judge(report)[1] == f"no daemon runs; {said}, saves are not seen. Start `syncd run`"


def test_a_restored_deployment_is_told_with_what_is_safe_and_what_is_left() -> None:
    said = judge(found(rollback=rolled_back(2), conflicts=2))[1]
    assert said.startswith("the deployment was restored from a backup (1970-01-01 ")
    assert said.endswith("nothing is deleted; 2 to look at, see below")


@pytest.mark.parametrize("told", [{"queued": 1}, {"files": "reading"}, {"bootstrapped": False}])
def test_a_review_ends_only_when_all_was_compared(told: dict[str, object]) -> None:
    assert reviewed(found(rollback=rolled_back(0)))
    assert not reviewed(found(rollback=rolled_back(0), **told))
    assert not reviewed(found(rollback=rolled_back(1)))
    assert not reviewed(found())


@pytest.mark.parametrize(
    ("files", "told"),
    [("reading", Readiness.STARTING), ("busy", Readiness.READY), ("current", Readiness.READY)],
)
def test_a_burst_of_saves_does_not_make_it_unready(files: str, told: Readiness) -> None:
    assert readiness(found(files=files)) is told


def test_programs_may_rely_on_it_while_people_review() -> None:
    report = found(rollback=rolled_back(1), conflicts=1)
    report.state, report.detail = judge(report)
    assert readiness(report) is Readiness.READY


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({}, "✓ in-sync"),
        ({"queued": 2, "sent": 1}, "↻ syncing 3↑"),
        ({"held": 1, "conflicts": 1, "queued": 1}, "! degraded 1↑ 2!"),
        ({"running": None}, "✗ halted"),
    ],
)
def test_a_line_for_prompts(told: dict[str, object], line: str) -> None:
    report = found(**told)
    report.state, report.detail = judge(report)
    assert short(report) == line


def test_a_daemon_that_is_stopped_is_named_with_what_lets_it_go_on() -> None:
    state, detail = judge(found(stopped=True, running=4711, queued=1))
    assert state is State.HALTED
    assert detail == (
        "process 4711 is stopped; 1 change waits, saves are not seen. `kill -CONT 4711` lets it "
        "go on"
    )
    assert found(stopped=True, state=state).exit_code == 6
