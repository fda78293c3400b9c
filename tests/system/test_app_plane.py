"""What is written in Convex reaches the files: as little as possible, and exactly once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import World
from .machine import Machine
from .waiting import until

STORES = {"flows": "workflow", "assets": "asset", "sites": "deployment"}
FLOW = '{"id": "a",\n   "name":   "A", "n": 1.50,\n  "status": "draft"}\n'
SITES = json.dumps(
    {"deployments": [{"id": "d1", "siteId": "s", "status": "queued", "startedAt": 1}],
     "queue": ["d1"]},
    indent=2,
)  # fmt: skip
SOON = 15.0
"""Seconds: a second or two, on a machine that is busy with other tests."""


@pytest.fixture
def laptop(world: World) -> Machine:
    machine = world.machine(stores=STORES).start()
    machine.until_in_sync()
    return machine


def write(machine: Machine, path: str, **args: object) -> Any:
    mirror = machine.mirror()
    answer = mirror._client.mutation(path, {**mirror._who, **args})
    assert answer["outcome"] == "applied", answer
    return answer


def reads(machine: Machine, path: str) -> str:
    try:
        return (machine.home / path).read_text()
    except FileNotFoundError:
        return ""


def until_reads(machine: Machine, path: str, text: str) -> None:
    until(lambda: reads(machine, path) == text, f"{path} on {machine.home.name}", SOON)


def known(machine: Machine, path: str, **args: object) -> Any:
    until(lambda: machine.mirror().query(path, **args) is not None, path, SOON)
    return machine.mirror().query(path, **args)


def test_an_update_changes_one_value_in_the_file(laptop: Machine) -> None:
    laptop.save("x/a.json", FLOW)
    known(laptop, "workflows:get", id="a")
    write(laptop, "workflows:update", id="a", updates={"status": "running"})
    until_reads(laptop, "flows/x/a.json", FLOW.replace("draft", "running"))
    report = laptop.until_in_sync()
    assert (report.queued, report.conflicts, report.held) == (0, 0, 0)
    assert laptop.mirror().revisions() == {"x/a.json": 2}


def test_what_is_created_becomes_a_file_and_what_is_removed_goes(laptop: Machine) -> None:
    write(laptop, "workflows:create", workflow={"id": "new", "steps": [{"id": "s"}]})
    text = '{\n  "id": "new",\n  "steps": [\n    {\n      "id": "s"\n    }\n  ]\n}'
    until_reads(laptop, "flows/new.json", text)
    write(laptop, "assets:create", id="btn", name="Button", category="ui", content="<b>")
    until(lambda: "Button" in reads(laptop, "assets/ui/btn.json"), "the asset's file", SOON)
    write(laptop, "workflows:remove", id="new")
    until(lambda: not (laptop.home / "flows/new.json").exists(), "new.json gone", SOON)
    laptop.until_in_sync()


def test_increments_are_in_the_file_exactly_once(laptop: Machine) -> None:
    asset = {"id": "btn", "name": "Button", "metadata": {"rating": 4.50, "downloads": 7}}
    text = json.dumps(asset, indent=2).replace("4.5", "4.50")
    (laptop.home / "assets/ui").mkdir()
    (laptop.home / "assets/ui/btn.json").write_text(text)
    known(laptop, "assets:get", id="btn")
    for request in ("1", "2", "2", "3"):
        write(laptop, "assets:incrementDownloads", id="btn", requestId=request)
    assert laptop.mirror().query("assets:get", id="btn")["downloads"] == 10
    until_reads(laptop, "assets/ui/btn.json", text.replace(": 7", ": 10"))
    # A save of another field, from the file: nothing is counted anew.
    edited = text.replace(": 7", ": 10").replace("Button", "Knob")
    (laptop.home / "assets/ui/btn.json").write_text(edited)
    until(lambda: laptop.mirror().holds("ui/btn.json", edited, "assets"), "the save", SOON)
    write(laptop, "assets:incrementDownloads", id="btn", requestId="4")
    until_reads(laptop, "assets/ui/btn.json", edited.replace(": 10", ": 11"))
    assert laptop.mirror().query("assets:get", id="btn")["downloads"] == 11
    laptop.until_in_sync()


def test_deployments_are_written_into_their_one_file(laptop: Machine) -> None:
    (laptop.home / "sites/deployments.json").write_text(SITES)
    known(laptop, "deployments:get", id="d1")
    write(laptop, "deployments:update", id="d1", updates={"status": "success", "completedAt": 9})
    write(laptop, "deployments:create", id="d2", siteId="s", status="queued", startedAt=2)

    def told() -> bool:
        found = json.loads(reads(laptop, "sites/deployments.json") or "{}")
        wanted = {
            "deployments": [
                {"id": "d1", "siteId": "s", "status": "success", "startedAt": 1, "completedAt": 9},
                {"id": "d2", "siteId": "s", "status": "queued", "startedAt": 2},
            ],
            "queue": ["d1"],
        }
        return bool(found == wanted)

    until(told, "both deployments in the file", SOON)
    assert laptop.mirror().query("deployments:getLatest", siteId="s")["id"] == "d2"
    laptop.until_in_sync()


def test_a_file_of_deployments_is_made_where_there_was_none(laptop: Machine) -> None:
    write(laptop, "deployments:create", id="d1", siteId="s", status="queued", startedAt=2)
    made = {"deployments": [{"id": "d1", "siteId": "s", "status": "queued", "startedAt": 2}],
            "queue": []}  # fmt: skip
    until_reads(laptop, "sites/deployments.json", json.dumps(made, indent=2))
    laptop.until_in_sync()


def test_adapters_need_no_token_where_the_environment_says_so(world: World) -> None:
    environment = {"SYNCD_ANONYMOUS": "write", "SYNCD_WORKSPACES": world.workspace}
    laptop = world.local_machine(stores=STORES, environment=environment).start()
    laptop.until_in_sync(30)
    mirror = laptop.mirror()
    mirror._who = {"workspace": world.workspace}
    created = mirror._client.mutation("workflows:create", {**mirror._who, "id": "a", "name": "A"})
    assert created["outcome"] == "applied"
    until(lambda: '"A"' in reads(laptop, "flows/a.json"), "the file", SOON)


def test_a_program_that_saves_while_others_download_loses_no_count(laptop: Machine) -> None:
    folder = laptop.home / "assets/ui"
    folder.mkdir()

    def save(step: int) -> None:
        # Read, change, write; anew where the file changed meanwhile: a program that writes over
        # what it has not read takes it back, and that is then what it said.
        before = ""
        while before != reads(laptop, "assets/ui/btn.json"):
            before = reads(laptop, "assets/ui/btn.json")
            asset = {**json.loads(before), "step": step}
            (folder / ".btn.json.tmp").write_text(json.dumps(asset, indent=2))
        (folder / ".btn.json.tmp").rename(folder / "btn.json")

    (folder / "btn.json").write_text(json.dumps({"id": "btn", "metadata": {"downloads": 0}}))
    known(laptop, "assets:get", id="btn")
    for step in range(30):
        save(step)
        write(laptop, "assets:incrementDownloads", id="btn", requestId=f"r{step}")

    def told() -> bool:
        asset = json.loads(reads(laptop, "assets/ui/btn.json"))
        return bool(asset["metadata"]["downloads"] == 30 and asset["step"] == 29)

    until(told, "30 downloads and the last save in the file", 2 * SOON)
    laptop.until_in_sync()
    row = laptop.mirror().query("assets:get", id="btn")
    assert (row["downloads"], row["value"]["step"]) == (30, 29)


def test_edits_of_two_machines_and_of_convex_all_stay(world: World, laptop: Machine) -> None:
    other = world.machine("other", stores=STORES).start()
    laptop.save("a.json", json.dumps({"id": "a", "one": 0, "two": 0, "status": "0"}, indent=2))
    other.until_reads("a.json", laptop.reads("a.json") or b"", SOON)

    def edit(machine: Machine, field: str, value: int) -> None:
        told = json.loads(machine.reads("a.json") or b"{}")
        machine.save("a.json", json.dumps({**told, field: value}, indent=2))

    wanted: dict[str, object] = {}

    def agreed() -> bool:
        texts = [laptop.reads("a.json"), other.reads("a.json")]
        return all(json.loads(text or b"{}") == wanted for text in texts)

    for value in range(1, 7):
        edit(laptop, "one", value)
        edit(other, "two", value)
        write(laptop, "workflows:update", id="a", updates={"status": str(value)})
        wanted = {"id": "a", "one": value, "two": value, "status": str(value)}
        until(agreed, f"the edits of round {value} on both machines", SOON)
    assert laptop.mirror().query("workflows:get", id="a")["value"] == wanted
