"""Files as they were last read, against a dict of them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.decision import FileState
from syncd.core.model import Digest, Key
from syncd.core.reading import Stat
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import Places
from syncd.ledger.rows import inode_column

KEYS = [Key(store, f"{number}.json") for store in ("flows", "notes") for number in range(4)]
DIGESTS = [Digest(begin * 8 + rest * 56) for begin, rest in ("12", "1b", "a2")]
states = st.none() | st.builds(
    lambda size, inode, digest: FileState(Stat(size, 2, 3, inode), digest, 4),
    st.integers(1, 2),
    st.sampled_from([0, 1, 2**64 - 1]),
    st.sampled_from(DIGESTS),
)
rounds = st.lists(st.dictionaries(st.sampled_from(KEYS), states, min_size=3), max_size=6)


@settings(deadline=None, max_examples=50)
@given(rounds, st.integers(0, 4), st.sampled_from([0, 1, 2**64 - 1]))
def test_files_are_found_as_they_were_last_read(
    told: list[dict[Key, FileState | None]], most: int, inode: int
) -> None:
    there: dict[Key, FileState] = {}
    with TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "ledger.db")
        for seen in told:
            with ledger.transaction(), ledger.places.noticed() as noticed:
                ledger.places.record_files(seen.items())
            assert noticed == {key for key, file in seen.items() if file is not None}
            now = {**there, **seen}
            there = {key: file for key, file in now.items() if file is not None}
        for key in KEYS:
            assert ledger.places.file(key.store, key.path) == there.get(key)
        held = {file.digest for file in there.values()}
        assert ledger.places.known(DIGESTS) == held & set(DIGESTS)
        for store in ("flows", "notes"):
            mine = {key.path: file for key, file in sorted(there.items()) if key.store == store}
            check(ledger.places, store, mine, most, inode)
        ledger.close()


def check(places: Places, store: str, mine: dict[str, FileState], most: int, inode: int) -> None:
    stats = {path: (Stat(*stat), read) for path, *stat, read in places.files(store)}
    assert stats == {
        path: (each.stat._replace(inode=inode_column(each.stat.inode)), each.read_ns)
        for path, each in mine.items()
    }
    assert places.digests(store, [*mine, "unknown"]) == {
        path: each.digest for path, each in mine.items()
    }
    assert places.digests(store, []) == {}
    behind = [(path, file) for path, file in mine.items() if path > "1.json"]
    assert places.files_behind(store, "1.json", most) == behind[:most]
    some = [path for path, *_ in places.files(store, most)]
    assert len(some) == min(most, len(mine))
    assert mine.keys() >= set(some)
    for digest in DIGESTS:
        like = {path: file.stat.inode for path, file in mine.items() if file.digest == digest}
        if len(like) > most:
            like = {path: met for path, met in like.items() if met == inode}
        assert dict(places.like(store, digest, inode, most)) == like
