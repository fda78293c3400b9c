"""What the configuration says of cost, and how much was spent of it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from syncd.config import Config, CostConfig
from syncd.core.ceiling import Bucket, Ceiling
from syncd.core.cost import (
    Allowance,
    Cost,
    Costs,
    day_of,
    exceeding,
    month_of,
    projected,
    spent,
)
from syncd.report.standing import CostReport, Spent

CLOUD: Final = ".convex.cloud"
"""How the hosts of deployments end that are paid for; others cost what their machines cost."""

ALLOWANCES: Final = {
    "free": Allowance(calls=1_000_000, database=10**9),
    "professional": Allowance(calls=25_000_000, database=50 * 10**9),
}
"""What is included a month, for a whole team: https://docs.convex.dev/production/state/limits"""

PACES: Final = {"free": 2 * 1024 * 1024, "professional": 4 * 1024 * 1024}
"""Bytes a second that are sent to be written: half of what the plans' deployments take, since rows
and indexes are written beside the text, and other machines write too."""


def plan_of(config: Config) -> str:
    """The plan's name: as configured, else by the deployment's URL."""
    if config.cost.plan is not None:
        return config.cost.plan
    host = urlsplit(config.url or "").hostname or ""
    return "free" if host.endswith(CLOUD) else "unmetered"


def allowance_of(config: Config) -> Allowance:
    """What is included a month: as configured, else by the plan."""
    included, cost = ALLOWANCES.get(plan_of(config), Allowance()), config.cost
    return Allowance(
        cost.calls_a_month or included.calls, cost.database_bytes_a_month or included.database
    )


def bucket_of(config: Config) -> Bucket | None:
    """The pace of writes; None: as fast as they can. What a second takes may go at once."""
    rate = config.cost.bytes_a_second or PACES.get(plan_of(config))
    return Bucket(rate, rate) if rate is not None else None


def ceiling_of(cost: CostConfig) -> Ceiling:
    """The most that this machine spends."""
    return Ceiling(cost.most_calls_a_day, cost.most_bytes_a_day, cost.most_bytes_a_month)


def cost_report(config: Config, costs: Costs, now: float) -> CostReport:
    """What was spent, of what, and what the month comes to."""
    today, allowance = day_of(now), allowance_of(config)
    projection = projected(costs, now)
    return CostReport(
        plan=plan_of(config),
        today=_told(spent(costs, range(today, today + 1))),
        month=_told(spent(costs, month_of(now))),
        calls_included=allowance.calls,
        database_bytes_included=allowance.database,
        calls_projected=projection.calls if projection else None,
        database_bytes_projected=projection.database if projection else None,
        projected_from_days=projection.days if projection else 0,
        warning=exceeding(costs, allowance, now),
    )


def _told(cost: Cost) -> Spent:
    return Spent(
        calls=cost.calls,
        sent=cost.sent,
        received=cost.received,
        uploaded=cost.uploaded,
        downloaded=cost.downloaded,
    )
