"""Hears what happened on the deployment: pages of the feed, with their bytes, then the cursor.

A change is heard only when its bytes are here and verified; the cursor moves with it, in one
transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.core.decision import Heard
from syncd.core.delta import spliced
from syncd.core.direction import Way
from syncd.core.model import BYTES_DAMAGED, Change, Content, Cursor, Digest, Hold, Key
from syncd.engine.exchange.feed import Feed
from syncd.engine.exchange.witnesses import Denied
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.stops.holding import hold
from syncd.engine.turns.plan import ours
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger

LINGER = 0.05
"""Seconds that the answers to pushes on their way are waited for before the feed is asked."""

FETCHED = 500
"""Keys that are fetched at once."""

DAMAGED = Hold(
    BYTES_DAMAGED,
    "the deployment's bytes are not those of the digest it tells",
    "a row of `entries` or `pieces` was edited by hand: save the file once more",
)


class Puller:
    """Follows the feed from the ledger's cursor, whenever it is woken."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        intake: Intake,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        health: Health,
        feed: Feed,
    ) -> None:
        self._feed = feed
        self._health = health
        self._ledger = ledger
        self._remote = remote
        self._intake = intake
        self._stores = stores
        self._clock = clock
        self._wanted: set[Key] = set()
        self._receive: Callable[[Key, Content, str], None] = lambda *_: None
        self._wakened = asyncio.Event()
        self._asked = True
        self._end: tuple[Cursor, Cursor | None] | None = None
        self.answered = asyncio.Event()
        """Set while no push is on its way."""
        self.idle = asyncio.Event()
        """Set while everything that was told is heard."""

    def connect(self, receive: Callable[[Key, Content, str], None]) -> None:
        """Tell who receives payloads: for which key, which content, from which URL."""
        self._receive = receive

    def wake(self) -> None:
        """The feed may have grown."""
        self._asked = True
        self._name()

    def told(self, head: Cursor, before: Cursor | None) -> None:
        """The feed ends at `head` now, and the place before that is `before`, if told."""
        self._end = (head, before)
        self._name()

    def fetch(self, keys: Iterable[Key]) -> None:
        """Hear the current snapshots of `keys`, with their bytes, and what the feed has."""
        self._health.report("feed", "behind", "snapshots are fetched")
        self._wanted.update(keys)
        self.wake()

    async def run(self) -> None:
        """Hear until cancelled.

        Raises the trouble of the first call that failed for good, and Denied where the
        deployment does not hold what it told before.
        """
        while True:
            if await self._has_news():
                await self._drain()
            await self._feed.presence.tell()
            if not self._wakened.is_set():
                self.idle.set()
            self._health.report("feed", "current")
            await self._wakened.wait()

    async def _has_news(self) -> bool:
        """Whether the feed must be asked: not where all that lies behind the cursor was one push of
        ours. Each save would cost a call more.
        """
        self._wakened.clear()
        if self._asked or self._end is None:
            return True
        if self._may_be_ours(*self._end) and not self._knows(*self._end):
            # RACE: the subscription may be faster than the answer to the push it tells of.
            await woken(self.answered, LINGER)
        head, before = self._end
        if self._asked or not self._knows(head, before):
            return True
        if head != self._ledger.passing.cursor:
            self._ledger.passing.skip_to(head)
            self._feed.known.behind(head)
        return False

    def _knows(self, head: Cursor, before: Cursor | None) -> bool:
        """Whether the feed's end is what was heard last, or the next and a place of our own.

        And what was heard last lies before it: a deployment that was restored does not hold that,
        and who alone writes there would pass over it for ever.
        """
        if head == self._ledger.passing.cursor:
            return True
        if before is None or not self._may_be_ours(head, before):
            return False
        if int(head) not in self._feed.known:
            return False
        return self._feed.witnesses.before(int(head)) <= int(before)

    def _may_be_ours(self, head: Cursor, before: Cursor | None) -> bool:
        """Whether all that lies behind the cursor lies at one place."""
        cursor = self._ledger.passing.cursor
        if cursor is None or before is None:
            return False
        return int(before) <= int(cursor) < int(head)

    def _name(self) -> None:
        self.idle.clear()
        self._wakened.set()

    async def _drain(self) -> None:
        self._wakened.clear()
        self._asked, self._end = False, None
        done = False
        while self._wanted or not done:
            done = await self._hear_page()

    async def _hear_page(self) -> bool:
        """Hear the next page of the feed, and what is wanted; whether it was the last page.

        False too, with nothing heard, where the deployment must be asked again.
        """
        # RACE: with a fetch no witness is shown, and the deployment may have been restored just
        # before it. So what is fetched is heard behind a page that was asked for after it.
        keys = sorted(self._wanted)[:FETCHED]
        answers = await self._remote.fetch(keys) if keys else []
        shown = self._feed.witnesses.show()
        cursor = self._ledger.passing.cursor
        known = self._feed.known.behind(cursor)
        page = await self._remote.changes(list(self._stores), cursor, shown, known)
        self._feed.witnesses.checked(page.broken)
        if page.missed:
            raise Denied("deletions that were not heard here are forgotten there")
        if self._feed.witnesses.unshown(shown, [*_present(answers), *page.changes]):
            # RACE: a push was acknowledged meanwhile, and over it somebody wrote, perhaps on
            # a deployment restored to before it: asked with that witness, it says so.
            return False
        late = await self._bytes_of(page.changes)
        if any(late.get(c.key, c).snapshot.at != c.snapshot.at for c in page.changes):
            return False  # RACE: written or restored since the page: the next one tells which.
        news = self._news(page.changes, late)
        self._intake.name(self._ledger.hear(news, page.cursor))
        self._take_fetched(keys, answers)
        return page.done

    def _take_fetched(self, keys: Sequence[Key], answers: Sequence[Change | None]) -> None:
        told = _present(answers)
        news = self._news(told, {})
        self._ledger.hear(news, None)
        coming = {change.key for change in told if self._coming(change)}
        for key, answer in zip(keys, answers, strict=True):
            # Told before, and not there when asked for: nobody has these bytes.
            if answer is None and self._ledger.entries.get(key)[1].digest is not None:
                self._hold(key)
        self._wanted.difference_update(keys)
        self._intake.name({heard.key for heard in news} - coming)

    def _coming(self, change: Change) -> bool:
        """Whether the change is of a payload, which is being fetched by now."""
        version = change.snapshot.version
        if not change.stored or not isinstance(version, Content):
            return False
        if change.url is None:
            self._hold(change.key)
            return False
        self._receive(change.key, version, change.url)
        return True

    async def with_bytes(self, changes: Sequence[Change]) -> list[Heard]:
        """News that may be heard: bytes that were not sent along are looked up or fetched.

        Where the deployment does not have the bytes it tells, the key is held, and heard without
        them: a save goes over it, and nothing else is done about it.
        """
        return self._news(changes, await self._bytes_of(changes))

    async def _bytes_of(self, changes: Sequence[Change]) -> dict[Key, Change]:
        """Those that were told without bytes, with them: made of what is here, or fetched as the
        deployment holds them now.
        """
        told = {change.key: self._spliced(change) for change in changes if change.delta}
        made = {key: change for key, change in told.items() if change.body is not None}
        lacking = [c.key for c in changes if c.key not in made and self._lacks(c)]
        fetched = await self._remote.fetch(lacking) if lacking else []
        return made | {change.key: change for change in _present(fetched)}

    def _news(self, changes: Sequence[Change], fetched: Mapping[Key, Change]) -> list[Heard]:
        news: list[Heard] = []
        for told in changes:
            change = fetched.get(told.key, told)
            if self._lacks(change):
                self._hold(change.key)
            body = None if self._unwanted(change) else change.body
            news.append(Heard(change.key, change.snapshot, change.device, body, change.origin))
        return news

    def _spliced(self, change: Change) -> Change:
        """The change with its bytes, where they were told as what they change in bytes we have."""
        version, told = change.snapshot.version, change.delta
        if told is None or change.body is not None or not isinstance(version, Content):
            return change
        former = self._ledger.contents.get(Digest(told.base))
        body = spliced(former, told.splices) if former is not None else b""
        whole = hashlib.sha256(body).hexdigest() == version.digest
        return replace(change, body=body) if whole else change

    def _lacks(self, change: Change) -> bool:
        version = change.snapshot.version
        if not isinstance(version, Content) or change.body is not None or change.stored:
            return False
        if self._unwanted(change):
            return False
        if self._ledger.contents.has(version.digest):
            return False
        if change.key.record:
            return True
        file = self._ledger.places.file(change.key.store, change.key.path)
        return file is None or file.digest != version.digest

    def _unwanted(self, change: Change) -> bool:
        """Whether only the digest matters: another's key in a store of our own."""
        store = self._stores.get(change.key.store)
        own = store is not None and store.way is Way.OWN
        return own and not ours(self._ledger, change.origin)

    def _hold(self, key: Key) -> None:
        hold(self._ledger, key, DAMAGED, self._clock.now())


def _present(changes: Iterable[Change | None]) -> list[Change]:
    return [change for change in changes if change is not None]
