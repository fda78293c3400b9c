"""`python -m tests.bench.storage [--executions N] [--deployments N] [--saves N] [--json]`.

What syncd.storage costs a program on files alone, beside bare loops that do the least there is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from syncd.config import Config, load
from syncd.storage import DeploymentStorage, Execution, WorkflowStorage

STORES = {"workflows": "workflow", "executions": "execution", "deployments": "deployment"}
STORE = '[[store]]\nname = "{name}"\nkind = "{kind}"\npath = "{name}"\n'
DEPLOYMENTS = "deployments/deployments.json"


def main() -> None:
    told = _arguments()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        home = Path(folder)
        project = _project(home)
        found = {
            "version": 1,
            "executions": _executions(project, home / "executions", told.executions),
            "deployments": _deployments(project, home, told.deployments, told.saves),
        }
    print(json.dumps(found, indent=2) if told.json else _table(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storage", description=__doc__)
    parser.add_argument("--executions", type=int, default=10_000)
    parser.add_argument("--deployments", type=int, default=5_000)
    parser.add_argument("--saves", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _project(home: Path) -> Config:
    for name in STORES:
        (home / name).mkdir()
    stores = "".join(STORE.format(name=name, kind=kind) for name, kind in STORES.items())
    (home / "config.toml").write_text(stores)
    return load(home / "config.toml", {})


def _executions(project: Config, folder: Path, count: int) -> dict[str, Any]:
    for number in range(count):
        (folder / f"{_run(number)}.json").write_text(json.dumps(_state(number), indent=2))
    bare_walk = timed(lambda: [each.stat() for each in os.scandir(folder)])
    bare_read = timed(lambda: [orjson.loads(path.read_bytes()) for path in folder.iterdir()])
    with WorkflowStorage(project) as storage:
        first = timed(lambda: storage.list_executions("w3", limit=20))
        again = _median(5, lambda: storage.list_executions("w3", limit=20))
        loaded = _median(5, lambda: storage.load_execution(_run(count // 2)))
        saved = _median(
            5, lambda: storage.save_execution(_run(count // 2), Execution(workflow_id="w3"))
        )
    return {
        "files": count, "bytes each": (folder / f"{_run(0)}.json").stat().st_size,
        "bare walk": bare_walk, "bare read": bare_read,
        "first list": first, "list": again, "load": loaded, "save": saved,
    }  # fmt: skip


def _deployments(project: Config, home: Path, count: int, saves: int) -> dict[str, Any]:
    path = home / DEPLOYMENTS
    told = {"deployments": [_deployment(number) for number in range(count)], "queue": []}
    path.write_text(json.dumps(told, indent=2))
    bare = _median(5, lambda: _rewrite(path))
    taken: list[float] = []
    processor = time.process_time()
    with DeploymentStorage(project) as storage:
        first = timed(lambda: storage.by_site("s3"))
        again = _median(5, lambda: storage.by_site("s3"))
        for number in range(saves):
            loaded = storage.load(_deployment(number * 7 % count)["id"])
            assert loaded is not None
            loaded.status = f"building {number}"
            taken.append(timed(partial(storage.save, loaded)))
    return {
        "records": count, "bytes": path.stat().st_size, "bare rewrite": bare,
        "first list": first, "list": again, "save": statistics.median(taken),
        "slowest save": max(taken),
        "processor a save": (time.process_time() - processor) / max(1, saves),
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median(times: int, work: Callable[[], object]) -> float:
    return statistics.median(timed(work) for _ in range(times))


def _rewrite(path: Path) -> None:
    """A save as a plain program does it, made durable."""
    held = json.loads(path.read_text())
    with path.open("w") as file:
        json.dump(held, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _run(number: int) -> str:
    return f"exec-{1772442890000 + number}-abcdefghi"


def _state(number: int) -> dict[str, Any]:
    steps = [{"stepId": f"s{n}", "agent": "a", "dependencies": []} for n in range(12)]
    return {
        "workflowId": f"w{number % 20}", "plan": {"workflow": "w", "steps": steps},
        "context": {"note": "x" * 600}, "completedSteps": [f"s{n}" for n in range(12)],
        "savedAt": "2026-03-02T09:15:04.120Z",
    }  # fmt: skip


def _deployment(number: int) -> dict[str, Any]:
    return {
        "id": f"deploy-{1772442890000 + number}-abcdefghi", "siteId": f"s{number % 40}",
        "status": "success", "startedAt": "2026-03-02T09:15:04.120Z",
        "buildArtifacts": ["dist/app.js", "dist/app.css"], "healthCheckStatus": "passing",
    }  # fmt: skip


def _table(found: dict[str, Any]) -> str:
    executions, deployments = found["executions"], found["deployments"]
    lines = [f"{executions['files']:,} executions of {executions['bytes each']:,} bytes"]
    lines += _lines(executions, ("bare walk", "bare read", "first list", "list", "load", "save"))
    lines += [f"{deployments['records']:,} deployments in {deployments['bytes']:,} bytes"]
    names = ("bare rewrite", "first list", "list", "save", "slowest save", "processor a save")
    lines += _lines(deployments, names)
    return "\n".join(lines)


def _lines(found: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"  {name:18} {1000 * found[name]:8.1f} ms" for name in names]


if __name__ == "__main__":
    main()
