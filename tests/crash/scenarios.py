"""What goes on when the victim dies: saves on two machines, deletions, clashes, merges.

A scenario lays files out, lets `there` (the other machine) and `here` (the victim's) save, then
the victim runs; afterwards, while it is down, both save once more. `expected` is every file at the
end, on both machines, whatever the moment of the death was.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .device import Device
from .given import SAVED


def flow(name: str, step: str = "agreed", **more: object) -> bytes:
    """A small workflow's text."""
    told = {"id": name, "name": name, **more, "steps": [{"id": "only", "agent": step}]}
    return json.dumps(told, indent=2).encode()


def opaque(word: str) -> bytes:
    """Bytes that show at a glance whether two versions are mixed."""
    return f"{word}\n".encode() * 4000


@dataclass
class Scene:
    """The two machines, and what must come of it.

    The moment of the death decides how many revisions a key in `loose` ends with, and whether
    one in `contended` was a conflict.
    """

    here: Device
    there: Device | None = None
    expected: dict[str, bytes | None] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
    contended: set[str] = field(default_factory=set)

    def devices(self) -> list[Device]:
        return [self.here, *([self.there] if self.there else [])]

    def other(self) -> Device:
        assert self.there is not None
        return self.there

    def expect(self, **bodies: bytes | None) -> None:
        """Files of `flows`, by name, `_` for `-`."""
        self.expected |= {key(name): body for name, body in bodies.items()}


def key(name: str) -> str:
    return f"flows/{name.replace('_', '-')}.json"


@dataclass(frozen=True)
class Scenario:
    """`before` the victim runs, and `meanwhile`: after its death, before its next start."""

    before: Callable[[Scene], None]
    meanwhile: Callable[[Scene], None] = lambda scene: None
    alone: bool = False


AGREED = ("kept", "pulled", "pulled-2", "pulled-3", "pushed", "pushed-2", "deleted-there",
          "deleted-there-2", "deleted-here", "clash", "edited-here", "edited-there", "reborn-here",
          "reborn-there", "raced", "later")  # fmt: skip


def _agree(scene: Scene) -> None:
    """Both machines hold the same, and know that two files were deleted."""
    here, there = scene.here, scene.other()
    for name in AGREED:
        here.save(key(name), flow(name))
    here.save(key("merged"), flow("merged", title="t", note="n"))
    here.save("texts/pulled.txt", opaque("agreed"))
    here.save("texts/pushed.txt", opaque("agreed"))
    here.once()
    there.once()
    for name in ("reborn-here", "reborn-there"):
        there.delete(key(name))
    there.once()
    here.once()
    scene.expect(kept=flow("kept"))


def _edits_there(scene: Scene) -> None:
    there = scene.other()
    for name in ("pulled", "pulled-2", "pulled-3", "clash", "edited-there", "reborn-there",
                 "created-there", "created-there-2"):  # fmt: skip
        there.save(key(name), flow(name, "there"))
        scene.expected[key(name)] = flow(name, "there")
    there.save(key("merged"), flow("merged", title="t", note="there"))
    there.save("texts/pulled.txt", opaque("there"))
    scene.expected["texts/pulled.txt"] = opaque("there")
    for name in ("deleted-there", "deleted-there-2", "edited-here"):
        there.delete(key(name))
        scene.expected[key(name)] = None
    there.once()


def _edits_here(scene: Scene) -> None:
    here = scene.here
    for name in ("pushed", "clash", "edited-here", "reborn-here", "created-here", "raced", "later"):
        here.save(key(name), flow(name, "here"))
        scene.expected[key(name)] = flow(name, "here")
    here.save(key("pushed-2"), flow("pushed-2", "here"), in_place=True)
    here.save(key("merged"), flow("merged", title="here", note="n"))
    scene.expect(pushed_2=flow("pushed-2", "here"),
                 merged=flow("merged", title="here", note="there"))  # fmt: skip
    here.save("texts/pushed.txt", opaque("here"))
    scene.expected["texts/pushed.txt"] = opaque("here")
    for name in ("deleted-here", "edited-there"):
        here.delete(key(name))
    scene.expect(deleted_here=None)


