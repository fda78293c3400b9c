"""One case of the matrix: a scenario, a death, a restart, and what is wrong at the end."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.embedded.backend import Backend
from tests.system.deployment import BUILT, enroll
from tests.system.machine import Machine, Ran

from . import invariants
from .device import Device
from .given import MET, SAVED
from .points import POINTS
from .scenarios import SCENARIOS, Scene

LOCAL = 'url = "embedded"\n[embedded]\nport = 0'
KINDS = {"flows": "workflow", "texts": "file"}
KILLED = -9
ENDED = 0, 4
"""Exit codes of a run that ended well: 4 where conflicts are listed."""


@dataclass(frozen=True)
class Case:
    """A death at the `passage`-th passage of the last of `deaths`, after one at each earlier one.

    Without deaths: how the scenario ends when nobody dies. `variant` breaks syncd.
    """

    scenario: str
    given: tuple[str, ...] = ()
    deaths: tuple[str, ...] = ()
    passage: int = 1
    variant: str = ""

    def __str__(self) -> str:
        what = f"{self.deaths[-1]}:{self.passage}" if self.deaths else f"({self.scenario})"
        return f"{what} with {self.variant}" if self.variant else what

    @property
    def undisturbed(self) -> Case:
        """The same without a death, and unbroken."""
        return Case(self.scenario, self.given)


def death_at(name: str, passage: int = 1, variant: str = "") -> Case:
    """The case of a point, with the deaths that come before it."""
    deaths: tuple[str, ...] = (name,)
    while earlier := POINTS[deaths[0]].after:
        deaths = (earlier, *deaths)
    points = [POINTS[each] for each in deaths]
    given = tuple(dict.fromkeys(each for point in points for each in point.given))
    return Case(points[0].scenario, given, deaths, passage, variant)


@dataclass(frozen=True)
class Found:
    """What came of a case. `reached` tells whether the victim did die.

    `final`: the revisions and the conflicts there are, to be the same as if nobody had died.
    """

    case: Case
    reached: bool
    problems: tuple[str, ...]
    final: tuple[object, ...]
    rounds: int | None
    seconds: float


@dataclass(frozen=True)
class Deployment:
    """The backend that all cases share, as far as another process needs to know it."""

    data: Path
    port: int

    def enroll(self, workspace: str, name: str) -> str:
        backend = Backend(self.data, BUILT / "server.mjs", BUILT / "functions.mjs", self.port)
        try:
            return enroll(backend, workspace, name)
        finally:
            backend.http.close()


def run(case: Case, home: Path, deployment: Deployment) -> Found:
    """Run one case in an empty folder of its own."""
    _silence()
    started = time.monotonic()
    scenario = SCENARIOS[case.scenario]
    scene = _scene(home, deployment, alone=scenario.alone)
    scenario.before(scene)
    plausible = _plausible(scene)
    died, wrong = _let_die(scene.here, case)
    wrong += invariants.torn(scene.here, plausible)
    scenario.meanwhile(scene)
    wrong += _bad_end("the restart", scene.here.victim("nowhere", _options(case)))
    rounds = invariants.quiescent(scene.devices())
    if rounds is None:
        wrong.append(f"after {invariants.ROUNDS} rounds there still is something to do")
    wrong += [*invariants.problems(scene.devices()), *_unexpected(scene)]
    seconds = time.monotonic() - started
    return Found(case, died, tuple(wrong), _final(scene), rounds, seconds)


def _let_die(here: Device, case: Case) -> tuple[bool, list[str]]:
    """Whether the victim died at the last point, and what was wrong with its ends."""
    wrong: list[str] = []
    *earlier, last = case.deaths or ("nowhere",)
    for name in earlier:
        if here.victim(name, _options(case)).code != KILLED:
            wrong.append(f"{name} was not reached")
    ended = here.victim(f"{last}:{case.passage}", _options(case))
    if ended.code == KILLED:
        return True, wrong
    return False, wrong + _bad_end("the victim", ended)


def _bad_end(what: str, ended: Ran) -> list[str]:
    return [] if ended.code in ENDED else [f"{what} ended with {ended.code}: {ended.err[-1500:]}"]


def _options(case: Case) -> list[str]:
    given = [word for name in case.given for word in ("--given", name)]
    return [*given, *(["--variant", case.variant] if case.variant else [])]


def _scene(home: Path, deployment: Deployment, *, alone: bool) -> Scene:
    workspace = f"w-{secrets.token_hex(8)}"
    if alone:
        return Scene(Device(Machine(home / "here", workspace, LOCAL, KINDS)))

    def device(name: str) -> Device:
        token = deployment.enroll(workspace, name)
        url = f"http://127.0.0.1:{deployment.port}"
        environment = {"CONVEX_URL": url, "SYNCD_TOKEN": token}
        return Device(Machine(home / name, workspace, stores=KINDS, environment=environment))

    return Scene(device("here"), device("there"))


def _plausible(scene: Scene) -> dict[str, set[bytes]]:
    """Every version that a file may have at any time."""
    found: dict[str, set[bytes]] = {}
    for device in scene.devices():
        for key, versions in device.saves.items():
            found.setdefault(key, set()).update(body for body in versions if body is not None)
    for key, body in scene.expected.items():
        if body is not None:
            found.setdefault(key, set()).add(body)
    person = scene.here.machine.home / SAVED
    if person.exists():
        found[f"flows/{MET}"].add(person.read_bytes())
    return found


def _unexpected(scene: Scene) -> list[str]:
    return [
        f"{key} on {device.machine.home.name} should be {_short(wanted)} and is {_short(found)}"
        for device in scene.devices()
        for key, wanted in scene.expected.items()
        if (found := device.reads(key)) != wanted
    ]


def _short(body: bytes | None) -> str:
    return "gone" if body is None else " ".join(body[:240].decode().split())


def _final(scene: Scene) -> tuple[object, ...]:
    revisions = {k: r for k, (r, _) in scene.here.entries().items() if k not in scene.loose}
    conflicts = {
        f"{store}/{path} {local} {remote}"
        for store, path, local, remote in scene.here.query(
            "SELECT store, path, local_digest, remote_digest FROM conflicts"
        )
        if f"{store}/{path}" not in scene.contended
    }
    return tuple(sorted(revisions.items())), tuple(sorted(conflicts))


def _silence() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
