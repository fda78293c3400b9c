"""Embedded backends for tests: one with probe functions, shared, and ones to be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .backend import FUNCTIONS, PROBES, Backend, bundle


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `server.mjs`, `probes.mjs` and `ours.mjs`, from the sources of this moment."""
    folder = tmp_path_factory.mktemp("bundles")
    bundle("server", folder / "server.mjs")
    bundle("functions", PROBES, folder / "probes.mjs")
    bundle("functions", FUNCTIONS, folder / "ours.mjs")
    return folder


@pytest.fixture(scope="session")
def backend(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend with the probe functions, shared by all tests: use a tag of your own."""
    data = tmp_path_factory.mktemp("shared") / "data"
    shared = Backend(data, bundles / "server.mjs", bundles / "probes.mjs")
    shared.start()
    yield shared
    shared.close()


@pytest.fixture
def tag(request: pytest.FixtureRequest) -> str:
    """A tag that no other test uses."""
    return str(request.node.nodeid)


@pytest.fixture
def make_backend(bundles: Path, tmp_path: Path) -> Iterator[Callable[[str], Backend]]:
    """Makes a backend of its own from a bundle's name; not started."""
    made: list[Backend] = []

    def make(functions: str) -> Backend:
        server, ours = bundles / "server.mjs", bundles / f"{functions}.mjs"
        made.append(Backend(tmp_path / "data", server, ours))
        return made[-1]

    yield make
    for each in made:
        each.close()
