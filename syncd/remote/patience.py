"""How often a call is tried again at once. Short troubles only: long ones are the engine's to
wait for, visibly."""

from __future__ import annotations

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from syncd.errors import CeilingReached, Unavailable

SHORT = 5.0
"""Seconds after the first attempt began within which another may. One that takes a call and answers
nothing was waited for most of a minute by then: that is told, not waited for twice more."""


def patiently() -> AsyncRetrying:
    """Attempts for one call, spread over some seconds, while the deployment is away."""
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        wait=wait_random_exponential(multiplier=0.1, max=1.0),
        stop=stop_after_attempt(3) | stop_after_delay(SHORT),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, CeilingReached)
