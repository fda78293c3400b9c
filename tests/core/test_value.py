"""Numbers mean the same exactly where their decimals are equal."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.value import Number, alike

tokens = st.builds(
    lambda sign, whole, fraction, power: Number(f"{sign}{whole}{fraction}{power}"),
    st.sampled_from(["", "-"]),
    st.sampled_from(["0", "1", "10", "100", "15", "150"]),
    st.sampled_from(["", ".0", ".5", ".50", ".05", ".15"]),
    st.sampled_from(["", "e0", "e1", "E+2", "e-1", "e-2"]),
)


@given(st.lists(tokens, min_size=2, max_size=12))
def test_numbers_are_alike_where_their_decimals_are_equal(numbers: list[Number]) -> None:
    """But of zero the sign counts: -0 is not 0 to every program."""
    meanings = [(Decimal(each.token), each.token[0] == "-") for each in numbers]
    for one, meaning in zip(numbers, meanings, strict=True):
        for other, same in zip(numbers, meanings, strict=True):
            assert alike(one, other) == (meaning == same)
            assert alike([one, {"a": one}], [one, {"a": other}]) == (meaning == same)
