"""Increments are counted once, whatever is known of the calls that told of them."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.config import Config
from syncd.errors import RecordError
from syncd.files.root import Root
from syncd.storage.counting import Counting
from syncd.storage.file import remove as removed
from syncd.storage.mirror import Lost, Mirror
from syncd.storage.records import Asset
from syncd.storage.rows import AssetRow, Counted
from syncd.storage.stores import Stores

BODY = '{"id": "a", "metadata": {"downloads": 5}}\n'


class Deployment:
    """Answers as it is told to, and counts each request once."""

    def __init__(self, *answers: str | Lost) -> None:
        self.away = False
        self.answers = list(answers)
        self.counted: set[str] = set()
        self.meanwhile: Callable[[], None] = lambda: None

    async def mutation(self, path: str, answer: object, /, **args: Any) -> Counted | Lost:
        told = self.answers.pop(0)
        self.meanwhile()
        if told in ("applied", Lost.UNKNOWN):
            self.counted.add(args["requestId"])
        return told if isinstance(told, Lost) else Counted(outcome=told)


@pytest.fixture
def file(project: Config) -> Path:
    """The asset's file."""
    folder = next(each.path for each in project.stores if each.kind == "asset")
    (folder / "p").mkdir(parents=True)
    (folder / "p/a.json").write_text(BODY)
    return folder / "p/a.json"


def counting(project: Config, deployment: Deployment) -> Counting:
    assets: Stores[Asset, AssetRow] = Stores(project, Asset)
    return Counting(project, cast("Mirror", deployment), assets)


def test_what_may_have_been_counted_is_not_counted_here_when_nobody_answers(
    project: Config, file: Path
) -> None:
    deployment = Deployment(Lost.UNKNOWN, Lost.NOT_DONE, "applied")
    increments = counting(project, deployment)
    asyncio.run(increments.increment("a"))
    asyncio.run(increments.settle())
    assert file.read_text() == BODY
    asyncio.run(increments.settle())
    assert (len(deployment.counted), deployment.answers) == (1, [])
    assert file.read_text() == BODY
    assert list((project.state / "increments").iterdir()) == []


def test_what_two_programs_hear_is_not_counted_is_counted_here_once(
    project: Config, file: Path
) -> None:
    deployment = Deployment("missing", "missing")
    other = counting(project, deployment)

    def settled_by_the_other() -> None:
        deployment.meanwhile = lambda: None
        running = threading.Thread(target=lambda: asyncio.run(other.settle()))
        running.start()
        running.join()

    deployment.meanwhile = settled_by_the_other
    asyncio.run(counting(project, deployment).increment("a"))
    assert deployment.answers == []
    assert file.read_text() == BODY.replace("5", "6")


def test_what_another_program_crosses_out_meanwhile_is_no_trouble(
    project: Config, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(counting(project, Deployment(Lost.UNKNOWN)).increment("a"))
    read = Path.read_text

    def late(path: Path, *args: Any, **kwargs: Any) -> str:
        if path.parent.name == "increments":
            path.unlink()
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", late)
    asyncio.run(counting(project, Deployment()).settle())
    assert file.read_text() == BODY


def test_what_was_deleted_meanwhile_is_counted_nowhere_and_keeps_nobody(
    project: Config, file: Path
) -> None:
    deployment = Deployment(Lost.UNKNOWN, "missing")
    increments = counting(project, deployment)
    asyncio.run(increments.increment("a"))
    file.unlink()
    asyncio.run(increments.settle())
    assert list((project.state / "increments").iterdir()) == []


async def test_a_call_that_is_cancelled_before_its_answer_is_sent_again(
    project: Config, file: Path
) -> None:
    deployment = Deployment("applied")
    increments = counting(project, deployment)
    sent = asyncio.Event()

    async def silent(path: str, answer: object, /, **args: Any) -> Counted | Lost:
        sent.set()
        return await asyncio.Future()

    answering = deployment.mutation
    deployment.mutation = silent  # type: ignore[method-assign]
    await increments.settle()
    call = asyncio.create_task(increments.increment("a"))
    await sent.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    deployment.mutation = answering  # type: ignore[method-assign]
    await increments.settle()
    assert (len(deployment.counted), deployment.answers) == (1, [])
    assert list((project.state / "increments").iterdir()) == []


async def test_what_is_to_be_counted_here_is_counted_though_the_call_is_cancelled(
    project: Config, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    increments = counting(project, Deployment("missing"))
    crossed_out, counted = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    edit, remove = Stores.edit, "syncd.storage.counting.remove"

    def edited(*args: Any) -> bool:
        done = edit(*args)
        counted.set()
        return done

    def told(root: Root, path: str) -> bool:
        done = removed(root, path)
        loop.call_soon_threadsafe(crossed_out.set)
        return done

    monkeypatch.setattr(Stores, "edit", edited)
    monkeypatch.setattr(remove, told)
    call = asyncio.create_task(increments.increment("a"))
    await crossed_out.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(counted.wait, 5.0)
    assert file.read_text() == BODY.replace("5", "6")


async def test_an_earlier_call_that_cannot_be_counted_is_no_trouble_of_a_later_one(
    project: Config, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    increments = counting(project, Deployment(Lost.UNKNOWN, "ambiguous"))
    await increments.increment("a")
    (file.parent / "twin.json").write_text(BODY)
    await increments.settle()
    assert "a download of a was not counted: 'a' is the id of p/a.json and p/twin" in caplog.text
    assert file.read_text() == BODY
    assert list((project.state / "increments").iterdir()) == []


@pytest.mark.parametrize(
    "metadata", ['"none yet"', '["a"]', '{"downloads": "1,234"}', '{"downloads": 12.5}']
)
async def test_what_is_no_count_is_not_counted_over(
    project: Config, file: Path, metadata: str
) -> None:
    deployment = Deployment()
    deployment.away = True
    file.write_text(f'{{"id": "a", "metadata": {metadata}}}')
    with pytest.raises(RecordError, match=r"(metadata|downloads) .* nothing was written"):
        await counting(project, deployment).increment("a")
    assert file.read_text() == f'{{"id": "a", "metadata": {metadata}}}'


@pytest.mark.parametrize("metadata", ["null", "{}", '{"downloads": null}'])
async def test_where_nothing_was_counted_the_first_is_one(
    project: Config, file: Path, metadata: str
) -> None:
    deployment = Deployment()
    deployment.away = True
    file.write_text(f'{{"id": "a", "metadata": {metadata}}}')
    await counting(project, deployment).increment("a")
    assert json.loads(file.read_text()) == {"id": "a", "metadata": {"downloads": 1}}


@pytest.fixture
def private(project: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state folder is another user's, as the daemon's may be."""
    project.state.mkdir()

    def closed(path: Path) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    opened = Root.open
    monkeypatch.setattr(Path, "iterdir", closed)
    monkeypatch.setattr(
        Root,
        "open",
        lambda path: closed(path) if path.is_relative_to(project.state) else opened(path),
    )


async def test_where_nothing_can_be_put_down_the_file_counts(
    project: Config, file: Path, private: None
) -> None:
    deployment = Deployment()
    await counting(project, deployment).increment("a")
    assert file.read_text() == BODY.replace("5", "6")
    assert deployment.counted == set()


async def test_who_may_not_see_what_others_left_is_kept_from_nothing(
    project: Config, file: Path, private: None, caplog: pytest.LogCaptureFixture
) -> None:
    (project.state / "increments").mkdir()
    increments = counting(project, Deployment())
    await increments.settle()
    await increments.settle()
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "Permission denied" in caplog.text
