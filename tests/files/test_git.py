"""What real git leaves in its directory while it is at work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from syncd.core.pause import LOCKED
from syncd.files.git import operation_around


def git(tree: Path, *command: str, fails: bool = False) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    ended = subprocess.run(["git", *names, *command], cwd=tree, check=False, capture_output=True)
    assert (ended.returncode != 0) == fails, ended


def commit(tree: Path, body: str) -> None:
    (tree / "store").mkdir(exist_ok=True)
    (tree / "store/a.json").write_text(body)
    git(tree, "add", ".")
    git(tree, "commit", "-m", body)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with two branches that clash, on the first of them."""
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init")
    commit(tree, "base")
    git(tree, "checkout", "-b", "other")
    commit(tree, "theirs")
    git(tree, "checkout", "main")
    commit(tree, "ours")
    return tree


def name(tree: Path) -> str | None:
    found = operation_around(tree / "store")
    return found.name if found else None


def test_nothing_is_under_way(tree: Path, tmp_path: Path) -> None:
    assert name(tree) is None
    assert operation_around(tmp_path) is None


@pytest.mark.parametrize(
    ("command", "what", "ends"),
    [
        (("merge", "other"), "a merge", ("merge", "--abort")),
        (("rebase", "other"), "a rebase", ("rebase", "--abort")),
        (("cherry-pick", "other"), "a cherry-pick", ("cherry-pick", "--abort")),
        (("revert", "HEAD~1"), "a revert", ("revert", "--abort")),
    ],
)
def test_a_clash_is_under_way_until_it_ends(
    tree: Path, command: tuple[str, ...], what: str, ends: tuple[str, ...]
) -> None:
    git(tree, *command, fails=True)
    assert name(tree) == what
    git(tree, *ends)
    assert name(tree) is None


def test_a_bisect(tree: Path) -> None:
    git(tree, "bisect", "start")
    assert name(tree) == "a bisect"
    git(tree, "bisect", "reset")
    assert name(tree) is None


def test_the_index_is_locked_while_git_writes_it(tree: Path) -> None:
    git(tree, "merge", "other", fails=True)
    lock = tree / ".git/index.lock"
    lock.touch()
    assert name(tree) == LOCKED
    lock.unlink()
    assert name(tree) == "a merge"


def test_every_step_touches_the_tree(tree: Path) -> None:
    git(tree, "merge", "other", fails=True)
    before = operation_around(tree / "store")
    (tree / "store/a.json").write_text("both")
    git(tree, "add", ".")
    after = operation_around(tree / "store")
    assert before is not None
    assert after is not None
    assert after.touched > before.touched


def test_a_linked_work_tree_has_its_own(tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(tree, "worktree", "add", str(linked), "-b", "third")
    git(linked, "merge", "other", fails=True)
    assert name(linked) == "a merge"
    assert name(tree) is None
