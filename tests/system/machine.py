"""A machine: a configuration, a state folder, a store's folder, and the program run on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from syncd.config import load
from syncd.report.standing import State, StatusReport
from syncd.report.status import report
from syncd.running import GRACE

from .mirror import Mirror
from .waiting import until

STOPPED = GRACE + 4.0
"""Seconds that a stop may take: the daemon's grace, and what a busy test machine adds."""

STORE = """
[[store]]
name = "{name}"
kind = "{kind}"
path = "{name}"
"""


@dataclass(frozen=True)
class Ran:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


@dataclass
class Machine:
    """One device. `settings` are the lines of config.toml before the stores."""

    home: Path
    workspace: str
    settings: str = ""
    stores: Mapping[str, str] = field(default_factory=lambda: {"flows": "workflow"})
    environment: dict[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    program: Sequence[str] = (sys.executable, "-m", "syncd")
    daemon: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.home.mkdir()
        for name in self.stores:
            (self.home / name).mkdir()
        self.configure(self.settings)

    def configure(self, settings: str, more: str = "") -> None:
        """Write config.toml: `settings`, the stores, and `more` behind them."""
        stores = "".join(STORE.format(name=n, kind=k) for n, k in self.stores.items())
        head = f'workspace = "{self.workspace}"\n{settings}\n'
        self.config.write_text(head + stores + more, encoding="utf-8")

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def state(self) -> Path:
        return self.home / ".syncd"

    @property
    def folder(self) -> Path:
        return self.home / next(iter(self.stores))

    def syncd(self, *command: str, seconds: float = 30.0) -> Ran:
        """Run a command to its end."""
        ended = subprocess.run(
            self._command(*command), env=self._environment(), cwd=self.home, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
        )  # fmt: skip
        ran = Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        if command[:2] != ("devices", "enroll"):  # It is what prints a token.
            self.keeps_secrets(ran.out + ran.err)
        return ran

    def started(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on; whoever does it ends it."""
        return subprocess.Popen(
            self._command(*command), env=self._environment(), cwd=self.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip

    def start(self) -> Machine:
        """Start the daemon."""
        assert self.daemon is None or self.daemon.poll() is not None
        with (self.home / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                self._command("run"), env=self._environment(), cwd=self.home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self

    def stop(self) -> int:
        """End the daemon as a service manager does; its exit code. Fails when it lingers."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(STOPPED)

    def kill(self) -> None:
        """End the daemon as a power cut does."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait(STOPPED)

    def keeps_secrets(self, said: str) -> None:
        """Fail if a token or key of this machine was printed or logged (invariant 14)."""
        told = [v for n, v in self.environment.items() if n.endswith(("TOKEN", "KEY")) and v]
        kept = [self.state / "token", self.state / "device-token"]
        told += [path.read_text().strip() for path in kept if path.is_file()]
        assert not any(secret in said for secret in told), "a secret was told"

    def close(self) -> None:
        """End the daemon however it is."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.kill()

    def said(self) -> str:
        """What the daemon logged so far."""
        return (self.home / "daemon.log").read_text()

    def report(self, *, counting: bool = True) -> StatusReport:
        """What `syncd status` tells, without the price of a process."""
        return report(load(self.config, self._environment()), counting=counting)

    def until_state(self, state: State, seconds: float = 15.0) -> StatusReport:
        def reached() -> bool:
            assert self.daemon is not None
            assert self.daemon.poll() is None, f"the daemon ended: {self.said()}"
            return self.report().state is state

        try:
            until(reached, f"{self.home.name} {state.value}", seconds)
        except AssertionError as error:
            error.add_note(self.report().model_dump_json(indent=2))
            error.add_note(self.said()[-4000:])
            raise
        return self.report()

    def until_in_sync(self, seconds: float = 15.0) -> StatusReport:
        return self.until_state(State.IN_SYNC, seconds)

    def save(self, path: str, body: str | bytes) -> None:
        """Save as careful programs do: a temporary file renamed into place."""
        target = self._place(path)
        temporary = target.with_name(f".#{target.name}")
        temporary.write_bytes(body.encode() if isinstance(body, str) else body)
        temporary.rename(target)

    def rewrite(self, path: str, body: str | bytes) -> None:
        """Save as plain programs do: truncate, then write."""
        self._place(path).write_bytes(body.encode() if isinstance(body, str) else body)

    def tree(self) -> dict[str, bytes]:
        """Every file of every store, by store and path: those of a write under way too."""
        found: dict[str, bytes] = {}
        for path in sorted(path for name in self.stores for path in self._files(name)):
            with suppress(FileNotFoundError):
                found[path.relative_to(self.home).as_posix()] = path.read_bytes()
        return found

    def reads(self, path: str) -> bytes | None:
        """The bytes of a file of the first store, None while it is not there."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None

    def until_reads(self, path: str, body: str | bytes, seconds: float = 10.0) -> None:
        raw = body.encode() if isinstance(body, str) else body
        until(lambda: self.reads(path) == raw, f"{path} on {self.home.name}", seconds)

    def mirror(self) -> Mirror:
        """The deployment, as this machine's device sees it."""
        environment = self._environment()
        url = environment.get("CONVEX_URL") or (self.state / "backend-url").read_text()
        token = environment.get("SYNCD_TOKEN") or (self.state / "token").read_text().strip()
        return Mirror(url, token, self.workspace)

    def _command(self, *command: str) -> list[str]:
        words = [*self.prefix, *self.program, *command]
        return words if "--config" in command or "--help" in command else [
            *words, "--config", str(self.config)
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        ours = ("CONVEX_", "SYNCD_", "COLUMNS", "FORCE_COLOR")
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(ours)}
        return {**inherited, **self.environment}

    def _files(self, store: str) -> list[Path]:
        return [path for path in (self.home / store).rglob("*") if path.is_file()]

    def _place(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
