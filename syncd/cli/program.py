"""How the program's commands are declared: as Typer's, but that flags and arguments show no type in
the help, and that groups stand in it among the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup


class Program(typer.Typer):
    """A Typer app. A flag takes no value, so its help names none; not even Typer's own flags. What
    an argument is its help says. `order` tells which commands are listed first.
    """

    def __init__(self, order: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(cls=type("_Ordered", (_Group,), {"order": order}), **settings)

    def command(self, *told: Any, **settings: Any) -> Callable[[Any], Any]:
        """As Typer's."""
        return super().command(*told, cls=_Command, **settings)


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _untyped(super().get_params(ctx))


class _Group(TyperGroup):
    order: Sequence[str] = ()

    def get_params(self, ctx: Any) -> list[Any]:
        return _untyped(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        told = list(super().list_commands(ctx))  # Typer's has every group behind all commands.
        return sorted(told, key=lambda name: _place(name, self.order))


def _untyped(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
        elif isinstance(each, TyperArgument):
            each.display_type_rich = _no_type  # type: ignore[method-assign]
    return parameters


def _no_type(ctx: Any) -> None:
    return None


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
