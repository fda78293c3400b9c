"""One scene for all cells, and the table that is printed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

import pytest

from tests.embedded.backend import Backend
from tests.system.deployment import started

from .scene import Scene, embedded_place, real_place

CELLS = pytest.StashKey[dict[tuple[str, str, str], str]]()
MARKS = {"passed": "yes", "failed": "NO", "skipped": "-"}


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend | None]:
    """An embedded backend, where the environment names no deployment."""
    if real_place() is not None:
        yield None
        return
    own = started(tmp_path_factory.mktemp("table") / "data")
    yield own
    own.close()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, backend: Backend | None) -> Iterator[Scene]:
    place = real_place()
    if place is None:
        assert backend is not None
        place = embedded_place(backend)
    made = Scene(tmp_path_factory.mktemp("table") / "machine", place)
    asyncio.run(made.begin())
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("cell")
    if marker is not None and (report.when == "call" or not report.passed):
        item.config.stash.setdefault(CELLS, {})[marker.args] = MARKS[report.outcome]
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    cells = config.stash.get(CELLS, {})
    if not cells:
        return
    columns = sorted({(face, way) for _, face, way in cells})
    rows = list(dict.fromkeys(name for name, _, _ in cells))
    width = max(map(len, rows))
    write = terminalreporter.write_line
    write("")
    write(f"{'':{width}}  " + "  ".join(f"{face} {way}" for face, way in columns))
    for name in rows:
        told = (
            cells.get((name, face, way), "").center(len(f"{face} {way}")) for face, way in columns
        )
        write(f"{name:{width}}  " + "  ".join(told))
