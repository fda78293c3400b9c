"""Bad input: held with what, why and what to do; nothing else stops; released when mended."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.doubt import PATIENCE
from syncd.report.standing import Problem
from syncd.stores.codec import PAYLOAD_LIMIT
from tests.embedded.backend import Backend

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until

PATIENT = sum(PATIENCE) + 6.0

Spoil = Callable[[Path], object]


def body(what: bytes) -> Spoil:
    return lambda path: path.write_bytes(what)


def unreadable(path: Path) -> None:
    # Never readable, not even for a moment: a descriptor may write what nobody may open.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0)
    with os.fdopen(descriptor, "w") as file:
        file.write(flow("secret"))


def link(path: Path) -> None:
    target = path.with_name("target.txt")
    target.write_text(flow("linked"))
    path.symlink_to(target)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(PAYLOAD_LIMIT + 1)


BAD: dict[str, tuple[Spoil, str, str, str]] = {
    "cut.json": (body(b'{"id": "cut", '), "not-json", "at line 1, column 15",
                 "save the file whole"),
    "empty.json": (body(b""), "not-json", "the file is empty", "save the file whole"),
    "blank.json": (body(b" \n"), "not-json", "the file is empty", "save the file whole"),
    "binary.json": (body(b"\x89PNG\xff\0"), "not-text", "byte 0 is not UTF-8", "exclude it"),
    "large.json": (sparse, "too-large", "1,073,741,825 bytes", "split the file"),
    "unreadable.json": (unreadable, "no-permission", "Permission denied", "let the user"),
    "link.json": (link, "symlink", "it is a symbolic link", "put the file itself here"),
    "pipe.json": (os.mkfifo, "not-a-file", "a named pipe", "move it elsewhere"),
    "folder.json": (lambda path: (path / "below.json").mkdir(parents=True), "", "", ""),
}  # fmt: skip
"""name -> how it is spoilt, and the reason, detail and advice told. No reason: it is no matter."""


@pytest.fixture(scope="module")
def spoilt(
    tmp_path_factory: pytest.TempPathFactory, deployment: Backend
) -> Iterator[tuple[Machine, dict[str, Problem]]]:
    """A running machine with every bad file at once, and the problems it tells.

    A good file is saved last: it must not have to wait for them.
    """
    world = World(tmp_path_factory.mktemp("spoilt"), deployment)
    machine = world.machine(prefix=unprivileged()).start()
    try:
        machine.until_in_sync()
        for name, (spoil, *_) in BAD.items():
            spoil(machine.folder / name)
        machine.save("good.json", flow("good"))
        until(lambda: machine.mirror().holds("good.json", flow("good")), "the good file", 2)
        expected = {f"flows:{name}" for name, bad in BAD.items() if bad[1]}
        until(lambda: expected <= held(machine).keys(), "every bad file is held", PATIENT)
        yield machine, held(machine)
    finally:
        world.close()


def held(machine: Machine) -> dict[str, Problem]:
    return {problem.key: problem for problem in machine.report().problems}


def unprivileged() -> list[str]:
    """Takes from root what lets it read files that it must not; others have it not."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root reads every file, and there is no setpriv to take that away")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad[1]])
def test_it_is_held_with_what_why_and_what_to_do(
    spoilt: tuple[Machine, dict[str, Problem]], name: str
) -> None:
    problem = spoilt[1][f"flows:{name}"]
    _, reason, detail, advice = BAD[name]
    assert problem.reason == reason
    assert detail in problem.detail
    assert advice in problem.advice


def test_nothing_else_is_held(spoilt: tuple[Machine, dict[str, Problem]]) -> None:
    assert spoilt[1].keys() == {f"flows:{name}" for name, bad in BAD.items() if bad[1]}
    assert list(spoilt[0].mirror().live()) == ["good.json"]


def test_commands_tell_of_what_is_held(spoilt: tuple[Machine, dict[str, Problem]]) -> None:
    machine, _ = spoilt
    told = machine.syncd("status")
    assert told.code == 4
    assert told.out.startswith("degraded: some keys are not mirrored, see below")
    assert "held flows:cut.json: not-json\n" in told.out
    verified = machine.syncd("verify", "--json")
    assert verified.code == 4
    assert json.loads(verified.out)["stores"][0]["held"]["large.json"] == "too-large"
    line = next(line for line in machine.said().splitlines() if "flows:link.json" in line)
    assert json.loads(line)["event"] == "held"


