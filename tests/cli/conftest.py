"""Machines on a shared deployment, as the system tests have them."""

from __future__ import annotations

from tests.system.conftest import deployment, world

__all__ = ["deployment", "world"]
