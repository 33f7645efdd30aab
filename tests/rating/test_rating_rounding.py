from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.money import RoundMode, round_to_step
from rating.rounding import divide_half_up, divide_toward_zero, exact_decimal, int128, rate_decimal, rounded_minor

CENT_E15 = 10**13


def round_e15(amounts: list[int], mode: str, step_minor: int = 1, exponent: int = 2, cut: int = 0) -> list[int]:
    frame = pl.DataFrame({"amount_e15": pl.Series(amounts, dtype=pl.Int128)}).with_columns(
        amount_cut=pl.lit(cut, pl.Int8), round_mode=pl.lit(mode), round_step_minor=pl.lit(step_minor, pl.Int64),
        currency_exponent=pl.lit(exponent, pl.Int8),
    )  # fmt: skip
    return frame.select(rounded_minor().alias("minor"))["minor"].to_list()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # 0.004, 0.005, 0.006, 0.015, 0.025 and their negatives, in cents
        ("half_up", [0, 1, 1, 2, 3, 0, -1, -1, -2, -3]),
        ("half_even", [0, 0, 1, 2, 2, 0, 0, -1, -2, -2]),
        ("down", [0, 0, 0, 1, 2, 0, 0, 0, -1, -2]),
        ("up", [1, 1, 1, 2, 3, -1, -1, -1, -2, -3]),
    ],
)
def test_a_line_is_rounded_to_the_cent_as_its_tariff_states(mode: str, expected: list[int]) -> None:
    thousandths = [4, 5, 6, 15, 25]
    amounts = [number * CENT_E15 // 10 for number in thousandths]
    assert round_e15([*amounts, *(-amount for amount in amounts)], mode) == expected


@pytest.mark.parametrize(
    ("mode", "step_minor", "exponent", "amount", "expected"),
    [
        ("half_up", 5, 2, "0.024", 0),      # under half of 5 cents
        ("half_up", 5, 2, "0.025", 5),      # half of 5 cents
        ("half_even", 5, 2, "0.075", 10),   # 1.5 steps, to the even second
        ("half_up", 10, 0, "1234", 1230),   # steps of 10 yen
        ("half_up", 10, 0, "1235", 1240),
        ("down", 1, 3, "1.2349", 1234),     # thousandths of a dinar
    ],
)  # fmt: skip
def test_a_line_is_rounded_to_the_step_of_its_tariff(
    mode: str, step_minor: int, exponent: int, amount: str, expected: int
) -> None:
    assert round_e15([int(Decimal(amount).scaleb(15))], mode, step_minor, exponent) == [expected]


@pytest.mark.parametrize(("mode", "expected"), [("half_up", 1), ("half_even", 1), ("down", 0), ("up", 1)])
def test_an_amount_that_was_cut_at_a_tie_is_above_the_tie(mode: str, expected: int) -> None:
    assert round_e15([CENT_E15 // 2], mode, cut=1) == [expected]
    assert round_e15([-CENT_E15 // 2], mode, cut=-1) == [-expected]


def test_an_amount_that_was_cut_at_a_whole_cent_is_above_it_only_when_rounding_up() -> None:
    assert [round_e15([CENT_E15], mode.value, cut=1)[0] for mode in RoundMode] == [1, 1, 1, 2]


@pytest.mark.parametrize("cut", [-1, 0, 1])
def test_an_amount_cut_to_nothing_is_a_step_only_when_rounding_up(cut: int) -> None:
    # 0.0005 percent of 10^-10 dollars is 5.6 x 10^-16: not one of the 15 decimals, but not nothing.
    assert [round_e15([0], mode.value, cut=cut)[0] for mode in RoundMode] == [0, 0, 0, cut]


@given(
    amounts=st.lists(st.integers(-(10**24), 10**24) | st.integers(-2000, 2000).map(lambda n: n * CENT_E15 // 4)),
    mode=st.sampled_from(list(RoundMode)),
    step_minor=st.sampled_from([1, 5, 10, 100]),
    exponent=st.integers(0, 4),
)
@settings(deadline=None)
def test_rounding_is_that_of_decimals_symmetric_and_within_one_step(
    amounts: list[int], mode: RoundMode, step_minor: int, exponent: int
) -> None:
    step = Decimal(step_minor).scaleb(-exponent)
    expected = [int(round_to_step(Decimal(a).scaleb(-15), step, mode).scaleb(exponent)) for a in amounts]
    assert round_e15(amounts, mode.value, step_minor, exponent) == expected
    assert round_e15([-a for a in amounts], mode.value, step_minor, exponent) == [-e for e in expected]
    assert all(
        abs(Decimal(a).scaleb(-15) - Decimal(e).scaleb(-exponent)) <= step
        for a, e in zip(amounts, expected, strict=True)
    )


def test_a_division_goes_toward_zero_or_half_up() -> None:
    frame = pl.DataFrame({"a": pl.Series([7, -7, 5, 6], dtype=pl.Int128)})
    assert frame.select(divide_toward_zero(pl.col("a"), int128(2)))["a"].to_list() == [3, -3, 2, 3]
    assert frame.filter(pl.col("a") > 0).select(divide_half_up(pl.col("a"), int128(2)))["a"].to_list() == [4, 3, 3]
    assert frame.filter(pl.col("a") > 5).select(divide_half_up(pl.col("a"), int128(4)))["a"].to_list() == [2, 2]


def test_fixed_point_becomes_a_decimal_without_loss() -> None:
    frame = pl.DataFrame({"e": pl.Series([10**24 + 1, -1], dtype=pl.Int128), "p": [10**18 - 1, -1]})
    found = frame.select(exact_decimal("e"), rate_decimal("p"))
    assert found["e"].to_list() == [Decimal("1000000000.000000000000001"), Decimal("-0.000000000000001")]
    assert found["p"].to_list() == [Decimal("999999999.999999999"), Decimal("-0.000000001")]
