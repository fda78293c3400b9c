"""`syncd config`: the settings in force, and where each comes from."""

from __future__ import annotations

import json
from typing import Any

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.text import shown


@app.command()
@reporting
def config(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Print the settings in force: flags > environment > .env.local > .env > config.toml.

    The token is never printed. Examples: `syncd config`, `syncd config --json`
    """
    settings = configured(config)
    told: dict[str, Any] = settings.model_dump(mode="json", exclude={"token"})
    told = {"version": 1, "token": "set" if settings.token else "none", **told}
    for store, each in zip(told["stores"], settings.stores, strict=True):
        store["include"] = each.patterns().include
        store["create"] = each.creates_at()
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return 0
    for name, value in told.items():
        if name == "stores":
            for store in value:
                typer.echo("[[store]]")
                for field, each in store.items():
                    typer.echo(shown(f"  {field} = {json.dumps(each, ensure_ascii=False)}"))
        elif name != "version":
            typer.echo(shown(f"{name} = {json.dumps(value, ensure_ascii=False)}"))
    return 0
