"""A folder of many files under another name: one call or few, no text on the wire, rows kept."""

from __future__ import annotations

from typing import Any

from .conftest import World
from .flows import flow
from .machine import Machine
from .proxy import Proxy
from .waiting import until

FILES = 200
TEXT = "x" * 2000
"""In every file, so that text on the wire would be seen."""
A_MOVE = 900
"""Bytes of a call that each move may take: two keys, their expectations and operation ids."""


def rows(machine: Machine) -> dict[str, dict[str, Any]]:
    """The rows of the workflows, by path."""
    found: dict[str, dict[str, Any]] = {}
    cursor = None
    while True:
        page = machine.mirror().query("workflows:list", limit=200, cursor=cursor)
        found |= {row["path"]: row for row in page["rows"]}
        cursor = page["cursor"]
        if cursor is None:
            return found


def test_a_renamed_folder_of_many_files(world: World, proxy: Proxy) -> None:
    here = world.machine("here", proxy.url)
    for number in range(FILES):
        here.save(f"old/{number}.json", flow(f"n{number}", f"{TEXT}{number}"))
    here.save("kept.json", flow("kept"))
    here.start().until_in_sync(60)
    way = Proxy(world.deployment.port)
    try:
        there = world.machine("there", way.url).start()
        there.until_in_sync(60)
        until(lambda: there.tree() == here.tree(), "all files on both", 30)
        before = rows(here)
        proxy.forget()
        way.forget()
        (here.folder / "old").rename(here.folder / "new")
        renamed = {path.replace("/old/", "/new/"): body for path, body in there.tree().items()}
        until(lambda: there.tree() == renamed, "all under the new name on there", 30)
        for machine in (here, there):
            machine.until_in_sync(30)
        after = rows(here)
        assert {path.replace("old/", "new/"): row["_id"] for path, row in before.items()} == {
            path: row["_id"] for path, row in after.items()
        }
        assert proxy.sent < FILES * A_MOVE, "no text is sent"
        assert way.received < FILES * 2 * A_MOVE, "none is downloaded"
        assert way.sent < 40_000, "and nothing is asked for but news"
        assert proxy.calls <= 20
        assert "moved" in here.syncd("log", "new/7.json").out
    finally:
        way.close()
