"""`syncd plan`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.text import folded, shown
from syncd.config import EMBEDDED, Config
from syncd.core.wording import counted
from syncd.errors import LedgerError, SyncdError
from syncd.report.planning import Act, PlanReport, Step

SHOWN = 50
"""Steps that are listed; the rest are counted. With --json all are."""

MARKS = {
    Act.SEND: "->", Act.DELETE_THERE: "x>", Act.MOVE_THERE: "m>", Act.WRITE: "<-",
    Act.REMOVE_HERE: "<x", Act.MERGE: "<>", Act.CONFLICT: "!!", Act.ADOPT: "==", Act.HOLD: "??",
    Act.GUARD: "||", Act.FETCH: "<.",
}  # fmt: skip


@app.command()
@reporting
def plan(
    config: ConfigPath = CONFIG,
    differs: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 7 where there is anything to do.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Tell what would be sent, written, merged or held now; nothing is changed.

    Examples: `syncd plan`, `syncd plan --exit-code --json`
    """
    # What a turn would log did not happen.
    found = asyncio.run(_planned(configured(config, level="error")))
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
    else:
        _print(found)
    anything = found.steps or found.waiting or found.parked or found.unknown
    return 7 if differs and anything else 0


async def _planned(config: Config) -> PlanReport:
    from syncd.attach import open_remote
    from syncd.ledger.state import StateFolder
    from syncd.report.planning import plan as planned
    from syncd.report.planning import require_ledger

    require_ledger(config)
    reachable = config.url != EMBEDDED or StateFolder(config.state).owner() is not None
    if config.url is not None and reachable:
        try:
            async with open_remote(config) as remote:
                return await planned(config, remote)
        except LedgerError:
            raise
        except SyncdError as error:
            typer.echo(shown(f"the deployment was not asked: {error}"), err=True)
    return await planned(config, None)


def _print(found: PlanReport) -> None:
    for step in found.steps[:SHOWN]:
        why = f"  ({step.why})" if step.why else ""
        line = f"{MARKS[step.act]}  {step.act.value:12}  {_name(step)}{why}"
        typer.echo(folded(shown(line), " " * 18))
    if len(found.steps) > SHOWN:
        typer.echo(f"... and {len(found.steps) - SHOWN:,} more")
    counts = ", ".join(f"{count:,} {act}" for act, count in sorted(found.counts.items()))
    basis = "" if found.heard else "; the deployment was not asked"
    waiting = f"{counted(found.waiting, 'change', 'wait')} in the outbox" if found.waiting else ""
    refused = counted(found.parked, "refused change", "wait") if found.parked else ""
    parked = f"{refused} for a new save or `syncd retry`" if refused else ""
    for store in found.unknown:
        typer.echo(f"{store} was not in touch with the deployment yet: `syncd init` compares it")
    nothing = "nothing else to do" if found.unknown else "nothing to do"
    typer.echo(f"{'; '.join(filter(None, (counts, waiting, parked))) or nothing}{basis}")


def _name(step: Step) -> str:
    return f"{step.store}:{step.path}{'#' + step.record if step.record else ''}"
