"""Where files are that had other names lately. Pure.

It is asked about edits of the old names that are heard late. A name tells something only as long
as it is known whose it is: what another file has by now, or what went for good, leads nowhere.
"""

from __future__ import annotations

from syncd.core.model import Key, Snapshot


class Whereabouts:
    """Remembers the last `most` moves; a file that moves on is found where it is now."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now: dict[Key, tuple[Snapshot, Key]] = {}
        self._former: dict[Key, set[Key]] = {}
        """Of every name in `_now` that a file has, those that it had."""

    def __len__(self) -> int:
        return len(self._now)

    def moved(self, key: Key, base: Snapshot, target: Key) -> None:
        """The file at `key`, agreed on as `base`, is at `target` now."""
        for former in self._former.pop(key, set()):
            before, _ = self._now.pop(former)
            self._place(former, before, target)
        self._place(key, base, target)
        while len(self._now) > self._most:
            self.taken(next(iter(self._now)))

    def taken(self, key: Key) -> None:
        """A file is at `key`: none that had the name before is looked for."""
        if (found := self._now.pop(key, None)) is not None:
            self._left(found[1], key)

    def gone(self, key: Key) -> None:
        """The file at `key` is gone for good: what comes there is another one."""
        for former in self._former.pop(key, set()):
            del self._now[former]

    def of(self, key: Key, base: Snapshot | None) -> Key | None:
        """Where the file is that was agreed on as `base` at `key`, None where that is not known."""
        before, now = self._now.get(key, (None, None))
        return now if before == base else None

    def _place(self, key: Key, base: Snapshot, target: Key) -> None:
        self.taken(key)
        if key == target:
            return
        self._now[key] = (base, target)
        self._former.setdefault(target, set()).add(key)

    def _left(self, target: Key, key: Key) -> None:
        names = self._former[target]
        names.discard(key)
        if not names:
            del self._former[target]
