"""What bytes must look like to be mirrored. Pure.

Text is strict UTF-8 that round-trips, byte order mark included. Parsing is evidence that a
file is whole; values are never taken from it, since what is mirrored is the exact bytes.
"""

from __future__ import annotations

import json

import orjson

from syncd.core.model import Format, Hold
from syncd.stores.yaml_events import broken

INLINE_LIMIT = 2 * 1024 * 1024
"""Longest text that travels inside a function call, in bytes (design, Sizes)."""

RECORDS_LIMIT = 64 * 1024 * 1024
"""Longest file of many records, in bytes: each travels by itself."""

_MARK = b"\xef\xbb\xbf"


def too_large(size: int, limit: int = INLINE_LIMIT) -> Hold | None:
    """Why a file of `size` bytes cannot travel inline, or None."""
    if size <= limit:
        return None
    return Hold(
        "too-large",
        f"{size:,} bytes; files of up to {limit:,} bytes are mirrored in this version",
        "split the file, or exclude it in config.toml",
    )


def not_text(body: bytes) -> Hold | None:
    """Why `body` cannot be mirrored as text, or None."""
    try:
        body.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        return Hold(
            "not-text",
            f"byte {error.start} is not UTF-8; payloads that are not text are not mirrored "
            "in this version",
            "save it as UTF-8, or exclude it in config.toml",
        )
    return None


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
        json.loads(text.decode("utf-8"), parse_int=str)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        what = "the file is empty" if not text.strip() else f"{error.msg} at {place}"
        return Hold("not-json", what, "save the file whole; it is sent as soon as it parses")
    except (RecursionError, ValueError) as error:
        return Hold("not-json", str(error), "flatten the value, or exclude it in config.toml")
    return None
