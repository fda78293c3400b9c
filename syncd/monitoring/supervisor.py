"""The service manager that started this process, where one did: it is told how things are.

The protocol is sd_notify(3): datagrams of NAME=value lines to the socket in NOTIFY_SOCKET. Does IO.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

from syncd.report.standing import StatusReport

log = structlog.get_logger()

LONGEST = 200
"""Characters of a status line: `systemctl status` shows one line."""


class Supervisor:
    """Tells systemd, or whatever speaks its protocol; says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET")
        self._watchdog = _seconds(environment)
        self._ready = False

    @property
    def interval(self) -> float | None:
        """Seconds within which a sign of life is wanted; None where nobody watches."""
        return self._watchdog

    async def told(self, found: StatusReport) -> None:
        """The engine has just made progress; the first time, the service is up."""
        status = _line(f"{found.state.value}: {found.detail}")
        lines = ["WATCHDOG=1", f"STATUS={status}"]
        if not self._ready:
            lines.append("READY=1")
            self._ready = True
        self._send(lines)

    def waiting(self, why: str) -> None:
        """No progress can be made for now, and none is missed: the process is well."""
        self._send(["WATCHDOG=1", f"STATUS={_line(why)}"])

    def reloading(self) -> None:
        """The configuration is read anew; `told` ends it."""
        self._ready = False
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(["RELOADING=1", f"MONOTONIC_USEC={now}"])

    def stopping(self) -> None:
        """The service ends; what is queued is still sent."""
        self._send(["STOPPING=1", "STATUS=sending what is queued"])

    def _send(self, lines: list[str]) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("supervisor_unreached", why=error.strerror or str(error),
                        next="it is told again within a quarter of a minute")  # fmt: skip


def _seconds(environment: Mapping[str, str]) -> float | None:
    told, owner = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not told.isdigit() or (owner and owner != str(os.getpid())):
        return None
    return int(told) / 1_000_000


def _line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:LONGEST]
