"""Starts the embedded backend, stops it, and starts it again when it dies. Does IO.

The backend ends when its stdin does, so it never outlives this process, however that ends.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from syncd.embedded.node import OLDEST, find_node
from syncd.errors import SyncdError

READY = 30.0
"""Seconds from the start of the program to its ready line; a new index is filled in that time."""

PARTING = 5.0
"""Seconds from SIGTERM to SIGKILL. A clean end takes well under one."""

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0
"""Seconds before a backend that died is started again; doubled while it keeps dying."""

STEADY = 60.0
"""Seconds of life after which an earlier death no longer counts."""

LINE = 500
"""Characters that are kept of a line it logged."""

Report = Callable[[str, str], None]
"""Told an event (`backend_ended`, `backend_unavailable`, `backend_restarted`) and its detail."""

_BUNDLE = Path(__file__).parent / "bundle"
_PORT_IN_USE, _DATA_IN_USE, _SCHEMA_MISMATCH = 3, 4, 5
_ADVICE = {
    _PORT_IN_USE: "choose another port ([embedded] in config.toml, or --port of `syncd dev`), or "
    "stop the program that listens on it",
    _DATA_IN_USE: "stop the other backend on this data folder, or configure another folder",
    _SCHEMA_MISMATCH: "install the version that wrote the data, or start with an empty folder",
}


_LOOK = "look at its log lines (`SYNCD_LOG=debug` shows them), and start it again"
_ITS_NAME = "embedded backend: "
"""With which it begins what it says of itself."""


class EmbeddedUnavailable(SyncdError):
    """The embedded backend cannot be started; its data is as it was."""


class EmbeddedBackend:
    """One embedded backend on one data folder.

    `start`, then `supervise` in a task of its own, at last `stop`. The port stays the same over
    restarts, so that clients find it again. `log` is given every line the backend logs.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        functions: Path = _BUNDLE / "functions.mjs",
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._data = data
        self._port = port
        self._functions = functions
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tail: deque[str] = deque(maxlen=8)

    @property
    def url(self) -> str:
        """Where it listens, once started: `http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def admin_key(self) -> Path:
        """The file with the key that may call internal functions; made by the first start."""
        return self._data / "admin_key"

    async def start(self) -> None:
        """Starts the backend and waits until it listens. Raises `EmbeddedUnavailable`."""
        self._process = await self._begun(await _node())
        self._tail.clear()
        self._reading = asyncio.create_task(self._read_log(self._process))
        self._port = await self._ready(self._process)

    async def _begun(self, node: Path) -> asyncio.subprocess.Process:
        command = (
            node,
            "--disable-warning=ExperimentalWarning",
            _BUNDLE / "server.mjs",
            *("--data", self._data, "--port", str(self._port)),
            *("--functions", self._functions, "--exit-with-parent"),
        )
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # Ctrl-C is for the daemon, which then stops the backend after its last push.
                start_new_session=True,
            )
        except OSError as error:  # Too many processes or open files, no memory.
            raise EmbeddedUnavailable(
                f"the embedded backend cannot be started ({node}): {error.strerror}",
                "`syncd doctor` looks at the limits of this machine",
            ) from error

    async def supervise(self, report: Report) -> None:
        """Starts the backend again whenever it ends, on the same port. Runs until cancelled."""
        clock = asyncio.get_running_loop().time
        pause = FIRST_PAUSE
        while True:
            started = clock()
            report("backend_ended", await self._ended())
            if clock() - started > STEADY:
                pause = FIRST_PAUSE
            pause = await self._start_again(report, pause)

    async def _start_again(self, report: Report, pause: float) -> float:
        """Tries until the backend listens; answers the pause before the next try."""
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                await self.start()
            except EmbeddedUnavailable as trouble:
                report("backend_unavailable", f"{trouble}. {trouble.advice}")
            else:
                report("backend_restarted", self.url)
                return pause

    async def stop(self) -> None:
        """Ends the backend: cleanly, and by force when that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PARTING):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._close_log()

    async def _ended(self) -> str:
        if self._process is None:
            return "it is not running"
        code = await self._process.wait()
        await self._close_log()
        return f"exit status {code}: {self._last_words()}"

    async def _ready(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        try:
            # Not wait_for, which loses a cancellation that comes with the line (gh-86296).
            async with asyncio.timeout(READY):
                line = await process.stdout.readline()
        except TimeoutError:
            await self.stop()
            raise EmbeddedUnavailable(
                f"the embedded backend on {self._data} did not listen within {READY:.0f} s",
                _LOOK,
            ) from None
        if line.endswith(b"\n"):  # Else it was killed before it had said all.
            return int(json.loads(line)["url"].rpartition(":")[2])
        code = await process.wait()
        await self._close_log()
        raise EmbeddedUnavailable(
            f"the embedded backend on {self._data} did not start: {self._last_words()}",
            _ADVICE.get(code, _LOOK),
        )

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:
                continue  # Longer than a reader's buffer: what is left of it is a line of its own.
            if not line:
                return
            text = line.decode(errors="replace").rstrip()[:LINE]
            self._tail.append(text)
            self._log(text)

    async def _close_log(self) -> None:
        if self._reading is not None:
            await self._reading

    def _last_words(self) -> str:
        said = (line.removeprefix(_ITS_NAME).rstrip(".") for line in self._tail)
        return "; ".join(said) or "it said nothing"


async def _node() -> Path:
    node = await find_node()
    if node is None:
        oldest = ".".join(map(str, OLDEST))
        raise EmbeddedUnavailable(
            f"the embedded backend needs Node {oldest} or later, and none was found;"
            " nothing was started or changed",
            "install a newer Node, or syncd with one: `pipx install '.[embedded]'` in a checkout;"
            " or set CONVEX_URL to use another deployment",
        )
    if not (_BUNDLE / "server.mjs").is_file():
        raise EmbeddedUnavailable(
            f"the embedded backend is not built: {_BUNDLE} has no server.mjs; nothing was started",
            "run `python hatch_build.py` in the checkout that syncd runs from, or install it again",
        )
    return node
