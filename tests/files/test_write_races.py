"""Somebody saves, or the process ends, at every single step of a write. Nothing is ever lost."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from itertools import product

import pytest

from syncd.core.model import Digest, Hold
from syncd.core.writing import Contested, Note, NotWritten, Written
from syncd.files.folder import Folder
from syncd.files.staging import stage_removal
from syncd.files.write import discard, recover, retire

from .world import OLD, OURS, PATH, Crash, World, crash, digest, stage, world

FIRST, SECOND = b'{"is": "first save"}', b'{"is": "second save, longer"}'

Act = Callable[[World], None]


def staged(kind: str, at: World) -> Note:
    if kind == "removal":
        note = stage_removal(at.root, PATH, digest(OLD))
        assert isinstance(note, Note)
        return note
    return stage(at.root, PATH, OURS, expected(kind))


def expected(kind: str) -> Digest | None:
    return None if kind == "creation" else digest(OLD)


def before_of(kind: str) -> bytes | None:
    return None if kind == "creation" else OLD


def steps_of(kind: str, *acts: tuple[int, Act]) -> int:
    """How many steps a perform takes, with `acts` done at theirs."""
    with world(before_of(kind)) as at:
        note = staged(kind, at)
        at.steps.clear()
        for step, act in acts:
            at.at(step, lambda act=act: act(at))  # type: ignore[misc]
        at.perform(note)
        return len(at.steps)


def save(at: World) -> None:
    at.save(FIRST)


def save_in_place(at: World) -> None:
    at.save_in_place(FIRST)


def delete(at: World) -> None:
    at.delete()


def delete_and_save(at: World) -> None:
    at.delete()
    at.save(FIRST)


def save_again(at: World) -> None:
    at.save(SECOND)


def save_again_in_place(at: World) -> None:
    at.save_in_place(SECOND)


KINDS = ("replacement", "creation", "removal")
ACTS = (save, save_in_place, delete, delete_and_save)


@pytest.mark.parametrize("kind", KINDS)
def test_without_anybody_else_it_is_written(kind: str) -> None:
    with world(before_of(kind)) as at:
        note = staged(kind, at)
        answer = at.perform(note)
        assert isinstance(answer, Written)
        assert answer.replaced == expected(kind)
        assert at.holds() == (None if kind == "removal" else OURS)
        assert (answer.stat is None) == (kind == "removal")
        discard(at.root, note, at.swapped)
        at.check_cleared()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ACTS)
def test_one_save_at_any_step(kind: str, act: Act) -> None:
    outcomes = set()
    for step in range(steps_of(kind) + 1):
        with world(before_of(kind)) as at:
            note = staged(kind, at)
            at.at(step, lambda: act(at))
            answer = at.perform(note)
            outcomes.add(type(answer))
            happened = at.newest != before_of(kind)
            if happened and at.newest is not None:
                assert at.holds() == at.newest, f"{answer} at step {step}"
            if isinstance(answer, Contested):
                assert all(at.history.get(each) for each in answer.kept)
            discard(at.root, note, at.swapped)
            at.check_cleared()
    assert Written in outcomes
    if act is not delete or kind == "replacement":
        assert NotWritten in outcomes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [save, save_in_place])
@pytest.mark.parametrize("second", [save_again, save_again_in_place])
def test_two_saves_at_any_two_steps(kind: str, first: Act, second: Act) -> None:
    contested = 0
    for one in range(steps_of(kind) + 1):
        # A save that is met makes the write take more steps: the second may fall among those.
        steps = max(one, steps_of(kind, (one, first)))
        for other in range(one, steps + 1):
            with world(before_of(kind)) as at:
                note = staged(kind, at)
                at.at(one, lambda: first(at))
                at.at(other, lambda: second(at))
                answer = at.perform(note)
                assert at.newest in (SECOND, FIRST, before_of(kind))
                if at.newest != before_of(kind):
                    assert at.holds() == at.newest, f"{answer} at {one}, {other}"
                if isinstance(answer, Contested):
                    contested += 1
                    assert [at.history.get(each) for each in answer.kept] == [FIRST]
                discard(at.root, note, at.swapped)
                at.check_cleared()
    assert contested or kind == "creation", "no run met the save after the save"


AFTER_THE_SWAP = 3
"""The step that follows the swap of a replacement: the look at what came out. Before it the file
is opened and leased."""


@pytest.mark.parametrize("second", [save_again, save_again_in_place])
def test_a_save_over_the_write_is_never_displaced(second: Act) -> None:
    """Not for an instant does a program find the earlier save where it has made a later one."""
    with world(OLD) as at:
        note = staged("replacement", at)
        save(at)
        at.at(AFTER_THE_SWAP, lambda: second(at))
        at.watched_from = len(at.steps) + AFTER_THE_SWAP
        assert at.perform(note) == Contested((digest(FIRST),))


@pytest.mark.parametrize("second", [save_again, save_again_in_place])
def test_a_contest_is_recovered_as_a_contest(second: Act) -> None:
    """A save is met, another follows, and then the process ends before anything is committed."""
    acts = (0, save), (AFTER_THE_SWAP, second)
    for step in range(AFTER_THE_SWAP, steps_of("replacement", *acts) + 1):
        with world(OLD) as at:
            note = staged("replacement", at)
            save(at)
            at.at(AFTER_THE_SWAP, lambda: second(at))
            at.at(step, crash)
            with suppress(Crash):
                at.perform(note)
            at.at_step.clear()
            assert at.recover(note) == Contested((digest(FIRST),))
            assert at.holds() == SECOND
            discard(at.root, note, at.swapped)
            at.check_cleared()


def test_a_contest_waits_until_the_save_that_came_out_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken for a contest with nothing, the first save would be listed nowhere."""
    hidden: set[str] = set()
    opened = Folder.open

    def opening(folder: Folder, name: str) -> int:
        if name in hidden:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(folder, name)

    monkeypatch.setattr(Folder, "open", opening)
    with world(OLD) as at:
        note = staged("replacement", at)
        save(at)
        at.at(AFTER_THE_SWAP, lambda: save_again(at))
        at.at(AFTER_THE_SWAP + 1, crash)
        with suppress(Crash):
            at.perform(note)
        at.at_step.clear()
        at.checked = False
        hidden.add(note.temporary)
        assert isinstance(recover(at.root, note, at.swapped), Hold)
        hidden.clear()
        assert at.recover(note) == Contested((digest(FIRST),))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", [None, save, save_in_place])
