"""A running embedded backend for tests, without the launcher: tests kill it and start it again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import requests

from syncd.embedded.node import find_node

EMBEDDED = Path(__file__).parents[2] / "syncd/embedded"
FUNCTIONS = Path(__file__).parents[2] / "convex"
PROBES = Path(__file__).parent / "functions"


@cache
def node() -> Path:
    found = asyncio.run(find_node())
    assert found is not None, "the tests of the embedded backend need its Node"
    return found


def bundle(what: str, *paths: Path) -> Path:
    """Bundles the `server`, or the `functions` of a folder, into the last of the paths."""
    command = [str(node()), "bundle.mjs", what, *map(str, paths)]
    subprocess.run(command, cwd=EMBEDDED, check=True)
    return paths[-1]


@dataclass
class Answered:
    """One HTTP answer."""

    status: int
    body: Any

    @property
    def value(self) -> Any:
        assert self.body["status"] == "success", self.body
        return self.body["value"]

    @property
    def error(self) -> str:
        assert self.body["status"] == "error", self.body
        return str(self.body["errorMessage"])


@dataclass
class Backend:
    """The program on a data folder; the port stays over restarts."""

    data: Path
    server: Path
    functions: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_key(self) -> str:
        return (self.data / "admin_key").read_text().strip()

    def command(self, *options: str) -> list[str]:
        quiet = "--disable-warning=ExperimentalWarning"
        program = [str(node()), quiet, str(self.server)]
        where = ["--data", str(self.data), "--functions", str(self.functions)]
        return [*program, *where, "--port", str(self.port), *options]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command("--exit-with-parent"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        assert ready["pid"] == self.process.pid
        self.port = int(ready["url"].rpartition(":")[2])

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        os.kill(self.process.pid, how)
        code = self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return code

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            assert self.kill(signal.SIGTERM) == 0
        self.http.close()

    def post(self, route: str, body: object, **headers: str) -> Answered:
        answer = self.http.post(f"{self.url}{route}", json=body, headers=headers, timeout=30)
        return Answered(answer.status_code, answer.json())

    def call(self, kind: str, path: str, args: object, *, admin: bool = False) -> Answered:
        headers = {"Authorization": f"Convex {self.admin_key}"} if admin else {}
        body = {"path": path, "args": args, "format": "convex_encoded_json"}
        return self.post(f"/api/{kind}", body, **headers)

    def query(self, path: str, **args: object) -> Any:
        return self.call("query", path, args).value

    def mutate(self, path: str, **args: object) -> Any:
        return self.call("mutation", path, args).value
