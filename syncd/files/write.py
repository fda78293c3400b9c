"""Writes and removes files so that no save made in the same instant is lost.

A write is *staged* (bytes in a temporary file of the same folder, durable: see `staging`), noted
in the ledger by the caller, *performed* (the two names are exchanged in one step, then what came
out is looked at) and committed by the caller, who drops the note with it and then *discards* what
is left under the temporary name. What came out and is not what was expected is a person's save: it
gets its name back.

What lies under the temporary name is the only evidence that a crash leaves, so perform never
clears it where that would change recover's answer: our bytes under it mean *not written*,
somebody's bytes are looked at as in the live path, nothing means *written*. But not in another
folder that took the place of the one in which it was staged: that went with all that was in it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from syncd.core.model import Digest, Hold
from syncd.core.writing import Note, NotWritten, Writing
from syncd.files.folder import Folder
from syncd.files.root import Root
from syncd.files.swap import perform_in, recover_in
from syncd.files.swapped import Swapped
from syncd.files.trouble import refused

_UNREADABLE: Final = Hold(
    "unreadable-leftover",
    "a temporary name of syncd's holds something that cannot be read",
    "look at it, and rename or remove it by hand",
)
_DOUBTED: Final = Hold(
    "doubted",
    "another copy of the ledger may have finished what was noted",
    "nothing to do: the deployment tells whether this one is the newest",
)
_FOLDER_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def perform(root: Root, note: Note, swapped: Swapped) -> Writing | Hold:
    """Does what the committed `note` says. Discard it after the commit that removes it.

    A hold tells that it could not be finished: the note stands, and recover decides. Every byte
    is under the file's name, the note's temporary name or in history.
    """
    return perform_all(root, [note], swapped)[0]


def perform_all(root: Root, notes: Sequence[Note], swapped: Swapped) -> list[Writing | Hold]:
    """Performs many notes with one fsync a folder; the answers are in the order of `notes`."""
    return _in_folders(root, notes, swapped, perform_in)


def recover(root: Root, note: Note, swapped: Swapped) -> Writing | Hold:
    """What became of a noted write or removal that was cut short. A hold: it cannot tell yet."""
    return _in_folders(root, [note], swapped, recover_in)[0]


def finished_elsewhere(root: Root, note: Note) -> Hold | None:
    """A hold where another copy of the ledger may have finished `note`: its temporary name is free.

    The name is random and no other note's: while it is taken, nobody has finished it.
    """
    parent, _, _ = note.path.rpartition("/")
    try:
        with root.folder(parent) as folder:
            return None if folder.stat(note.temporary) is not None else _DOUBTED
    except OSError as error:
        return refused(error)


def discard(root: Root, note: Note, swapped: Swapped) -> None:
    """Clears the temporary name of a note that is in the ledger no more, or never was."""
    discard_all(root, [note], swapped)


def discard_all(root: Root, notes: Sequence[Note], swapped: Swapped) -> None:
    """Clears those of many notes, each folder opened once.

    What cannot be cleared now is a leftover that the next scan names.
    """
    for parent, places in _by_folder(notes).items():
        with suppress(OSError), root.folder(parent) as folder:
            for place in places:
                with suppress(OSError):
                    _clear(folder, notes[place].temporary, swapped, notes[place])
    with suppress(OSError):  # What is not durable now is so with what is taken next.
        swapped.sync()


def retire(root: Root, leftover: str, swapped: Swapped) -> Digest | Hold | None:
    """Moves a file under a temporary name, which no note of the ledger names, into history.

    It is mostly bytes of ours, but after a lost ledger it may be somebody's save: no temporary
    file is removed unlooked-at. None where there is no such file; a hold where it must stay.
    """
    parent, _, name = leftover.rpartition("/")
    try:
        with root.folder(parent) as folder:
            retired = _clear(folder, name, swapped, None)
            swapped.sync()
            return retired
    except FileNotFoundError:
        return None
    except OSError as error:
        return refused(error)


def _clear(folder: Folder, name: str, swapped: Swapped, note: Note | None) -> Digest | Hold | None:
    found = folder.look(name)
    if found is None:
        return None
    if found.digest is None:
        return _UNREADABLE
    if note is None:
        swapped.history.keep(folder, name, found.digest)
    else:
        # It had the file's name for a moment: a program may have opened it there.
        ours = found.inode == note.inode and note.digest is not None
        was = note.digest if ours and note.digest else found.digest
        swapped.take(folder, name, note.path, was)
    return found.digest


_Act = Callable[[Root, Folder, Note, Swapped], Writing]


def _in_folders(
    root: Root, notes: Sequence[Note], swapped: Swapped, act: _Act
) -> list[Writing | Hold]:
    answers: dict[int, Writing | Hold] = {}
    for parent, here in _by_folder(notes).items():
        answers |= _in_folder(root, parent, {place: notes[place] for place in here}, swapped, act)
    try:
        swapped.sync()
    except OSError as error:
        return [refused(error)] * len(notes)
    return [answers[place] for place in range(len(notes))]


def _by_folder(notes: Sequence[Note]) -> Mapping[str, Sequence[int]]:
    """The places in `notes` of those that are in one folder, by that."""
    places: dict[str, list[int]] = {}
    for place, note in enumerate(notes):
        places.setdefault(note.path.rpartition("/")[0], []).append(place)
    return places


def _in_folder(
    root: Root, parent: str, notes: Mapping[int, Note], swapped: Swapped, act: _Act
) -> Mapping[int, Writing | Hold]:
    answers: dict[int, Writing | Hold] = {}
    try:
        with root.folder(parent) as folder:
            # Removals first: where case does not count, a new spelling needs the old one gone.
            for place, note in sorted(notes.items(), key=lambda each: each[1].digest is not None):
                answers[place] = _answer(root, folder, note, swapped, act)
            folder.sync()
    except OSError as error:
        if not answers and error.errno in _FOLDER_GONE:
            return dict.fromkeys(notes, NotWritten())
        return dict.fromkeys(notes, refused(error))
    return answers


def _answer(root: Root, folder: Folder, note: Note, swapped: Swapped, act: _Act) -> Writing | Hold:
    try:
        return act(root, folder, note, swapped)
    except OSError as error:
        return refused(error)
