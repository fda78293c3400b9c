"""Record models take every real file, keep what they do not know, and check what programs make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.storage import typescript
from syncd.storage.records import RECORDS, Asset, Execution, Record, Workflow, WorkflowStep, told

CHECKOUT = Path(__file__).parents[2]
CORPUS = CHECKOUT.parent / "shared/corpus/n8n"
EXAMPLES = sorted((CHECKOUT / "examples").rglob("*.json"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4)
)


@st.composite
def objects(draw: st.DrawFn) -> tuple[type[Record], dict[str, Any]]:
    """A kind of record, and an object of any values under names that it knows and others."""
    model = draw(st.sampled_from(RECORDS))
    known = [field.alias or name for name, field in model.model_fields.items()]
    names = st.sampled_from([*known, *model.model_fields, "model_config", "_origin"]) | st.text()
    return model, draw(st.dictionaries(names, values, max_size=8))


@given(objects())
def test_every_object_is_a_record_and_what_it_does_not_know_is_told_again(
    given: tuple[type[Record], dict[str, Any]],
) -> None:
    model, value = given
    again = told(model.read(value))
    assert again.keys() <= value.keys()
    # A default is left out where the object holds both spellings of its name.
    twice = {model.model_fields[name].alias for name in value if name in model.model_fields}
    assert again.keys() >= value.keys() - twice
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert {name: each for name, each in again.items() if name not in known} == {
        name: each for name, each in value.items() if name not in known
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_understood_whole(path: Path) -> None:
    value = json.loads(path.read_text())
    model = {"workflows": Workflow, ".workflow-states": Execution}.get(path.parent.name, Asset)
    assert told(model.read(value)) == value


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the real files are not beside this checkout")
def test_real_workflows_are_understood() -> None:
    for path in CORPUS.rglob("*.json"):
        value = json.loads(path.read_text())
        read = Workflow.read(value)
        assert read.name == value["name"]
        assert read.id == (str(value["id"]) if "id" in value else None)
        assert read.nodes == value["nodes"]
        assert told(read).keys() == value.keys()


def test_what_a_program_makes_is_checked() -> None:
    with pytest.raises(ValidationError):
        Workflow(id="a", steps="none")
    made = Workflow(id="a", steps=[WorkflowStep(id="s", agent="x", depends_on=["r"])])
    with pytest.raises(ValidationError):
        made.active = "perhaps"  # type: ignore[assignment]
    assert told(made) == {"id": "a", "steps": [{"id": "s", "agent": "x", "dependsOn": ["r"]}]}


def test_what_is_changed_in_place_is_told() -> None:
    made = Workflow(id="a")
    made.steps.append(WorkflowStep(id="s"))
    made.tags.append("new")
    assert told(made) == {"id": "a", "steps": [{"id": "s"}], "tags": ["new"]}
    assert told(Workflow(id="b")) == {"id": "b"}


def test_records_are_equal_where_their_fields_are() -> None:
    assert Asset.read({"id": "a"}) == Asset(id="a")
    assert Asset(id="a") != Asset(id="b")
    assert Asset(id="a") != Workflow(id="a")


def test_the_validators_of_convex_are_those_of_the_models() -> None:
    committed = (CHECKOUT / "convex/records.ts").read_text()
    assert committed == typescript.generate(), "run `make generate`"
