"""A child that is forked while threads are at work uses the same storages."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from syncd.config import Config
from syncd.files.scan import scan
from syncd.storage import Deployment, DeploymentStorage, Workflow, WorkflowStorage
from syncd.storage.file import body_of


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How a forked child ends that makes the call which a thread is in the middle of."""
    inside, go = threading.Event(), threading.Event()

    def slow(act: Callable[..., object]) -> Callable[..., object]:
        def acting(*args: object) -> object:
            inside.set()
            go.wait(30.0)
            return act(*args)

        return acting

    def ended(call: Callable[[], object]) -> int:
        monkeypatch.setattr("syncd.storage.index.scan", slow(scan))
        monkeypatch.setattr("syncd.storage.shelf.body_of", slow(body_of))
        thread = threading.Thread(target=call)
        thread.start()
        assert inside.wait(30.0)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            monkeypatch.undo()
            os._exit(0 if call() else 1)
        go.set()
        thread.join()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return ended


def test_workflows(project: Config, working: Callable[[Callable[[], object]], int]) -> None:
    with WorkflowStorage(project) as storage:
        storage.save(Workflow(id="a"))
        assert working(storage.list) == 0


def test_deployments(project: Config, working: Callable[[Callable[[], object]], int]) -> None:
    with DeploymentStorage(project) as storage:
        storage.save(Deployment(id="a", site_id="s"))
        assert working(lambda: storage.by_site("s")) == 0
