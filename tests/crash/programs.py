"""Programs that save all the time, as careful and as careless ones do."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress

from .device import Device

KEYS = [
    *(f"flows/careful-{n}.json" for n in range(8)),
    *(f"flows/{n}.json" for n in range(12)),
    *(f"texts/careful-{n}.txt" for n in range(6)),
    *(f"texts/{n}.txt" for n in range(6)),
]
"""The files that are saved. Those called careful are only ever replaced whole."""

LINES = 1500
DELETIONS = 6
"""Files that a program deletes for good: more within ten minutes would wait for a person."""

PAUSE = 0.06
"""Seconds between two saves at most."""

REST = 2.0
"""Seconds at most that a program rests now and then: the other device's saves then arrive."""


def is_whole(key: str, body: bytes) -> bool:
    """Whether `body` is one version of the careful file `key` and no mix of two."""
    if key.endswith(".txt"):
        lines = body.split(b"\n")
        return len(lines) == LINES + 1 and len(set(lines[:-1])) == 1
    try:
        return "last" in json.loads(body)
    except ValueError:
        return False


class Program(threading.Thread):
    """Saves on one device until told to stop. `did` counts what it did."""

    def __init__(self, device: Device, seed: int) -> None:
        super().__init__(daemon=True)
        self.did: Counter[str] = Counter()
        self.failure: Exception | None = None
        self._device = device
        self._chance = random.Random(seed)
        self._stopping = threading.Event()
        self._saves = 0
        self._deletions = 0

    def run(self) -> None:
        try:
            while not self._stopping.wait(self._chance.random() * PAUSE):
                self._act(self._chance.choice(KEYS))
                if self._chance.random() < 0.02:
                    self._stopping.wait(self._chance.random() * REST)
        except Exception as error:
            self.failure = error

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def _act(self, key: str) -> None:
        careless = [self._write_in_place, self._append] if "careful" not in key else []
        act = self._chance.choice([self._replace, self._replace, self._remove, self._rename,
                                   *careless, *careless])  # fmt: skip
        self.did[act.__name__.strip("_")] += 1
        act(key)

    def _body(self, key: str) -> bytes:
        self._saves += 1
        word = f"{self._device.machine.home.name}-{self._saves}"
        if key.endswith(".txt"):
            return f"{word}\n".encode() * LINES
        told = {"id": key, "name": word, "steps": [{"id": "only", "agent": word}], "last": True}
        return json.dumps(told, indent=2).encode()

    def _replace(self, key: str) -> None:
        self._device.save(key, self._body(key))

    def _write_in_place(self, key: str) -> None:
        body = self._body(key)
        with self._device.place(key).open("wb") as file:
            file.write(body[: len(body) // 2])
            file.flush()
            time.sleep(self._chance.random() * 0.004)  # a program at work, nothing awaited
            file.write(body[len(body) // 2 :])
        self._saved(key, body)

    def _append(self, key: str) -> None:
        with suppress(FileNotFoundError), self._device.place(key).open("r+b") as file:
            body = file.read()
            more = b" " if key.endswith(".json") else b"appended\n"
            file.write(more)
            file.flush()
            self._saved(key, body + more)

    def _remove(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._device.place(key).unlink()
            self._saved(key, None)
        if self._deletions < DELETIONS and self._chance.random() < 0.05:
            self._deletions += 1
        else:
            time.sleep(self._chance.random() * 0.2)
            self._replace(key)

    def _rename(self, key: str) -> None:
        """To another name, over what is there; then the old name is taken again."""
        careful = "careful" in key
        other = self._chance.choice([
            each for each in KEYS
            if each != key and each[:5] == key[:5] and ("careful" in each) == careful
        ])  # fmt: skip
        with suppress(FileNotFoundError):
            body = self._device.place(key).read_bytes()
            self._device.place(key).rename(self._device.place(other))
            self._saved(key, None)
            # RACE: what was moved may be a version that syncd wrote since: then it is not ours.
            if self._device.reads(other) == body:
                self._saved(other, body)
            else:
                self._saved(other, None)
        self._replace(key)

    def _saved(self, key: str, body: bytes | None) -> None:
        self._device.saves.setdefault(key, []).append(body)
