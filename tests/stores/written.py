"""JSON texts as different programs write them, for tests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

from syncd.core.value import Value, spelled

_SHARED = Path(__file__).parents[3] / "shared/corpus/n8n"
CORPUS = sorted(Path(os.environ.get("SYNCD_CORPUS", _SHARED)).rglob("*.json"))
needs_corpus = pytest.mark.skipif(not CORPUS, reason="the corpus of real files is not here")


@dataclass(frozen=True)
class Layout:
    """`unit` empty: all on one line."""

    unit: str = "  "
    line: str = "\n"
    comma: str = ","
    colon: str = ": "
    escaped: bool = False
    mark: str = ""
    end: str = ""

    def write(self, value: Value) -> bytes:
        """`value` as this program writes it."""
        return (self.mark + self._text(value, self.line) + self.end).encode()

    def _text(self, value: Value, line: str) -> str:
        match value:
            case dict() if value:
                parts = [self._string(key) + self.colon + self._text(each, line + self.unit)
                         for key, each in value.items()]  # fmt: skip
                return self._spread("{", parts, "}", line)
            case list() if value:
                return self._spread(
                    "[", [self._text(e, line + self.unit) for e in value], "]", line
                )
            case str():
                return self._string(value)
            case _:
                return spelled(value)

    def _spread(self, opening: str, parts: list[str], closing: str, line: str) -> str:
        if not self.unit:
            return opening + self.comma.join(parts) + closing
        inner = line + self.unit
        return opening + inner + (self.comma + inner).join(parts) + line + closing

    def _string(self, text: str) -> str:
        return json.dumps(text) if self.escaped else spelled(text)


TWO_SPACES = Layout()
ONE_LINE = Layout(unit="", colon=":")
usual_layouts = st.sampled_from(
    [
        TWO_SPACES,
        Layout(unit="\t", end="\n"),
        Layout(unit="    ", escaped=True, end="\n"),
        Layout(line="\r\n", mark="\ufeff", end="\r\n"),
        Layout(unit="", comma=", "),
        ONE_LINE,
    ]
)
layouts = st.one_of(usual_layouts, st.just(Layout(unit=" ", colon=" :  ", comma=" ,")))
