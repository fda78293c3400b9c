"""An embedded backend as it is shipped, and devices enrolled on it."""

from __future__ import annotations

from pathlib import Path

from tests.embedded.backend import EMBEDDED, Backend

BUILT = EMBEDDED / "bundle"


def started(data: Path) -> Backend:
    """A backend on this data folder; whoever starts it closes it."""
    made = Backend(data, server=BUILT / "server.mjs", functions=BUILT / "functions.mjs")
    made.start()
    return made


def enroll(backend: Backend, workspace: str, name: str) -> str:
    """A token for the device; an earlier one of that name is void."""
    args = {"workspace": workspace, "name": name}
    answer = backend.call("mutation", "devices:enroll", args, admin=True)
    return str(answer.value["token"])
