"""What --json prints is promised: fields are added to a version, never taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from syncd.cli import registered
from syncd.cli.reports import REPORTS

PROMISED = Path(__file__).parent / "promised.json"
"""The properties of every report, as they were once told. New ones are added by hand."""


def properties(schema: dict[str, Any]) -> dict[str, list[str]]:
    told = {"": sorted(schema.get("properties", {}))}
    for name, below in schema.get("$defs", {}).items():
        told[name] = sorted(below.get("properties", {}))
    return told


def test_nothing_that_was_promised_is_taken_away() -> None:
    promised = json.loads(PROMISED.read_text())
    assert promised.keys() == REPORTS.keys()
    for command, parts in promised.items():
        now = properties(REPORTS[command].model_json_schema())
        for part, names in parts.items():
            assert set(names) <= set(now[part]), f"{command} {part}"


def test_every_command_with_json_has_a_schema() -> None:
    app = registered()
    told = set(CliRunner().invoke(app, ["schema"]).output.split("\n")) - {""}
    assert told == REPORTS.keys()
    from tests.system.test_reports import commands

    for command in commands(app):
        said = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
        assert ("--json" in said.output) == (command in told or command == "schema"), command


def test_a_schema_is_printed() -> None:
    said = CliRunner().invoke(registered(), ["schema", "conflicts", "list"])
    assert json.loads(said.output)["properties"].keys() >= {"version", "open", "conflicts"}
    assert CliRunner().invoke(registered(), ["schema", "run"]).exit_code == 2
