"""Numbers of inodes have 64 bits, and come out of the ledger as they went in."""

from __future__ import annotations

import pytest

from syncd.core.decision import FileState
from syncd.core.log import Extent, Log
from syncd.core.model import Digest, Key
from syncd.core.reading import Stat
from syncd.core.stats import Stats
from syncd.core.writing import Note
from syncd.ledger.ledger import Ledger

KEY = Key("flows", "a.json")
DIGEST = Digest("1" * 64)


@pytest.mark.parametrize("inode", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_inode_comes_out_as_it_went_in(ledger: Ledger, inode: int) -> None:
    file = FileState(Stat(1, 2, 3, inode), DIGEST, 4)
    log = Log("lines", "generation", "x.jsonl", inode, Extent(1, "tail"), 1)
    ledger.note([(KEY, Note(KEY.path, ".syncd-1", inode, DIGEST, None, inode), None, None)], 0.0)
    with ledger.transaction():
        ledger.places.record_files([(KEY, file)])
        ledger.logs.put(log)
    assert [(note.inode, note.folder) for _, note, _ in ledger.notes()] == [(inode, inode)]
    assert ledger.places.file(KEY.store, KEY.path) == file
    assert ledger.places.files_behind(KEY.store, "", 9) == [(KEY.path, file)]
    assert ledger.places.like(KEY.store, DIGEST, inode, 0) == [(KEY.path, inode)]
    assert ledger.logs.of("lines") == {inode: log}
    seen = Stats()
    seen[KEY.path] = file.stat
    assert seen.compared(ledger.places.files(KEY.store)).found == 1
    assert seen.compared(ledger.places.files(KEY.store)).gone == []
