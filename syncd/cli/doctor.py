"""`syncd doctor`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.text import folded, shown
from syncd.config import Config
from syncd.doctor.finding import Finding, Level

MARKS = {Level.OK: "ok  ", Level.WARN: "warn", Level.FAIL: "FAIL"}


@app.command()
@reporting
def doctor(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Look at everything syncd depends on: what is seen, and what to type where that is bad.

    Exit code 1 where something fails. Examples: `syncd doctor`, `syncd doctor --json`
    """
    findings = asyncio.run(_findings(configured(config), aloud=not as_json))
    if as_json:
        told = {"version": 1, "findings": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(told, indent=2))
    counts = {level: sum(f.level is level for f in findings) for level in Level}
    if not as_json:
        typer.echo(f"{counts[Level.OK]} well, {counts[Level.WARN]} to know, "
                   f"{counts[Level.FAIL]} to mend")  # fmt: skip
    return 1 if counts[Level.FAIL] else 0


async def _findings(config: Config, *, aloud: bool) -> list[Finding]:
    from syncd.doctor.examine import examine

    found: list[Finding] = []
    async for finding in examine(config):
        found.append(finding)
        if aloud:
            _print(finding)
        await asyncio.sleep(0)  # Else Ctrl-C is heard behind the last check that asks no network.
    return found


def _print(finding: Finding) -> None:
    line = f"{MARKS[finding.level]}  {finding.check}: {finding.evidence}"
    typer.echo(folded(shown(line), " " * 6))
    if finding.fix:
        # In one line however long: it is there to be copied.
        typer.echo(shown(f"      -> {finding.fix}"))
