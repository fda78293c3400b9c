"""`python -m tests.bench.records`: one file of thousands of deployments, updated on two machines.

Each machine's program holds the file in memory and rewrites it whole, once a second. Prints what
the updates cost, in calls and in bytes on the wire, and how long both machines took to agree.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.system.conftest import World
from tests.system.deployment import started
from tests.system.machine import Machine
from tests.system.proxy import Proxy
from tests.system.waiting import until

FILE = "deployments.json"
Held = dict[str, dict[str, Any]]


def deployments(count: int) -> Held:
    """What a program holds: deployments in the shape of the real ones."""
    return {
        name: {
            "id": name, "siteId": f"site-{number % 30}", "status": "success",
            "startedAt": "2025-01-01T00:00:00.000Z", "completedAt": "2025-01-01T00:10:00.000Z",
            "buildArtifacts": ["dist/app.js", "dist/app.css"], "healthCheckStatus": "passing",
        }
        for number in range(count)
        for name in [f"deploy-{1_700_000_000_000 + number}-abcdefghi"]
    }  # fmt: skip


def save(machine: Machine, held: Held) -> int:
    """Rewrite the file whole; its size in bytes."""
    body = json.dumps({"deployments": list(held.values()), "queue": []}, indent=2)
    return (machine.folder / FILE).write_text(body)


def statuses(machine: Machine) -> dict[str, str]:
    """What the file holds, nothing while it is being written."""
    try:
        told = json.loads((machine.folder / FILE).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {each["id"]: each["status"] for each in told["deployments"]}


def seconds_used(machine: Machine) -> float:
    """Processor time of the daemon so far."""
    assert machine.daemon is not None
    fields = Path(f"/proc/{machine.daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(home: Path, count: int, seconds: int) -> dict[str, Any]:
    """One run: first contact of both machines, then an update a second on each."""
    backend = started(home / "deployment")
    world = World(home, backend)
    proxies = [Proxy(int(backend.url.rpartition(":")[2])) for _ in range(2)]
    try:
        machines = [
            world.machine(name, url=proxy.url, stores={"deployments": "deployment"})
            for name, proxy in zip(("first", "second"), proxies, strict=True)
        ]
        held = deployments(count)
        found: dict[str, Any] = {"bytes of the file": save(machines[0], held)}
        for machine in machines:
            began = time.monotonic()
            machine.start().until_in_sync(300)
            until(lambda m=machine: len(statuses(m)) == count, "the whole file", 300)  # type: ignore[misc]
            found[f"first contact of the {machine.home.name}, s"] = time.monotonic() - began
        return found | _updates(machines, proxies, held, seconds)
    finally:
        world.close()
        for proxy in proxies:
            proxy.close()
        backend.close()


def _updates(
    machines: list[Machine], proxies: list[Proxy], held: Held, seconds: int
) -> dict[str, Any]:
    memories = [dict(held), dict(held)]
    names = list(held)
    wanted: dict[str, str] = {}
    for proxy in proxies:
        proxy.forget()
    used = [seconds_used(machine) for machine in machines]
    began = time.monotonic()
    for second in range(seconds):
        for place, machine in enumerate(machines):
            name = names[(2 * second + place) * len(names) // (2 * seconds)]
            wanted[name] = f"step-{second}"
            memories[place][name] = {**memories[place][name], "status": wanted[name]}
            save(machine, memories[place])
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))
    used = [seconds_used(each) - before for each, before in zip(machines, used, strict=True)]
    saved = time.monotonic()
    for machine in machines:
        until(lambda m=machine: wanted.items() <= statuses(m).items(), "agreement", 200)  # type: ignore[misc]
    return {
        "updates": len(wanted),
        "calls": [proxy.calls for proxy in proxies],
        "bytes sent": [proxy.sent for proxy in proxies],
        "bytes received": [proxy.received for proxy in proxies],
        "processor seconds": [round(each, 2) for each in used],
        "agreed after the last save, s": time.monotonic() - saved,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=20)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        print(json.dumps(measure(Path(folder), told.count, told.seconds), indent=2))


if __name__ == "__main__":
    main()
