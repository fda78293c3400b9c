"""A run: machines, a deployment, simulated time, faults, and everything that happened."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from syncd.core.model import Cursor, Digest, Intent, Key, Kind, Outcome, halves
from syncd.engine.exchange import presence, tombstones
from syncd.engine.naming import late

from . import directing, invariants
from .ancestry import Save, Saves, digest_of
from .app import App
from .deployment import Accepted, Deployment
from .disk import Inode
from .edits import Edits, is_whole
from .faults import NONE, Mix
from .hearsay import Hearsay
from .machine import NAMES, OTHER, PATHS, STORE, Crash, Machine
from .misfortunes import Misfortunes
from .moving import check_pushed
from .programs import Person, Program
from .sources import CHANCE
from .timeline import Timeline

__all__ = ["World"]

ACTING = 20.0
"""Seconds in which people act."""

SETTLING = 450.0
"""Seconds after which, without faults and edits, everything must agree: two walks and a bit."""

QUIET = 400.0
"""Seconds in which then nothing more may happen."""


MOST_STEPS = 60_000
"""Ten times what a run takes: a run that has not ended by then never does."""


class Violation(AssertionError):
    """An invariant of the design does not hold."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


class World(Timeline):
    """Everything there is, on one timeline."""

    def __init__(
        self,
        seed: int,
        mix: Mix,
        machines: int = 2,
        *,
        checks: int = 4,
        deployment: type[Deployment] = Deployment,
    ) -> None:
        super().__init__(random.Random(seed), mix)
        late.EVERY = 1.0
        presence.EVERY = 0.0
        tombstones.NEWEST = 1  # There are few files.
        CHANCE.rng = random.Random(seed + 1)
        self.renamed: dict[Digest, set[str]] = {}
        """Who gave a file with these bytes another name."""
        self.reverts = self.rng.random() < 0.4
        """Whether people save bytes that were there before: some checks are blind then."""
        self.counting = self.happens("counting")
        """Whether programs add to the counter."""
        self.counted = 0
        """How often they did."""
        self.kind = Kind.ASSET if self.counting else Kind.DOCUMENT
        self.calls: Counter[str] = Counter()
        self.saves = Saves()
        self.edits = Edits(self.rng, self.number, self.saves.bodies)
        self.steps = 0
        self.dirty = True
        """Whether anything lasting changed since the invariants were looked at."""
        self.crashes = 0
        self.generation = 0
        self.at_work: dict[str, list[str]] = {}
        self.acting: Machine | None = None
        """Whose daemon ran last."""
        self.violation: Violation | None = None
        self.deployment_type = deployment
        self.deployment = deployment(self.rng, self.rng.choice((1, 2, 3, 100)))
        self.away: Deployment | None = None
        """The deployment that belongs behind the URL, while another one answers."""
        self.machines = [Machine(self, f"m{i}") for i in range(machines)]
        if self.happens("directed"):
            directing.direct(self)
        self.people = {machine.name: Person(self, machine) for machine in self.machines}
        self.witness = invariants.Witness(self)
        self.misfortunes = Misfortunes(self)
        self.app = App(self)
        Hearsay(self)
        self._checks = checks
        self._digests: dict[bytes, Digest] = {}
        self.names = list(NAMES)
        """Every name that a file ever had, and those that it may get."""

    def run_until(self, end: float) -> None:
        """Let everything happen that is due until `end`. Raises Violation."""
        while (due := self.next_due) is not None and due <= end:
            self.step()
        self.now = max(self.now, end)

    def step(self) -> None:
        """Let the next thing happen."""
        act = self.take_next()
        self.steps += 1
        with suppress(Crash):
            act()
        if self.steps > MOST_STEPS:
            self.violated("quiescence", "it goes on and on")
        if self.violation is not None:
            raise self.violation
        if self.dirty and self.steps % self._checks == 0:
            self.dirty = False
            self.witness.check()

    def step_if_any(self) -> None:
        """The next thing, where anything is due."""
        if self.next_due is not None:
            self.step()

    # A whole run

    def run(self) -> None:
        """Faults and edits, then peace; raises Violation where an invariant does not hold."""
        self.begin()
        self.run_until(ACTING)
        self.settle()

    def begin(self) -> None:
        """Some files, the daemons, and people who begin to act."""
        for machine in self.machines:
            if self.rng.random() < 0.6:
                for path in self.rng.sample(PATHS, self.rng.randint(1, 3)):
                    self.play(machine, self.people[machine.name].replace(path))
            self.after(self.moment(1.0), machine.start)
            if self.rng.random() < 0.5:
                machine.clock.skew = self.rng.choice((-1e6, -3.0, 3.0, 1e6))
            for path in PATHS:
                last = self.people[machine.name].twice_in_a_tick(path)
                self.at(ACTING - self.moment(0.5), partial(self.play, machine, last))
        if self.counting:
            first = self.machines[0]
            self.play(first, self.people[first.name].begin_counting())
        self.after(self.moment(1.0), self._act)
        self.after(self.moment(1.0), self._misfortune)

    def settle(self) -> None:
        """Peace: everything agrees within bounded time, and then nothing more happens."""
        self.mix = NONE
        late.EVERY = 15.0  # Nobody writes any more: a look now and then will do.
        self.misfortunes.end()
        self.run_until(self.now + SETTLING)
        self._approve()
        self._retry()
        self.witness.check()
        self.witness.check_agreement(temporaries=True)
        self.witness.check_counter()
        for machine in self.machines:
            machine.stop() if self.rng.random() < 0.5 else machine.kill("to start once more")
        self.run_until(self.now + 30)
        before = self.witness.activity()
        self.run_until(self.now + QUIET)
        self.witness.check_agreement()
        after = self.witness.activity()
        if before != after:
            self.violated("quiescence", f"{before} became {after}")

    def _approve(self) -> None:
        for machine in self.machines:
            if invariants.guards(machine):
                self.exercised["guard approved"] += 1
                self.story(f"{machine.name}: a person approves the deletions")
                self.witness.approved(machine)
                machine.approved = frozenset({STORE, OTHER})
                machine.kill("to approve deletions")
                self.run_until(self.now + SETTLING)

    def _retry(self) -> None:
        """What is refused holds nothing else up; then the reason is gone, and it is tried again."""
        refused, breaking = self.deployment.refused, self.deployment.breaking
        if not refused and not breaking:
            return
        self.witness.check_agreement(temporaries=True)
        refused.clear()
        breaking.clear()
        for machine in self.machines:
            machine.retry()
        self.run_until(self.now + SETTLING)

    def _act(self) -> None:
        if self.now >= ACTING - 1:
            return
        machine = self.rng.choice(self.machines)
        if self.counting and self.rng.random() < 0.4:
            self.play(machine, self.people[machine.name].count())
        self.play(machine, self.people[machine.name].random())
        if self.happens("app"):
            self.app.act()
        busy = self.rng.random() < 0.7
        self.after(self.moment(0.3 if busy else 2.0), self._act)

    def play(self, machine: Machine, program: Program) -> None:
        """Let a program go on until it pauses; it ends with the power of its machine."""
        pause = next(program, None)
        if pause is not None:
            self._go_on(machine, program, pause)

    def _go_on(self, machine: Machine, program: Program, pause: float) -> None:
        cuts = machine.power_cuts

        def go_on() -> None:
            if machine.power_cuts == cuts:
                self.play(machine, program)

        self.after(pause, go_on)

    def _misfortune(self) -> None:
        if self.now < ACTING - 1:
            self.misfortunes.strike()
            self.after(self.moment(0.4), self._misfortune)

    # What machines tell

    def join(self, machine: Machine) -> None:
        """One more machine, and somebody at it."""
        self.machines.append(machine)
        self.people[machine.name] = Person(self, machine)
        self.after(self.moment(2.0), machine.start)
        # Copied in the middle of a save: nobody ends that there.
        self._mend(machine)

    def ledger_gone(self, machine: Machine, database: sqlite3.Connection) -> None:
        """What only the ledger showed must be in history."""
        self.saves.loose_digests |= invariants.listed(database)
        self.saves.loose_digests |= {digest_of(body) for body in machine.temporaries()}

    def may_part(self) -> bool:
        """Whether anything happens that parts ledgers and deployments."""
        parting = ("ledger_lost", "ledger_old", "ledger_foreign", "cloned", "restored", "replaced",
                   "revoked")  # fmt: skip
        return any(self.exercised[fault] for fault in parting)

    def may_crash(self) -> bool:
        return self.crashes < 40

    def meddle(self, machine: Machine) -> None:
        """Somebody saves between two system calls of the daemon."""
        self.play(machine, self.people[machine.name].at_once())

    def rearrange(self, machine: Machine) -> None:
        """Somebody moves folders while no daemon runs."""
        self.play(machine, self.people[machine.name].rearrange())

    def snatch(self, machine: Machine, path: str) -> None:
        """Somebody may save a file that is removed in this moment."""
        if self.happens("snatched"):
            self.play(machine, self.people[machine.name].replace(path, pause=0.0))

    def hint(self, machine: Machine, key: Key, settled: bool) -> None:
        """The watcher sees a change."""
        if self.happens("event_lost"):
            return
        session = machine.session

        def touch() -> None:
            if session is machine.session and session is not None:
                session.intake.touched(key, settled=settled)

        for _ in range(2 if self.happens("event_doubled") else 1):
            self.after(self.moment(0.005), touch)

    def hint_walk(self, machine: Machine, store: str) -> None:
        """The watcher sees that it cannot tell which files are concerned."""
        session = machine.session

        def request() -> None:
            if session is machine.session and session is not None:
                session.rescan.request(store)

        if not self.happens("event_lost"):
            self.after(self.moment(0.005), request)

    def push(
        self, sender: Machine, intents: Sequence[Intent], passed: Cursor | None
    ) -> list[Outcome]:
        """The deployment carries out a push; everybody who listens is woken."""
        self.dirty = True
        before = len(self.deployment.accepted)
        outcomes = self.deployment.push(sender.device, intents, passed)
        moves = zip(halves(intents), outcomes, strict=True)
        for half, outcome in moves:
            if half.source is not None:
                self.exercised[f"move {type(outcome).__name__.lower()}"] += 1
        for accepted in self.deployment.accepted[before:]:
            self.story(
                f"deployment: {sender.name} {accepted.key.path} r{accepted.revision} "
                f"at {accepted.at} {self.call(accepted.digest)} "
                f"over {self.call(accepted.replaced)}"
            )
            directing.check_accepted(self, sender, accepted)
            self.witness.accepted(sender, accepted)
        check_pushed(self, self.deployment.accepted[before:])
        if len(self.deployment.accepted) > before:
            self._wake_all()
        return outcomes

    def wrote(self, accepted: Accepted) -> None:
        """A function of the app plane wrote an entry."""
        self.dirty = True
        self.story(
            f"deployment: app {accepted.key.path} r{accepted.revision} at {accepted.at} "
            f"{self.call(accepted.digest)} over {self.call(accepted.replaced)}"
        )
        self.witness.wrote(accepted)
        self._wake_all()

    def request(self) -> str:
        """An id that nothing else has."""
        return f"{self.rng.getrandbits(128):032x}"

    def _wake_all(self) -> None:
        for machine in self.machines:
            late = self.moment(30.0) if self.happens("wake_lost") else self.moment(0.05)
            self.after(late, partial(self.wake, machine))

    def wake(self, machine: Machine) -> None:
        """The deployment may have news."""
        if machine.session is not None:
            machine.session.told(*self.deployment.end())

    def told(self, machine: Machine, function: str, answer: object) -> None:
        """An answer reached a machine."""
        if function == "push":
            self.story(f"{machine.name} is answered {answer}")

    def person_saved(self, machine: Machine, path: str, save: Save) -> None:
        if self.mix.foldering and path not in self.names:
            self.names.append(path)
        self.witness.saved(machine.name, path, save)

    def person_removed(self, machine: Machine, path: str, digest: Digest) -> None:
        self.witness.removed(machine.name, path, digest)

    def check_name(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        directing.check_named(self, machine, folder, name)
        self.witness.named(machine, call, folder, name)

    def after_power_cut(self, machine: Machine) -> None:
        """Programs ended too; a person repairs what one of them left in pieces."""
        self.witness.after_power_cut(machine)
        self._mend(machine)

    def _mend(self, machine: Machine) -> None:
        for path, inode in machine.inodes():
            inode.writers = 0
            if path in self.names and not is_whole(path, inode.data):
                self._repair(machine, path)

    def _repair(self, machine: Machine, path: str) -> None:
        if machine.folder_of(path) is None:
            self.after(1.0, lambda: self._repair(machine, path))
        else:
            self.play(machine, self.people[machine.name].replace(path))

    def died(self, machine: Machine, what: str, error: BaseException | None = None) -> None:
        self.violated("no daemon dies", f"{machine.name}: {what}", error)

    def violated(self, rule: str, what: str, cause: BaseException | None = None) -> None:
        """Note the first violation; the run ends with it."""
        self.story(f"VIOLATED {rule}: {what}")
        if self.violation is None:
            self.violation = Violation(rule, what)
            self.violation.__cause__ = cause

    def call(self, digest: Digest | None) -> str:
        """A short name for bytes, for stories."""
        if digest is None:
            return "nothing"
        saves = self.saves.of(digest)
        return "/".join(f"#{save.number}" for save in saves[-2:]) if saves else digest[:8]

    def digest(self, body: bytes) -> Digest:
        found = self._digests.get(body)
        if found is None:
            found = self._digests[body] = digest_of(body)
        return found
