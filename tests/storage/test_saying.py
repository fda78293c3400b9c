"""What a program says is in the file, whatever it is, and is read again as it was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage.workflows import AsyncWorkflowStorage
from syncd.stores.merge import MERGE_LIMIT
from tests.storage.test_workflows import workflow


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "made"])
async def test_keys_that_are_no_text_are_spelled_as_json_spells_them(
    project: Config, loaded: bool
) -> None:
    storage = AsyncWorkflowStorage(project)
    record = workflow("a")
    record.config = {"limits": {"1": "one", "other": {}}}
    await storage.save(record)
    if loaded:
        found = await storage.load("a")
        assert found is not None
        record = found
    record.config = {"limits": {1: "uno", 2.5: {None: True}, False: 0, "other": {}}}
    await storage.save(record)
    after = await storage.load("a")
    assert after is not None
    assert after.config == {"limits": {"1": "uno", "2.5": {"null": True}, "false": 0, "other": {}}}
    after.config = {"limits": {(1, 2): 3}}
    with pytest.raises(RecordError, match="keys must be str"):
        await storage.save(after)


async def test_two_edits_of_a_long_record_are_both_kept(project: Config) -> None:
    storage = AsyncWorkflowStorage(project)
    made = workflow("a")
    made.description = "x" * (MERGE_LIMIT + 1)
    await storage.save(made)
    mine, other = await storage.load("a"), await storage.load("a")
    assert mine is not None
    assert other is not None
    mine.name, other.status = "mine", "theirs"
    await storage.save(mine)
    await storage.save(other)
    both = await storage.load("a")
    assert both is not None
    assert (both.name, both.status) == ("mine", "theirs")


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
async def test_what_is_saved_can_be_loaded(tmp_path: Path, name: str) -> None:
    store = '[[store]]\nname = "w"\nkind = "workflow"\npath = "w"\n'
    (tmp_path / "config.toml").write_text(f'{store}create = "{name.replace("a.", "{id}.")}"\n')
    storage = AsyncWorkflowStorage(tmp_path / "config.toml")
    made = workflow("a")
    made.description = "a\u2028b\x85\r\n\ufeff"
    made.config = {"": 1, "x" * 200: [{"k:\n ey": "é", "?": "on"}]}
    await storage.save(made)
    assert await storage.load("a") == made
