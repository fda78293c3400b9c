"""An event loop for one daemon on simulated time; threads are jobs that run at a later moment.

The daemon's coroutines are the real ones. A loop that is killed never runs anything again.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Time(Protocol):
    """The simulated time a loop lives on, in seconds."""

    now: float

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Have `act` happen at `when`."""

    def moment(self, longest: float) -> float:
        """A random while, up to `longest` seconds."""

    def toil(self) -> float:
        """How many seconds the work of a thread takes."""


class Loop(asyncio.AbstractEventLoop):
    """What asyncio's tasks, locks, timeouts and threads need of a loop, and nothing else."""

    def __init__(
        self, time: Time, troubled: Callable[[str], None], entered: Callable[[], None]
    ) -> None:
        self.dead = False
        self._entered = entered
        self._time = time
        self._troubled = troubled
        self._ready: deque[asyncio.Handle] = deque()
        self._due = False
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._time.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._wake()
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def fire() -> None:
            if not handle.cancelled() and not self.dead:
                self._ready.append(handle)
                self._wake()

        self._time.at(when, fire)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        return self.call_at(self._time.now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coroutine: Coroutine[Any, Any, Any], *, name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:  # fmt: skip
        task = asyncio.Task(coroutine, loop=self, name=name, context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.tasks = [each for each in self.tasks if not each.done()]
        self.tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, function: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def job() -> None:
            if self.dead:
                return
            self._entered()
            result: Any = None
            failure: Exception | None = None
            try:
                result = function(*args)
            except Exception as error:
                failure = error
            self._time.at(self._time.now + self._time.toil(), lambda: land(result, failure))

        def land(result: Any, failure: Exception | None) -> None:
            if self.dead or future.done():
                return
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

        self._time.at(self._time.now + self._time.moment(0.001), job)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self._troubled(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.dead

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _wake(self) -> None:
        if not self._due and not self.dead:
            self._due = True
            self._time.at(self._time.now + self._time.moment(0.0001), self._tick)

    def _tick(self) -> None:
        """Run what was ready when the tick began, as asyncio does."""
        self._due = False
        self._entered()
        events._set_running_loop(self)
        try:
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
                if self.dead:
                    return
        finally:
            events._set_running_loop(None)
        if self._ready:
            self._wake()

    def kill(self) -> None:
        """End here: nothing more of this loop runs, not even its clean-up."""
        self.dead = True
        self._ready.clear()
        for task in self.tasks:
            task._log_traceback = False
