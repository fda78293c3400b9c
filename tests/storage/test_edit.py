"""A record that was read and saved again is the same bytes; an edit changes nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Format, Kind
from syncd.errors import RecordError
from syncd.storage.edit import edited, fields_of, joined, replaced, written
from syncd.storage.records import Asset, Workflow, told

from .test_records import objects, values

WRITTEN = b"""{
    "zeta": 1.50,  "id": "a",
  "huge": 123456789012345678901234567890, "far": 1e400,
  "name": "\\u0041nna", "steps": [ {"id": 7, "x_y": [1.0]},
       {"id": "b", "agent": "c"} ], "active": "perhaps"
}
"""


def layouts(value: dict[str, Any]) -> list[bytes]:
    return [
        json.dumps(value, indent=indent, ensure_ascii=ascii, allow_nan=False).encode() + end
        for indent, ascii, end in ((None, True, b""), (2, True, b"\n"), (4, True, b""))
    ]


def saved(body: bytes, change: Any) -> bytes:
    """What a program's `change` of the workflow in `body` makes of the text."""
    fields = fields_of(body, Format.JSON)
    assert isinstance(fields, dict)
    record = Workflow.read(fields)
    before = told(record)
    change(record)
    return edited(body, before, told(record), Format.JSON, Kind.WORKFLOW)


@given(objects(), st.integers(0, 2))
def test_what_is_not_changed_keeps_its_bytes(given: Any, layout: int) -> None:
    model, value = given
    body = layouts(value)[layout]
    fields = fields_of(body, Format.JSON)
    assert isinstance(fields, dict)
    record = model.read(fields)
    assert edited(body, told(record), told(record), Format.JSON, model.kind) == body


@given(st.dictionaries(st.text(), values), st.dictionaries(st.text(), values), st.integers(0, 2))
def test_an_edited_text_reads_as_what_was_told(
    before: dict[str, Any], after: dict[str, Any], layout: int
) -> None:
    body = edited(layouts(before)[layout], before, after, Format.JSON, Kind.DOCUMENT)
    assert json.loads(body) == after
    assert json.loads(replaced(layouts(before)[layout], after, Format.JSON, Kind.DOCUMENT)) == after
    assert json.loads(written(after, Format.JSON)) == after


def test_an_edit_leaves_all_else_as_it_is_spelled() -> None:
    def rename(workflow: Workflow) -> None:
        workflow.name = "Berta"
        workflow.steps[1].agent = "d"

    expected = WRITTEN.replace(b'"\\u0041nna"', b'"Berta"').replace(b'"c"', b'"d"')
    assert saved(WRITTEN, rename) == expected


def test_a_field_of_another_type_stays_until_it_is_assigned() -> None:
    assert saved(WRITTEN, lambda record: None) == WRITTEN
    activated = saved(WRITTEN, lambda record: setattr(record, "active", True))
    assert activated == WRITTEN.replace(b'"perhaps"', b"true")


def test_elements_come_and_go_and_the_others_keep_their_spelling() -> None:
    shorter = saved(WRITTEN, lambda record: record.steps.pop())
    assert b'{"id": 7, "x_y": [1.0]}' in shorter
    assert [step["id"] for step in json.loads(shorter)["steps"]] == [7]


def test_an_element_takes_along_what_its_model_does_not_read() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "agent": {"x": 1}, "note": 1},
        {"id": "b"},
    ]
    body = json.dumps({"id": "w", "steps": steps}).encode()
    turned = saved(body, lambda record: record.steps.reverse())
    assert json.loads(turned)["steps"] == steps[::-1]

    def rename(record: Workflow) -> None:
        record.steps[0].id = "c"

    assert json.loads(saved(body, rename))["steps"] == [{**steps[0], "id": "c"}, steps[1]]


