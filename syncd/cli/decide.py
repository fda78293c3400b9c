"""`syncd approve`, `reject` and `retry`: what waits for a person is let go, or tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.asking import have_done, print_answer
from syncd.cli.naming import key_of
from syncd.cli.text import shown
from syncd.control.messages import Approve, Reject, Retry
from syncd.errors import ConfigError

Store = Annotated[str | None, typer.Argument(help="The store, as `syncd status` names it.")]
All = Annotated[bool, typer.Option("--all", help="Every store where deletions wait.")]


@app.command()
@reporting
def approve(
    store: Store = None,
    config: ConfigPath = CONFIG,
    everything: All = False,
    as_json: AsJson = False,
) -> int:
    """Let deletions that a guard stopped go, once.

    Examples: `syncd approve workflows`, `syncd approve --all`
    """
    return _decide(Approve(store=_chosen(store, everything)), config, as_json=as_json)


@app.command()
@reporting
def reject(
    store: Store = None,
    config: ConfigPath = CONFIG,
    everything: All = False,
    as_json: AsJson = False,
) -> int:
    """Take deletions that a guard stopped back: files come back on either side.

    Examples: `syncd reject workflows`, `syncd reject --all`
    """
    return _decide(Reject(store=_chosen(store, everything)), config, as_json=as_json)


@app.command()
@reporting
def retry(
    path: Annotated[str | None, typer.Argument(help="STORE:PATH, or the file's path.")] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
) -> int:
    """Look again at what is held, and send again what was refused: one file, or all.

    Examples: `syncd retry`, `syncd retry workflows/a.json`
    """
    settings = configured(config)
    request, nothing = Retry(), "nothing is held or parked"
    if path is not None:
        key = key_of(settings, path)
        request = Retry(store=key.store, path=key.path)
        nothing = shown(f"{key} is neither held nor parked")
    answer = have_done(settings, request)
    return print_answer(answer, as_json=as_json, nothing=nothing)


def _decide(request: Approve | Reject, config: Path, *, as_json: bool) -> int:
    answer = have_done(configured(config), request)
    return print_answer(answer, as_json=as_json, nothing="no deletion waits")


def _chosen(store: str | None, everything: bool) -> str | None:
    if (store is None) != everything:
        raise ConfigError(
            "name one store, or say --all; nothing was changed", "`syncd status` tells what waits"
        )
    return store
