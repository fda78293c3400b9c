"""The invariants of the design, held against a run at its steps and at its end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from syncd.core.direction import Way
from syncd.core.model import Digest
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import TEMPORARY_PREFIX

from .ancestry import EMPTY, Save, digest_of
from .deployment import Accepted
from .directing import EXCUSED, is_apart
from .disk import Inode
from .machine import COUNTED, key_of
from .moving import check_removed

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World


def guards(machine: Machine) -> list[str]:
    """The guards that stand on a machine."""
    return [row[0] for row in machine.database.execute("SELECT store FROM guards")]


def is_bootstrapped(machine: Machine) -> bool:
    """Whether the daemon was in touch, and knows which folder its store is."""
    query = "SELECT count(*) FROM stores WHERE bootstrapped AND root IS NOT NULL"
    return bool(machine.database.execute(query).fetchone()[0])


def _clashes(path: str, there: Collection[str]) -> bool:
    """Whether there is a file of the name of its folder, or of a folder of its name with a file."""
    return any(path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in there)


def held(machine: Machine) -> dict[str, str]:
    """The paths that a machine holds, with the reasons."""
    return dict(machine.database.execute("SELECT path, reason FROM held"))


_Epoch = tuple[str, int, str | None]
"""A machine, which of its ledgers, and which epoch of that."""


def epoch_of(machine: Machine) -> _Epoch:
    """The epoch in which nothing goes back."""
    number = Ledger(machine.database).places.get("epoch")
    return machine.name, machine.ledger_number, number


def listed(database: Connection) -> set[Digest]:
    """What a ledger shows to people beside files: what waits to be sent, and what lost."""
    return {row[0] for row in database.execute(_LISTED)}


def _at_hand(machine: Machine) -> set[Digest]:
    """Of which versions a machine has the bytes."""
    rows = machine.database.execute("SELECT digest FROM contents")
    return {row[0] for row in rows} | machine.history_digests()


class Witness:
    """Sees everything that happens and says what must not have."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._epochs = 0
        """How often the deployment forgot something."""
        self._revoked: set[str] = set()
        self._copied: set[str] = set()
        """Machines of which another sends saves, too: one may meet its own before it was ever told
        of any."""
        self._parted: set[_Epoch] = set()
        """Epochs that the deployment ended, whether their machines know it or not."""
        self._saved: dict[tuple[str, str], set[Digest]] = {}
        self._removed: dict[tuple[str, str], int] = {}
        self._removed_at: dict[tuple[str, str], float] = {}
        self._given_up: dict[tuple[str, str], set[Digest]] = {}
        """What somebody deleted there, and what was not put back there since."""
        self._taken_away: dict[tuple[str, str], tuple[str | None, Digest | None]] = {}
        """For which deployment the daemon last removed which bytes there: by then they are gone
        for the machine's other ledgers, too."""
        self._operations: Counter[str] = Counter()
        self._revisions: dict[tuple[str, int], set[Digest | None]] = {}
        self._heard: dict[tuple[_Epoch, str], int] = {}
        self._agreed: dict[tuple[_Epoch, str], int] = {}
        self._cursors: dict[_Epoch, int] = {}
        self._visible: dict[tuple[str, str], set[Digest]] = {}
        self._displaced: dict[str, set[Digest]] = {}
        self._reverted: set[str] = set()
        self._renamed: set[str] = set()
        self._last: dict[tuple[str, str], Digest] = {}
        self._deleted: set[tuple[str, str]] = set()
        self._since: dict[tuple[str, str, Digest], set[Any]] = {}
        """Of a save, versions that somebody had saved there before."""
        self._agreed_before: dict[tuple[str, str, Digest], set[Digest]] = {}
        """Of a save, versions that both sides had held until then."""
        self._approved: set[tuple[str, str]] = set()
        self._doubtful: set[tuple[str, str, Digest]] = set()
        self._contested: set[tuple[str, str]] = set()
        self._followed: set[tuple[str, str, Digest]] = set()
        """What was brought from an old name to the one to which its file was moved."""
        self._conflicts: dict[tuple[str, int], int] = {}
        self.writes = 0

    # Told as it happens

    def saving(self, machine: Machine, path: str, digest: Digest) -> None:
        """Somebody is about to save: what by then was known to be somebody's here."""
        here = machine.name, path
        found = machine.database.execute(_AUTHORED, (path,)).fetchone()
        last = self._last.get(here)
        self._last[here] = digest
        if here in self._deleted and found in (None, (None,)):
            return  # They deleted it, and then saved what they still had: of what, nothing tells.
        self._deleted.discard(here)
        self._since[*here, digest] = {*(found or ()), last} - {None}
        rows = machine.database.execute(_AGREED_BEFORE, (path,))
        self._agreed_before[*here, digest] = {row[0] for row in rows}

    def saved(self, machine: str, path: str, save: Save) -> None:
        self._saved.setdefault((machine, path), set()).add(save.digest)
        self._is_there(machine, path, save.digest)

    def removed(self, machine: str, path: str, digest: Digest) -> None:
        self._deleted.add((machine, path))
        seen = {digest, *self._visible.get((machine, path), ())}
        mask = self._world.saves.masks(seen)
        self._removed_at.setdefault((machine, path), self._world.now)
        self._given_up.setdefault((machine, path), set()).add(digest)
        self._removed[machine, path] = self._removed.get((machine, path), 0) | mask

    def began_anew(self) -> None:
        """The deployment forgot some of what it held, or is another one."""
        self._epochs += 1
        self._operations.clear()
        self._parted = {epoch_of(machine) for machine in self._world.machines}

    def copied_back(self, machine: Machine) -> None:
        """Its ledger is an old copy: it may be of before the deployment forgot something."""
        if self._epochs:
            self._parted.add(epoch_of(machine))

    def revoked(self, device: str) -> None:
        """The deployment forgets what the device knew it by, its receipts too."""
        self._revoked.add(device)

    def cloned(self, machine: str, clone: str) -> None:
        """What happened on a machine happened on its copy."""
        self._copied |= {machine, clone}
        for found in (self._saved, self._visible, self._given_up):
            found.update({(clone, p): set(ds) for (m, p), ds in found.items() if m == machine})
        for (name, path), mask in list(self._removed.items()):
            if name == machine:
                self._removed[clone, path] = mask
                self._removed_at[clone, path] = self._removed_at[machine, path]
        self._displaced[clone] = set(self._displaced.get(machine, ()))

    def seen(self, machine: str, path: str) -> list[Digest]:
        """What the file held at some time."""
        return sorted(self._visible.get((machine, path), ()))

    def reverted(self, path: str) -> None:
        """Bytes came back: what was made from which save cannot be told by bytes any more."""
        self._reverted.add(path)

    def renamed(self, path: str, other: str) -> None:
        """Files changed names: what was made from what was here before, fields do not tell."""
        self._renamed |= {path, other}

    def contested(self, machine: str, path: str) -> None:
        """A save met a write of the daemon: whether it knew what was written cannot be told."""
        self._contested.add((machine, path))

    def approved(self, machine: Machine) -> None:
        """A person let the deletions go that wait: of files that the folder at hand lacks, too.

        After an epoch a folder that lies in the place of the store's is the store's: files are
        pulled into it, and lack where the former folder is put back. Then it is for a person.
        """
        rows = machine.database.execute("SELECT path FROM deletions WHERE state = 'waiting'")
        self._approved |= {(machine.name, path) for (path,) in rows}

    def merged(self, machine: str, path: str, digest: Digest) -> None:
        """The daemon made these bytes of two versions."""
        self._saved.setdefault((machine, path), set()).add(digest)

    def followed(self, machine: str, old: str, edit: Digest, new: str, digest: Digest) -> None:
        """The daemon brings an edit made under an old name to the new one, as part of `digest`.

        What need not be shown of the old name, for which history is enough, need not of the new.
        """
        saves = self._world.saves
        needed = saves.required & ~saves.loose & ~saves.over
        for save in saves.all:
            former = [same for same in saves.of(save.digest) if same.path in (old, "")]
            if save.path == new and former and not any(same.bit & needed for same in former):
                saves.loosen(save.bit)
        self._followed.add((machine, old, edit))
        self.merged(machine, new, digest)
        self.renamed(old, new)

    def unaware(self, machine: str, path: str, digest: Digest) -> None:
        """A save is listed as not having known this version; by its bytes nobody can tell."""
        self._doubtful.add((machine, path, digest))

    def named(self, machine: Machine, call: str, folder: Inode, name: str) -> None:
        """The daemon made a name of the store be something else, or nothing."""
        world = self._world
        inode = folder.names.get(name)
        if name.startswith(TEMPORARY_PREFIX):
            if inode is not None:
                self._displaced.setdefault(machine.name, set()).add(world.digest(inode.data))
            return
        self.writes += 1
        if call == "unlink":
            world.violated("never unlinked", f"{machine.name} {name}")
        path = machine.path_in(folder, name) or name
        if inode is None:
            self._check_moved(machine, path)
            found = machine.database.execute(_TOMBSTONE, (path,)).fetchone()
            if found is not None:
                self._taken_away[machine.name, path] = machine.bound_to(), found[0]
            return
        digest = world.digest(inode.data)
        if world.mix.foldering:
            self._went_along(machine, path, digest)
        self._is_there(machine.name, path, digest)
        if not world.saves.knows(digest):
            world.violated("old or new", f"{machine.name} {name} holds what nobody saved")

    def _went_along(self, machine: Machine, path: str, digest: Digest) -> None:
        """What is written while its folder gets another name gets that, too: by who renames it."""
        noted = {noted for (noted,) in machine.database.execute("SELECT path FROM notes")}
        if path in noted:
            return
        for former in noted:
            if former.rpartition("/")[2] == path.rpartition("/")[2]:
                self._world.exercised["written into a folder that was renamed"] += 1
                self.removed(machine.name, former, digest)
                self.merged(machine.name, path, digest)

    def _is_there(self, machine: str, path: str, digest: Digest) -> None:
        """A file holds these bytes from now on."""
        self._visible.setdefault((machine, path), set()).add(digest)
        self._given_up.get((machine, path), set()).discard(digest)
        self._taken_away.pop((machine, path), None)

    def _check_moved(self, machine: Machine, path: str) -> None:
        entry = self._world.deployment.state.entries.get(key_of(path))
        if entry is not None and entry.moved_to is not None:
            seen = self._visible.get((machine.name, entry.moved_to), set())
            check_removed(self._world, machine, entry.key, seen)

    def after_power_cut(self, machine: Machine) -> None:
        world = self._world
        for path, body in machine.live().items():
            if not world.saves.knows(world.digest(body)):
                world.violated("old or new", f"{machine.name} {path} is torn after a power cut")

    def accepted(self, sender: Machine, accepted: Accepted) -> None:
        world = self._world
        path, device = accepted.key.path, sender.name
        self._operations[accepted.operation] += 1
        if self._operations[accepted.operation] > 1:
            world.violated("at most once", f"{device} {path}: an operation was applied twice")
        self._revisions.setdefault((path, accepted.revision), set()).add(accepted.digest)
        if path == COUNTED:
            return  # Equal bytes are saved by many there: only their sum tells anything.
        if accepted.digest is None:
            self._check_deletion(sender, accepted)
            return
        first_contact = self._met_anew(sender)
        if not first_contact and accepted.digest not in self._saved.get((device, path), ()):
            world.violated("no echo", f"{device} sends {path} {world.call(accepted.digest)}, "
                           "which nobody saved there")  # fmt: skip
        replaced = accepted.replaced
        self._check_unaware(sender, accepted)
        if first_contact and accepted.revision > 1:
            # It may be what others knew and saved over: by its bytes nobody can tell.
            self._reverted.add(path)
        if replaced is None or not world.saves.is_older(accepted.digest, replaced):
            return
        # Where the two met for the first time the file wins, and what lost is kept. So it is with
        # bytes that had several names: over what they went under one, another does not tell.
        told = path in self._reverted or sender.way is Way.PUSH
        told = told or self._was_renamed(accepted.digest)
        if not (first_contact or told) or not self._gave_way(sender, path, replaced):
            world.violated("no revert", f"{device} sends {path} {world.call(accepted.digest)}"
                           f" over {world.call(replaced)}, which was made from it")  # fmt: skip

    def wrote(self, accepted: Accepted) -> None:
        """A function of the app plane wrote: there is such a revision now."""
        self._revisions.setdefault((accepted.key.path, accepted.revision), set()).add(
            accepted.digest
        )

    def _check_unaware(self, sender: Machine, accepted: Accepted) -> None:
        """What came from elsewhere is listed where a save takes it back that did not know it."""
        path, replaced = accepted.key.path, accepted.replaced
        here = sender.name, path
        if replaced is None or accepted.digest is None:
            return
        blind = path in self._reverted | self._renamed or here in self._contested
        if blind or self._met_anew(sender) or not sender.way.merges:
            return
        world = self._world
        if self._is_merged(accepted.digest):
            return
        if any(save.bit & self._removed.get(here, 0) for save in world.saves.of(replaced)):
            return  # They had deleted what they then went over, or what was made from it.
        if world.saves.is_older(replaced, accepted.digest):
            return  # They knew it.
        since = self._since.get((*here, accepted.digest))
        if since is None:
            return
        # Of a version whose bytes were let go nobody can tell that a save was made from it.
        agreed = self._agreed_before.get((*here, accepted.digest), set()) & _at_hand(sender)
        known = {each for each in agreed if world.saves.is_older(each, accepted.digest)}
        gone = world.edits.taken_back(accepted.digest, replaced, since, agreed, known, sender.name)
        world.exercised["taken back unknowingly"] += bool(gone)
        lost_here = (digest for (digest,) in sender.database.execute(_LOST, (path,)) if digest)
        if gone.difference(*map(world.edits.values, lost_here)):
            what = f"{world.call(accepted.digest)} takes back {world.call(replaced)}"
            world.violated("an unaware save is listed", f"{sender.name} {path}: {what}")

    def _met_anew(self, machine: Machine) -> bool:
        """Whether machine and deployment ever met without knowing what was agreed on before."""
        told = machine.device in self._revoked or epoch_of(machine)[2]
        return bool(machine.ledger_changes or self._epochs or told)

    def _gave_way(self, machine: Machine, path: str, digest: Digest) -> bool:
        """Whether these bytes, or what was made from them, had gone there before: kept, or deleted.

        A deployment that is restored brings back what lay between two versions of which the older
        had won. Where what that went over is kept, or somebody there had deleted it, nothing is
        lost once more by going over what came back.
        """
        given_up = self._given_up.get((machine.name, path), set())
        known = self._world.saves.masks(self._kept(machine) | given_up)
        return all(save.bit & known for save in self._world.saves.of(digest))

    def _kept(self, machine: Machine) -> set[Digest]:
        return machine.history_digests().union(
            *(listed(database) for database in machine.databases)
        )

    def _check_deletion(self, sender: Machine, accepted: Accepted) -> None:
        world = self._world
        path, device = accepted.key.path, sender.name
        removed = self._removed.get((device, path), 0)
        # What nobody removed there is judged below: a person may have approved that it goes.
        if world.now - self._removed_at.get((device, path), float("-inf")) < _BELIEVED:
            world.violated("deletion by rule", f"{device} believes at once that {path} is gone")
        of_deleted = 0
        for save in world.saves.of(accepted.replaced) if accepted.replaced else []:
            of_deleted |= save.bit
        lost_here = {digest for (digest,) in sender.database.execute(_LOST, (path,))}
        known = of_deleted & removed or accepted.replaced in lost_here
        known = known or (device, path) in self._approved
        known = known or (device, path, accepted.replaced) in self._followed
        where, gone = self._taken_away.get((device, path), (None, None))
        known = known or (where != sender.bound_to() and gone == accepted.replaced)
        what = world.call(accepted.replaced)
        if accepted.replaced is not None and not known:
            world.violated(
                "deletion by rule", f"{device} deletes {path} {what}, which nobody deleted there"
            )

    # Looked at every few steps

    def check(self) -> None:
        """Every invariant that holds at each instant. Raises Violation."""
        self._check_loss()
        for machine in self._world.machines:
            self._check_ledger(machine)
            self._check_history(machine)
        if self._world.violation is not None:
            raise self._world.violation

    def overwritten(self, machine: str, digest: Digest) -> None:
        """Somebody there wrote over these bytes."""
        self._displaced.get(machine, set()).discard(digest)

    def _check_history(self, machine: Machine) -> None:
        world = self._world
        bodies = [*machine.live().values(), *machine.temporaries(), *machine.aside()]
        kept = {world.digest(body) for body in (*bodies, *machine.history().values())}
        lost = self._displaced.get(machine.name, set()) - kept
        if lost:
            names = [world.call(digest) for digest in sorted(lost)]
            world.violated("history", f"{machine.name} took {names} out of files and kept nothing")

    def _check_loss(self) -> None:
        world, saves = self._world, self._world.saves
        shown: set[Digest | None] = set()
        kept: set[Digest | None] = set()
        for machine in world.machines:
            shown.update(world.digest(body) for body in machine.live().values())
            shown.update(world.digest(body) for body in machine.temporaries())
            shown.update(world.digest(body) for body in machine.aside())
            kept.update(world.digest(body) for body in machine.history().values())
            for database in machine.databases:
                shown.update(listed(database))
        for deployment in filter(None, (world.deployment, world.away)):
            shown.update(entry.digest for entry in deployment.state.entries.values())
        reached = saves.masks(shown) | saves.over
        lost = saves.missing(reached) & ~saves.need_not_be_shown
        if lost:
            names = [world.call(save.digest) + " " + save.path for save in saves.names(lost)]
            world.violated("no loss", f"not shown anywhere: {names}")
        lost = saves.missing(reached | saves.masks(kept))
        if lost:
            names = [world.call(save.digest) + " " + save.path for save in saves.names(lost)]
            world.violated("no loss", f"not even in history: {names}")

    def _check_ledger(self, machine: Machine) -> None:
        world = self._world
        cursor = int((machine.database.execute(
            "SELECT value FROM meta WHERE name = 'cursor'").fetchone() or ("0",))[0])  # fmt: skip
        which = epoch_of(machine)
        if cursor < self._cursors.get(which, 0):
            world.violated("the cursor goes on", f"{machine.name}: back to {cursor}")
        self._cursors[which] = cursor
        heard: dict[str, int] = {}
        for path, base, base_digest, remote, remote_digest, at in machine.database.execute(
            """SELECT path, base_revision, base_digest, remote_revision, remote_digest, remote_at
               FROM entries"""
        ):
            self._check_claim(machine, path, "base", base, base_digest)
            self._check_claim(machine, path, "remote", remote, remote_digest)
            heard[path] = at or 0
            if (at or 0) < self._heard.get((which, path), 0):
                world.violated("heard never goes back", f"{machine.name} {path}")
            self._heard[which, path] = at or 0
            # Whose folder was replaced is met anew, and has none.
            back = base is not None and base < self._agreed.get((which, path), 0)
            if back and which not in self._parted:
                world.violated("the base never goes back", f"{machine.name} {path}: to r{base}")
            self._agreed[which, path] = base or 0
        for known in (self._heard, self._agreed):  # What was forgotten is heard like something new.
            for gone in [at for at in known if at[0] == which and at[1] not in heard]:
                del known[gone]
        followed = which not in self._parted and world.deployment.name == machine.bound_to()
        for key, entry in world.deployment.state.entries.items() if followed else ():
            if entry.at <= cursor and heard.get(key.path, 0) < entry.at:
                world.violated("cursor after effect", f"{machine.name} {key.path}: at {entry.at} "
                               f"is before the cursor {cursor} and was not heard")  # fmt: skip
        self._check_conflicts(machine)

    def _check_claim(
        self, machine: Machine, path: str, what: str, revision: int | None, digest: str | None
    ) -> None:
        if not revision:
            return
        if digest not in self._revisions.get((path, revision), ()):
            self._world.violated(
                "the ledger claims what was", f"{machine.name} {path}: {what} r{revision}"
            )

    def _check_conflicts(self, machine: Machine) -> None:
        world = self._world
        which = machine.name, machine.ledger_number
        rows = machine.database.execute(
            """SELECT number, path, base_digest, local_digest, remote_digest
               FROM conflicts WHERE number > ?""",
            (self._conflicts.get(which, 0),),
        ).fetchall()
        for number, path, base, local, remote in rows:
            self._conflicts[which] = number
            if base is None and machine.name in self._copied:
                continue
            if self._met_anew(machine) or EMPTY in (local, remote) or self._overrides():
                continue
            if path == COUNTED or path in self._reverted or (machine.name, path) in self._contested:
                continue
            if (machine.name, path, remote) in self._doubtful:
                continue
            if any(self._was_renamed(digest) for digest in (local, remote)):
                continue
            if self._is_of_crossed(local) or self._is_of_crossed(remote):
                continue
            if local == remote or world.saves.is_older(remote, local):
                world.violated("no false conflict", f"{machine.name} {path}: "
                               f"{world.call(remote)} lost to {world.call(local)}")  # fmt: skip
            elif world.saves.is_older(local, remote):
                world.violated("no false conflict", f"{machine.name} {path}: {world.call(remote)}"
                               f" lost to {world.call(local)}, its ancestor")  # fmt: skip

    def _overrides(self) -> bool:
        """Whether some machine pushes over whatever others made of its files."""
        return any(machine.way is Way.PUSH for machine in self._world.machines)

    def _is_merged(self, digest: Digest) -> bool:
        """Whether a merge made these bytes."""
        return any(not save.path for save in self._world.saves.of(digest))

    def _was_renamed(self, digest: Digest | None) -> bool:
        """Whether these bytes had several names: who read them under which, they do not tell.

        What a merge made has none until a rename gives it one: by then it has had another.
        """
        saves = self._world.saves.of(digest) if digest else []
        return len({save.path for save in saves}) > 1

    def _is_of_crossed(self, digest: Digest | None) -> bool:
        """Whether these were made from bytes that two people gave a name: from whose, and over
        what they had gone, bytes do not tell.
        """
        saves = self._world.saves
        crossed = [each for each, by in self._world.renamed.items() if len(by) > 1]
        return any(saves.mask(digest) & save.bit for each in crossed for save in saves.of(each))

    # Looked at in the end

    def check_agreement(self, *, temporaries: bool = False) -> None:
        """Every machine and the deployment agree. Raises Violation.

        `temporaries`: what could not be cleared may stay until the next start.
        """
        world = self._world
        there = {
            key.path: entry.digest
            for key, entry in world.deployment.state.entries.items()
            if entry.digest is not None
        }
        for machine in world.machines:
            excused = held(machine)
            parked = self._parked(machine)
            kept_out = {
                path for path, reason in excused.items()
                if reason in ("not-a-file", "not-a-folder") and _clashes(path, there)
            }  # fmt: skip
            for path, reason in excused.items():
                world.exercised[f"held {reason}"] += 1
                excuse = path in kept_out or (reason == "flapping" and self._overrides())
                if reason not in ("deleted-elsewhere", EXCUSED.get(machine.way)) and not excuse:
                    world.violated("convergence", f"{machine.name} {path} is held: {reason}")
            left = {path for path in there if is_apart(world, machine, path)}
            apart = excused.keys() | parked | left
            here = {p: digest_of(b) for p, b in machine.live().items() if p not in apart}
            wanted = {path: digest for path, digest in there.items() if path not in apart}
            if here != wanted:
                names = {
                    p: f"{world.call(here.get(p))} here, {world.call(wanted.get(p))} there"
                    for p in here.keys() | wanted.keys()
                    if here.get(p) != wanted.get(p)
                }
                world.violated("convergence", f"{machine.name}: {names}")
            unagreed = {
                path
                for path, base, remote in machine.database.execute(_AGREED)
                if base != remote and path in wanted
            }
            if unagreed and machine.way is Way.BOTH:
                world.violated("convergence", f"{machine.name} never agreed on {unagreed}")
            if machine.temporaries() and not temporaries:
                world.violated("convergence", f"{machine.name} has temporary files left")
            queued = machine.database.execute("SELECT path, state FROM outbox").fetchall()
            # What was queued of a file before it was kept out is decided anew once it is not.
            if any(path not in parked | kept_out for path, _ in queued):
                world.violated("convergence", f"{machine.name} still has to send {queued}")
        if world.violation is not None:
            raise world.violation

    def _parked(self, machine: Machine) -> set[str]:
        """Whose version on this machine the deployment does not take."""
        there = self._world.deployment
        rows = machine.database.execute(
            "SELECT path, digest FROM outbox WHERE state = 'parked'"
        ).fetchall()
        parked = {path for path, digest in rows if digest in there.refused | there.breaking}
        self._world.exercised["parked"] += len(parked)
        return parked

    def check_counter(self) -> None:
        """The counter is the sum of what was added to it. Raises Violation."""
        world = self._world
        if not world.counting or self._approximate():
            return
        world.exercised["counter summed"] += 1
        for machine in world.machines:
            body = machine.live().get(COUNTED)
            downloads = json.loads(body)["metadata"]["downloads"] if body else 0
            if downloads != world.counted:
                world.violated("counters are sums", f"{machine.name} counts {downloads}, but "
                               f"{world.counted} were added")  # fmt: skip
        if world.violation is not None:
            raise world.violation

    def _approximate(self) -> bool:
        """Whether sides met for the first time that both held the counter."""
        met = any(
            self._met_anew(machine) or (machine.name, COUNTED) in self._contested
            for machine in self._world.machines
        )
        return met or bool(self._world.exercised["root adopted"])

    def activity(self) -> tuple[int, int, int, int]:
        """What must not grow once everything agrees."""
        world = self._world
        calls = world.calls
        return len(world.deployment.accepted), self.writes, calls["push"], calls["fetch"]


_LISTED = """SELECT digest FROM outbox WHERE digest IS NOT NULL
    UNION SELECT local_digest FROM conflicts WHERE local_digest IS NOT NULL
    UNION SELECT remote_digest FROM conflicts WHERE remote_digest IS NOT NULL
    UNION SELECT digest FROM history WHERE why = 'contested'"""

_LOST = "SELECT remote_digest FROM conflicts WHERE path = ?"

_TOMBSTONE = "SELECT remote_last FROM entries WHERE path = ? AND remote_digest IS NULL"

_AGREED = "SELECT path, base_revision, remote_revision FROM entries"

_AGREED_BEFORE = "SELECT digest FROM former WHERE path = ? ORDER BY number DESC LIMIT 8"

_AUTHORED = "SELECT authored_digest FROM entries WHERE path = ?"

_BELIEVED = 0.99
"""Seconds for which a file must have been seen missing, as good as."""
