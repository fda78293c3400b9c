"""Writing and removing files: what is kept, what is refused, and where nothing is touched."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.core.model import Hold
from syncd.core.reading import Missing, Stat
from syncd.core.writing import NotWritten, WriteFailed, Written
from syncd.files.staging import stage_removal
from syncd.files.trouble import refused
from syncd.files.write import discard, perform, perform_all, recover, retire

from .person import as_ordinary_user
from .world import OLD, OURS, PATH, World, digest, stage, world


@pytest.fixture
def at() -> Iterator[World]:
    with world(OLD) as made:
        yield made


def test_the_mode_of_the_file_is_kept(at: World) -> None:
    at.file.chmod(0o640)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert stat.S_IMODE(at.file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_the_file_is_kept(at: World) -> None:
    os.chown(at.file, 1234, 5678)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert (at.file.stat().st_uid, at.file.stat().st_gid) == (1234, 5678)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_where_the_owner_cannot_be_kept_the_group_is(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chown = os.fchown

    def of_a_group(fd: int, user: int, group: int) -> None:
        if user != -1:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        chown(fd, user, group)

    os.chown(at.file, 1234, 5678)
    at.file.chmod(0o660)
    monkeypatch.setattr(os, "fchown", of_a_group)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    found = at.file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 5678, 0o660)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])
@pytest.mark.parametrize(("before", "after"), [(0o660, 0o600), (0o664, 0o644), (0o604, 0o604)])
def test_what_a_group_might_is_not_for_the_group_that_takes_its_place(
    at: World, monkeypatch: pytest.MonkeyPatch, number: int, before: int, after: int
) -> None:
    def refuse(fd: int, user: int, group: int) -> None:
        raise OSError(number, os.strerror(number))

    os.chown(at.file, 0, 5678)
    at.file.chmod(before)
    monkeypatch.setattr(os, "fchown", refuse)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    found = at.file.stat()
    assert at.file.read_bytes() == OURS
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (0, after)


def listed(group: int, mask: int, user: int = 1234) -> bytes:
    """An access list by which a user may read and write: acl(5), as Linux shows it."""
    rows = [(1, 6, -1), (2, 6, user), (4, group, -1), (16, mask, -1), (32, 0, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *row) for row in rows)


LIST = "system.posix_acl_access"


def with_list(path: Path, name: str, access: bytes) -> None:
    try:
        os.setxattr(path, name, access)
    except OSError:
        pytest.skip("this file system has no access lists")


def test_the_access_list_of_the_file_is_kept(at: World) -> None:
    with_list(at.file, LIST, listed(group=0, mask=6))
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert os.getxattr(at.file, LIST) == listed(group=0, mask=6)
    assert stat.S_IMODE(at.file.stat().st_mode) == 0o660


def test_what_a_program_wrote_beside_the_bytes_is_kept(at: World) -> None:
    tags = {"user.xdg.tags": b"draft", "user.empty": b""}
    for name, value in tags.items():
        with_list(at.file, name, value)
    at.file.chmod(0o444)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert at.file.read_bytes() == OURS
    found = {each: os.getxattr(at.file, each) for each in os.listxattr(at.file)}
    assert {name: found.get(name) for name in tags} == tags


def test_where_that_cannot_be_kept_the_file_is_written_without(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_list(at.file, "user.tags", b"draft")

    def refuse(fd: int, name: str, value: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "setxattr", refuse)
    at.file.chmod(0o640)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert at.file.read_bytes() == OURS
    assert stat.S_IMODE(at.file.stat().st_mode) == 0o640


def test_where_the_access_list_cannot_be_kept_its_group_gets_no_more_than_it_had(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_list(at.file, LIST, listed(group=0, mask=6))

    def refuse(fd: int, name: str, access: bytes) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "setxattr", refuse)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert LIST not in os.listxattr(at.file)
    assert stat.S_IMODE(at.file.stat().st_mode) == 0o600


def test_a_file_without_an_access_list_gets_none_of_its_folder(at: World) -> None:
    with_list(at.file.parent, "system.posix_acl_default", listed(group=0, mask=6))
    at.file.chmod(0o660)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert LIST not in os.listxattr(at.file)
    assert stat.S_IMODE(at.file.stat().st_mode) == 0o660


@pytest.mark.parametrize(
    ("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0, 0o664)]
)
def test_a_new_file_is_made_with_its_folders_under_the_umask(
    at: World, umask: int, mode: int
) -> None:
    before_test = os.umask(umask)
    try:
        note = stage(at.root, "a/new/place/file.json", OURS, None)
        assert isinstance(perform(at.root, note, at.swapped), Written)
    finally:
        os.umask(before_test)
    made = at.store / "a/new/place/file.json"
    assert made.read_bytes() == OURS
    assert stat.S_IMODE(made.stat().st_mode) == mode


def test_the_answer_tells_the_stat_by_which_a_scan_knows_the_file(at: World) -> None:
    answer = at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    assert isinstance(answer, Written)
    assert answer.stat == stat_of(at.file)


def test_a_save_of_the_very_same_bytes_is_no_conflict(at: World) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    at.save(OURS)
    assert isinstance(at.perform(note), Written)
    assert at.holds() == OURS


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_or_failing_disk_leaves_nothing_of_the_attempt(
    at: World, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(WriteFailed) as failed:
            stage(at.root, PATH, OURS, digest(OLD))
    assert failed.value.hold.reason in {"disk-full", "read-only", "io-error"}
    assert at.holds() == OLD
    at.check_cleared()


def test_an_undurable_name_leaves_nothing_of_the_attempt(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WriteFailed):
        stage(at.root, PATH, OURS, digest(OLD))
    assert [each.name for each in at.file.parent.iterdir()] == [at.file.name]


def test_an_undurable_folder_is_no_success(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        assert isinstance(perform(at.root, note, at.swapped), Hold)
    assert isinstance(at.recover(note), Written)
    assert at.holds() == OURS


@pytest.mark.parametrize(
    "path", ["../out.json", "/etc/out.json", "a/../../out.json", "a//b.json", "a\0.json", "", "."]
)
def test_a_path_that_leads_out_is_refused(at: World, path: str) -> None:
    with pytest.raises(WriteFailed, match="not a path inside"):
        stage(at.root, path, OURS, None)
    with pytest.raises(WriteFailed, match="not a path inside"):
        stage_removal(at.root, path, digest(OLD))


def test_a_decomposed_spelling_on_disk_is_written_where_it_is(at: World) -> None:
    spelled = at.store / "cafe\u0301.json"
    spelled.write_bytes(OLD)
    at.perform(stage(at.root, spelled.name, OURS, digest(OLD)))
    assert spelled.read_bytes() == OURS


def test_a_file_where_a_folder_should_be_is_refused(at: World) -> None:
    with pytest.raises(WriteFailed) as failed:
        stage(at.root, f"{PATH}/below.json", OURS, None)
    assert failed.value.hold.reason == "not-a-folder"
    assert at.holds() == OLD


def test_what_is_owned_and_locked_is_not_said_to_lack_permissions() -> None:
    locked, barred = (refused(OSError(each, "no")) for each in (errno.EPERM, errno.EACCES))
    assert (locked.reason, barred.reason) == ("no-permission", "no-permission")
    assert "chattr -i" in locked.advice
    assert "chmod u+rwX" in barred.advice


@pytest.mark.parametrize("expected", [OLD, None])
def test_a_folder_with_the_files_name_stays(at: World, expected: bytes | None) -> None:
    at.checked = False
    note = stage(at.root, PATH, OURS, digest(expected) if expected else None)
    at.file.unlink()
    (at.file / "below").mkdir(parents=True)
    (at.file / "below" / "saved").touch()
    assert perform(at.root, note, at.swapped) == NotWritten()
    assert recover(at.root, note, at.swapped) == NotWritten()
    assert (at.file / "below" / "saved").is_file()


def test_a_folder_without_files_gives_way_to_a_new_one(at: World) -> None:
    at.checked = False
    at.file.unlink()
    (at.file / "below").mkdir(parents=True)
    note = stage(at.root, PATH, OURS, None)
    assert isinstance(perform(at.root, note, at.swapped), Written)
    assert at.file.read_bytes() == OURS


@pytest.mark.parametrize("target", ["elsewhere.json", "nowhere.json"])
def test_a_symlink_with_the_files_name_stays_and_is_not_followed(at: World, target: str) -> None:
    at.checked = False
    elsewhere = at.base / "elsewhere.json"
    elsewhere.write_bytes(OLD)
    note = stage(at.root, PATH, OURS, digest(OLD))
    at.file.unlink()
    at.file.symlink_to(at.base / target)
    assert perform(at.root, note, at.swapped) == NotWritten()
    assert at.file.readlink() == at.base / target
    assert elsewhere.read_bytes() == OLD


@pytest.mark.parametrize("kind", ["replacement", "removal"])
def test_a_folder_swapped_for_a_symlink_at_any_step_leads_nowhere(kind: str) -> None:
    outside_holds = {"file.json": OLD, "other.json": b"{}"}
    for step in range(30):
        with world(OLD) as at:
            outside = at.base / "outside"
            outside.mkdir()
            for name, body in outside_holds.items():
                (outside / name).write_bytes(body)

            def swap(at: World = at, outside: Path = outside) -> None:
                at.file.parent.rename(at.store / "moved")
                at.file.parent.symlink_to(outside)

            at.checked = False
            at.at(step, swap)
            with suppress(WriteFailed):
                note = (
                    stage(at.root, PATH, OURS, digest(OLD))
                    if kind == "replacement"
                    else stage_removal(at.root, PATH, digest(OLD))
                )
                assert not isinstance(note, Missing)
                perform(at.root, note, at.swapped)
            assert {p.name: p.read_bytes() for p in outside.iterdir()} == outside_holds


@pytest.mark.parametrize("has_open_beneath", [True, False])
def test_a_symlinked_folder_is_refused(
    at: World, monkeypatch: pytest.MonkeyPatch, has_open_beneath: bool
) -> None:
    monkeypatch.setattr("syncd.files.root._HAS_OPEN_BENEATH", has_open_beneath)
    outside = at.base / "outside"
    outside.mkdir()
    (at.store / "link").symlink_to(outside)
    (at.store / "inner").mkdir()
    (at.store / "inner/link").symlink_to(outside)
    for path in ("link/x.json", "inner/link/x.json", "link/new/x.json"):
        with pytest.raises(WriteFailed) as failed:
            stage(at.root, path, OURS, None)
        assert failed.value.hold.reason == "symlink"
    assert list(outside.iterdir()) == []
    assert isinstance(at.perform(stage(at.root, PATH, OURS, digest(OLD))), Written)


def test_a_replaced_root_is_not_written(at: World) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    at.store.rename(at.base / "moved")
    at.file.parent.mkdir(parents=True)
    at.file.write_bytes(OLD)
    answer = perform(at.root, note, at.swapped)
    assert isinstance(answer, Hold)
    assert answer.reason == "root-missing"
    with pytest.raises(WriteFailed, match="another one"):
        stage(at.root, PATH, OURS, digest(OLD))
    assert at.holds() == OLD
    assert (at.base / "moved" / PATH).read_bytes() == OLD


def test_a_folder_that_went_away_means_not_written(at: World) -> None:
    at.checked = False
    note = stage(at.root, PATH, OURS, digest(OLD))
    at.file.parent.rename(at.store / "moved")
    assert perform(at.root, note, at.swapped) == NotWritten()
    assert recover(at.root, note, at.swapped) == NotWritten()
    discard(at.root, note, at.swapped)
    assert (at.store / "moved/file.json").read_bytes() == OLD


@pytest.mark.parametrize("expected", [OLD, None])
def test_another_folder_in_its_place_means_not_written(at: World, expected: bytes | None) -> None:
    at.checked = False
    note = stage(at.root, PATH, OURS, digest(expected) if expected else None)
    at.file.parent.rename(at.store / "moved")
    at.file.parent.mkdir()
    assert recover(at.root, note, at.swapped) == NotWritten()


def test_a_folder_that_was_there_and_back_means_written(at: World) -> None:
    at.checked = False
    note = stage(at.root, PATH, OURS, digest(OLD))
    perform(at.root, note, at.swapped)
    at.file.parent.rename(at.store / "moved")
    (at.store / "moved").rename(at.file.parent)
    assert isinstance(at.recover(note), Written)


@pytest.mark.parametrize("made", ["folder", "symlink"])
def test_a_leftover_that_is_no_file_stays_and_is_told(at: World, made: str) -> None:
    left = at.store / ".syncd-0123456789abcdef"
    left.mkdir() if made == "folder" else left.symlink_to("/etc/hostname")
    answer = retire(at.root, left.name, at.swapped)
    assert isinstance(answer, Hold)
    assert left.is_dir() or left.is_symlink()
    assert retire(at.root, "none/.syncd-0", at.swapped) is None


def test_the_other_name_of_a_hard_link_does_not_reach_into_history(at: World) -> None:
    at.checked = False
    other = at.file.with_name("other.json")
    other.hardlink_to(at.file)
    at.perform(stage(at.root, PATH, OURS, digest(OLD)))
    other.write_bytes(b'{"is": "written through the other name"}')
    assert at.history.get(digest(OLD)) == OLD


def test_many_files_take_one_fsync_a_folder(at: World) -> None:
    notes = [
        stage(at.root, f"folder {n % 3}/file {n}.json", OURS + str(n).encode(), None)
        for n in range(30)
    ]
    at.steps.clear()
    answers = perform_all(at.root, notes, at.swapped)
    assert [type(answer) for answer in answers] == [Written] * 30
    assert at.steps.count("Folder.sync") == 3
    for n in range(30):
        assert (at.store / notes[n].path).read_bytes() == OURS + str(n).encode()


def test_removing_what_is_not_there(at: World) -> None:
    assert stage_removal(at.root, "folder/none.json", digest(OLD)) == Missing()
    assert stage_removal(at.root, "none/none.json", digest(OLD)) == Missing()
    note = stage_removal(at.root, PATH, digest(OLD))
    assert not isinstance(note, Missing)
    at.delete()
    assert at.perform(note) == Written(None, None)


def test_an_ordinary_user_without_the_permission_changes_nothing() -> None:
    def test(base: Path) -> None:
        at = World(base, OLD)
        at.file.parent.chmod(0o555)
        with pytest.raises(WriteFailed) as failed:
            stage(at.root, PATH, OURS, digest(OLD))
        assert failed.value.hold.reason == "no-permission"
        note = stage_removal(at.root, PATH, digest(OLD))
        assert not isinstance(note, Missing)
        answer = perform(at.root, note, at.swapped)
        assert isinstance(answer, Hold)
        assert answer.reason == "no-permission"
        assert at.holds() == OLD

    as_ordinary_user(test)


def test_a_file_that_may_not_be_read_is_not_replaced() -> None:
    def test(base: Path) -> None:
        at = World(base, OLD)
        note = stage(at.root, PATH, OURS, digest(OLD))
        at.file.chmod(0)
        at.checked = False
        assert at.perform(note) == NotWritten()
        at.file.chmod(0o600)
        assert at.holds() == OLD

    as_ordinary_user(test)


@pytest.fixture
def plain(at: World, monkeypatch: pytest.MonkeyPatch) -> World:
    def refuse(_folder: int, source: str, _target: str, _flag: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), source)

    monkeypatch.setattr("syncd.files.syscalls.rename", refuse)
    return at


def test_without_exchange_a_file_is_checked_and_replaced(plain: World) -> None:
    assert plain.root.exchanges is None
    note = stage(plain.root, PATH, OURS, digest(OLD))
    answer = plain.perform(note)
    assert answer == plain.recover(note)
    assert answer == Written(stat_of(plain.file), digest(OLD))
    assert plain.root.exchanges is False, "doctor tells"
    assert plain.history.get(digest(OLD)) == OLD


def test_without_exchange_an_earlier_save_stays(plain: World) -> None:
    note = stage(plain.root, PATH, OURS, digest(OLD))
    plain.save(b'{"is": "saved"}')
    assert plain.perform(note) == NotWritten()
    discard(plain.root, note, plain.swapped)
    plain.check_cleared()
    assert plain.holds() == b'{"is": "saved"}'


def test_without_exchange_only_the_very_last_step_can_lose_a_save(plain: World) -> None:
    """Saves at each step in turn, up to the check right before the rename."""
    met = 0
    for step in range(30):
        plain.save(OLD)
        plain.root.exchanges = False
        note = stage(plain.root, PATH, OURS, digest(OLD))
        first = len(plain.steps)
        plain.at(step, lambda: plain.save(b'{"is": "saved"}'))
        plain.perform(note)
        if plain.steps[first : first + step + 1][-1] == "Folder.replace":
            break
        met += 1
        assert plain.holds() == b'{"is": "saved"}', plain.steps[first:]
        discard(plain.root, note, plain.swapped)
    assert met > 3


def test_without_a_refusing_rename_nothing_is_replaced_either(plain: World) -> None:
    note = stage(plain.root, PATH, OURS, None)
    assert plain.perform(note) == NotWritten()
    assert plain.holds() == OLD
    new = stage(plain.root, "new.json", OURS, None)
    assert isinstance(plain.perform(new), Written)
    assert not (plain.store / new.temporary).exists()


def test_without_a_refusing_rename_a_crash_between_link_and_unlink(plain: World) -> None:
    note = stage(plain.root, "new.json", OURS, None)
    (plain.store / "new.json").hardlink_to(plain.store / note.temporary)
    assert isinstance(plain.recover(note), Written)
    assert [path.name for path in plain.store.glob("*.json")] == ["new.json"]
    assert not (plain.store / note.temporary).exists()


def stat_of(path: Path) -> Stat:
    found = path.stat()
    return Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def test_what_is_wrong_with_the_state_folder_is_told_of_it_and_not_of_the_file(at: World) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    (at.base / "swapped").write_text("a file where a folder is to be")
    at.checked = False
    answer = perform(at.root, note, at.swapped)
    assert isinstance(answer, Hold)
    assert answer.detail.endswith(f": {at.base / 'swapped'}"), answer


def test_a_link_on_the_way_is_told_in_words(at: World) -> None:
    at.file.parent.rename(at.base / "elsewhere")
    at.file.parent.symlink_to(at.base / "elsewhere")
    with pytest.raises(WriteFailed) as raised:
        stage(at.root, PATH, OURS, digest(OLD))
    assert raised.value.hold.detail == "it, or a folder of its path, is a symbolic link"
