"""Executions stay with the machine that made them, and are mirrored all the same."""

from __future__ import annotations

from .conftest import World
from .waiting import until

RUN = '{"workflowId": "w", "context": {}, "savedAt": "%s"}'


def test_executions_are_those_of_the_machine_that_made_them(world: World) -> None:
    first, second = (
        world.machine(name, stores={"flows": "execution"}).start() for name in ("first", "second")
    )
    first.save("exec-1.json", RUN % "here")
    second.save("exec-2.json", RUN % "there")
    mirror = first.mirror()
    until(lambda: len(mirror.live()) == 2, "both are mirrored", 15.0)
    first.save("exec-1.json", RUN % "later")
    until(lambda: mirror.holds("exec-1.json", RUN % "later"), "the update is mirrored", 10.0)
    second.save("exec-1.json", RUN % "another's")
    until(lambda: second.report().held == 1, "another's name is held", 10.0)
    first.until_in_sync()
    assert mirror.holds("exec-1.json", RUN % "later")
    assert first.tree().keys() == {"flows/exec-1.json"}
    assert second.tree().keys() == {"flows/exec-1.json", "flows/exec-2.json"}
    second.folder.joinpath("exec-1.json").unlink()
    second.until_in_sync()
    assert mirror.live().keys() == {"exec-1.json", "exec-2.json"}
