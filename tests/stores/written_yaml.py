"""YAML texts as different programs and people write them, for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import strategies as st

from syncd.core.value import Number, Opaque, Value
from syncd.stores.yaml_scalar import resolved, written
from tests.core.json_values import triples, values

PLAIN_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\u00e9")


@dataclass(frozen=True)
class YamlLayout:
    """`flow` is the depth from which containers are in flow style, `notes` puts comments."""

    unit: int = 2
    flat_lists: bool = False
    flow: int = 99
    quote: str = ""
    literal: bool = False
    notes: str = ""
    line: str = "\n"
    mark: str = ""
    start: str = ""
    end: str = "\n"

    def write(self, value: Value) -> bytes:
        """`value` as this author writes it."""
        text = self._block(value, 0) if self._in_block(value, 0) else self._flow(value, 0)
        text = self.start + text.lstrip("\n") + self.end
        return (self.mark + text.replace("\n", self.line)).encode()

    def _in_block(self, value: Value, depth: int) -> bool:
        return isinstance(value, dict | list) and bool(value) and depth < self.flow

    def _block(self, value: Value, margin: int, depth: int = 0) -> str:
        """Line break, and the lines of a mapping or a list."""
        lines = ""
        pairs = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
        for name, each in pairs:
            head = self._scalar(name, margin) + ":" if isinstance(name, str) else "-"
            above = f"\n{' ' * margin}# {self.notes} {head}" if self.notes and depth < 2 else ""
            lines += f"{above}\n{' ' * margin}{head}{self._after(each, margin, depth, head)}"
        return lines

    def _after(self, value: Value, margin: int, depth: int, head: str) -> str:
        if not self._in_block(value, depth + 1):
            text = self._flow(value, margin)
            note = f"  # {self.notes} on {head}" if self.notes and text[:1] != "|" else ""
            return (" " if text else "") + text + note
        flat = self.flat_lists and isinstance(value, list) and head != "-"
        inner = margin if flat else margin + self.unit
        body = self._block(value, inner, depth + 1)
        if head == "-" and not self.notes:
            return " " * (self.unit - 1) + body.lstrip("\n ")
        return body

    def _flow(self, value: Value, margin: int) -> str:
        match value:
            case dict():
                parts = [f"{self._scalar(k, -1)}: {self._flow(e, -1)}" for k, e in value.items()]
                return "{" + ", ".join(parts) + "}"
            case list():
                return "[" + ", ".join(self._flow(each, -1) for each in value) + "]"
            case str():
                return self._scalar(value, margin)
            case _:
                return written(value)

    def _scalar(self, text: str, margin: int) -> str:
        if self.literal and margin >= 0 and "\n" in text and text[0] != "\n":
            return self._literal(text, margin)
        if not self.quote and text and set(text) <= PLAIN_LETTERS and resolved(text) == text:
            return text
        if self.quote == "'" and "\n" not in text:
            return "'" + text.replace("'", "''") + "'"
        return json.dumps(text, ensure_ascii=False)

    def _literal(self, text: str, margin: int) -> str:
        body = text.rstrip("\n")
        breaks = len(text) - len(body)
        lines = [" " * (margin + self.unit) + each if each else "" for each in body.split("\n")]
        return "\n".join(["|" + {0: "-", 1: ""}.get(breaks, "+"), *lines, *[""] * (breaks - 1)])


PLAIN_YAML = YamlLayout()
usual_yaml = st.sampled_from(
    [
        PLAIN_YAML,
        YamlLayout(flat_lists=True, literal=True),
        YamlLayout(unit=4, quote='"', start="---\n", end=""),
        YamlLayout(quote="'", flow=2),
        YamlLayout(line="\r\n", mark="\ufeff", literal=True),
        YamlLayout(flow=0, quote='"', start="# generated\n"),
        YamlLayout(flow=1, end="\n...\n"),
    ]
)
noted_yaml = st.sampled_from(
    [
        YamlLayout(notes="n"),
        YamlLayout(notes="n", flat_lists=True, literal=True, start="# head\n\n", end="\n# tail\n"),
        YamlLayout(notes="n", unit=4, flow=2, line="\r\n"),
    ]
)
yaml_layouts = st.one_of(usual_yaml, noted_yaml)


def sayable(value: Value) -> Value:
    """`value` without what all versions of YAML do not read alike, or cannot say."""
    match value:
        case dict():
            return {key: sayable(each) for key, each in value.items()}
        case list():
            return [sayable(each) for each in value]
        case Opaque(source):
            return f"opaque {source}"
        case Number(token) if not isinstance(resolved(token), Number):
            return Number("17")
        case str():
            return value.replace("\ud800", "s")
        case _:
            return value


sayables = values.map(sayable)
yaml_triples = triples.map(lambda sides: tuple(map(sayable, sides)))
"""A base, and a local and a remote that were edited from it."""
