"""What real folders hold instead of a file of good JSON: every case is named, none is missing."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.core.model import Format
from syncd.core.reading import Found, Missing, Obstructed, Stat, Unreadable, Unsettled
from syncd.files import read as reading
from syncd.files.folder import Folder
from syncd.files.read import Large, Reader, look, measure, read
from syncd.files.root import Root
from syncd.stores.codec import INLINE_LIMIT, PARSED_LIMIT

from .person import as_ordinary_user


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "store").mkdir()
    return Root.open(tmp_path / "store")


WHOLE = [
    b"{}",
    b'{"a": 1}\n',
    b'\xef\xbb\xbf{"marked": true}',
    b'{"crlf": 1}\r\n',
    b'{"lone": "\\ud800"}',
    b'{"huge": 123456789012345678901234567890, "nan": NaN, "twice": 1, "twice": 2}',
    b"[" * 200 + b"]" * 200,
    b'{"nul": "\\u0000"}',
    b"null",
]


@pytest.mark.parametrize("body", WHOLE)
def test_what_is_whole_is_taken_byte_for_byte(root: Root, body: bytes) -> None:
    (root.path / "x.json").write_bytes(body)
    found = (root.path / "x.json").stat()
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Found)
    assert answer.body == body
    assert answer.content.digest == hashlib.sha256(body).hexdigest()
    assert answer.content.size == len(body)
    assert answer.stat == Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b'{"cut": ', b"{} {}", b"<<<<<<< HEAD\n{}\n", b"{/* comment */}", b"\0" * 10],
)
def test_what_does_not_parse_is_looked_at_again(root: Root, body: bytes) -> None:
    (root.path / "x.json").write_bytes(body)
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Unsettled)
    assert answer.hold.reason == "not-json"


@pytest.mark.parametrize("body", ["é".encode("latin-1"), "{}".encode("utf-16"), b"\xed\xa0\x80"])
@pytest.mark.parametrize("format", [Format.JSON, Format.YAML])
def test_what_must_be_text_and_is_not_is_held(root: Root, body: bytes, format: Format) -> None:
    (root.path / "x").write_bytes(body)
    answer = read(root, "x", format)
    assert isinstance(answer, Unreadable)
    assert answer.hold.reason == "not-text"


@pytest.mark.parametrize("format", [Format.YAML, Format.TEXT])
def test_only_json_has_to_parse(root: Root, format: Format) -> None:
    (root.path / "x").write_bytes(b"")
    assert isinstance(read(root, "x", format), Found)


@pytest.mark.parametrize("body", ["é".encode("latin-1"), "{}".encode("utf-16"), b"\xed\xa0\x80"])
def test_what_is_not_text_is_a_payload(root: Root, body: bytes) -> None:
    (root.path / "x").write_bytes(body)
    answer = read(root, "x", Format.TEXT)
    assert isinstance(answer, Found)
    assert (answer.content.digest, answer.content.size) == (
        hashlib.sha256(body).hexdigest(),
        len(body),
    )
    assert answer.body is None


@pytest.mark.parametrize("format", [Format.JSON, Format.YAML, Format.TEXT])
@pytest.mark.parametrize("size", [INLINE_LIMIT + 1, PARSED_LIMIT + 1])
def test_what_is_long_is_a_payload_whatever_it_is(root: Root, format: Format, size: int) -> None:
    body = b'"' + b"y" * (size - 2) + b'"'
    (root.path / "x").write_bytes(body)
    answer = read(root, "x", format)
    assert isinstance(answer, Found)
    assert (answer.content.digest, answer.content.size) == (hashlib.sha256(body).hexdigest(), size)
    assert answer.body is None


@pytest.mark.parametrize("size", [INLINE_LIMIT + 1, PARSED_LIMIT + 1])
def test_long_json_that_was_cut_short_is_looked_at_again(root: Root, size: int) -> None:
    (root.path / "x").write_bytes(b'{"y": "' + b"y" * size)
    answer = read(root, "x", Format.JSON)
    assert isinstance(answer, Unsettled)
    assert answer.hold.reason == "not-json"


@pytest.mark.parametrize("size", [INLINE_LIMIT, PARSED_LIMIT // 2 - 20])
def test_long_json_that_is_broken_in_the_middle_is_looked_at_again(root: Root, size: int) -> None:
    (root.path / "x").write_bytes(b'{"y": "' + b"y" * size + b'", , "z": "' + b"z" * size + b'"}')
    assert isinstance(read(root, "x", Format.JSON), Unsettled)


@pytest.mark.parametrize("format", [Format.JSON, Format.TEXT])
def test_a_payload_that_changes_while_it_is_read_is_looked_at_again(
    root: Root, format: Format
) -> None:
    path = root.path / "x.bin"
    path.write_bytes(b"[" + b"0," * INLINE_LIMIT + b"0]")
    large = look(root, "x.bin", format)
    assert isinstance(large, Large)
    with path.open("r+b") as program:
        program.write(b"[1")
        program.flush()
        os.utime(program.fileno(), ns=(1, 1))
        answer = measure(large)
    assert isinstance(answer, Unsettled)
    assert answer.hold.reason == "being-written"


def test_a_payload_that_grows_while_it_is_read_is_looked_at_again(root: Root) -> None:
    path = root.path / "x.bin"
    path.write_bytes(b"\0" * (INLINE_LIMIT + 1))
    large = look(root, "x.bin", Format.TEXT)
    assert isinstance(large, Large)
    with path.open("ab") as program:
        program.write(b"more")
    assert isinstance(measure(large), Unsettled)


def test_what_is_too_large_is_held_unread(root: Root) -> None:
    with (root.path / "x.json").open("wb") as sparse:
        sparse.truncate(1 << 40)
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Unreadable)
    assert answer.hold.reason == "too-large"
    (root.path / "y.json").write_bytes(b'"' + b"y" * (INLINE_LIMIT - 2) + b'"')
    assert isinstance(read(root, "y.json", Format.JSON), Found)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "below.json").touch()


ODD: list[tuple[str, str, Callable[[Path], object]]] = [
    ("folder", "not-a-file", make_folder),
    ("pipe", "not-a-file", lambda path: os.mkfifo(path)),
    ("socket", "not-a-file", make_socket),
    ("link", "symlink", lambda path: path.symlink_to("/etc/hostname")),
    ("dangling link", "symlink", lambda path: path.symlink_to("nowhere")),
    ("loop", "symlink", lambda path: path.symlink_to(path.name)),
]


@pytest.mark.parametrize(("what", "reason", "make"), ODD)
def test_what_is_no_file_is_held_at_once(
    root: Root, what: str, reason: str, make: Callable[[Path], object]
) -> None:
    make(root.path / "x.json")
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Unreadable), what
    assert isinstance(answer, Obstructed) == (what == "folder")
    assert answer.hold.reason == reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices")
def test_a_device_is_held_unopened(root: Root) -> None:
    os.mknod(root.path / "x.json", 0o20666, os.makedev(1, 5))
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Unreadable)
    assert "device" in answer.hold.detail


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_takes_the_place_between_stat_and_open_is_held(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")

    class Swapped(Folder):
        def open(self, name: str) -> int:
            path.unlink()
            {
                "pipe": os.mkfifo,
                "link": lambda p: p.symlink_to("/etc/hostname"),
                "folder": Path.mkdir,
            }[kind](path)
            return super().open(name)

    answer = read(Root.open(tmp_path, folders=Swapped), "x.json", Format.JSON)
    assert isinstance(answer, Unreadable)


@pytest.mark.parametrize("has_open_beneath", [True, False])
def test_a_symlinked_folder_on_the_way_is_held(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_open_beneath: bool
) -> None:
    monkeypatch.setattr("syncd.files.root._HAS_OPEN_BENEATH", has_open_beneath)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.json").write_bytes(b"{}")
    (root.path / "link").symlink_to(tmp_path / "outside")
    answer = read(root, "link/x.json", Format.JSON)
    assert type(answer) is Unreadable
    assert answer.hold.reason == "symlink"


def test_a_file_on_the_way_is_held(root: Root) -> None:
    (root.path / "x.json").write_bytes(b"{}")
    answer = read(root, "x.json/y.json", Format.JSON)
    assert isinstance(answer, Obstructed)
    assert answer.hold.reason == "not-a-folder"
    assert answer.hold.detail == "a file has the name of a folder of its path"


@pytest.mark.parametrize("path", ["x.json", "none/x.json", "a/b/c/x.json"])
def test_only_what_is_not_there_is_missing(root: Root, path: str) -> None:
    assert read(root, path, Format.JSON) == Missing()


def test_a_name_that_cannot_be_is_not_missing(root: Root) -> None:
    answer = read(root, "n" * 300 + ".json", Format.JSON)
    assert isinstance(answer, Unreadable)
    assert answer.hold.reason == "bad-path"


@pytest.mark.parametrize("what", ["gone", "replaced", "a file"])
def test_nothing_is_missing_from_a_root_that_is_not_there(root: Root, what: str) -> None:
    root.path.rename(root.path.with_name("moved"))
    if what == "replaced":
        root.path.mkdir()
    if what == "a file":
        root.path.write_bytes(b"")
    answer = read(root, "x.json", Format.JSON)
    assert isinstance(answer, Unreadable)
    assert answer.hold.reason == "root-missing"


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read_is_not_missing(what: str) -> None:
    def test(base: Path) -> None:
        (base / "folder").mkdir()
        (base / "folder/x.json").write_bytes(b"{}")
        (base / "folder" / ("x.json" if what == "file" else ".")).chmod(0)
        answer = read(Root.open(base), "folder/x.json", Format.JSON)
        assert isinstance(answer, Unreadable)
        assert answer.hold.reason == "no-permission"

    as_ordinary_user(test)


@pytest.mark.parametrize("change", ["grows", "shrinks", "touched"])
def test_a_file_that_changes_under_the_read_is_looked_at_again(
    root: Root, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = root.path / "x.txt"
    path.write_bytes(b"0123456789")
    take = reading._take

    def changing(fd: int, size: int) -> bytes:
        body = take(fd, size)
        match change:
            case "grows":
                path.write_bytes(b"0123456789abc")
            case "shrinks":
                path.write_bytes(b"01")
            case _:
                os.utime(path, ns=(0, 0))
        return body

    monkeypatch.setattr(reading, "_take", changing)
    answer = read(root, "x.txt", Format.TEXT)
    assert isinstance(answer, Unsettled)
    assert answer.hold.reason == "being-written"


def test_no_read_is_ever_torn(root: Root) -> None:
    """Somebody rewrites a file in place all the time: what is found is one whole save."""
    path = root.path / "x.txt"
    bodies = [letter * 200_000 for letter in (b"a", b"b")]
    path.write_bytes(bodies[0])
    done = threading.Event()

    def rewrite() -> None:
        while not done.is_set():
            for body in bodies:
                path.write_bytes(body)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        answers = [read(root, "x.txt", Format.TEXT) for _ in range(300)]
    finally:
        done.set()
        writer.join()
    bad = [a for a in answers if isinstance(a, Found) and len(set(a.body or b"")) > 1]
    assert bad == []


def test_the_folder_of_one_file_is_not_opened_again_for_the_next(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = {f"{folder}/{n}.txt": f"{folder}{n}".encode() for folder in "ab" for n in range(3)}
    for path, body in bodies.items():
        (root.path / path).parent.mkdir(exist_ok=True)
        (root.path / path).write_bytes(body)
    opened: list[str] = []
    folder = root.folder

    def opening(path: str) -> Folder:
        opened.append(path)
        return folder(path)

    monkeypatch.setattr(root, "folder", opening)
    with Reader(root) as reader:
        found = {path: reader.look(path, Format.TEXT) for path in bodies}
    assert {path: each.body for path, each in found.items() if isinstance(each, Found)} == bodies
    assert opened == ["a", "b"]


def test_a_file_is_missing_only_where_its_path_leads_now(root: Root) -> None:
    for folder in ("flows", "next"):
        (root.path / folder).mkdir()
        (root.path / folder / "met.txt").write_bytes(b"met")
    (root.path / "next" / "x.txt").write_bytes(b"x")
    with Reader(root) as reader:
        assert isinstance(reader.look("flows/met.txt", Format.TEXT), Found)
        (root.path / "flows").rename(root.path / "aside")
        (root.path / "next").rename(root.path / "flows")
        found = reader.look("flows/x.txt", Format.TEXT)
        assert isinstance(found, Found)
        assert found.body == b"x"
        assert isinstance(reader.look("flows/none.txt", Format.TEXT), Missing)
        root.path.rename(root.path.with_name("elsewhere"))
        assert isinstance(reader.look("flows/none.txt", Format.TEXT), Unreadable)