def _before_edits(scene: Scene) -> None:
    _agree(scene)
    _edits_there(scene)
    _edits_here(scene)
    # Saved by a person in the instant of the write, where the circumstance says so.
    (scene.here.machine.home / SAVED).write_bytes(flow("pulled", "person"))


def _meanwhile_edits(scene: Scene) -> None:
    here, there = scene.here, scene.other()
    there.once()
    # Applied before the death: an edit of what was pushed. Else two edits of one file, and the
    # file here wins.
    known = there.reads(key("raced")) == flow("raced", "here")
    there.save(key("raced"), flow("raced", "there"))
    scene.expect(raced=flow("raced", "there" if known else "here"))
    there.once()
    here.save(key("later"), flow("later", "here again"))
    scene.expect(later=flow("later", "here again"))
    scene.loose.add(key("later"))
    scene.contended.add(key("raced"))
    if (here.machine.home / f"{SAVED}.done").exists():
        here.saves[key("pulled")].append(flow("pulled", "person"))
        scene.expect(pulled=flow("pulled", "person"))
    # On a busy machine the file may come in a later turn than the one that died: not saved by then,
    # it is not saved in the restart, whose outcome is known already.
    (here.machine.home / SAVED).unlink(missing_ok=True)


def _before_first(scene: Scene) -> None:
    """The victim was never in touch; the deployment and its folder hold things already."""
    here, there = scene.here, scene.other()
    for name in ("same", "clash", "there", "there-2", "there-3", "gone"):
        there.save(key(name), flow(name, "there"))
    there.save("texts/there.txt", opaque("there"))
    there.save("texts/there-2.txt", opaque("there too"))
    there.once()
    there.delete(key("gone"))
    there.once()
    here.save(key("same"), flow("same", "there"))
    here.save(key("here"), flow("here", "here"))
    here.save(key("gone"), flow("gone", "another"))
    here.save("texts/there.txt", opaque("there"))
    here.save(key("clash"), flow("clash", "here") + b"\n")
    scene.expect(same=flow("same", "there"), here=flow("here", "here"),
                 there=flow("there", "there"), there_2=flow("there-2", "there"),
                 there_3=flow("there-3", "there"), gone=flow("gone", "another"))  # fmt: skip
    scene.expected |= {"texts/there.txt": opaque("there"), "texts/there-2.txt": opaque("there too")}


def _before_old_copy(scene: Scene) -> None:
    """The victim's state folder is an old copy: it knows nothing of what it did since."""
    here = scene.here
    _agree(scene)
    old = here.machine.home / "old-copy"
    shutil.copytree(here.machine.state, old)
    for name in ("pushed", "pushed-2", "raced"):
        here.save(key(name), flow(name, "since"))
    here.once()
    shutil.rmtree(here.machine.state)
    old.rename(here.machine.state)
    here.save(key("pushed"), flow("pushed", "here"))
    here.save(key("created-here"), flow("created-here"))
    scene.other().save(key("created-there"), flow("created-there"))
    scene.other().once()
    scene.expect(pushed=flow("pushed", "here"), pushed_2=flow("pushed-2", "since"),
                 raced=flow("raced", "since"), created_here=flow("created-here"),
                 created_there=flow("created-there"))  # fmt: skip


def _before_moves(scene: Scene) -> None:
    """Files get other names on both machines, and one is saved on the way."""
    here, there = scene.here, scene.other()
    for name in ("kept", "old", "old-2", "old-there", "pushed"):
        here.save(key(name), flow(name))
    here.save("texts/old.txt", opaque("agreed"))
    here.once()
    there.once()
    there.rename(key("old-there"), key("new/there"))
    there.once()
    here.rename(key("old"), key("new/here"))
    here.rename(key("old-2"), key("new-2"))
    here.rename("texts/old.txt", "texts/new.txt")
    here.save(key("pushed"), flow("pushed", "here"))
    scene.expect(kept=flow("kept"), old=None, old_2=None, old_there=None, new_2=flow("old-2"),
                 pushed=flow("pushed", "here"))  # fmt: skip
    scene.expected |= {key("new/here"): flow("old"), key("new/there"): flow("old-there"),
                       "texts/old.txt": None, "texts/new.txt": opaque("agreed")}  # fmt: skip


