"""What bytes must look like to be mirrored. Pure.

Text is strict UTF-8 that round-trips, byte order mark included; anything else, and text that is
too long to travel in a call, is a *payload*: it goes through file storage, unparsed. Parsing is
evidence that a file is whole; values are never taken from it, since what is mirrored is the exact
bytes.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from syncd.core.model import INLINE_LIMIT as INLINE_LIMIT
from syncd.core.model import Format, Hold

PAYLOAD_LIMIT = 1024 * 1024 * 1024
"""Largest payload, in bytes. The platform gives an upload two minutes: at 70 Mbit/s that is it."""

PARSED_LIMIT = 16 * 1024 * 1024
"""Longest JSON that is parsed to see whether it is whole, in bytes; it has to fit into memory."""

RECORDS_LIMIT = 64 * 1024 * 1024
"""Longest file of many records, in bytes: each travels by itself."""

LEVELS = 1024
"""Levels of nesting that JSON may have: what orjson reads. How many more the standard parser does
is each Python's own: 990 of 3.11, 65,000 of 3.14. Machines would differ over what is held."""

_FLATTEN = "flatten the value, or exclude it in config.toml"
_TOO_DEEP: Final = Hold("not-json", "its values lie too deep in one another to be read", _FLATTEN)
_MARK = b"\xef\xbb\xbf"


def too_large(size: int, limit: int = PAYLOAD_LIMIT) -> Hold | None:
    """Why a file of `size` bytes cannot be mirrored, or None."""
    if size <= limit:
        return None
    return Hold(
        "too-large",
        f"{size:,} bytes; files of up to {limit:,} bytes are mirrored",
        "split the file, or exclude it in config.toml",
    )


def is_text(body: bytes) -> bool:
    """Whether `body` can travel as text."""
    try:
        body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return False
    return True


def not_text(format: Format, body: bytes) -> Hold | None:
    """Why a file of `format` must be text and `body` is not, or None. JSON and YAML must."""
    if format not in (Format.JSON, Format.YAML):
        return None
    try:
        body.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        return Hold(
            "not-text",
            f"byte {error.start} is not UTF-8, so this is no {format.value.upper()}",
            "save it as UTF-8, give it another extension, or exclude it in config.toml",
        )
    return None


def cut_short(format: Format, first: bytes, last: bytes) -> Hold | None:
    """Why a file too long to be parsed is surely not whole, told by its ends, or None."""
    if format is not Format.JSON:
        return None
    opened, closed = first.removeprefix(_MARK).lstrip()[:1], last.rstrip()[-1:]
    if (opened, closed) in ((b"{", b"}"), (b"[", b"]"), (b'"', b'"')):
        return None
    return Hold(
        "not-json", "its end does not match its beginning", "save the file whole; it is sent then"
    )


def unparsable(format: Format, body: bytes) -> Hold | None:
    """Why `body` is not a whole file of its format, or None.

    JSON tells. YAML that is cut off mostly parses: there only what is broken shows.
    """
    text = body.removeprefix(_MARK)
    if format is Format.YAML:
        return _broken_yaml(text)
    if format is not Format.JSON:
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return _unparsable_leniently(text)
    return None


def _broken_yaml(body: bytes) -> Hold | None:
    from syncd.stores.yaml_events import broken  # Here: most stores need no parser of YAML.

    what = broken(body.decode("utf-8", "replace"))
    if what is None:
        return None
    return Hold(
        "not-yaml", what,
        "save the file whole; it is sent as soon as it parses. If it is a template or the like, "
        'give its store the kind "file" or exclude it in config.toml',
    )  # fmt: skip


def _unparsable_leniently(text: bytes) -> Hold | None:
    # The standard parser takes what real files hold and orjson refuses: lone surrogates,
    # NaN, integers beyond 64 bits. Whether a file is whole does not depend on those.
    try:
        # Integers stay text: Python converts no more than 4,300 digits.
        value = json.loads(text.decode("utf-8"), parse_int=str)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        what = (
            "the file is empty"
            if not text.strip()
            else f"{error.msg.removesuffix(' at')} at {place}"
        )
        return Hold("not-json", what, "save the file whole; it is sent as soon as it parses")
    except RecursionError:
        return _TOO_DEEP
    except ValueError as error:
        return Hold("not-json", str(error), _FLATTEN)
    return _TOO_DEEP if nests_deeper(value, LEVELS) else None


def nests_deeper(value: Any, levels: int) -> bool:
    """Whether what a parser of JSON made has more than so many levels of objects and arrays."""
    inside = [value]
    for _ in range(levels):
        inside = [below for each in inside if isinstance(each, dict | list)
                  for below in (each.values() if isinstance(each, dict) else each)]  # fmt: skip
    return any(isinstance(each, dict | list) for each in inside)
