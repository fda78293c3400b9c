"""Somebody changes files and folders at the worst moment of a run that reads and writes them.

Each case does one thing right before the first time that one step touches the disk. In the run a
save of sub/mine.json is sent, and another device's sub/theirs.json is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from syncd.core.model import Digest
from syncd.files.folder import Folder
from syncd.files.root import Root

from .laptop import SECRET, Laptop, digest
from .played import Played, reached

OLD, MINE, THEIRS, LATE = (b'{"is": "%s"}' % name for name in (b"old", b"mine", b"theirs", b"late"))

STEPS: Final = ((Root, "folder"), (Folder, "stat"), (Folder, "open"), (Folder, "look"),
                (Folder, "create"), (Folder, "exchange"))  # fmt: skip

Act = Callable[[Laptop], object]


def deleted(at: Laptop) -> None:
    (at.folder / "sub/theirs.json").unlink()


def saved(at: Laptop) -> None:
    at.save("sub/theirs.json", LATE)


def truncated_and_written(at: Laptop) -> None:
    with (at.folder / "sub/theirs.json").open("r+b") as file:
        file.truncate()
        file.write(LATE)


def truncated(at: Laptop) -> None:
    os.truncate(at.folder / "sub/theirs.json", 3)


def grown(at: Laptop) -> None:
    with (at.folder / "sub/mine.json").open("ab") as file:
        file.write(b" " * 9)


def made_a_folder(at: Laptop) -> None:
    deleted(at)
    (at.folder / "sub/theirs.json").mkdir()


def made_a_link_out(at: Laptop) -> None:
    deleted(at)
    (at.folder / "sub/theirs.json").symlink_to(at.outside / "secret.json")


def made_a_pipe(at: Laptop) -> None:
    deleted(at)
    os.mkfifo(at.folder / "sub/theirs.json")


def folder_renamed(at: Laptop) -> None:
    (at.folder / "sub").rename(at.folder / "moved")


def folder_made_a_link_out(at: Laptop) -> None:
    folder_renamed(at)
    (at.folder / "sub").symlink_to(at.outside)


def folder_made_a_link_to_it(at: Laptop) -> None:
    folder_renamed(at)
    (at.folder / "sub").symlink_to("moved")


def folder_made_a_file(at: Laptop) -> None:
    folder_renamed(at)
    (at.folder / "sub").write_bytes(LATE)


def root_renamed(at: Laptop) -> None:
    at.folder.rename(at.folder.with_name("elsewhere"))


def root_replaced(at: Laptop) -> None:
    root_renamed(at)
    at.folder.mkdir()


def root_made_a_link_out(at: Laptop) -> None:
    root_renamed(at)
    at.folder.symlink_to(at.outside)


ACTS: Final = (
    deleted, saved, truncated_and_written, truncated, grown, made_a_folder, made_a_link_out,
    made_a_pipe, folder_renamed, folder_made_a_link_out, folder_made_a_link_to_it,
    folder_made_a_file, root_renamed, root_replaced, root_made_a_link_out,
)  # fmt: skip


class Moment:
    """Does `act` right before the first call of `step`, once it is armed."""

    def __init__(self, step: tuple[type[Any], str]) -> None:
        self.act: Callable[[], object] | None = None
        self.came = False
        self.after_the_swap = step[1] == "look"
        self._where, self._name = step

    def __enter__(self) -> Moment:
        self._real = getattr(self._where, self._name)
        real = self._real

        def stepped(*args: Any, **kwargs: Any) -> Any:
            act, self.act = self.act, None
            if act is not None:
                self.came = True
                act()
            return real(*args, **kwargs)

        setattr(self._where, self._name, stepped)
        return self

    def __exit__(self, *_: object) -> None:
        setattr(self._where, self._name, self._real)


IN_PLACE: Final = (truncated_and_written, truncated)
"""What opens the file for writing: the lease that the swap takes makes it wait for the swap."""

OVER_OURS: Final = (deleted, saved, *IN_PLACE)
"""What, after the swap, is done to the version that the swap brought, by who can see it."""


def skipped(step: tuple[type[Any], str], act: Act) -> bool:
    return step == (Folder, "exchange") and act in IN_PLACE


CASES: Final = [(step, act) for step in STEPS for act in ACTS if not skipped(step, act)]


@pytest.mark.parametrize(
    ("step", "act"), CASES, ids=[f"{step[1]}-{act.__name__}" for step, act in CASES]
)
async def test_nothing_is_lost_and_nothing_gets_out(
    tmp_path: Path, step: tuple[type[Any], str], act: Act
) -> None:
    with Moment(step) as moment:
        await live(tmp_path, moment, act)


async def live(tmp_path: Path, moment: Moment, act: Act) -> None:
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            await begin(laptop, played)
            moment.act = lambda: act(laptop)
            for _ in range(3):
                await laptop.sync()
            assert moment.came
            nothing_lost(laptop, played, act, after_the_swap=moment.after_the_swap)
            put_back(laptop, act)
            await laptop.sync()
            await laptop.sync()
            agree(laptop, played)


async def begin(laptop: Laptop, played: Played) -> None:
    for path in ("sub/mine.json", "sub/theirs.json", "stays.json", "below/stays.json"):
        laptop.save(path, OLD)
    await laptop.sync()
    laptop.save("sub/mine.json", MINE)
    played.plant("sub/theirs.json", THEIRS)


def nothing_lost(laptop: Laptop, played: Played, act: Act, *, after_the_swap: bool) -> None:
    """No way out, no deletion that nobody made, and every save is somewhere."""
    secret = laptop.outside / "secret.json"
    assert os.listdir(laptop.outside) == ["secret.json"]  # noqa: PTH208
    assert secret.read_bytes() == SECRET
    assert digest(SECRET) not in played.live().values()
    gone: dict[Act, set[str]] = {
        folder_renamed: {"sub/mine.json", "sub/theirs.json"},
        folder_made_a_file: {"sub/mine.json", "sub/theirs.json"},
        deleted: {"sub/theirs.json"},
        made_a_folder: {"sub/theirs.json"},
    }
    assert set(played.tombstones()) <= gone.get(act, set())
    everywhere = set(played.live().values()) | set(map(digest, bodies_below(laptop)))
    if act is not grown:
        assert reachable(laptop, digest(MINE), everywhere)
    if not (after_the_swap and act in OVER_OURS):
        assert reachable(laptop, digest(THEIRS), everywhere)


def bodies_below(laptop: Laptop) -> list[bytes]:
    """Every file beside the state folder, whatever became of the store's."""
    home = laptop.folder.parent
    return [
        path.read_bytes()
        for top in home.iterdir() if top.name != "state" and not top.is_symlink()
        for path in top.rglob("*") if path.is_file() and not path.is_symlink()
    ]  # fmt: skip