FOLLOWED = {"old": "new", "old-here": "new-here"}
"""Files that are edited on one machine while the other renames them: by it, and by the victim."""


def _followed(name: str, *, note: str = "n", title: str = "t") -> bytes:
    return flow(name, title=title, note=note)


def _before_follows(scene: Scene) -> None:
    """Files are edited under names that the other machine changes, one is edited there too."""
    here, there = scene.here, scene.other()
    for name in FOLLOWED:
        here.save(key(name), _followed(name))
    here.once()
    there.once()
    there.rename(key("old"), key("new"))
    there.once()
    there.save(key("new"), _followed("old", note="there"))
    there.save(key("old-here"), _followed("old-here", note="there"))
    there.once()
    here.save(key("old"), _followed("old", title="here"))
    here.rename(key("old-here"), key("new-here"))
    scene.expect(old=None, new=_followed("old", title="here", note="there"),
                 old_here=None, new_here=_followed("old-here", note="there"))  # fmt: skip
    # An old name that comes back beside the new one is made once more.
    scene.loose |= {key(name) for pair in FOLLOWED.items() for name in pair}


def _meanwhile_follows(scene: Scene) -> None:
    """What is written under the new name and was not agreed on stays under the old one too."""
    here = scene.here
    noted = {f"{store}/{path}" for store, path in here.query("SELECT store, path FROM notes")}
    written = {
        old
        for old, new in FOLLOWED.items()
        if key(new) in noted and here.reads(key(new)) == scene.expected[key(new)]
    }
    if "old" in written and here.reads(key("old")) is not None:
        scene.expect(old=_followed("old", title="here"))
    if "old-here" in written:
        scene.expect(old_here=_followed("old-here", note="there"))


def _before_embedded(scene: Scene) -> None:
    """The first start of a machine with a backend of its own."""
    for name in ("one", "two"):
        scene.here.save(key(name), flow(name))
        scene.expected[key(name)] = flow(name)


def noise(seed: int) -> bytes:
    """A payload that is read, sent and written in several parts."""
    return random.Random(seed).randbytes(5 << 19)


def _before_payloads(scene: Scene) -> None:
    """Payloads go both ways, some twice, and one was saved on both machines."""
    here, there = scene.here, scene.other()
    for number, name in enumerate(("pulled", "pushed", "clash")):
        here.save(f"texts/{name}.bin", noise(number))
    here.once()
    there.once()
    for name in ("pulled", "clash"):
        there.save(f"texts/{name}.bin", noise(10))
    there.save("texts/there.bin", noise(11))
    there.save("texts/there-too.bin", noise(11))
    there.once()
    here.save("texts/pushed.bin", noise(12))
    here.save("texts/here.bin", noise(12))
    here.save("texts/clash.bin", noise(13))
    here.save(key("small"), flow("small"))
    scene.expect(small=flow("small"))
    scene.expected |= {
        "texts/pulled.bin": noise(10), "texts/there.bin": noise(11),
        "texts/there-too.bin": noise(11), "texts/pushed.bin": noise(12),
        "texts/here.bin": noise(12), "texts/clash.bin": noise(13),
    }  # fmt: skip


SCENARIOS: Mapping[str, Scenario] = {
    "edits": Scenario(_before_edits, _meanwhile_edits),
    "first": Scenario(_before_first),
    "moves": Scenario(_before_moves),
    "follows": Scenario(_before_follows, _meanwhile_follows),
    "old-copy": Scenario(_before_old_copy),
    "payloads": Scenario(_before_payloads),
    "embedded": Scenario(_before_embedded, alone=True),
}
