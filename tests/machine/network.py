"""The way from one daemon to the deployment, and everything that can happen on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from syncd.core.model import Change, Cursor, Intent, Key, Outcome, Witness
from syncd.core.news import Page, StoreSettings, Welcome
from syncd.core.portion import ANSWER
from syncd.errors import FunctionFailed, Unauthorized, Unavailable

Answer = TypeVar("Answer")

if TYPE_CHECKING:
    from .machine import Machine


class Wire:
    """A RemoteReplica for one daemon. The deployment is whichever answers behind the URL."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._world = machine.world
        self._generation = 0

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        self._generation = self._world.generation
        said = (ledger, start, tuple(witnesses), cursor, passed)
        return await self._call("hello", lambda: self._world.deployment.hello(self._name, *said))

    async def tell_passed(self, ledger: str, start: int, passed: Cursor) -> Cursor | None:
        said = (ledger, start, passed)
        return await self._call(
            "passed", lambda: self._world.deployment.tell_passed(self._name, *said)
        )

    async def register(self, stores: Sequence[StoreSettings]) -> None:
        told = tuple(stores)
        await self._call("register", lambda: self._world.deployment.register(told))

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        sent = tuple(intents)

        def act() -> list[Outcome]:
            return self._world.push(self._machine, sent, passed)

        return await self._call("push", act, small=len(sent) == 1)

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        asked = (stores, cursor, tuple(witnesses), tuple(known), most)
        return await self._call(
            "changes", lambda: self._world.deployment.changes(self._name, *asked)
        )

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        asked = tuple(keys)
        return await self._call("fetch", lambda: self._world.deployment.fetch(asked, most))

    async def head(self) -> Cursor:
        return await self._call("head", self._world.deployment.head)

    async def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        return await self._call("manifest", lambda: self._world.deployment.manifest(store, after))

    @property
    def _name(self) -> str:
        return self._machine.device

    async def _call(
        self, function: str, act: Callable[[], Answer], *, small: bool = False
    ) -> Answer:
        # `small`: too small to break a limit of the platform, so it does not throw.
        world, machine = self._world, self._machine
        machine.step(f"send {function}")
        world.calls[function] += 1
        future = asyncio.get_running_loop().create_future()
        _Call(self, function, act, future, self._generation, small=small).begin()
        answer: Answer = await future
        machine.step(f"answered {function}")
        return answer

    def is_cut(self, generation: int) -> bool:
        """Whether the connection was broken since the last hello."""
        return self._machine.partitioned or generation != self._world.generation


class _Call:
    """One request on its way, its execution, its answer on the way back."""

    def __init__(
        self, wire: Wire, function: str, act: Callable[[], Any], future: asyncio.Future[Any],
        generation: int, *, small: bool,
    ) -> None:  # fmt: skip
        self._small = small
        self._wire = wire
        self._machine = wire._machine
        self._world = wire._world
        self._function = function
        self._act = act
        self._future = future
        self._generation = generation

    def begin(self) -> None:
        world, happens = self._world, self._world.happens
        delay = world.moment(0.02)
        if happens("slow"):
            delay += world.moment(3.0)
        if self._wire.is_cut(self._generation) or happens("lost_request"):
            world.after(delay, lambda: self._fail("the request was lost"))
            return
        if happens("late_request"):
            world.after(delay, lambda: self._fail("no answer in time"))
            world.after(delay + world.moment(20.0), self._execute_unheard)
            return
        if happens("doubled"):
            world.after(delay + world.moment(2.0), self._execute_unheard)
        world.after(delay, self._execute)

    def _execute_unheard(self) -> None:
        if self._machine.device not in self._world.deployment.revoked:
            self._world.story(f"{self._machine.name} {self._function} is carried out unheard")
            with suppress(FunctionFailed):
                self._act()

    def _execute(self) -> None:
        world = self._world
        if self._wire.is_cut(self._generation):
            self._fail("the connection broke")
            return
        if self._machine.device in world.deployment.revoked:
            world.after(world.moment(0.01), lambda: self._refuse())
            return
        if self._function in _THROWING and not self._small and world.happens("failing"):
            error = FunctionFailed(f"{self._function} threw", "try again")
            world.after(world.moment(0.01), lambda: self._raise(error))
            return
        try:
            answer = self._act()
        except FunctionFailed as thrown:
            self._world.after(self._world.moment(0.01), partial(self._raise, thrown))
            return
        delay = world.moment(0.02) + (world.moment(3.0) if world.happens("slow") else 0.0)
        if world.happens("lost_answer"):
            world.after(delay, lambda: self._fail("the answer was lost"))
        else:
            world.after(delay, lambda: self._land(answer))

    def _land(self, answer: Any) -> None:
        if self._open():
            self._world.told(self._machine, self._function, answer)
            self._future.set_result(answer)

    def _fail(self, why: str) -> None:
        self._raise(Unavailable(f"{self._function}: {why}", "wait"))

    def _refuse(self) -> None:
        self._raise(Unauthorized("the token was revoked", "enrol again"))

    def _raise(self, error: Exception) -> None:
        if self._open():
            self._world.story(f"{self._machine.name} {self._function}: {error}")
            self._future.set_exception(error)

    def _open(self) -> bool:
        return not self._future.get_loop().is_closed() and not self._future.done()


_THROWING = frozenset({"push", "changes", "fetch", "head", "manifest"})