def reachable(laptop: Laptop, wanted: Digest, everywhere: set[Any]) -> bool:
    kept = laptop.ledger.contents.get(wanted)
    return wanted in everywhere or laptop.history.has(wanted) or kept is not None


def put_back(laptop: Laptop, act: Act) -> None:
    """Undo what stands in the way."""
    away, sub = laptop.folder.with_name("elsewhere"), laptop.folder / "sub"
    if away.exists():
        laptop.folder.unlink() if laptop.folder.is_symlink() else None
        laptop.folder.rmdir() if laptop.folder.exists() else None
        away.rename(laptop.folder)
    if sub.is_symlink() or sub.is_file():
        sub.unlink()
        (laptop.folder / "moved").rename(sub)
    odd = sub / "theirs.json"
    if odd.is_symlink() or odd.is_fifo():
        odd.unlink()
    elif odd.is_dir():
        odd.rmdir()
    elif act is truncated and odd.exists():
        odd.write_bytes(LATE)


def agree(laptop: Laptop, played: Played) -> None:
    """Nothing is held, nothing of ours is left, and both sides hold the same."""
    assert laptop.held() == {}
    assert laptop.leftovers() == []
    assert {path: digest(body) for path, body in laptop.tree().items()} == played.live()
    assert {"stays.json", "below/stays.json"} <= laptop.tree().keys()
