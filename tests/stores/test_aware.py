"""Whether a save knew what had been written, by format."""

from __future__ import annotations

import pytest

from syncd.core.model import Format, Kind
from syncd.stores.aware import aware
from syncd.stores.merge import MERGE_LIMIT

JSON, YAML, TEXT = Format.JSON, Format.YAML, Format.TEXT


@pytest.mark.parametrize(
    ("before", "save", "written", "format"),
    [
        ('{"steps": ["a"]}', '{"steps": ["a", "ours"]}', '{"steps": ["a", "theirs"]}', JSON),
        ('{"at": [1, 2]}', '{"at": [1, 2, 3]}', '{"at": [7, 2]}', JSON),
        ('{"run": [{"do": "a"}]}', '{"run": [{"do": "a"}, {"do": "lint"}]}',
         '{"run": [{"do": "a"}, {"do": "publish"}]}', JSON),
        ('{"note": "a\\nb"}', '{"note": "a\\nb\\nours"}', '{"note": "a\\nb\\nelse"}', JSON),
        ("steps:\n  - a\n", "steps:\n  - a\n  - ours\n", "steps:\n  - a\n  - theirs\n", YAML),
        ("a: &x 1\nb: *x\n", "a: &x 1\nb: *x\nours: 1\n", "a: &x 1\nb: *x\nelse: 2\n", YAML),
        ("a\n", "a\nours\n", "a\ntheirs\n", TEXT),
    ],
)  # fmt: skip
def test_a_save_that_lacks_what_was_added_was_not_aware_of_it(
    before: str, save: str, written: str, format: Format
) -> None:
    sides = before.encode(), save.encode(), written.encode()
    for kind in [Kind.DOCUMENT, *([Kind.FILE] if format is TEXT else [])]:
        assert not aware(*sides, format, kind)


@pytest.mark.parametrize(
    ("before", "save", "written", "format"),
    [
        ('{"steps": ["a"]}', '{"steps": ["a", "theirs", "ours"]}', '{"steps": ["a", "theirs"]}',
         JSON),
        ('{"status": "draft"}', '{"status": "done"}', '{"status": "running"}', JSON),
        ("{}", '{"note": "ours"}', '{"note": "theirs"}', JSON),
        ('{"at": [1, 2]}', '{"at": [1, 4]}', '{"at": [1, 3]}', JSON),
        ("a\n", "a, ours\n", "a, theirs\n", TEXT),
    ],
)  # fmt: skip
def test_a_value_that_both_changed_nobody_can_tell(
    before: str, save: str, written: str, format: Format
) -> None:
    assert aware(before.encode(), save.encode(), written.encode(), format, Kind.DOCUMENT)


def test_bytes_that_are_no_text_or_too_long_to_be_merged_tell_nothing() -> None:
    for before in (b"\xff\n", b"a" * (MERGE_LIMIT + 1) + b"\n"):
        assert aware(before, before + b"ours\n", before + b"theirs\n", TEXT, Kind.FILE)