def test_a_crash_at_any_step_of_writing_and_of_recovering(kind: str, act: Act | None) -> None:
    acts = () if act is None else ((0, act),)
    steps = range(steps_of(kind, *acts) + 1)
    for step, again in product(steps, steps):
        with world(before_of(kind)) as at:
            note = staged(kind, at)
            if act is not None:
                at.at(0, lambda: act(at))
            at.at(step, crash)
            with suppress(Crash):
                at.perform(note)
            at.at_step.clear()
            at.at(again, crash)
            with suppress(Crash):
                recover(at.root, note, at.swapped)
            at.at_step.clear()
            answer = at.recover(note)
            tree = at.holds(), [path.read_bytes() for path in at.temporaries()], at.kept()
            assert at.recover(note) == answer, "recovering twice is recovering once"
            assert tree == (at.holds(), [p.read_bytes() for p in at.temporaries()], at.kept())
            if act is not None:
                assert at.holds() == FIRST
            elif isinstance(answer, Written):
                assert at.holds() == (None if kind == "removal" else OURS)
            else:
                assert at.holds() == before_of(kind)
            discard(at.root, note, at.swapped)
            at.check_cleared()


@pytest.mark.parametrize("kind", ["replacement", "creation"])
def test_a_crash_while_staging_leaves_only_what_a_scan_retires(kind: str) -> None:
    for step in range(4):
        with world(before_of(kind)) as at:
            at.at(step, crash)
            with suppress(Crash):
                staged(kind, at)
            at.at_step.clear()
            assert at.holds() == before_of(kind)
            for left in at.temporaries():
                retire(at.root, str(left.relative_to(at.store)), at.swapped)
            at.check_cleared()


@pytest.mark.parametrize("act", [save, save_in_place])
def test_saves_around_a_crash(act: Act) -> None:
    """A save before the swap, a crash after it, and a save before the recovery."""
    for step in range(steps_of("replacement", (0, act)) + 1):
        with world(OLD) as at:
            note = staged("replacement", at)
            act(at)
            at.at(step, crash)
            with suppress(Crash):
                at.perform(note)
            at.at_step.clear()
            at.save(SECOND)
            at.recover(note)
            assert at.holds() == SECOND
            discard(at.root, note, at.swapped)
            at.check_cleared()
