"""What each kind's records are to a merge, and what a merge must not make of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.annotation import How
from syncd.core.model import Kind
from syncd.core.value import Value
from syncd.stores.annotations import annotation, flaws, identity
from syncd.stores.tree import parse
from tests.core.json_values import values


def value(text: str) -> Value:
    node = parse(text)
    assert node is not None
    return node.value


def test_only_assets_count() -> None:
    assert [kind for kind in Kind if annotation(kind).counts] == [Kind.ASSET]
    assert annotation(Kind.ASSET).member("metadata").member("downloads").how is How.COUNTER


SOUND = [
    (Kind.WORKFLOW, '{"id":"w","name":"n","steps":[{"id":"a"},{"id":"b","dependsOn":["a"]}]}'),
    (Kind.WORKFLOW, '{"nodes":[{"name":"A"},{"name":"B"}],'
                    '"connections":{"A":{"main":[[{"node":"B","type":"main","index":0}]]}}}'),
    (Kind.WORKFLOW, '{"steps":[{"id":1},{"id":2,"dependsOn":["a"]}]}'),
    (Kind.WORKFLOW, '{"nodes":[{"name":1},{"name":2}]}'),
    (Kind.WORKFLOW, '{"steps":[{"stepId":"a"},{"stepId":"b","dependsOn":["a"]}]}'),
    (Kind.WORKFLOW, "{}"),
    (Kind.EXECUTION, '{"workflowId":"w","completedSteps":[]}'),
    (Kind.ASSET, '{"id":"a","name":"n","tags":[],"content":{"any":"thing"}}'),
    (Kind.DEPLOYMENT, '{"id":"d","siteId":"s","status":"pending"}'),
    (Kind.DEPLOYMENT, '{"deployments":[{"id":"d"}],"queue":["d"]}'),
    (Kind.DOCUMENT, "[]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), SOUND)
def test_sound_records(kind: Kind, text: str) -> None:
    assert flaws(kind, value(text)) == set()


FLAWED = [
    (Kind.WORKFLOW, "[]", "it is not an object"),
    (Kind.WORKFLOW, '{"name":1}', "name is not text"),
    (Kind.WORKFLOW, '{"steps":{}}', "steps is not a list"),
    (Kind.WORKFLOW, '{"steps":[{"id":"a"},{"id":"a"}]}', "two are the step a"),
    (Kind.WORKFLOW, '{"steps":[{"id":"a","dependsOn":["b"]}]}',
     "step a depends on b, which is not there"),
    (Kind.WORKFLOW, '{"steps":[{"stepId":"a","dependsOn":["b"]},{"stepId":"c"}]}',
     "step a depends on b, which is not there"),
    (Kind.WORKFLOW, '{"steps":[{"id":"a","dependsOn":["b"]},{"id":"b","dependsOn":["a"]}]}',
     "steps depend on each other in a circle: ['a', 'b']"),
    (Kind.WORKFLOW, '{"nodes":[{"name":"A"},{"name":"A"}]}', "two are the node A"),
    (Kind.WORKFLOW, '{"nodes":[],"connections":{"A":{}}}',
     "a connection of A names A, which is not there"),
    (Kind.WORKFLOW, '{"nodes":[{"name":"A"}],"connections":{"A":{"main":[[{"node":"B"}]]}}}',
     "a connection of A names B, which is not there"),
    (Kind.EXECUTION, '{"completedSteps":"a"}', "completedSteps is not a list"),
    (Kind.ASSET, '{"tags":"a"}', "tags is not a list"),
    (Kind.DEPLOYMENT, '{"deployments":[{"id":"d"},{"id":"d"}]}', "two are the deployment d"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "flaw"), FLAWED)
def test_flawed_records(kind: Kind, text: str, flaw: str) -> None:
    assert flaw in flaws(kind, value(text))


@settings(max_examples=300, deadline=None)
@given(values, st.sampled_from(Kind))
def test_any_value_can_be_asked_about(any_value: Value, kind: Kind) -> None:
    assert isinstance(flaws(kind, any_value), frozenset)
    assert isinstance(identity(kind, any_value), str | None)


def test_identity_is_the_id_and_its_type() -> None:
    assert identity(Kind.DOCUMENT, value('{"id":"1"}')) != identity(
        Kind.DOCUMENT, value('{"id":1}')
    )
    assert identity(Kind.DOCUMENT, value('{"id":"1"}')) == identity(Kind.ASSET, value('{"id":"1"}'))
    for text in ("{}", "[]", '{"id":null}', '{"id":[]}', '{"deployments":[]}'):
        assert identity(Kind.DOCUMENT, value(text)) is None
    assert identity(Kind.DEPLOYMENT, value('{"deployments":[]}')) is not None
    for text in ("{}", '{"deployments":{}}', '{"id":[],"deployments":[]}'):
        assert identity(Kind.DEPLOYMENT, value(text)) is None
