"""`python -m tests.bench.scripts bare|naive`: what watches a folder and sends each save, alone.

Reads one JSON line (target, root, known), prints a line once it watches, and goes on until it is
ended. bare (P2): raw inotify and one mutation a save over a connection that is kept. naive (N):
watchdog and one `requests.post` a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from watchdog.events import DirMovedEvent, FileClosedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers import Observer

from .bare import Bare, Connection
from .meter import Peak, Spent, wait
from .notices import SAVED, Notices
from .probes import post
from .stage import Target


class Script:
    """One of the two as a process, ready when this returns."""

    def __init__(self, which: str, bare: Bare) -> None:
        self._bare = bare
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.scripts", which],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._peak = Peak(self._process.pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"target": vars(bare.target), "root": str(bare.root), "known": bare.known}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "watching\n"

    def end(self) -> Spent:
        self._process.terminate()
        code, spent = wait(self._process.pid, self._began, self._peak)
        self._process.returncode = code
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._bare.learn()
        return spent


def main() -> None:
    told = json.loads(sys.stdin.readline())
    known = {path: (revision, digest) for path, (revision, digest) in told["known"].items()}
    bare = Bare(Target(**told["target"]), Path(told["root"]), known)
    {"bare": _bare, "naive": _naive}[sys.argv[1]](bare)


def _bare(bare: Bare) -> None:
    kept = Connection(bare)
    with Notices(bare.root, SAVED) as notices:
        print("watching", flush=True)
        while True:
            for path in notices.wait(60.0):
                if _wanted(path):
                    kept.send(path)


def _naive(bare: Bare) -> None:
    observer = Observer()
    observer.schedule(_Posts(bare), str(bare.root), recursive=True)
    observer.start()
    print("watching", flush=True)
    observer.join()


class _Posts(FileSystemEventHandler):
    def __init__(self, bare: Bare) -> None:
        self._bare = bare

    def on_closed(self, event: FileClosedEvent) -> None:
        self._post(event.src_path)

    def on_moved(self, event: FileMovedEvent | DirMovedEvent) -> None:
        self._post(event.dest_path)

    def _post(self, path: str | bytes) -> None:
        if _wanted(Path(str(path))):
            post(self._bare, Path(str(path)))


def _wanted(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.startswith(".")


if __name__ == "__main__":
    main()
