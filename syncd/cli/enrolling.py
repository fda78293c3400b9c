"""This machine gets a token of its own, and keeps it in the state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from syncd.cli.text import shown
from syncd.config import DEVICE_TOKEN, EMBEDDED, Config, load
from syncd.core.wording import refusal
from syncd.errors import AnotherInstance, ConfigError, LedgerError, Unauthorized


async def enrolled(config: Config, name: str) -> Config:
    """The configuration with this machine's token, enrolled where there is none that is good."""
    from syncd.setup.enrolment import open_enrolment

    if config.url == EMBEDDED or await _accepted(config):
        return config
    # Owned before anything is asked: who cannot keep a token must not make the former one void.
    async with open_enrolment(config) as enrolment:
        with _owned(config.state):
            devices = await enrolment.devices()
            if any(device.name == name and not device.revoked for device in devices):
                raise ConfigError(
                    f"a device called {name!r} is enrolled already; its token stays as it is",
                    "name this one with --device, or `syncd devices revoke` that one first",
                )
            place = _keep(config.state, (await enrolment.enroll(name)).token)
    typer.echo(shown(f"enrolled as {name}; the token is in {place}"))
    return load(config.source)


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Own the state folder meanwhile. Raises AnotherInstance, LedgerError."""
    from syncd.ledger.state import PASSING, StateFolder

    state = StateFolder(folder)
    try:
        state.open(PASSING)
    except AnotherInstance as error:
        raise AnotherInstance(
            f"process {state.owner() or 'unknown'} runs with the token that is there; "
            "nobody was enrolled",
            "stop it, type `syncd init` again, and then start it again",
        ) from error
    try:
        yield
    finally:
        state.close()


def _keep(folder: Path, token: str) -> Path:
    """Put the token where it is looked for. Raises LedgerError, with the former one as it was."""
    place = folder / DEVICE_TOKEN
    arriving = folder / f".{DEVICE_TOKEN}.new"
    try:
        arriving.unlink(missing_ok=True)
        descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(descriptor)
        arriving.replace(place)
    except OSError as error:
        raise LedgerError(
            f"the new token cannot be kept: {refusal(error)}; nobody has it",
            "mend that, and `syncd init` again with another --device, or once `syncd devices "
            "revoke` made this one void",
        ) from error
    return place


async def _accepted(config: Config) -> bool:
    """Whether the deployment takes the token there is. Raises ConfigError where none of ours
    would be looked at.
    """
    from syncd.attach import open_remote

    if config.token is None:
        return False
    try:
        async with open_remote(config) as remote:
            await remote.head()
    except Unauthorized as error:
        kept = config.state / DEVICE_TOKEN
        if kept.exists() and kept.read_text(encoding="utf-8").strip() == config.token:
            return False
        raise ConfigError(
            f"{error}; nobody was enrolled",
            "unset SYNCD_TOKEN and SYNCD_TOKEN_FILE, which go before the token that init keeps",
        ) from error
    return True
