"""A deployment as it is shipped, and an engine that does not wait long for half-written files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.core import doubt
from syncd.engine import telling
from tests.embedded.backend import Backend
from tests.system.deployment import started


@pytest.fixture(scope="package")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The embedded backend with the real functions, shared by all groups."""
    shared = started(tmp_path_factory.mktemp("deployment") / "data")
    yield shared
    shared.close()


@pytest.fixture(scope="package", autouse=True)
def impatient() -> Iterator[None]:
    """As many looks as ever before anything is believed, a hundredth of the time between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubt, "PATIENCE", tuple(pause / 100 for pause in doubt.PATIENCE))
        patch.setattr(doubt, "ABSENCE", doubt.ABSENCE / 20)
        yield


@pytest.fixture(scope="package", autouse=True)
def one_by_one() -> Iterator[None]:
    """However many are held at once, each is a line of the log: cases look for their own."""
    # Not where the log is read: cases run beside each other, and would put back what others set.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "FEW", 10_000)
        yield
