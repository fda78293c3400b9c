"""Whether a save went on counting, or is an old buffer that does not know what was added."""

from __future__ import annotations

import json

import pytest

from syncd.core.model import Format, Kind
from syncd.stores.merge import Combined, counted_on, merge


def asset(downloads: int, name: str = "a") -> bytes:
    return json.dumps({"id": "a", "name": name, "metadata": {"downloads": downloads}}).encode()


@pytest.mark.parametrize(
    ("save", "written", "went_on"),
    [
        (asset(6), asset(5), True),
        (asset(3), asset(5), False),
        (asset(6, "mine"), asset(5), True),
        (asset(6), asset(5, "theirs"), False),
        (asset(3, "mine"), asset(3, "theirs"), True),
    ],
)
def test_a_save_that_counts_on_is_no_old_buffer(save: bytes, written: bytes, went_on: bool) -> None:
    before = asset(3)
    found = merge(before, save, written, Format.JSON, Kind.ASSET)
    assert isinstance(found, Combined)
    assert counted_on(before, save, found.body, Format.JSON, Kind.ASSET) is went_on
