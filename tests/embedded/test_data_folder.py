"""The data folder: its lock, its schema over versions, and what a start that fails says."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .backend import Backend, bundle

USAGE, PORT_IN_USE, DATA_IN_USE, SCHEMA_MISMATCH = 2, 3, 4, 5


def refused(backend: Backend, *options: str) -> tuple[int, str]:
    done = subprocess.run(backend.command(*options), capture_output=True, text=True, timeout=10)
    assert done.stdout == ""
    return done.returncode, done.stderr


def write_functions(folder: Path, fields: str, indexes: str = "") -> Path:
    """A folder of functions with one table `notes`."""
    folder.mkdir(parents=True)
    (folder / "schema.ts").write_text(
        'import { defineSchema, defineTable } from "convex/server";\n'
        'import { v } from "convex/values";\n'
        f"export default defineSchema({{ notes: defineTable({{ {fields} }}){indexes} }});\n"
    )
    (folder / "notes.ts").write_text(
        'import { mutationGeneric, queryGeneric } from "convex/server";\n'
        'import { v } from "convex/values";\n'
        "export const add = mutationGeneric({ args: { note: v.any() },\n"
        '  handler: async (ctx, { note }) => ctx.db.insert("notes", note) });\n'
        "export const by = queryGeneric({ args: { index: v.string(), value: v.any() },\n"
        '  handler: async (ctx, { index, value }) => (await ctx.db.query("notes")\n'
        '    .withIndex(index, (q: any) => q.eq(index.replace("by_", ""), value)).collect())\n'
        "    .map((note) => note.text) });\n"
        "export const search = queryGeneric({ args: { words: v.string() },\n"
        '  handler: async (ctx, { words }) => (await ctx.db.query("notes")\n'
        '    .withSearchIndex("words", (q: any) => q.search("text", words)).collect())\n'
        "    .map((note) => note.text) });\n"
    )
    return bundle("functions", folder, folder / "functions.mjs")


@pytest.fixture
def notes(make_backend: Callable[[str], Backend], tmp_path: Path) -> Backend:
    backend = make_backend("probes")
    fields = "text: v.string(), size: v.number()"
    backend.functions = write_functions(tmp_path / "one", fields, '.index("by_text", ["text"])')
    backend.start()
    for size in range(30):
        backend.mutate("notes:add", note={"text": f"note {size}", "size": size % 3})
    return backend


def test_a_new_index_is_filled_and_a_dropped_one_goes(notes: Backend, tmp_path: Path) -> None:
    assert notes.query("notes:by", index="by_text", value="note 7") == ["note 7"]
    unknown = notes.call("query", "notes:by", {"index": "by_size", "value": 1})
    assert "Index notes.by_size not found" in unknown.error
    notes.kill(signal.SIGTERM)
    fields = "text: v.string(), size: v.number()"
    notes.functions = write_functions(tmp_path / "two", fields, '.index("by_size", ["size"])')
    notes.start()
    found = notes.query("notes:by", index="by_size", value=1)
    assert found == [f"note {n}" for n in range(1, 30, 3)]
    dropped = notes.call("query", "notes:by", {"index": "by_text", "value": "note 7"})
    assert "not found" in dropped.error


def test_the_table_that_earlier_versions_kept_for_creation_times_goes(notes: Backend) -> None:
    notes.kill(signal.SIGTERM)
    with closing(sqlite3.connect(notes.data / "data.sqlite3")) as database, database:
        (number,) = database.execute("SELECT number FROM tables WHERE name = 'notes'").fetchone()
        database.execute("INSERT INTO indexes VALUES (999, ?, 'by_creation_time', '[]')", (number,))
        database.execute("CREATE TABLE index_999 (key BLOB PRIMARY KEY, rid INTEGER)")
    notes.start()
    assert notes.query("notes:by", index="by_text", value="note 7") == ["note 7"]
    notes.kill(signal.SIGTERM)
    with closing(sqlite3.connect(notes.data / "data.sqlite3")) as database:
        left = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'index_999'").fetchall()
    assert left == []


def test_a_new_search_index_is_filled(notes: Backend, tmp_path: Path) -> None:
    notes.kill(signal.SIGTERM)
    fields = "text: v.string(), size: v.number()"
    words = '.searchIndex("words", { searchField: "text", filterFields: [] })'
    notes.functions = write_functions(tmp_path / "two", fields, words)
    notes.start()
    assert notes.query("notes:search", words="7") == ["note 7"]
    notes.kill(signal.SIGTERM)
    notes.functions = write_functions(tmp_path / "three", fields)
    notes.start()
    dropped = notes.call("query", "notes:search", {"words": "7"})
    assert "Search index notes.words not found" in dropped.error


def test_documents_that_do_not_fit_a_new_schema_stop_the_start(
    notes: Backend, tmp_path: Path
) -> None:
    notes.kill(signal.SIGTERM)
    former = notes.functions
    notes.functions = write_functions(tmp_path / "two", "text: v.string(), size: v.string()")
    code, said = refused(notes)
    assert code == SCHEMA_MISMATCH
    assert "Path: .size" in said
    assert "Nothing was changed" in said
    notes.functions = former
    notes.start()
    assert notes.query("notes:by", index="by_text", value="note 7") == ["note 7"]


def test_a_folder_is_served_by_one_backend(notes: Backend) -> None:
    notes_port, notes.port = notes.port, 0
    code, said = refused(notes)
    assert (code, "in use by another process" in said) == (DATA_IN_USE, True)
    notes.port = notes_port
    assert notes.query("notes:by", index="by_text", value="note 7") == ["note 7"]


def test_a_taken_port_and_bad_options(make_backend: Callable[[str], Backend]) -> None:
    backend = make_backend("probes")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        backend.port = taken.getsockname()[1]
        code, said = refused(backend)
        assert (code, f"port {backend.port} of 127.0.0.1 is in use" in said) == (PORT_IN_USE, True)
    backend.port = 70_000
    assert refused(backend)[0] == USAGE


def test_it_ends_with_its_parent(make_backend: Callable[[str], Backend]) -> None:
    backend = make_backend("probes")
    backend.start()
    assert backend.process is not None
    assert backend.process.stdin is not None
    backend.process.stdin.close()
    assert backend.process.wait(2) == 0
