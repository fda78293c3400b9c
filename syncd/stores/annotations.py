"""What the fields of each kind's records are to a merge, and what a record must be. Pure.

A check names the flaws of a value. Real records have some, so a merge is judged by the flaws
that neither side had: those it made itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from syncd.core.annotation import Annotation, How
from syncd.core.model import Kind
from syncd.core.value import Number, Value

_SET: Final = Annotation(How.SET)
_LINES: Final = Annotation(How.LINES)
_WHOLE: Final = Annotation(How.WHOLE)

_STEP: Final = Annotation(
    ids=("id", "stepId"),
    elements=Annotation(
        fields={"dependsOn": _SET, "dependencies": _SET, "prompt": _LINES, "description": _LINES}
    ),
)

_ANNOTATIONS: Final[Mapping[Kind, Annotation]] = {
    Kind.WORKFLOW: Annotation(
        fields={
            "steps": _STEP,
            "tags": _SET,
            "description": _LINES,
            # The shape of n8n's workflows.
            "nodes": Annotation(ids=("id", "name")),
        }
    ),
    Kind.EXECUTION: Annotation(
        fields={
            "plan": Annotation(
                fields={"steps": _STEP, "resources": Annotation(fields={"agents": _SET})}
            ),
            "completedSteps": _SET,
            "results": Annotation(ids=("id", "stepId")),
        }
    ),
    Kind.ASSET: Annotation(
        fields={
            "tags": _SET,
            "dependencies": _SET,
            "content": _LINES,
            "description": _LINES,
            "metadata": Annotation(fields={"downloads": Annotation(How.COUNTER), "tags": _SET}),
        }
    ),
    Kind.DEPLOYMENT: Annotation(
        fields={
            "queue": _SET,
            # What a build made is one thing: artifacts of two builds do not mix.
            "buildArtifacts": _WHOLE,
            "deployments": Annotation(elements=Annotation(fields={"buildArtifacts": _WHOLE})),
        }
    ),
    Kind.DOCUMENT: Annotation(fields={"tags": _SET, "content": _LINES}),
    Kind.METRIC: _WHOLE,
    Kind.FILE: _WHOLE,
}


def annotation(kind: Kind) -> Annotation:
    """How a record of `kind` is merged."""
    return _ANNOTATIONS[kind]


def identity(kind: Kind, value: Value) -> str | None:
    """What makes two records of `kind` that never met the same one, or None.

    The id that the record carries. A deployments file without its records carries none and is
    the only one of its store.
    """
    if not isinstance(value, dict):
        return None
    match value.get("id"):
        case str(found):
            return f'"{found}"'
        case Number(token):
            return token
        case None if kind is Kind.DEPLOYMENT and isinstance(value.get("deployments"), list):
            return "deployments"
        case _:
            return None


def flaws(kind: Kind, value: Value) -> frozenset[str]:
    """What keeps `value` from being a sound record of `kind`, each in a few words."""
    if kind not in _CHECKS:
        return frozenset()
    if not isinstance(value, dict):
        return frozenset({"it is not an object"})
    return frozenset(_CHECKS[kind](value))


def _workflow(value: dict[str, Value]) -> Iterator[str]:
    yield from _not_text(value, "id", "name")
    yield from _not_list(value, "steps", "nodes")
    yield from _steps(_objects(value.get("steps")))
    yield from _nodes(value)


def _steps(steps: list[dict[str, Value]]) -> Iterator[str]:
    yield from _repeated("step", steps, "id")
    named = ((_text(step, "id") or _text(step, "stepId"), step) for step in steps)
    needs = {name: _texts(step.get("dependsOn")) for name, step in named if name}
    for step, needed in needs.items():
        for name in needed:
            if name not in needs:
                yield f"step {step} depends on {name}, which is not there"
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        yield f"steps depend on each other in a circle: {sorted(set(error.args[1]))}"


def _nodes(value: dict[str, Value]) -> Iterator[str]:
    if not isinstance(value.get("nodes"), list):
        return
    nodes = _objects(value["nodes"])
    # By name, as n8n does, or by id, as programs that write for it do.
    names = {_text(node, field) for node in nodes for field in ("name", "id")}
    yield from _repeated("node", nodes, "name")
    connections = value.get("connections")
    if not isinstance(connections, dict):
        return
    for source, outputs in connections.items():
        for name in (source, *_targets(outputs)):
            if name not in names:
                yield f"a connection of {source} names {name}, which is not there"


def _targets(value: Value) -> Iterator[str]:
    """The nodes that n8n's outputs lead to: `{type: [[{node, type, index}, ...], ...]}`."""
    if isinstance(value, dict):
        if isinstance(node := value.get("node"), str):
            yield node
            return
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _targets(each)


def _execution(value: dict[str, Value]) -> Iterator[str]:
    yield from _not_text(value, "workflowId", "status")
    yield from _not_list(value, "completedSteps", "results")


def _asset(value: dict[str, Value]) -> Iterator[str]:
    yield from _not_text(value, "id", "name", "type")
    yield from _not_list(value, "tags", "dependencies")


def _deployment(value: dict[str, Value]) -> Iterator[str]:
    yield from _not_text(value, "id", "siteId", "status")
    yield from _not_list(value, "deployments", "queue")
    yield from _repeated("deployment", _objects(value.get("deployments")), "id")


_CHECKS: Final[Mapping[Kind, Callable[[dict[str, Value]], Iterator[str]]]] = {
    Kind.WORKFLOW: _workflow,
    Kind.EXECUTION: _execution,
    Kind.ASSET: _asset,
    Kind.DEPLOYMENT: _deployment,
}


def _not_text(value: dict[str, Value], *fields: str) -> Iterator[str]:
    for field in fields:
        if not isinstance(value.get(field, ""), str):
            yield f"{field} is not text"


def _not_list(value: dict[str, Value], *fields: str) -> Iterator[str]:
    for field in fields:
        if not isinstance(value.get(field, []), list):
            yield f"{field} is not a list"


def _repeated(what: str, those: list[dict[str, Value]], field: str) -> Iterator[str]:
    counts = Counter(name for each in those if isinstance(name := each.get(field), str))
    yield from (f"two are the {what} {name}" for name, times in counts.items() if times > 1)


def _text(value: dict[str, Value], field: str) -> str:
    found = value.get(field)
    return found if isinstance(found, str) else ""


def _objects(value: Value) -> list[dict[str, Value]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Value) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