def test_names_that_are_not_utf8_are_held_while_the_daemon_runs(world: World) -> None:
    machine = world.machine().start()
    machine.until_in_sync()
    folder = machine.folder / os.fsdecode(b"folder\xff")
    folder.mkdir()
    bad = [folder / "x.json", machine.folder / os.fsdecode(b"bad\xff.json")]
    for path in bad:
        path.write_text(flow("bad"))
    expected = {"flows:folder\\xff/x.json", "flows:bad\\xff.json"}
    until(lambda: held(machine).keys() == expected, "both are held", PATIENT)
    assert {problem.reason for problem in held(machine).values()} == {"bad-name"}
    explained = machine.syncd("explain", os.fsdecode(bytes(bad[1])))
    assert (explained.code, "held    bad-name: its name is not UTF-8" in explained.out) == (4, True)
    machine.save("good.json", flow("good"))
    until(lambda: machine.mirror().holds("good.json", flow("good")), "the good file", 5)
    for path in bad:
        path.unlink()
    until(lambda: not held(machine), "nothing is held any more", PATIENT)


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad[1]])
def test_it_is_released_when_mended(spoilt: tuple[Machine, dict[str, Problem]], name: str) -> None:
    machine, _ = spoilt
    path = machine.folder / name
    if name == "unreadable.json":
        path.chmod(0o600)
        mended = flow("secret")
    else:
        path.unlink()
        mended = flow(f"mended {name}")
        machine.save(name, mended)
    until(lambda: machine.mirror().holds(name, mended), "the mended file", 5)
    until(lambda: f"flows:{name}" not in held(machine), "its release", 5)


def test_a_file_written_slowly_arrives_whole_and_once(world: World) -> None:
    machine = world.machine().start()
    machine.until_in_sync()
    whole = json.dumps({"id": "slow", "steps": list(range(2000))})
    with (machine.folder / "slow.json").open("w") as file:
        for start in range(0, len(whole), len(whole) // 8):
            file.write(whole[start : start + len(whole) // 8])
            file.flush()
            time.sleep(0.2)  # the slow program
            assert machine.report().held == 0
    until(lambda: machine.mirror().holds("slow.json", whole), "the whole file", 5)
    machine.until_in_sync()
    assert machine.mirror().revisions() == {"slow.json": 1}


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"in": value}
    return value


ODD = {
    "dollar": {"$schema": "https://example.org/s.json", "_id": 1, "": {"$ref": "#"}},
    "accents": {"Größe": 1, "流程": {"ключ": [True]}},
    "keys": {f"k{n}": n for n in range(2000)},
    "deep": deep(40),
    "numbers": {"big": 2**70, "tiny": 1e-320, "list": list(range(9000))},
}


def test_what_convex_refuses_is_mirrored_byte_for_byte_with_a_row(world: World) -> None:
    machine = world.machine()
    texts = {}
    for name, odd in ODD.items():
        texts[name] = json.dumps({"id": name, "name": f"Flow {name}", "config": odd}, indent=1)
    texts["escapes"] = '{"id": "escapes", "name": "\\ud800 \\u0000", "n": 1.0e2, "n": -0}\n\n'
    texts["marked"] = "\ufeff" + flow("marked")
    for name, text in texts.items():
        machine.save(f"{name}.json", text)
    machine.save("list.json", "[1, 2]")
    machine.save("word.json", '"just a word"')
    machine.save("odd.yaml", "id: odd\nname: &a {b: *a}\n<<: *a\n")
    ran = machine.syncd("sync", "--once")
    assert (ran.code, ran.err.count('"level": "warning"')) == (0, 0), ran.out + ran.err
    mirror = machine.mirror()
    for name, text in texts.items():
        assert mirror.holds(f"{name}.json", text)
        row = mirror.query("workflows:get", id=name)
        assert row["text"] == text
    assert mirror.query("workflows:get", id="dollar")["name"] == "Flow dollar"
    assert mirror.query("workflows:get", id="list")["text"] == "[1, 2]"
    second = world.machine("second")
    assert second.syncd("sync", "--once").code == 0
    assert second.tree() == machine.tree()


def test_a_disk_of_bad_files_does_not_stop_sync_once(world: World) -> None:
    machine = world.machine(prefix=unprivileged())
    machine.save("good.json", flow("good"))
    for name in ("binary.json", "large.json", "unreadable.json", "link.json"):
        BAD[name][0](machine.folder / name)
    ran = machine.syncd("sync", "--once")
    assert ran.code == 4
    assert "1 file mirrored in 1 store; 4 need a look" in ran.out
    assert "held flows:unreadable.json: no-permission\n  Permission denied\n  -> let" in ran.out
    assert machine.mirror().holds("good.json", flow("good"))
    assert machine.syncd("verify").code == 4
