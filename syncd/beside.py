"""What runs beside the engine on one ledger: commands are done, conflicts are told, authors asked
for, history is kept within its bounds. And the same acts for a command while no daemon runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from syncd.control.acts import Acts
from syncd.control.channel import Channel
from syncd.control.desk import Desk
from syncd.core.model import Key
from syncd.engine.exchange.asker import Asker, Directory
from syncd.engine.exchange.teller import Recorder, Teller
from syncd.engine.retention import Retention
from syncd.engine.session import Session
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.hiatus import Hiatus
from syncd.files.opaque import Opaque
from syncd.ledger.ledger import Ledger
from syncd.ledger.residence import Residence
from syncd.ledger.state import StateFolder
from syncd.opening import Place, never_ran

LOOK = 5.0
"""Seconds between looks whether the state folder is where it was."""


class Remote(Recorder, Directory, Protocol):
    """The parts of the deployment that are told and asked beside a session."""


class Beside:
    """Everything that goes on beside a session. `remote` None: there is no deployment."""

    def __init__(
        self,
        place: Place,
        ledger: Ledger,
        session: Session,
        remote: Remote | None,
        retention: Retention,
    ) -> None:
        desk = _desk(place, ledger, session.look_again, session.between_turns)
        acts = Acts(desk, session.guards, session.hiatus, session.beat)
        self._residence = Residence(place.config.state)
        self._channel = Channel(place.config.state, acts.perform)
        self._retention = retention
        self._calling: list[Teller | Asker] = []
        if remote is not None:
            self._calling = [Teller(ledger, remote), Asker(ledger, remote)]

    def tied(self) -> None:
        """The deployment answers: what it was not told or asked yet can be."""
        for each in self._calling:
            each.wake()

    async def run(self) -> None:
        """Until cancelled. Raises LedgerError."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay())
            group.create_task(self._channel.run())
            group.create_task(self._retention.run())
            for each in self._calling:
                group.create_task(each.run())

    async def _stay(self) -> None:
        while True:
            self._residence.require()
            await asyncio.sleep(LOOK)


@contextmanager
def acts_alone(place: Place) -> Iterator[Acts]:
    """Acts while no daemon runs; owns the state folder meanwhile.

    What they leave to the daemon is done when it starts: it looks at every file anyway. Raises
    AnotherInstance where one runs, ConfigError where none ever did, LedgerError.
    """
    config = place.config
    state = StateFolder(config.state)
    if state.ledger_path(config.url, config.workspace) is None:
        raise never_ran(config)
    state.open()
    try:
        ledger = state.open_ledger(config.url, config.workspace)
        try:
            guards = Guards(ledger, place.stores, place.clock)
            hiatus = Hiatus(ledger, place.clock)
            desk = _desk(place, ledger, lambda _: None, asyncio.Lock())
            yield Acts(desk, guards, hiatus, _no_engine)
        finally:
            ledger.close()
    finally:
        state.close()


async def _no_engine() -> None:
    """There is nothing whose progress could be waited for."""


def _desk(
    place: Place, ledger: Ledger, name: Callable[[Iterable[Key]], None], between_turns: asyncio.Lock
) -> Desk:
    pointers = {store.name: store.pointer for store in place.config.stores if store.pointer}
    formats = {store: replica.format for store, replica in place.stores.items()}
    files = {
        store.name: Opaque(store.path, store.patterns(), place.stores[store.name])
        for store in place.config.stores
        if store.name in place.stores  # Files of lines are only ever read.
    }
    return Desk(ledger, files, place.history, place.clock, pointers, formats, name, between_turns)
