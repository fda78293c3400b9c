"""How the parts of a record are merged where it matters. Pure: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType


class How(StrEnum):
    """What a field is to a merge."""

    PLAIN = "plain"
    """By shape: objects field by field, lists of objects with ids element by element."""
    SET = "set"
    """A list in which an element is there or not, in the local order: tags, queues."""
    COUNTER = "counter"
    """A whole number that both sides add to."""
    LINES = "lines"
    """Long text, line by line."""
    WHOLE = "whole"
    """One thing, whatever is in it."""


@dataclass(frozen=True)
class Annotation:
    """How one value is merged, and what is in it.

    `ids` are fields that may tell the elements of this list apart; the first that does counts.
    `fields` are the members of this object, `elements` the elements of this list, that are not
    plain. A value whose type is not what its annotation is about is merged as a plain one.
    """

    how: How = How.PLAIN
    ids: tuple[str, ...] = ("id",)
    fields: Mapping[str, Annotation] = field(default_factory=lambda: MappingProxyType({}))
    elements: Annotation | None = None

    def member(self, key: str) -> Annotation:
        """The annotation of a member of this object."""
        return self.fields.get(key, PLAIN)

    @property
    def element(self) -> Annotation:
        """The annotation of the elements of this list."""
        return self.elements or PLAIN

    @cached_property
    def counts(self) -> bool:
        """Whether this is a counter or may hold one."""
        below = [*self.fields.values(), *([self.elements] if self.elements else [])]
        return self.how is How.COUNTER or any(each.counts for each in below)


PLAIN = Annotation()
