"""A scan names what is there, and never takes for missing what it could not see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.reading import Stat
from syncd.files.folder import stat_of
from syncd.files.root import Root
from syncd.files.scan import SOME, Scan, _Walk, scan
from syncd.stores.layout import MAX_PATH_BYTES, Layout

from .person import as_ordinary_user
from .world import world

JSON = Layout(("*.json",), ())


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "store").mkdir()
    return Root.open(tmp_path / "store")


def touch(root: Root, *paths: str) -> None:
    for path in paths:
        (root.path / path).parent.mkdir(parents=True, exist_ok=True)
        (root.path / path).write_bytes(b"{}")


def test_the_files_of_the_layout_are_named_with_their_stats(root: Root) -> None:
    touch(root, "x.json", "a/b/y.json", "a/note.txt", "node_modules/z.json", ".git/z.json", "x~")
    found = scan(root, JSON)
    assert set(found.files) == {"x.json", "a/b/y.json"}
    stat = (root.path / "a/b/y.json").stat()
    expected = Stat(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    assert found.files["a/b/y.json"] == expected
    assert found.spelled == {}
    assert found.holds == found.unread == {}
    assert found.missing("z.json")
    assert not found.missing("x.json")


def test_a_time_that_no_ledger_can_keep_is_cut(root: Root) -> None:
    touch(root, "x.json")
    path = root.path / "x.json"
    os.utime(path, ns=(0, 10**19))
    if path.stat().st_mtime_ns != 10**19:
        pytest.skip("the file system keeps no such time")
    found = scan(root, JSON)
    assert found.files["x.json"] == stat_of(path.stat())
    assert abs(found.files["x.json"].mtime_ns) < 2**63


def test_what_is_no_file_is_held_and_not_missing(root: Root, tmp_path: Path) -> None:
    touch(root, "real/x.json")
    (root.path / "link.json").symlink_to(root.path / "real/x.json")
    (root.path / "loop").symlink_to(root.path)
    (root.path / "real/folder.json").mkdir()
    os.mkfifo(root.path / "pipe.json")
    (root.path / "pipe.txt").symlink_to("/dev/null")
    found = scan(root, JSON)
    assert set(found.files) == {"real/x.json"}
    assert {path: hold.reason for path, hold in found.holds.items()} == {
        "link.json": "symlink",
        "pipe.json": "not-a-file",
    }
    assert not found.missing("link.json")


def test_names_that_are_not_utf8_are_held(root: Root) -> None:
    (root.path / os.fsdecode(b"bad\xff.json")).write_bytes(b"{}")
    (root.path / os.fsdecode(b"folder\xff")).mkdir()
    (root.path / os.fsdecode(b"folder\xff/x.json")).write_bytes(b"{}")
    touch(root, "good.json")
    found = scan(root, JSON)
    assert set(found.files) == {"good.json"}
    assert set(found.holds) == {"bad\\xff.json", "folder\\xff/x.json"}
    assert all(path.encode() for path in found.holds)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9.json", "cafe\u0301.json"),
        ("caf\u00e9/x.json", "cafe\u0301/x.json"),
        ("K.json", "\u212a.json"),
    ],
)
def test_two_spellings_of_one_name_are_both_held(root: Root, one: str, other: str) -> None:
    touch(root, one, other)
    found = scan(root, JSON)
    assert found.files == {}
    assert [hold.reason for hold in found.holds.values()] == ["name-twins"]
    assert not found.missing(one)
    (root.path / other).unlink()
    assert set(scan(root, JSON).files) == {one}


def test_a_decomposed_name_has_a_composed_key(root: Root) -> None:
    touch(root, "cafe\u0301/x\u0308.json")
    found = scan(root, JSON)
    assert list(found.files) == ["caf\u00e9/\u1e8d.json"]
    assert found.spelled == {"caf\u00e9/\u1e8d.json": "cafe\u0301/x\u0308.json"}


@pytest.mark.parametrize("name", ["line\nbreak.json", "\x1b[31mred.json", "-rf.json", "a:b.json"])
def test_strange_names_are_names(root: Root, name: str) -> None:
    touch(root, name)
    assert set(scan(root, JSON).files) == {name}


def test_a_path_longer_than_the_deployment_takes_is_held(root: Root) -> None:
    deep = "/".join(["n" * 200] * 5)
    touch(root, f"{deep}/{'x' * 10}.json", f"{deep}/{'x' * 100}.json")
    found = scan(root, JSON)
    assert [len(path) <= MAX_PATH_BYTES for path in found.files] == [True]
    assert [hold.reason for hold in found.holds.values()] == ["bad-path"]


def test_a_deep_folder_is_walked(root: Root) -> None:
    deep = "/".join(["d"] * 450)
    touch(root, f"{deep}/x.json")
    assert set(scan(root, JSON).files) == {f"{deep}/x.json"}


def test_a_walk_to_the_first_file_ends_with_it(root: Root) -> None:
    (root.path / "empty").mkdir()
    touch(root, "none.txt")
    assert not scan(root, JSON, first=True).files
    touch(root, *(f"{at % 3}/{at}.json" for at in range(600)))
    assert 0 < len(scan(root, JSON, first=True).files) <= SOME


def test_a_walk_to_the_first_file_enters_no_other_folder(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(root, *(f"{at}/x.json" for at in range(20)))
    enter, entered = _Walk.enter, list[str]()

    def told(walk: _Walk, folder: str) -> None:
        entered.append(folder)
        enter(walk, folder)

    monkeypatch.setattr(_Walk, "enter", told)
    assert len(scan(root, JSON, first=True).files) == 1
    assert len(entered) == 2


def test_files_under_our_temporary_names_are_told_apart(root: Root) -> None:
    touch(root, "a/.syncd-0123456789abcdef", "a/x.json", ".syncd/history/y.json")
    found = scan(root, JSON)
    assert set(found.files) == {"a/x.json"}
    assert found.leftovers == ["a/.syncd-0123456789abcdef"]


@pytest.mark.parametrize("what", ["gone", "replaced"])
def test_nothing_is_missing_where_the_root_is_not_there(root: Root, what: str) -> None:
    touch(root, "x.json")
    root.path.rename(root.path.with_name("moved"))
    if what == "replaced":
        root.path.mkdir()
    found = scan(root, JSON)
    assert list(found.unread) == [""]
    assert not found.missing("x.json")
    assert not found.missing("a/b/x.json")


def test_a_root_that_goes_away_under_the_scan_hides_everything() -> None:
    with world(b"{}") as at:
        root = Root.open(at.store)
        listed = root.folder

        def leave(path: str = "", *, create: bool = False) -> object:
            if path:
                at.store.rename(at.base / "moved")
            return listed(path, create=create)

        root.folder = leave  # type: ignore[method-assign, assignment]
        found = scan(root, JSON)
        assert list(found.unread) == [""]
        assert found.files == {}


def test_a_folder_that_cannot_be_listed_hides_what_is_in_it() -> None:
    def test(base: Path) -> None:
        root = Root.open(base)
        touch(root, "closed/in/x.json", "closed.json", "open/y.json", "blind/z.json")
        (base / "closed").chmod(0)
        (base / "blind").chmod(0o444)
        found = scan(root, JSON)
        assert set(found.files) == {"closed.json", "open/y.json"}
        assert {path: hold.reason for path, hold in found.unread.items()} == {
            "closed": "no-permission"
        }
        assert found.holds["blind/z.json"].reason == "no-permission"
        assert not found.missing("closed/in/x.json")
        assert not found.missing("closed/anything.json")
        assert not found.missing("blind/z.json")
        assert found.missing("open/x.json")
        assert found.missing("closed-too.json")

    as_ordinary_user(test)


NAMES = st.sampled_from(["a", "b", "x.json", "y.json", "y.txt", "n.json~", "caf\u00e9", ".syncd-1"])


@settings(max_examples=60, deadline=None)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12))
def test_a_scan_sees_what_a_plain_walk_sees(paths: set[str]) -> None:
    with world(None) as at:
        root = Root.open(at.store)
        for path in sorted(paths):
            place = at.store / path
            if not any(p.is_file() for p in place.parents) and not place.exists():
                touch(root, path)
        every = {str(p.relative_to(at.store)) for p in at.store.rglob("*") if p.is_file()}
        found: Scan = scan(root, JSON)
        assert set(found.files) == {path for path in every if JSON.matches(path)}
        assert all(found.missing(path) for path in paths - every)
