"""One store as the configuration names it. Pure: a frozen model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syncd.core.direction import Way
from syncd.core.model import Kind
from syncd.stores.layout import Layout, unsafe
from syncd.stores.lines import COMPRESSED
from syncd.stores.patterns import meaningless

INCLUDE: Mapping[Kind, tuple[str, ...]] = {
    Kind.WORKFLOW: ("*.json", "*.yaml", "*.yml"),
    Kind.EXECUTION: ("*.json",),
    Kind.ASSET: ("*",),
    Kind.DEPLOYMENT: ("deployments.json",),
    Kind.METRIC: ("*.jsonl", "*.jsonl.[0-9]*"),
    Kind.DOCUMENT: ("*.json", "*.yaml", "*.yml"),
    Kind.FILE: ("*",),
}
"""Which files a store of a kind mirrors where the configuration does not say."""

LINES = INCLUDE[Kind.METRIC]
"""Which files a store of lines mirrors: those being written, and rotated ones."""

CREATE: Mapping[Kind, str] = {
    Kind.ASSET: "{category}/{id}.json",
    Kind.DEPLOYMENT: "deployments.json",
}
"""Where what is created in Convex becomes a file, for kinds whose records are not `{id}.json`."""


class StoreConfig(BaseModel):
    """A folder to mirror."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    kind: Kind
    path: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    layout: Literal["file", "records", "lines"] = "file"
    pointer: str | None = Field(default=None, pattern=r"^(/[^/]*)*$")
    direction: Way = Way.BOTH
    create: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, told: object) -> object:
        if not isinstance(told, dict):
            return told
        if told.get("kind") == Kind.EXECUTION:
            told = {"direction": Way.OWN, **told}
        if told.get("kind") == Kind.DEPLOYMENT:
            told = {"layout": "records", **told}
            if told["layout"] == "records":
                told = {"pointer": "/deployments", **told}
        if told.get("kind") == Kind.METRIC:
            told = {"layout": "lines", **told}
        return {"direction": Way.PUSH, **told} if told.get("layout") == "lines" else told

    @model_validator(mode="after")
    def _pointed(self) -> Self:
        if (self.layout == "records") != (self.pointer is not None):
            raise ValueError('layout = "records" and pointer go together: it leads to the list')
        if self.layout == "records" and self.kind not in (Kind.DEPLOYMENT, Kind.DOCUMENT):
            raise ValueError("only kinds deployment and document have files of many records")
        if self.layout == "records" and self.direction is Way.OWN:
            raise ValueError('files of many records are shared: direction = "own" is not for them')
        return self

    @model_validator(mode="after")
    def _growing(self) -> Self:
        lines = self.layout == "lines"
        if lines and self.kind not in (Kind.METRIC, Kind.DOCUMENT):
            raise ValueError("only kinds metric and document have files of lines")
        if not lines and self.kind is Kind.METRIC:
            raise ValueError('kind metric has layout = "lines"')
        if lines and self.direction is not Way.PUSH:
            raise ValueError('layout = "lines" has direction = "push": nothing is written to files')
        return self

    @field_validator("include", "exclude")
    @classmethod
    def _meant(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for each in patterns:
            if why := meaningless(each):
                raise ValueError(f"{each!r}: {why}")
        return patterns

    @field_validator("include")
    @classmethod
    def _including(cls, include: tuple[str, ...]) -> tuple[str, ...]:
        if include and all(each.startswith("!") for each in include):
            raise ValueError("it only takes away: what it takes from must stand before")
        return include

    @field_validator("create")
    @classmethod
    def _fillable(cls, create: str | None) -> str | None:
        if create is not None and re.search(r"[{}]", re.sub(r"\{(id|category)\}", "", create)):
            raise ValueError("only {id} and {category} can be filled in")
        if create is not None and unsafe(create):
            raise ValueError("it is no path below the store's folder")
        return create

    @model_validator(mode="after")
    def _mirrored(self) -> Self:
        made = (self.create or "").replace("{id}", "id").replace("{category}", "category")
        if made and not self.patterns().matches(made):
            raise ValueError(f"create = {self.create!r} is a path that its patterns leave out")
        return self

    def told(self) -> str:
        """What the ledger remembers of it: any text that changes with it, but for where it lies."""
        return self.model_dump_json(exclude={"path", "create"})

    def creates_at(self) -> str:
        """The path of what is created in Convex, with {id} and {category} to be filled in."""
        return self.create or CREATE.get(self.kind, "{id}.json")

    def patterns(self) -> Layout:
        """Which files of the folder are mirrored."""
        if self.layout == "lines":
            return Layout(self.include or LINES, (*COMPRESSED, *self.exclude))
        return Layout(self.include or INCLUDE[self.kind], self.exclude)
