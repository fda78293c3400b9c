"""Which versions a file holds: one, or as many as it has parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.model import Digest, Hold
from syncd.core.reading import Found, Reading
from syncd.stores.records import ENVELOPE, Part, split


def parts(reading: Reading, pointer: str | None) -> Mapping[str, Part] | None:
    """What a file holds, by record, None where that is not known.

    Without a `pointer` the file is one record, under the empty id.
    """
    if not isinstance(reading, Found):
        return None
    if pointer is None:
        # Of a payload only what version it is: nobody asks here for its bytes.
        return {ENVELOPE: Part(reading.content, reading.body or b"")}
    found = split(reading.body or b"", pointer)
    return None if isinstance(found, Hold) else found.parts


def versions(reading: Reading, pointer: str | None) -> Mapping[str, Digest] | None:
    """The digests of what a file holds. See `parts`."""
    found = parts(reading, pointer)
    return None if found is None else {name: part.content.digest for name, part in found.items()}
