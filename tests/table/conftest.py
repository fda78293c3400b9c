"""One scene for all cells, and the table that is printed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.embedded.backend import Backend
from tests.system.deployment import started

from .scene import Scene, embedded_place, real_place

CELL = "cell"
MARKS = {"passed": "yes", "skipped": "-", "error": "NO", "failed": "NO"}


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


@pytest.fixture(autouse=True)
def _cell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    marker = request.node.get_closest_marker("cell")
    if marker is not None:
        record_property(CELL, marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Of the reports alone: the cells may have run in other processes.
    cells: dict[tuple[str, str, str], str] = {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            noted = dict(getattr(report, "user_properties", ()))
            if CELL in noted:
                operation, face, way = noted[CELL]
                cells[operation, face, way] = mark
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
