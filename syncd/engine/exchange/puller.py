"""Hears what happened on the deployment: pages of the feed, with their bytes, then the cursor.

A change is heard only when its bytes are here and verified; the cursor moves with it, in one
transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from syncd.core.model import Change, Content, Cursor, Key, Witness
from syncd.core.news import Page
from syncd.engine.exchange.bodies import Bodies, present, text_bytes
from syncd.engine.exchange.feed import Feed
from syncd.engine.exchange.pages import by_place, cut
from syncd.engine.exchange.witnesses import Denied
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, RemoteReplica
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger

LINGER = 0.05
"""Seconds that the answers to pushes on their way are waited for before the feed is asked."""

FETCHED = 500
"""Keys that are fetched at once."""


class Puller:
    """Follows the feed from the ledger's cursor, whenever it is woken."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        bodies: Bodies,
        intake: Intake,
        stores: Collection[str],
        clock: Clock,
        health: Health,
        feed: Feed,
    ) -> None:
        self._bodies = bodies
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
        answers = await self._bodies.fetch(keys) if keys else []
        shown = self._feed.witnesses.show()
        page = await self._ask(shown)
        self._feed.witnesses.checked(page.broken)
        if page.missed:
            raise Denied("deletions that were not heard here are forgotten there")
        if self._feed.witnesses.unshown(shown, [*present(answers), *page.changes]):
            # RACE: a push was acknowledged meanwhile, and over it somebody wrote, perhaps on
            # a deployment restored to before it: asked with that witness, it says so.
            return False
        if not await self._hear(page):
            return False
        self._take_fetched(keys[: len(answers)], answers)
        return page.done

    async def _ask(self, shown: Sequence[Witness]) -> Page:
        cursor, portion = self._ledger.passing.cursor, self._bodies.portion
        known = self._feed.known.behind(cursor)
        with portion.call(portion.bytes, self._clock.monotonic) as call:
            page = await self._remote.changes(
                list(self._stores), cursor, shown, known, portion.bytes
            )
            call.size = text_bytes(page.changes)
        return page

    async def _hear(self, page: Page) -> bool:
        """Hear the page, as much at once as may be fetched at once; whether it is all heard."""
        portion, told = self._bodies.portion, len(page.changes)
        for some in cut(by_place(page.changes), told, lambda: portion.bytes):
            having = await self._bodies.of(some)
            if any(having.get(c.key, c).snapshot.at != c.snapshot.at for c in some):
                return False  # RACE: written or restored since the page: the next one tells which.
            told -= len(some)
            cursor = Cursor(str(some[-1].snapshot.at)) if told else page.cursor
            self._intake.name(self._ledger.hear(self._bodies.news(some, having), cursor))
        if not page.changes:
            self._ledger.hear((), page.cursor)
        return True

    def _take_fetched(self, keys: Sequence[Key], answers: Sequence[Change | None]) -> None:
        told = present(answers)
        news = self._bodies.news(told, {})
        self._ledger.hear(news, None)
        coming = {change.key for change in told if self._coming(change)}
        for key, answer in zip(keys, answers, strict=True):
            # Told before, and not there when asked for: nobody has these bytes.
            if answer is None and self._ledger.entries.get(key)[1].digest is not None:
                self._bodies.hold(key)
        self._wanted.difference_update(keys)
        self._intake.name({heard.key for heard in news} - coming)

    def _coming(self, change: Change) -> bool:
        """Whether the change is of a payload, which is being fetched by now."""
        version = change.snapshot.version
        if not change.stored or not isinstance(version, Content):
            return False
        if change.url is None:
            self._bodies.hold(change.key)
            return False
        self._receive(change.key, version, change.url)
        return True
