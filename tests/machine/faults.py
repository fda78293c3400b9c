"""What may go wrong in a run, how often, and what did."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Mix:
    """Probabilities: of a crash or a meddling program at every system call and ledger step, of
    network faults at every call, of rarer events at every action of the run."""

    crash: float = 0.0
    power_cut: float = 0.0
    """Of a crash being a power cut."""
    meddle: float = 0.0
    """Of somebody saving between two system calls of the daemon."""
    snatched: float = 0.0
    """Of somebody saving a file in the moment in which the daemon removes or makes it."""
    disk_error: float = 0.0
    flush_failed: float = 0.0
    """Of an fsync that fails: what it did not write then counts as written."""
    no_exchange: float = 0.0
    """Of a disk that cannot swap two names in one step."""
    lost_request: float = 0.0
    lost_answer: float = 0.0
    late_request: float = 0.0
    """The caller is told that it failed; it is carried out later."""
    doubled: float = 0.0
    slow: float = 0.0
    failing: float = 0.0
    """The deployment throws, and changes nothing."""
    partition: float = 0.0
    event_lost: float = 0.0
    event_doubled: float = 0.0
    overflow: float = 0.0
    wake_lost: float = 0.0
    unreadable: float = 0.0
    unmounted: float = 0.0
    clock_jump: float = 0.0
    ledger_lost: float = 0.0
    """The ledger is gone, or too damaged to be opened."""
    ledger_old: float = 0.0
    """An older copy of the ledger lies in its place."""
    ledger_foreign: float = 0.0
    """Another machine's ledger lies in its place."""
    cloned: float = 0.0
    """A copy of a whole machine runs beside it, with its ledger and its token."""
    restored: float = 0.0
    """The deployment is restored from a backup."""
    replaced: float = 0.0
    """Another deployment answers behind the URL for a while."""
    revoked: float = 0.0
    stopped: float = 0.0
    renaming: float = 0.0
    """Of somebody giving a file another name instead of doing anything else."""
    shuffling: float = 0.0
    """Of who gives a file another name doing more with it, or with the names of two files."""
    foldering: float = 0.0
    """Of who gives a file another name doing that to a whole folder."""
    trading: float = 0.0
    """Of who gives a file another name removing one instead, and making a folder of its name; or a
    folder, and making a file."""
    crossing: float = 0.0
    """Of who gives a file or a folder another name putting it into the machine's other store."""
    deleting: float = 0.0
    """Of somebody deleting a file instead of doing anything else."""
    app: float = 0.0
    """Of a program at work on the deployment alone."""
    directed: float = 0.0
    """Of a run in which changes go one way only on some machines, or each has its own."""
    remembering: float = 0.0
    """Of somebody saving a change of what was read some time ago instead of doing anything else."""
    counting: float = 0.0
    """Of a run in which programs on all machines add to one counter."""
    git: float = 0.0
    """Of git being at work in a store for a while."""
    reaped: float = 0.0
    """Of tombstones going that every device has passed."""
    refused: float = 0.0
    """Of a save that the deployment does not take, or at which it throws."""
    dawdling: float = 0.0
    """Of a thread that takes longer than a call, as one that writes many files does."""


NONE = Mix()
PLAIN = Mix(
    crash=0.004,
    lost_request=0.05,
    lost_answer=0.10,
    late_request=0.05,
    doubled=0.05,
    slow=0.1,
    meddle=0.01,
    event_lost=0.05,
    wake_lost=0.05,
)
HARD = Mix(
    crash=0.02,
    power_cut=0.3,
    meddle=0.03,
    disk_error=0.004,
    lost_request=0.10,
    lost_answer=0.35,
    late_request=0.08,
    doubled=0.10,
    slow=0.15,
    failing=0.02,
    partition=0.03,
    event_lost=0.10,
    event_doubled=0.10,
    overflow=0.01,
    wake_lost=0.15,
    unreadable=0.02,
    unmounted=0.02,
    clock_jump=0.03,
    stopped=0.02,
    counting=0.3,
    flush_failed=0.01,
    no_exchange=0.2,
    git=0.03,
    refused=0.01,
    reaped=0.3,
)
MEDDLING = Mix(meddle=0.06, slow=0.1, event_lost=0.05)
"""People who save between the daemon's system calls, and little else."""
REMOVING = Mix(deleting=0.3, snatched=0.5, slow=0.1, reaped=0.5)
"""People who delete files, and others who save them while they go."""
CRASHING = Mix(crash=0.008, power_cut=0.7, lost_answer=0.1)
"""Daemons that die in the middle of a write, half of them with the machine's power."""
LOSSY = Mix(lost_request=0.1, lost_answer=0.35, late_request=0.1, doubled=0.1, slow=0.2, reaped=0.5)
"""A network that loses a third of the answers."""
BELATED = Mix(lost_answer=0.35, wake_lost=0.4, reaped=0.5)
"""Lost answers, and feeds that are read late: what was sent is answered before news is heard."""
HIDING = Mix(unreadable=0.15, lost_answer=0.1)
"""Files and folders that cannot be read for a while."""
INTERRUPTED = Mix(crash=0.012, meddle=0.06)
"""People who save in the middle of writes that a crash then cuts short."""
MOUNTING = Mix(unmounted=0.25, lost_answer=0.3, slow=0.2, event_lost=0.1, stopped=0.02)
"""Folders that come and go while changes are on their way."""
COUNTING = Mix(
    **{field.name: getattr(PLAIN, field.name) for field in fields(Mix) if field.name != "counting"},
    counting=1.0,
)
"""Programs that add to one counter, on all machines at once."""
DEAF = Mix(event_lost=0.8, wake_lost=0.3, overflow=0.2, clock_jump=0.05)
"""Watchers that see little: walks have to find what changed."""
MOVING = Mix(
    renaming=0.5,
    crash=0.002,
    lost_request=0.05,
    lost_answer=0.2,
    late_request=0.05,
    doubled=0.1,
    slow=0.1,
    event_lost=0.05,
    partition=0.02,
    reaped=0.5,
)
"""Files that get other names, over a network that loses answers."""
WANDERING = Mix(renaming=0.3, slow=0.1, event_lost=0.05, reaped=0.5)
"""Files that get other names while others edit them."""
SHUFFLING = Mix(
    renaming=0.3,
    shuffling=0.7,
    remembering=0.2,
    crash=0.001,
    lost_answer=0.1,
    slow=0.1,
    event_lost=0.05,
    dawdling=0.1,
    stopped=0.01,
    app=0.1,
)
"""Files that swap names, get several, or are edited in the moment in which they get another."""
FOLDERS = Mix(
    renaming=0.35,
    foldering=0.7,
    crossing=0.2,
    crash=0.006,
    meddle=0.01,
    lost_answer=0.1,
    slow=0.1,
    event_lost=0.05,
    stopped=0.01,
)
"""Whole folders that get other names, and files that change stores, while others edit them."""
TRADING = replace(FOLDERS, trading=0.4, app=0.1)
"""The same, and folders that take the places of files, and files those of folders."""
FAILING = Mix(flush_failed=0.05, crash=0.004, power_cut=0.9)
"""Disks that fail to write, and lose what they did not write with the power."""
CHECKING = Mix(no_exchange=1.0, meddle=0.06, slow=0.1)
"""Disks on which nothing but a look before a write can tell that somebody saved."""
WAITING = Mix(git=0.2, slow=0.2, lost_answer=0.1)
"""Git at work in the store."""
REFUSING = Mix(refused=0.15, lost_answer=0.1, slow=0.1)
"""A deployment that does not take every save."""
REMEMBERING = Mix(remembering=0.5, slow=0.1, reaped=0.5)
"""Editors that hold files in memory, and save over what they never read."""
SERVING = Mix(app=0.5, counting=0.5, lost_answer=0.15, lost_request=0.05, slow=0.1, meddle=0.01,
              wake_lost=0.1)  # fmt: skip
