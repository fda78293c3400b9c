"""How often a call is tried again at once. Short troubles only: long ones are the engine's to
wait for, visibly."""

from __future__ import annotations

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from syncd.errors import CeilingReached, Unavailable


def patiently() -> AsyncRetrying:
    """Attempts for one call, spread over some seconds, while the deployment is away."""
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        wait=wait_random_exponential(multiplier=0.1, max=1.0),
        stop=stop_after_attempt(3),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, CeilingReached)
