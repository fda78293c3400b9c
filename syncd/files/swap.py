"""The moment of a write: names are swapped, and what came out is looked at.

Every function works inside one open folder and leaves making it durable to its caller. *Ours* is
the file staged for the note; *met* is what lay under the file's name and came out by the swap.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from syncd.core.model import Digest
from syncd.core.reading import Stat
from syncd.core.writing import Busy, Contested, Note, NotWritten, Writing, Written
from syncd.files.folder import NOT_HERE, Folder, Look, OpenForWriting, stat_of
from syncd.files.lease import OPEN_FOR_WRITING, leased
from syncd.files.root import Root
from syncd.files.swapped import Swapped
from syncd.files.vacant import vacate

_ROUNDS: Final = 16
"""Two programs writing in place to both inodes at once could have us swap them for ever."""


def perform_in(root: Root, folder: Folder, note: Note, swapped: Swapped) -> Writing:
    """Does what `note` says in its folder."""
    try:
        if note.digest is None:
            return _remove(root, folder, note, swapped)
        if note.expected is None:
            return _create(folder, note)
        return _replace(root, folder, note, swapped)
    except OpenForWriting:
        return Busy(OPEN_FOR_WRITING)


def recover_in(_root: Root, folder: Folder, note: Note, swapped: Swapped) -> Writing:
    """What became of `note`, and the rest of it done, told by what the temporary name holds."""
    met = folder.look(note.temporary)
    if met is None and note.folder not in (None, os.fstat(folder.fd).st_ino):
        return NotWritten()  # It went elsewhere with its folder: what is here tells nothing of it.
    if note.digest is None:
        return _recover_removal(folder, note, met, swapped)
    if met is None:
        return _written(folder, note, note.expected, swapped)
    if met != Look(note.inode, note.digest) and note.expected is not None:
        return _judge(folder, note, met, swapped)
    if _stat_of_ours(folder, note) is None:
        return NotWritten()
    # Cut short between link and unlink, where a file system has no rename that refuses.
    folder.remove(note.temporary)
    return _written(folder, note, None, swapped)


def _create(folder: Folder, note: Note) -> Writing:
    try:
        _name_new(folder, note)
    except (FileExistsError, FileNotFoundError):
        return NotWritten()
    return Written(_stat_of_ours(folder, note), None)


def _name_new(folder: Folder, note: Note) -> None:
    name = _name(note)
    try:
        folder.move(note.temporary, name)
    except FileExistsError:
        if not vacate(folder, name):
            raise
        folder.move(note.temporary, name)


def _replace(root: Root, folder: Folder, note: Note, swapped: Swapped) -> Writing:
    if root.exchanges is False:
        return _replace_checked(root, folder, note, swapped)
    try:
        with leased(root, folder, _name(note)):
            folder.exchange(note.temporary, _name(note))
    except FileNotFoundError:
        return NotWritten()
    except OSError as error:
        if root.exchanges or error.errno not in NOT_HERE:
            raise
        root.exchanges = False
        return _replace_checked(root, folder, note, swapped)
    root.exchanges = True
    met = folder.look(note.temporary)
    return _judge(folder, note, met, swapped) if met else _written(folder, note, None, swapped)


def _replace_checked(root: Root, folder: Folder, note: Note, swapped: Swapped) -> Writing:
    # RACE: a save by rename between the last stat and ours is lost; nothing better exists on a
    # file system without exchange, and `doctor` says so. The lease keeps other writers out.
    name = _name(note)
    with leased(root, folder, name):
        before, met = folder.stat(name), folder.look(name)
        if before is None or met is None or met.digest is None or met.digest != note.expected:
            return NotWritten()
        fd = folder.open(name)
        try:
            copied = swapped.copy(folder, name)
            after = folder.stat(name)
            if copied != note.expected or after is None or stat_of(after) != stat_of(before):
                os.close(fd)
                return NotWritten()
            folder.replace(note.temporary, name)
        except OSError:
            os.close(fd)
            raise
    swapped.watch(fd, note.path, note.expected)
    return _written(folder, note, note.expected, swapped)


def _judge(folder: Folder, note: Note, met: Look, swapped: Swapped) -> Writing:
    """Decides by what came out: the expected bytes go to history, a save gets its name back."""
    if met.digest is not None and met.digest in (note.expected, note.digest):
        # A save of the very bytes that were to be written may be a second increment of a counter:
        # it is looked at as a save over the expected version (sim).
        swapped.take(folder, note.temporary, note.path, note.expected or met.digest)
        return _written(folder, note, note.expected, swapped)
    return _give_back(folder, note, met, swapped)


def _give_back(folder: Folder, note: Note, met: Look, swapped: Swapped) -> Writing:
    """Puts the newest save under the file's name and keeps what it did not know."""
    ours = Look(note.inode, note.digest)
    if folder.look(_name(note)) != ours:
        return _contested(folder, note, swapped)
    placed, newest = ours, met
    for _ in range(_ROUNDS):
        try:
            folder.exchange(note.temporary, _name(note))
        except FileNotFoundError:
            break  # Deleted since: that is the newest, and what it did not know is kept.
        came = folder.look(note.temporary)
        if came == ours == placed:
            return NotWritten()
        if came is None or came == placed or came == Look(placed.inode, None):
            break  # What cannot be read for the moment is no newer save.
        # RACE: a save hit what we had placed before this swap took it out: it is the newest.
        placed, newest = newest, came
    return _contested(folder, note, swapped)


def _remove(root: Root, folder: Folder, note: Note, swapped: Swapped) -> Writing:
    name = _name(note)
    met = folder.look(name)
    if met is not None and met != Look(note.inode, note.expected):
        return NotWritten()
    try:
        with leased(root, folder, name):
            # The temporary name is free, and a plain rename moves in one step everywhere.
            folder.replace(name, note.temporary)
    except FileNotFoundError:
        return Written(None, None)
    met = folder.look(note.temporary)
    return _judge_removed(folder, note, met, swapped) if met else Written(None, None)


def _recover_removal(folder: Folder, note: Note, met: Look | None, swapped: Swapped) -> Writing:
    if met is not None:
        return _judge_removed(folder, note, met, swapped)
    if folder.stat(_name(note)) is not None:
        return NotWritten()
    return _written(folder, note, note.expected, swapped)


def _judge_removed(folder: Folder, note: Note, met: Look, swapped: Swapped) -> Writing:
    if met.digest is not None and met.digest == note.expected:
        swapped.take(folder, note.temporary, note.path, met.digest)
        return Written(None, met.digest)
    try:
        folder.move(note.temporary, _name(note))
    except FileExistsError:
        return _contested(folder, note, swapped)
    return NotWritten()


def _contested(folder: Folder, note: Note, swapped: Swapped) -> Contested:
    # A copy: what lies under the temporary name tells recover the same until it is discarded. What
    # cannot be read for the moment is waited for: it is a save, and is to be listed (sim).
    met = folder.stat(note.temporary)
    if met is None or not stat.S_ISREG(met.st_mode):
        return Contested(())
    return Contested((swapped.history.copy(folder, note.temporary),))


def _written(folder: Folder, note: Note, replaced: Digest | None, swapped: Swapped) -> Written:
    kept = replaced if replaced is not None and swapped.history.has(replaced) else None
    return Written(_stat_of_ours(folder, note), kept)


def _stat_of_ours(folder: Folder, note: Note) -> Stat | None:
    found = folder.stat(_name(note))
    ours = found is not None and note.digest is not None and found.st_ino == note.inode
    return stat_of(found) if found is not None and ours else None


def _name(note: Note) -> str:
    return note.path.rpartition("/")[2]
