"""A death at any point, a restart, and all is as if nobody had died."""

from __future__ import annotations

import pytest

from .case import Case
from .matrix import Matrix, broken, every
from .points import POINTS


@pytest.mark.parametrize("case", every(), ids=str)
def test_a_death_changes_nothing(matrix: Matrix, case: Case) -> None:
    assert matrix.found(case).reached, "the scenario never comes to this point"
    assert matrix.problems(case) == []


@pytest.mark.parametrize("case", broken(), ids=str)
def test_the_matrix_sees_what_a_broken_variant_loses(matrix: Matrix, case: Case) -> None:
    assert matrix.problems(case)
    assert matrix.found(case.undisturbed).problems == (), "the harm is the variant's"


def test_every_point_says_what_it_is() -> None:
    sentences = [point.sentence for point in POINTS.values()]
    assert len(POINTS) >= 30
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") for sentence in sentences)
