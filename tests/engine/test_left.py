"""Another ledger or epoch follows: what was noted before is not carried out, and agreed by nobody.

The other clears temporary names of which only the first knows, and a name that is free would say
that what was noted was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.core.model import Hold
from syncd.core.writing import Note, Writing
from syncd.engine.exchange.link import AnotherDeployment
from syncd.files.replica import FileReplica
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder

from .fakes import STORE, Machine, deployment, digest, heard
from .test_epoch import conflicts

TEMPORARY = ".syncd-00000000000000aa"


class Bound(Machine):
    """A machine whose ledgers lie in a state folder, one for each deployment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, deployment())
        self.state = StateFolder(folder / "state")
        self.state.open()
        self.url = "one"
        self.away = folder / "away"
        self.backup = self.deployment.backup()

    def ledger(self) -> Ledger:
        return self.state.open_ledger(self.url, "w")

    async def rebind(self) -> None:
        """Another deployment answers than the ledger's."""
        with pytest.raises(AnotherDeployment) as another:
            await self.sync()
        self.state.rebind(self.url, "w", another.value.deployment)


async def cut_short(folder: Path, *, met: str = "") -> Bound:
    """A machine that ended with "theirs" beside "first", noted and not in its place yet.

    Or just in its place: then what it `met` there lies under the temporary name.
    """
    machine = Bound(folder / "laptop")
    machine.save(a="first")
    await machine.sync()
    machine.backup = machine.deployment.backup()
    other = Machine(folder / "other", machine.deployment, "other")
    await other.sync()
    other.save(a="theirs")
    await other.sync()
    temporary, file = machine.files / TEMPORARY, machine.files / "a.txt"
    temporary.write_text(met or "theirs")
    if met:
        file.write_text("theirs")
    inode = (file if met else temporary).stat().st_ino
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO notes VALUES ('notes', 'a.txt', ?, ?, ?, ?, 2, ?, 6, NULL)",
            (TEMPORARY, inode, digest(b"first"), digest(b"theirs"), digest(b"theirs")),
        )
    ledger.close()
    return machine


async def test_what_is_noted_is_not_cleared_by_the_walk_at_a_start_that_cannot_finish_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = await cut_short(tmp_path)
    recover, retire, walked = FileReplica.recover, FileReplica.retire, False

    def refused(replica: FileReplica, note: Note, *, doubted: bool = False) -> Writing | Hold:
        return recover(replica, note, doubted=doubted) if walked else Hold("io-error", "", "")

    def retired(replica: FileReplica, leftovers: Sequence[str]) -> None:
        nonlocal walked
        retire(replica, leftovers)
        walked = True

    monkeypatch.setattr(FileReplica, "recover", refused)
    monkeypatch.setattr(FileReplica, "retire", retired)
    await machine.sync()
    assert walked
    assert machine.tree()["a"] == machine.mirror()["a"] == "theirs"
    assert conflicts(machine) == 0


async def test_with_another_url_what_was_not_written_is_not_taken_for_written(
    tmp_path: Path,
) -> None:
    machine = await cut_short(tmp_path)
    first = machine.deployment
    machine.url, machine.remote.deployment = "two", deployment(seed=1)
    await machine.sync()
    assert not (machine.files / TEMPORARY).exists()
    machine.url, machine.remote.deployment = "one", first
    await machine.sync()
    assert machine.tree()["a"] == machine.mirror()["a"] == "theirs"
    assert conflicts(machine) == 0


async def test_with_its_folder_away_what_was_not_written_is_not_taken_for_written(
    tmp_path: Path,
) -> None:
    machine = await cut_short(tmp_path)
    first = machine.deployment
    machine.files.rename(machine.away)
    machine.remote.deployment = deployment(seed=1)
    await machine.rebind()
    machine.away.rename(machine.files)
    await machine.sync()
    assert not (machine.files / TEMPORARY).exists()
    machine.remote.deployment = first
    await machine.rebind()
    await machine.sync()
    assert machine.tree()["a"] == machine.mirror()["a"] == "theirs"
    assert conflicts(machine) == 0


async def test_a_save_that_the_other_ledger_let_lie_gets_its_name_back(tmp_path: Path) -> None:
    machine = await cut_short(tmp_path, met="ours, unaware")
    first = machine.deployment
    machine.files.rename(machine.away)
    machine.remote.deployment = deployment(seed=1)
    await machine.rebind()
    await machine.sync()
    machine.away.rename(machine.files)
    machine.remote.deployment = first
    machine.state.rebind(machine.url, "w", first.name)
    await machine.sync()
    assert machine.tree()["a"] == machine.mirror()["a"] == "ours, unaware"
    assert conflicts(machine) == 1, "what it did not know is listed"


async def test_what_was_noted_before_an_epoch_ended_is_agreed_by_nobody(tmp_path: Path) -> None:
    machine = await cut_short(tmp_path, met="first")
    ledger, page = machine.ledger(), machine.deployment.changes("laptop", [STORE], None)
    ledger.hear([heard(change) for change in page.changes], page.cursor)
    ledger.close()
    machine.files.rename(machine.away)
    machine.deployment.restore(machine.backup)
    await machine.sync()
    machine.away.rename(machine.files)
    await machine.sync()
    assert machine.tree()["a"] == machine.mirror()["a"] == "theirs"


async def test_a_deployment_with_a_new_url_is_met_with_its_ledger(tmp_path: Path) -> None:
    """What was deleted meanwhile would come back, and what was listed be forgotten."""
    machine = Bound(tmp_path / "laptop")
    machine.save(a="first", b="second")
    await machine.sync()
    ledger = machine.state.ledger_path("one", "w")
    machine.url = "two"
    machine.delete("b")
    await machine.rebind()
    assert machine.state.ledger_path("two", "w") == ledger
    await machine.sync()
    assert machine.tree() == machine.mirror() == {"a": "first"}


async def test_a_new_deployment_behind_a_new_url_is_met_for_the_first_time(tmp_path: Path) -> None:
    machine = Bound(tmp_path / "laptop")
    machine.save(a="first")
    await machine.sync()
    machine.url, machine.remote.deployment = "two", deployment(seed=1)
    machine.save(b="second")
    await machine.sync()
    assert machine.mirror() == {"a": "first", "b": "second"}
    paths = [machine.state.ledger_path(url, "w") for url in ("one", "two")]
    assert paths[0] != paths[1]