def test_elements_of_a_long_list_are_found_by_what_they_are() -> None:
    tags = [{"name": str(number), "far": [1.50]} for number in range(4000)]
    nodes = [{"id": number} for number in range(4000)]
    body = json.dumps({"id": "w", "tags": tags, "nodes": nodes}).replace("1.5]", "1.50]").encode()

    def turn(record: Workflow) -> None:
        record.tags.reverse()
        record.tags.pop()
        record.nodes.reverse()  # type: ignore[union-attr]

    turned = saved(body, turn)
    assert turned.count(b"[1.50]") == 3999
    assert json.loads(turned)["nodes"] == nodes[::-1]


def test_a_field_is_removed_where_the_program_removed_it() -> None:
    body = b'{"id": "a", "extra": 1, "tags": ["x"]}'
    fields = fields_of(body, Format.JSON)
    assert isinstance(fields, dict)
    record = Asset.read(fields)
    before = told(record)
    del record.extra  # type: ignore[attr-defined]
    assert (
        edited(body, before, told(record), Format.JSON, Kind.ASSET) == b'{"id": "a", "tags": ["x"]}'
    )


def test_what_others_changed_meanwhile_is_joined_and_ours_wins() -> None:
    origin = b'{"id": "a", "name": "A", "status": "draft", "config": {"x": 1}}'
    ours = origin.replace(b'"draft"', b'"running"')
    met = origin.replace(b'"draft"', b'"failed"').replace(b'"x": 1', b'"x": 2')
    assert joined(origin, ours, met, Format.JSON, Kind.WORKFLOW) == ours.replace(
        b'"x": 1', b'"x": 2'
    )


def test_a_number_of_more_digits_than_python_reads_is_read_and_kept() -> None:
    body = b'{"id": "a", "name": "one", "count": %s}' % (b"9" * 5000)
    fields = fields_of(body, Format.JSON)
    assert isinstance(fields, dict)
    assert fields["count"] == float("inf")
    assert saved(body, lambda record: setattr(record, "name", "two")) == body.replace(
        b'"one"', b'"two"'
    )


def test_what_is_no_json_is_refused() -> None:
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(RecordError):
            written({"value": value}, Format.JSON)


NIGHTLY = b"""\
# Runs every night; the order of the steps matters.
id: nightly-report
name: Nightly report  # as people call it
version: 0.4.1
steps:
  - id: query
    agent: analyst
  - id: chart   # last
    agent: plotter
    dependsOn: [query]
"""


def in_yaml(body: bytes, change: Any) -> bytes:
    fields = fields_of(body, Format.YAML)
    assert isinstance(fields, dict)
    record = Workflow.read(fields)
    before = told(record)
    change(record)
    return edited(body, before, told(record), Format.YAML, Kind.WORKFLOW)


def test_yaml_keeps_its_comments_and_quotes() -> None:
    assert in_yaml(NIGHTLY, lambda record: None) == NIGHTLY

    def change(workflow: Workflow) -> None:
        workflow.name = "Report of the night"
        workflow.steps[1].agent = "painter"

    expected = NIGHTLY.replace(b"Nightly report ", b"Report of the night ")
    assert in_yaml(NIGHTLY, change) == expected.replace(b"plotter", b"painter")


def test_a_new_record_in_yaml_reads_as_what_was_told() -> None:
    after = {"id": "a", "version": "1.10", "steps": [{"id": "s", "note": "on: yes\n# no"}]}
    assert fields_of(written(after, Format.YAML), Format.YAML) == after


def test_a_yaml_date_is_text_to_a_program_and_stays_a_date_in_the_file() -> None:
    origin = b"id: w\nstarted: 2024-01-02  # a date\non: yes\nname: n\n"
    before = fields_of(origin, Format.YAML)
    assert before == {"id": "w", "started": "2024-01-02", "on": "yes", "name": "n"}
    after = {**before, "name": "new"}
    found = edited(origin, before, after, Format.YAML, Kind.WORKFLOW)
    assert found == origin.replace(b"name: n", b"name: new")
