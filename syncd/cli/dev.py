"""`syncd dev`: the embedded backend by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.app import app, reporting


@app.command()
@reporting
def dev(
    data: Annotated[Path, typer.Option(help="Where the backend keeps its data.")] = Path(
        ".syncd/convex"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens on 127.0.0.1; 0 for any.")
    ] = 3210,
) -> int:
    """Run the embedded Convex-compatible backend until stopped.

    Examples: `syncd dev`, `syncd dev --data /tmp/convex --port 0`
    """
    from syncd.logs import set_up

    set_up()
    asyncio.run(_dev(data.absolute(), port))
    return 0


async def _dev(data: Path, port: int) -> None:
    from syncd.embedded.launcher import EmbeddedBackend
    from syncd.signals import Signals

    signals = Signals()
    signals.listen()
    backend = EmbeddedBackend(data, port=port, log=lambda line: typer.echo(line, err=True))
    await backend.start()
    typer.echo(f"CONVEX_URL={backend.url}")
    typer.echo(f"admin key: {backend.admin_key}")
    ended = asyncio.create_task(
        backend.supervise(lambda event, detail: typer.echo(f"{event}: {detail}", err=True))
    )
    await signals.ending.wait()
    ended.cancel()
    await backend.stop()
