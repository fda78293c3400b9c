"""Each trouble is found, with what was seen and what to type; what is well is not complained of."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncd.cli import registered
from syncd.config import Config, StoreConfig, load
from syncd.core.model import INLINE_LIMIT
from syncd.doctor import contents, devices, examine, machine, stores, systemd, watching
from syncd.doctor import ledger as ledger_checks
from syncd.doctor.finding import Finding, Level
from syncd.ledger.state import StateFolder
from syncd.remote.devices import WireDevice
from syncd.setup.units import user_unit
from syncd.stores.codec import PAYLOAD_LIMIT, RECORDS_LIMIT
from syncd.stores.layout import SAVE_PREFIX, TEMPORARY_PREFIX
from syncd.stores.tree import DEEPEST
from tests.files.person import as_ordinary_user

DAY_MS = 86_400_000.0


def made(folder: Path, lines: str = 'kind = "workflow"') -> Config:
    """A project with the store `flows`."""
    (folder / "flows").mkdir()
    (folder / "config.toml").write_text(f'[[store]]\nname = "flows"\npath = "flows"\n{lines}\n')
    return load(folder / "config.toml", {})


def store_of(folder: Path, lines: str = 'kind = "workflow"') -> StoreConfig:
    return made(folder, lines).stores[0]


def bad(findings: Iterable[Finding]) -> list[Finding]:
    found = [finding for finding in findings if finding.level is not Level.OK]
    assert all(finding.evidence and finding.fix for finding in found)
    return found


def test_a_linked_folder_is_told_as_nothing_in_it_is_mirrored(tmp_path: Path) -> None:
    store = store_of(tmp_path, 'kind = "workflow"\nexclude = ["/left-out/"]')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.json").write_text("{}")
    (store.path / "team").symlink_to(tmp_path / "elsewhere")
    (store.path / "left-out").symlink_to(tmp_path / "elsewhere")
    (found,) = bad(contents.examine(store))
    assert (found.check, "'team': a link to a folder" in found.evidence) == ("links:flows", True)
    assert "left-out" not in found.evidence


def test_a_store_without_troubles_has_none(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for name in ("a.json", "b.json", "ä.json"):
        (store.path / name).write_text(json.dumps({"id": name, "deep": [[[]]]}))
    (store.path / "A.txt").touch()
    (store.path / "a.txt").touch()  # Not mirrored, so no matter.
    found = list(contents.examine(store))
    assert {finding.check for finding in found} == {"names:flows", "sizes:flows", "ids:flows"}
    assert bad(found) == []


def test_what_a_write_left_is_not_taken_for_files_that_match_nothing(tmp_path: Path) -> None:
    config = made(tmp_path)
    (config.stores[0].path / (TEMPORARY_PREFIX + "0" * 16)).touch()
    first = next(stores.examine(config.stores[0], config.state))
    assert (first.level, first.evidence) == (
        Level.OK, f"0 files are mirrored, 0 others not, in {config.stores[0].path}"
    )  # fmt: skip


def test_files_in_a_hidden_folder_match_by_its_name(tmp_path: Path) -> None:
    config = made(tmp_path, 'kind = "workflow"\ninclude = [".team/*.json", "\u00fcb/*.json"]')
    for folder in (".team", "u\u0308b"):
        (config.stores[0].path / folder).mkdir()
        (config.stores[0].path / folder / "a.json").touch()
    first = next(stores.examine(config.stores[0], config.state))
    assert (first.level, "2 files are mirrored" in first.evidence) == (Level.OK, True)


def test_what_a_program_left_that_was_killed_while_it_saved_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made(tmp_path)
    store = config.stores[0]
    left = store.path / "team" / (SAVE_PREFIX + "0" * 16)
    left.parent.mkdir()
    left.write_text("{}")
    assert bad(stores.examine(store, config.state)) == []  # It may go on yet.
    monkeypatch.setattr(stores, "UNDER_WAY", -1.0)
    (found,) = bad(stores.examine(store, config.state))
    assert found.check == "saves:flows"
    assert f"team/{left.name}" in found.evidence
    assert left.exists()


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    os.mkfifo(store.path / "pipe.json")
    (store.path / "endless.json").symlink_to("/dev/zero")
    assert bad(contents.examine(store)) == []


def test_a_user_without_a_name_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert bad(systemd.examine(made(tmp_path))) == []


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_no_trouble(tmp_path: Path) -> None:
    (found,) = systemd.examine(made(tmp_path))
    assert (found.level, "has no home folder" in found.evidence) == (Level.OK, True)


def test_a_state_folder_of_another_user_is_not_said_to_have_no_daemon(tmp_path: Path) -> None:
    app = registered("health")
    # What it imports may lie where the other user may not look.
    CliRunner().invoke(app, ["health", "-c", str(made(tmp_path).source)])

    def as_nobody(base: Path) -> None:
        config = made(base)
        config.state.mkdir()
        config.state.chmod(0)  # As closed to its owner as another user's is.
        found = next(iter(ledger_checks.examine(config)))
        said = CliRunner(env={"SYNCD_TOKEN": "of-a-probe"}).invoke(
            app, ["health", "-c", str(config.source)]
        )
        config.state.chmod(0o700)
        assert "cannot be told" in found.evidence
        assert said.exit_code == 6, said.output
        assert "cannot be told" in said.stderr

    as_ordinary_user(as_nobody)


def test_a_state_folder_that_cannot_be_made_is_told() -> None:
    def as_nobody(base: Path) -> None:
        config = made(base)
        (first,) = (each for each in machine.examine(config) if each.check == "state-folder")
        base.chmod(0o500)
        (second,) = (each for each in machine.examine(config) if each.check == "state-folder")
        base.chmod(0o700)
        assert (first.level, second.level) == (Level.OK, Level.FAIL)
        assert "no daemon can start" in second.evidence

    as_ordinary_user(as_nobody)


def test_a_file_that_goes_while_the_store_is_looked_at_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path)
    (store.path / "a.json").write_text("{}")
    seen = [(str(store.path), list[str](), ["a.json", "gone.json"])]
    monkeypatch.setattr("os.walk", lambda _: iter(seen))
    assert bad(contents.examine(store)) == []


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [("sub/A.json", "sub/a.json", "capitals"), ("\u00e9.json", "e\u0301.json", "spellings")],
)
def test_names_that_collide_are_told_apart_by_the_command_that_is_told(
    tmp_path: Path, one: str, two: str, said: str
) -> None:
    store = store_of(tmp_path)
    for name in (one, two):
        (store.path / name).parent.mkdir(exist_ok=True)
        (store.path / name).write_text("{}")
    (found,) = bad(contents.examine(store))
    assert found.check == "names:flows"
    assert said in found.evidence
    subprocess.run(shlex.split(found.fix), check=True)
    assert bad(contents.examine(store)) == []


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    Path(os.fsdecode(os.fsencode(store.path) + b"/\xff.json")).write_text("{}")
    assert [found.check for found in bad(contents.examine(store))] == ["names:flows"]


@pytest.mark.parametrize(
    ("lines", "size", "level"),
    [
        ('kind = "workflow"', INLINE_LIMIT, Level.OK),
        ('kind = "workflow"', INLINE_LIMIT + 1, Level.WARN),
        ('kind = "workflow"', PAYLOAD_LIMIT + 1, Level.FAIL),
        ('kind = "file"', INLINE_LIMIT + 1, Level.OK),
        ('kind = "document"\nlayout = "records"\npointer = "/d"', RECORDS_LIMIT + 1, Level.FAIL),
        ('kind = "metric"\nlayout = "lines"\ndirection = "push"', PAYLOAD_LIMIT + 1, Level.OK),
    ],
)
def test_what_is_too_large(tmp_path: Path, lines: str, size: int, level: Level) -> None:
    store = store_of(tmp_path, lines)
    name = "a.jsonl" if store.layout == "lines" else "a.json"
    with (store.path / name).open("wb") as file:
        file.truncate(size)
    (found,) = [each for each in contents.examine(store) if each.check == "sizes:flows"]
    assert found.level is level


@pytest.mark.parametrize(("levels", "complains"), [(DEEPEST, False), (DEEPEST + 1, True)])
def test_what_is_nested_too_deep(tmp_path: Path, levels: int, complains: bool) -> None:
    store = store_of(tmp_path)
    (store.path / "a.json").write_text("[" * levels + "]" * levels)
    assert bool(bad(contents.examine(store))) == complains


def test_one_id_in_two_files(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for name in ("a.json", "b.json"):
        (store.path / name).write_text('{"id": "same"}')
    (found,) = bad(contents.examine(store))
    assert found.check == "ids:flows"
    assert found.evidence.startswith("'a.json' and 'b.json' have one id")


def test_an_id_is_what_convex_finds_a_record_by(tmp_path: Path) -> None:
    for kind, complains in (("workflow", True), ("execution", True), ("document", False)):
        (folder := tmp_path / kind).mkdir()
        store = store_of(folder, f'kind = "{kind}"')
        (store.path / "sub").mkdir()
        (store.path / "a.json").write_text("{}")
        (store.path / "sub" / "a.json").write_text('{"id": ""}')
        assert [each.check for each in bad(contents.examine(store))] == ["ids:flows"] * complains
        (store.path / "sub" / "a.json").rename(store.path / "b.json")
        for name in ("a.json", "b.json") if kind == "execution" else ():
            (store.path / name).write_text('{"id": "one"}')  # An execution is called by its file.
        assert bad(contents.examine(store)) == []


def test_lines_that_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = made(tmp_path, 'kind = "metric"\nlayout = "lines"\ndirection = "push"')
    (store,) = config.stores
    (store.path / "m.jsonl").write_text("{}\n")
    told = [each.evidence for each in stores.examine(store, config.state)]
    assert "no state folder is there yet" in told
    config.state.mkdir()
    assert bad(stores.examine(store, config.state)) == []
    assert list(config.state.iterdir()) == []

    def refuses(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    (found,) = bad(stores.examine(store, config.state))
    assert (found.check, found.level) == ("links:flows", Level.WARN)
    assert "SYNCD_STATE_DIR" in found.fix


def proc(folder: Path, monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    """A /proc with these limits and one other program, which watches two folders."""
    for name, most in limits.items():
        place = folder / "proc/sys/fs/inotify" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(most))
    other = folder / "proc/4711"
    (other / "fd").mkdir(parents=True)
    (other / "fdinfo").mkdir()
    (other / "fd/3").symlink_to("anon_inode:inotify")
    (other / "fdinfo/3").write_text("pos: 0\ninotify wd:1 ino:2\ninotify wd:2 ino:3\n")
    monkeypatch.setattr(watching, "PROC", folder / "proc")


@pytest.mark.parametrize(
    ("watches", "instances", "checks"),
    [(4, 2, []), (3, 2, ["watches"]), (4, 1, ["instances"])],
)
def test_the_kernel_s_limits_of_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watches: int, instances: int,
    checks: list[str],
) -> None:  # fmt: skip
    config = made(tmp_path)
    (config.stores[0].path / "sub").mkdir()
    proc(tmp_path, monkeypatch, max_user_watches=watches, max_user_instances=instances)
    found = bad(watching.examine(config))
    assert [each.check for each in found] == checks
    assert all(each.fix.startswith("sudo sysctl fs.inotify.max_user_") for each in found)


def test_the_limits_of_a_user_namespace_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made(tmp_path)
    proc(tmp_path, monkeypatch, max_user_watches=4, max_user_instances=4)
    narrow = tmp_path / "proc/sys/user/max_inotify_watches"
    narrow.parent.mkdir(parents=True)
    narrow.write_text("1")
    (found,) = bad(watching.examine(config))
    assert found.fix == "sudo sysctl user.max_inotify_watches=65536"


def device(name: str, seen_at: float | None, *, revoked: bool = False) -> WireDevice:
    return WireDevice.model_validate(
        {"device": name, "name": name, "scopes": [], "revoked": revoked, "seenAt": seen_at}
    )


def test_devices_that_were_away_for_long() -> None:
    now = 100 * DAY_MS
    well = [device("new", None), device("gone", DAY_MS, revoked=True), device("here", now)]
    assert bad([devices.judged(well, now / 1000)]) == []
    ill = [*well, device("laptop", now - 30 * DAY_MS), device("old pc", now - 40 * DAY_MS)]
    (found,) = bad([devices.judged(ill, now / 1000)])
    assert "'old pc' was not there for 40 days, 1 more" in found.evidence
    assert "what was deleted since is kept" in found.evidence
    assert found.fix == "start it, or syncd devices revoke 'old pc'"


def test_a_ledger_that_nobody_has_any_more_keeps_what_was_deleted() -> None:
    now = 100 * DAY_MS
    kept = device("old pc", now).model_copy(update={"waited_since": now - 30 * DAY_MS})
    (found,) = bad([devices.judged([device("here", now), kept], now / 1000)])
    assert "a ledger that 'old pc' had was not heard of for 30 days" in found.evidence
    assert found.fix is not None
    assert "syncd devices enroll 'old pc'" in found.fix


def test_no_service_is_proposed_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (none,) = systemd.examine(config)
    assert "there is no systemd here" in none.evidence


def test_a_user_s_service_without_lingering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = made(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(systemd, "LINGER", tmp_path)
    monkeypatch.setattr("getpass.getuser", lambda: "web")
    monkeypatch.setattr("syncd.setup.units._instance", lambda config: "syncd@x.service")
    (none,) = systemd.examine(config)
    assert "none is installed" in none.evidence
    for path in user_unit(config).files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (found,) = bad(systemd.examine(config))
    assert "nothing starts it" in found.evidence
    (wants := tmp_path / "systemd/user/default.target.wants").mkdir()
    (wants / "syncd@x.service").symlink_to("../syncd@.service")
    (found,) = bad(systemd.examine(config))
    assert found.fix == "loginctl enable-linger web"
    (tmp_path / "web").touch()
    assert bad(systemd.examine(config)) == []


def test_a_folder_that_is_closed_is_opened_by_its_owner() -> None:
    def closed(base: Path) -> None:
        store = store_of(base)
        store.path.chmod(0)
        found = bad(stores.examine(store, base / ".syncd"))
        assert {finding.check for finding in found} == {"writable:flows"}
        assert found[0].fix.startswith(f"chmod u+rwx {store.path}: ")

    as_ordinary_user(closed)


async def test_a_check_that_may_not_look_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> Iterable[Finding]:
        raise PermissionError(13, "Permission denied", "/etc/secret")
        yield

    config = made(tmp_path)
    every = {finding.check async for finding in examine.examine(config)}
    monkeypatch.setattr(contents, "examine", refuses)
    found = [finding async for finding in examine.examine(config)]
    (refused,) = [finding for finding in bad(found) if finding.check == "files:flows"]
    assert refused.evidence == "it could not be looked at: Permission denied at /etc/secret"
    assert refused.fix == "run this as the user whose daemon it is"
    missing = every - {finding.check for finding in found}
    assert missing == {"names:flows", "sizes:flows", "ids:flows"}


def test_a_store_that_may_not_be_looked_at_is_not_gone() -> None:
    def looked(base: Path) -> None:
        config = made(base)
        base.chmod(0)
        try:
            with pytest.raises(PermissionError):
                next(stores.examine(config.stores[0], config.state))
            with pytest.raises(PermissionError):
                next(watching.examine(config))
        finally:
            base.chmod(0o700)

    as_ordinary_user(looked)


async def test_a_full_disk_is_no_matter_of_who_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> Iterable[Finding]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield

    config = made(tmp_path)
    monkeypatch.setattr(stores, "examine", refuses)
    found = [finding async for finding in examine.examine(config)]
    (full,) = [finding for finding in bad(found) if finding.check == "store:flows"]
    assert full.fix == "free some space; it is tried again"


def damage(config: Config) -> None:
    """Make a ledger all of whose pages but the first are damaged."""
    state = StateFolder(config.state)
    state.open()
    state.open_ledger(config.url, config.workspace).close()
    state.close()
    assert not any(found.level is Level.FAIL for found in ledger_checks.examine(config))
    path = state.ledger_path(config.url, config.workspace)
    assert path is not None
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def test_a_damaged_page_is_a_finding(tmp_path: Path) -> None:
    config = made(tmp_path)
    damage(config)
    failed = [f for f in ledger_checks.examine(config) if f.level is Level.FAIL]
    assert failed
    assert {f.check for f in failed} == {"ledger"}
    assert all("deletes nothing" in f.fix for f in failed)


@pytest.mark.parametrize("command", ["status", "log", "conflicts list"])
def test_commands_say_what_is_safe_when_a_page_is_damaged(tmp_path: Path, command: str) -> None:
    config = made(tmp_path)
    damage(config)
    said = CliRunner().invoke(registered(), [*command.split(), "-c", str(config.source)])
    assert said.exit_code == 1
    assert "deletes nothing" in said.stderr
    assert isinstance(said.exception, SystemExit)


@pytest.mark.parametrize(
    ("trouble", "fix"),
    [("stopped_owner", "kill -CONT 4711"),
     ("waiting_owner", "free some space: then it goes on by itself")],
)  # fmt: skip
def test_a_daemon_that_does_nothing_is_none_that_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, fix: str
) -> None:
    config = made(tmp_path)
    monkeypatch.setattr(StateFolder, "owner", lambda _: 4711)
    assert bad(ledger_checks.examine(config)) == []
    monkeypatch.setattr(ledger_checks, trouble, lambda _: 4711)
    (found,) = bad(ledger_checks.examine(config))
    assert (found.check, found.level, found.fix) == ("daemon", Level.FAIL, fix)


async def test_a_configuration_without_a_store_is_none_that_is_well(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    found = [each async for each in examine.examine(load(tmp_path / "config.toml", {}))]
    assert [each.check for each in found if each.level is Level.FAIL] == ["configuration"]
