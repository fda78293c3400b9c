"""Cutting files of lines: whatever is written, whole lines only, and every one of them once."""

from __future__ import annotations

import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.log import NOTHING, Cut, Extent, Line
from syncd.stores.lines import LINE_BYTES, TAIL_BYTES, cut, line_of, tail_of

bodies = st.lists(
    st.sampled_from([b"a", b"{}", b"\n", b"\r\n", b"\r", b" ", b"\xff", b"\xef\xbb\xbf",
                     b"\xc3\xa9", b"x" * 5000]),
    max_size=40,
).map(b"".join)  # fmt: skip


def cut_all(body: bytes, most: int, text_bytes: int) -> tuple[list[Line], Extent]:
    """Everything in `body`, in as many cuts as it takes."""
    lines: list[Line] = []
    extent = NOTHING
    while True:
        before = body[max(0, extent.length - TAIL_BYTES) : extent.length]
        found = cut(before, body[extent.length :], extent.length, most, text_bytes)
        assert found.size == len(body)
        assert len(found.lines) <= most
        texts = [len(line.text.encode()) for line in found.lines]
        assert len(texts) <= 1 or sum(texts) <= text_bytes
        if found.extent == extent:
            assert not found.more
            return lines, extent
        lines += found.lines
        extent = found.extent


def plainly(body: bytes) -> list[bytes]:
    """The lines of a file, as a plain program reads them."""
    whole = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1]
    return [line.removesuffix(b"\r") for line in whole if line.strip()]


@given(bodies, st.integers(1, 5), st.sampled_from([0, 1, 7000, 1 << 20]))
@example(b"\xef\xbb\xbf\n", 1, 0)
def test_however_it_is_cut_every_whole_line_comes_once(
    body: bytes, most: int, text_bytes: int
) -> None:
    lines, extent = cut_all(body, most, text_bytes)
    assert [line.text for line in lines] == [
        raw[:LINE_BYTES].decode("utf-8", "replace") for raw in plainly(body)
    ]
    assert extent.length == body.rfind(b"\n") + 1
    assert extent.tail == tail_of(body[: extent.length])
    for line, raw in zip(lines, plainly(body), strict=True):
        is_text = raw.decode("utf-8", "replace").encode() == raw
        assert (line.flag is None) == (is_text and len(raw) <= LINE_BYTES)


@given(bodies)
def test_a_half_written_line_waits(body: bytes) -> None:
    whole, extent = cut_all(body + b"\n", 99, 1 << 30)
    assert cut_all(body + b"\n" + b"half", 99, 1 << 30) == (whole, extent)


def test_a_tail_is_of_the_last_bytes_and_of_nothing_ahead_of_them() -> None:
    window = b"y" * TAIL_BYTES
    assert tail_of(b"x" + window) == tail_of(window) == hashlib.sha256(window).hexdigest()
    assert tail_of(b"x" + window[1:]) != tail_of(window)
    assert tail_of(b"") == NOTHING.tail


def test_a_long_line_is_cut_and_flagged() -> None:
    long = b"x" * (LINE_BYTES + 1)
    assert line_of(long) == Line("x" * LINE_BYTES, "cut")
    assert line_of(long[1:]) == Line("x" * LINE_BYTES)


def test_there_may_be_more_where_the_bounds_were_reached() -> None:
    found = cut(b"", b"a\nb\nc\n", 0, 2, 1 << 20)
    assert found == Cut((Line("a"), Line("b")), Extent(4, tail_of(b"a\nb\n")), 6, more=True)
