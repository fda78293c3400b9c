"""Files of any size and type: through file storage, byte for byte, whatever is killed meanwhile."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from functools import partial

import pytest

from .conftest import World
from .machine import Machine
from .waiting import until

MIB = 1 << 20
STORES = {"things": "file"}
Pair = tuple[Machine, Machine]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def agreed(*machines: Machine, seconds: float = 40.0) -> None:
    """Wait until the machines hold the same files and say so; nothing is left on its way."""
    until(lambda: all(m.tree() == machines[0].tree() for m in machines), "equal trees", seconds)
    for machine in machines:
        found = machine.until_in_sync(seconds)
        assert (found.queued, found.sent, found.conflicts, found.held, found.parked) == (0,) * 5
        until(partial(_clean, machine), "nothing left behind")


def _clean(machine: Machine) -> bool:
    return left_behind(machine) == []


def left_behind(machine: Machine) -> list[str]:
    """Files that a move left outside of the stores."""
    payloads = machine.state / "payloads"
    return sorted(path.name for path in payloads.iterdir()) if payloads.exists() else []


def stored(world: World) -> int:
    """How many files lie in the deployment's file storage."""
    return len(list((world.deployment.data / "storage").iterdir()))


@pytest.fixture
def pair(mortal: World) -> Pair:
    first, second = (mortal.machine(name, stores=STORES).start() for name in ("first", "second"))
    for machine in (first, second):
        machine.until_in_sync()
    return first, second


def test_payloads_of_any_size_and_type_travel(mortal: World, pair: Pair) -> None:
    first, second = pair
    bodies = {
        "empty": b"",
        "logo.png": b"\x89PNG\r\n\x1a\n\0\xff",
        "three.bin": noise(3 * MIB),
        "deep/thirty.bin": noise(30 * MIB),
        "long.txt": "日本語 ".encode() * 300_000,
        "note.txt": b"text travels as ever",
    }
    for path, body in bodies.items():
        first.save(path, body)
    agreed(first, second)
    assert second.tree() == {f"things/{path}": body for path, body in bodies.items()}
    entries = second.mirror().entries("things")
    assert {path for path, entry in entries.items() if entry["stored"]} == {
        "logo.png", "three.bin", "deep/thirty.bin", "long.txt",
    }  # fmt: skip
    assert stored(mortal) == 4
    verified = second.syncd("verify")
    assert (verified.code, "no drift" in verified.out) == (0, True), verified.out
    # In place, by the other machine, and back to text.
    second.rewrite("three.bin", noise(3 * MIB, 2))
    second.save("logo.png", "not a picture any more")
    agreed(second, first)
    assert first.reads("three.bin") == noise(3 * MIB, 2)


def test_equal_bytes_are_uploaded_once_and_renames_upload_nothing(
    mortal: World, pair: Pair
) -> None:
    first, second = pair
    body = noise(4 * MIB)
    for name in ("one", "two", "copies/three"):
        first.save(name, body)
    agreed(first, second)
    assert stored(mortal) == 1
    (second.folder / "one").rename(second.folder / "renamed")
    (second.folder / "two").unlink()
    agreed(second, first)
    assert sorted(second.tree()) == ["things/copies/three", "things/renamed"]
    assert stored(mortal) == 1


def test_a_large_payload_does_not_delay_small_edits(pair: Pair) -> None:
    first, second = pair
    first.save("large.bin", noise(150 * MIB))
    until(lambda: "uploads" in first.report().parts, "the upload begun")
    for number in range(5):
        first.save("note.txt", f"edit {number}")
        second.until_reads("note.txt", f"edit {number}", 4.0)
    agreed(first, second)


def test_two_versions_of_a_payload_are_a_conflict_and_both_are_kept(pair: Pair) -> None:
    first, second = pair
    first.save("big.bin", noise(3 * MIB))
    agreed(first, second)
    second.stop()
    first.save("big.bin", noise(3 * MIB, 2))
    first.until_in_sync()
    mine = noise(3 * MIB, 3)
    second.save("big.bin", mine)
    second.start()
    until(lambda: second.report().conflicts == 1, "the conflict")
    first.until_reads("big.bin", mine)
    assert second.reads("big.bin") == mine
    shown = second.syncd("conflicts", "show", "1")
    assert (shown.code, "3146 kB" in shown.out) == (0, True), shown
    assert "are not both text" in second.syncd("conflicts", "diff", "1").out
    resolved = second.syncd("conflicts", "resolve", "1", "--theirs")
    assert resolved.code == 0, resolved
    first.until_reads("big.bin", noise(3 * MIB, 2))
    kept = hashlib.sha256(mine).hexdigest()
    restored = second.syncd("restore", str(second.folder / "big.bin"), "--digest", kept[:12])
    assert restored.code == 0, restored
    first.until_reads("big.bin", mine)


def test_kills_in_the_middle_of_uploads_and_downloads(mortal: World, pair: Pair) -> None:
    first, second = pair
    chance = random.Random(5)
    for round_ in range(3):
        first.save(f"{round_}.bin", noise(40 * MIB, round_))
        first.save(f"{round_}.txt", f"round {round_}")
        for machine in (first, second):
            time.sleep(chance.random() * 0.7)  # the point of the kill, not a wait for anything
            machine.kill()
            machine.start()
        time.sleep(chance.random() * 0.5)
        mortal.deployment.kill(signal.SIGKILL)
        mortal.deployment.start()
    agreed(first, second, seconds=90)
    assert set(second.tree()) == {f"things/{n}.{end}" for n in range(3) for end in ("bin", "txt")}
    for machine in pair:
        assert not [path for path in machine.folder.iterdir() if path.name.startswith(".syncd")]


def test_a_file_that_changes_while_it_is_read_travels_once_it_rests(pair: Pair) -> None:
    first, second = pair
    path = first.folder / "growing.bin"
    with path.open("wb") as program:
        for number in range(30):
            program.write(noise(4 * MIB, number))
            program.flush()
            time.sleep(0.05)
        os.fsync(program.fileno())
    agreed(first, second, seconds=60)
    assert second.reads("growing.bin") == path.read_bytes()


def test_sync_once_moves_payloads_and_shows_how_far_they_are(mortal: World) -> None:
    first, second = (mortal.machine(name, stores=STORES) for name in ("first", "second"))
    first.save("a.bin", noise(20 * MIB))
    ran = first.syncd("sync", "--once")
    assert (ran.code, "upload things:a.bin" in ran.err) == (0, True), ran
    ran = second.syncd("sync", "--once")
    assert (ran.code, "download things:a.bin" in ran.err) == (0, True), ran
    assert second.tree() == first.tree()
    assert left_behind(second) == []
