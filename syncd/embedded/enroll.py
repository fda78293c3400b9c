"""Enrolling devices on the embedded backend, with the admin key it keeps in its folder. Does IO.

On any other deployment a person enrolls: `npx convex run devices:enroll`, see convex/README.md.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from syncd.embedded.launcher import EmbeddedBackend
from syncd.errors import ConfigError, Unauthorized
from syncd.remote.client import ConvexHttp
from syncd.remote.devices import EnrollAnswer
from syncd.remote.wire import HeadAnswer


async def enroll(url: str, admin_key: Path, workspace: str, name: str) -> EnrollAnswer:
    """A token for the device `name`; an earlier token of that name is void from now on."""
    try:
        key = admin_key.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"the admin key {admin_key} cannot be read: {error.strerror}; nobody was enrolled",
            "run this as the user that started the embedded backend",
        ) from error
    async with ConvexHttp(url, key) as http:
        return await http.mutation(
            "devices:enroll", {"workspace": workspace, "name": name}, EnrollAnswer
        )


async def own_token(backend: EmbeddedBackend, path: Path, workspace: str) -> str:
    """The token of this device kept at `path`, enrolled anew where it is missing or void."""
    if path.exists():
        token = path.read_text().strip()
        if await _is_valid(backend.url, token, workspace):
            return token
    answer = await enroll(backend.url, backend.admin_key, workspace, socket.gethostname())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(answer.token + "\n")
    return answer.token


async def _is_valid(url: str, token: str, workspace: str) -> bool:
    async with ConvexHttp(url) as http:
        try:
            await http.query("sync:head", {"token": token, "workspace": workspace}, HeadAnswer)
        except Unauthorized:
            return False
    return True
