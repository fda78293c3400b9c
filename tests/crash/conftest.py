"""One matrix for all tests: it runs several cases at once, each test waits for its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .case import Case
from .matrix import Matrix, running


@pytest.fixture(scope="session")
def matrix(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    """Begins with the cases of all selected tests, in their order."""
    told = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    with running(tmp_path_factory.mktemp("crash")) as made:
        made.start(params["case"] for params in told if isinstance(params.get("case"), Case))
        yield made