"""An application that edits, makes, removes and counts on the deployment."""
DIRECTED = Mix(
    directed=1.0, app=0.2, crash=0.002, lost_answer=0.1, slow=0.1, event_lost=0.05, reaped=0.5
)
"""Stores that only push, only pull, or keep to what their own device made."""
REAPING = Mix(
    deleting=0.1,
    renaming=0.15,
    app=0.6,
    crash=0.001,
    lost_request=0.01,
    lost_answer=0.05,
    late_request=0.03,
    doubled=0.1,
    slow=0.05,
    reaped=1.0,
)
"""Files that live for a short time, over a network that carries out late what it lost."""
FORGETTING = Mix(
    deleting=0.4, remembering=0.3, renaming=0.1, app=0.3, unmounted=0.03, lost_answer=0.1,
    slow=0.1, stopped=0.02, wake_lost=0.1, reaped=1.0,
)  # fmt: skip
"""Files that are deleted and made again, by editors that hold them, while all forget what was."""
DAWDLING = Mix(dawdling=0.5, git=0.3, renaming=0.2, app=0.2)
"""Disks that are slower than the network: answers come while a turn writes files."""
FOCUSED = (MEDDLING, REMOVING, LOSSY, BELATED, HIDING, CRASHING, INTERRUPTED, MOUNTING, DEAF,
           COUNTING, MOVING, WANDERING, SHUFFLING, FOLDERS, TRADING, FAILING, CHECKING, WAITING,
           REFUSING, REAPING, REMEMBERING, SERVING, DIRECTED, DAWDLING, FORGETTING)  # fmt: skip
EPOCHS = replace(
    Mix(**{field.name: getattr(HARD, field.name) / 2 for field in fields(Mix)}),
    power_cut=HARD.power_cut,
    disk_error=0.0,
    flush_failed=0.0,
    ledger_lost=0.02,
    ledger_old=0.03,
    ledger_foreign=0.01,
    cloned=0.005,
    restored=0.03,
    replaced=0.01,
    revoked=0.02,
)
"""Ledgers and deployments that are not what they were. A state folder that fails while its ledger
is lost would be two disasters at once: no disk errors."""

RETURNING = replace(REAPING, ledger_lost=0.01, ledger_old=0.04, ledger_foreign=0.01, revoked=0.05)
"""Ledgers that are not what they were, while the deployment forgets what was deleted."""
RESTORING = Mix(restored=0.15, lost_answer=0.1, slow=0.1, wake_lost=0.1, reaped=0.5)
"""A deployment that is restored again and again."""
RELAPSING = replace(RESTORING, deleting=0.3)
"""A deployment that is restored again and again, and brings back what was deleted."""
LOSING = Mix(ledger_lost=0.12, lost_answer=0.2, late_request=0.15, slow=0.2, reaped=0.5)
"""Ledgers that are lost while requests are on their way."""
COPYING = Mix(ledger_old=0.15, slow=0.1, reaped=0.5)
"""Old copies of ledgers, made at any moment."""
PARTING = (RESTORING, RELAPSING, LOSING, COPYING, RETURNING)


def swarm(mix: Mix, rng: random.Random) -> Mix:
    """Each fault of a broad mix is left out of some runs: runs differ in kind."""
    if mix in (*FOCUSED, *PARTING):
        return mix
    of_broad = (field for field in fields(Mix) if field.name != "dawdling")
    out = {field.name: 0.0 for field in of_broad if rng.random() < 0.4}
    return replace(mix, **out)
