"""Scheduled functions and crons: when, how often, and over crashes."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .backend import Backend, bundle


def await_that(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def later(backend: Backend, tag: str, name: str = "run", value: Any = 1, after: int = 0) -> str:
    return str(backend.mutate("jobs:later", name=name, tag=tag, value=value, after=after))


def state(backend: Backend, job: str) -> Any:
    return backend.query("jobs:state", job=job)


def test_scheduled_functions_run_in_the_order_of_their_times(backend: Backend, tag: str) -> None:
    jobs = [later(backend, tag, value=n, after=n * 100) for n in (3, 1, 2)]
    jobs.append(later(backend, tag, name="act", value=4, after=600))
    await_that(lambda: all(state(backend, job)["kind"] == "success" for job in jobs))
    assert backend.query("jobs:done", tag=tag) == [1, 2, 3, 4]


def test_what_fails_leaves_nothing_and_says_so(backend: Backend, tag: str) -> None:
    job = later(backend, tag, value="fail")
    await_that(lambda: state(backend, job)["kind"] == "failed")
    assert "as asked" in state(backend, job)["error"]
    assert backend.query("jobs:done", tag=tag) == []


def test_a_job_goes_with_the_transaction_that_schedules_it(backend: Backend, tag: str) -> None:
    args = {"name": "run", "tag": tag, "value": 1, "after": 0, "fails": True}
    assert "after scheduling" in backend.call("mutation", "jobs:later", args).error
    marker = later(backend, tag, value=2)
    await_that(lambda: state(backend, marker)["kind"] == "success")
    assert backend.query("jobs:done", tag=tag) == [2]


def test_what_is_no_path_is_not_scheduled(backend: Backend, tag: str) -> None:
    args = {"path": "a:b:c", "tag": tag}
    assert "is not a path to a function" in backend.call("mutation", "jobs:byPath", args).error
    marker = later(backend, tag, value=2)
    await_that(lambda: state(backend, marker)["kind"] == "success")


def test_a_canceled_job_never_runs(backend: Backend, tag: str) -> None:
    job = later(backend, tag, after=300)
    backend.mutate("jobs:cancel", job=job)
    marker = later(backend, tag, value=2, after=400)
    await_that(lambda: state(backend, marker)["kind"] == "success")
    assert state(backend, job) == {"kind": "canceled"}
    assert backend.query("jobs:done", tag=tag) == [2]


def test_what_came_of_old_jobs_is_forgotten_as_new_ones_are_done(
    backend: Backend, tag: str
) -> None:
    week_ago = (time.time() - 8 * 24 * 3600) * 1000
    old = [
        str(backend.mutate("jobs:at", tag=tag, value=value, time=week_ago))
        for value in (1, 2, 3, "fail")
    ]
    await_that(lambda: backend.query("jobs:done", tag=tag) == [1, 2, 3])
    new = [later(backend, tag, value=4) for _ in range(5)]
    await_that(lambda: all((state(backend, job) or {}).get("kind") == "success" for job in new))
    await_that(lambda: [state(backend, job) for job in old] == [None] * 4)


def test_a_mutation_runs_exactly_once_over_kill_9(make_backend: Callable[[str], Backend]) -> None:
    backend = make_backend("probes")
    backend.start()
    jobs = [later(backend, "many", value=n, after=n) for n in range(150)]
    while len(backend.query("jobs:done", tag="many")) < 150:
        backend.kill(signal.SIGKILL)
        backend.start()
        time.sleep(0.03)
    assert backend.query("jobs:done", tag="many") == list(range(150))
    assert {state(backend, job)["kind"] for job in jobs} == {"success"}


CRONS = """
import { anyApi, cronJobs, internalMutationGeneric } from "convex/server";
const crons = cronJobs();
const tick_ = anyApi.crons.tick as never;
crons.interval("often", { seconds: 1 }, tick_, { note: "tock" } as never);
crons.daily("rarely", { hourUTC: 3, minuteUTC: 7 }, tick_, { note: "" } as never);
export default crons;
export const tick = internalMutationGeneric({
  handler: async (ctx, { note }: any) => { await ctx.db.insert("notes", { note }); } });
"""

NOTES = """
import { queryGeneric } from "convex/server";
export const all = queryGeneric({
  handler: async (ctx) => (await ctx.db.query("notes").collect()).map((each) => each.note) });
"""

SCHEMA = """
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
export default defineSchema({ notes: defineTable({ note: v.string() }) });
"""


@pytest.fixture
def ticking(make_backend: Callable[[str], Backend], tmp_path: Path) -> Backend:
    """A backend that runs crons, not started yet."""
    folder = tmp_path / "functions"
    folder.mkdir()
    for name, text in (("crons", CRONS), ("notes", NOTES), ("schema", SCHEMA)):
        (folder / f"{name}.ts").write_text(text)
    backend = make_backend("probes")
    backend.functions = bundle("functions", folder, folder / "functions.mjs")
    return backend


def test_crons_run_though_the_clock_was_set_back(ticking: Backend) -> None:
    ticking.start()
    await_that(lambda: ticking.query("notes:all"))
    ticking.kill(signal.SIGTERM)
    with closing(sqlite3.connect(ticking.data / "data.sqlite3", isolation_level=None)) as data:
        data.execute("UPDATE crons SET next = next + 1e12")
    ticking.start()
    before = len(ticking.query("notes:all"))
    await_that(lambda: len(ticking.query("notes:all")) > before)
    ticking.kill(signal.SIGTERM)
    with closing(sqlite3.connect(ticking.data / "data.sqlite3")) as data:
        (latest,) = data.execute("SELECT max(next) FROM crons").fetchone()
    assert latest / 1000 - time.time() < 25 * 3600


def test_crons_run_at_their_times_and_are_not_made_up_for(ticking: Backend) -> None:
    backend = ticking
    backend.start()
    await_that(lambda: len(backend.query("notes:all")) >= 2)
    backend.kill(signal.SIGTERM)
    before_pause = time.monotonic()
    time.sleep(2.5)
    backend.start()
    missed = len(backend.query("notes:all"))
    await_that(lambda: len(backend.query("notes:all")) > missed + 1)
    assert time.monotonic() - before_pause > 3, "what was missed came all at once"
    assert set(backend.query("notes:all")) == {"tock"}
