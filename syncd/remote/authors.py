"""How the deployment names those who wrote. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.errors import ProtocolError
from syncd.remote.message import Message


class AuthorsAnswer(Message):
    """`sync:authors`: what devices are called, None for nobody known."""

    names: list[str | None]


def one_each(names: list[str | None], told: Sequence[object], function: str) -> list[str | None]:
    """`names`, if there is one for each that was `told`. Raises ProtocolError."""
    if len(names) != len(told):
        raise ProtocolError(
            f"{function} answered about others than it was told of; nothing of it counts",
            "deploy this version's functions: see convex/README.md",
        )
    return names
