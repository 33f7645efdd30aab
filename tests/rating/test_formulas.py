"""Formulas over columns against worked values, and against a twin that counts in plain integers and fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import isqrt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twin_formulas import UndefinedError
from twin_formulas import evaluate as slow_value

from model.formula import Name, Number
from rating.formulas import evaluate
from tariffs.formula import parse_formula

SCALE = 10**12


def twin_row(shape: str, values: list[int]) -> tuple[int, bool]:
    try:
        # An operand beyond the bound is undefined where it is asked for.
        return slow_value(shape, values), False
    except UndefinedError:
        return 0, True


def rate(text: str, values: dict[str, str]) -> Decimal | None:
    """The value of a formula for one row; None when it is undefined."""
    formula = parse_formula(text)
    columns: dict[str, pl.Series] = {}
    for number, operand in enumerate(formula.operands):
        assert isinstance(operand, Number | Name)
        value = operand if isinstance(operand, Number) else Number(Decimal(values[operand.name]))
        columns[str(number)] = pl.Series([value.value_e12], dtype=pl.Int128)
    found = evaluate(pl.DataFrame(columns), formula.shape, list(columns))
    value_e12, is_undefined = found.row(0)
    assert not (is_undefined and value_e12)
    return (
        None if is_undefined else Decimal(Fraction(value_e12, SCALE).numerator) / Fraction(value_e12, SCALE).denominator
    )


SURCHARGE = "2000 * (min(pos(0.85 - pf), 0.10) / 0.01 * 0.015 + pos(0.75 - pf) / 0.01 * 0.03)"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        # TNB, power factor surcharge: 1.5 % of the bill per 0.01 from 0.85 to 0.75, 3 % below. On RM 2000:
        # 5 x 1.5 % = 7.5 %; 10 x 1.5 % = 15 %; 15 % + 15 x 3 % = 60 %.
        (SURCHARGE, {"pf": "0.85"}, "0"),
        (SURCHARGE, {"pf": "0.80"}, "150"),
        (SURCHARGE, {"pf": "0.75"}, "300"),
        (SURCHARGE, {"pf": "0.60"}, "1200"),
        # Power factor from energies: 3 / sqrt(9 + 16) = 3 / 5.
        ("kwh / sqrt(kwh*kwh + kvarh*kvarh)", {"kwh": "3", "kvarh": "4"}, "0.6"),
        # Toma, fuel clause: (93,480 - 87,530) / 100 = 59.5, cut to 59; 59 x 0.215 = 12.685, cut to the cent.
        ("trunc(average - 87530, 100) / 100 * 0.215", {"average": "93480"}, "12.685"),
        ("trunc(trunc(average - 87530, 100) / 100 * 0.215, 0.01)", {"average": "93480"}, "12.68"),
        ("trunc((base + energy) * 0.037, 10)", {"base": "7300", "energy": "12345"}, "720"),      # 726.865
        ("if(kwh <= 200, 12, 18)", {"kwh": "200"}, "12"),
        ("if(kwh <= 200, 12, 18)", {"kwh": "200.000000000001"}, "18"),
        ("max(500, kw_on, 0.80 * on_hist) * (1 + pos(0.95 - pf))", {"kw_on": "480", "on_hist": "700", "pf": "0.90"},
         "588"),
        # Ties go away from zero; a cut goes to it; floor and ceil keep their direction below zero.
        ("round(a)", {"a": "2.5"}, "3"),
        ("round(a)", {"a": "-2.5"}, "-3"),
        ("round(a)", {"a": "-2.499999999999"}, "-2"),
        ("round(a, 0.05)", {"a": "0.025"}, "0.05"),
        ("round(a, 10)", {"a": "-1234.99"}, "-1230"),
        ("round(a, 10)", {"a": "-1235"}, "-1240"),
        ("trunc(a)", {"a": "-2.9"}, "-2"),
        ("floor(a)", {"a": "-2.1"}, "-3"),
        ("floor(a, 0.5)", {"a": "2.9"}, "2.5"),
        ("ceil(a)", {"a": "-2.9"}, "-2"),
        ("ceil(a, 100)", {"a": "0.000000000001"}, "100"),
        ("ceil(a, 100)", {"a": "300"}, "300"),
        # 10^-6 x 5 x 10^-7 = 5 x 10^-13, half of the last place.
        ("a * 0.0000005", {"a": "0.000001"}, "0.000000000001"),
        ("a * -0.0000005", {"a": "0.000001"}, "-0.000000000001"),
        ("a * 0.000000499999", {"a": "0.000001"}, "0"),
        ("2 / a", {"a": "3"}, "0.666666666667"),
        ("-2 / a", {"a": "3"}, "-0.666666666667"),
        ("sqrt(a)", {"a": "2"}, "1.414213562373"),                  # 1.4142135623730950...
        ("sqrt(a)", {"a": "0"}, "0"),
        ("sqrt(a)", {"a": "1000000000000000000000000"}, "1000000000000"),
        ("sqrt(a)", {"a": "200000000000000000000000"}, "447213595499.957939281834"),   # 4.47213595499957939281834(7)
        ("a * b", {"a": "100000000000.5", "b": "1000000000000.5"}, "100000000000550000000000.25"),
        ("a / b", {"a": "1000000000000000000000000", "b": "300000000000000000000000"}, "3.333333333333"),
        ("abs(a) - pos(a) + -a", {"a": "-7.5"}, "15"),
        ("a > 1 and not (a > 2) or a == 0", {"a": "2"}, "1"),
        ("a > 1 and not (a > 2) or a == 0", {"a": "2.1"}, "0"),
        ("(a != 3) + (a >= 3) + (a < 3)", {"a": "3"}, "1"),
        ("2.5 and a", {"a": "-7"}, "1"),                             # what is not 0 is true
        ("min(a, 2, -3)", {"a": "0"}, "-3"),
    ],
)  # fmt: skip
def test_a_formula_gives_what_is_worked_by_hand(text: str, values: dict[str, str], expected: str) -> None:
    assert rate(text, values) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a / q", {"a": "1", "q": "0"}, None),
        ("if(q == 0, 0, a / q)", {"a": "1", "q": "0"}, "0"),
        ("if(q == 0, 0, a / q)", {"a": "1", "q": "4"}, "0.25"),
        ("if(q == 0, a / q, 0)", {"a": "1", "q": "0"}, None),
        ("if(a / q, 1, 2)", {"a": "1", "q": "0"}, None),
        ("q != 0 and a / q > 1", {"a": "1", "q": "0"}, "0"),
        ("q == 0 and a / q > 1", {"a": "1", "q": "0"}, None),
        ("q == 0 or a / q > 1", {"a": "1", "q": "0"}, "1"),
        ("q != 0 or a / q > 1", {"a": "1", "q": "0"}, None),
        ("a / q > 1 or q == 0", {"a": "1", "q": "0"}, None),         # from left to right
        ("max(a / q, 5)", {"a": "1", "q": "0"}, None),
        ("0 * (a / q)", {"a": "1", "q": "0"}, None),
        ("sqrt(a)", {"a": "-0.000000000001"}, None),
        ("round(a, q)", {"a": "1", "q": "0"}, None),
        ("trunc(a, q)", {"a": "1", "q": "-1"}, None),
        # 10^24 is the largest value, and what leaves it does not come back.
        ("a + q", {"a": "1000000000000000000000000", "q": "0"}, "1000000000000000000000000"),
        ("a + q", {"a": "1000000000000000000000000", "q": "0.000000000001"}, None),
        ("-a - q", {"a": "1000000000000000000000000", "q": "0.000000000001"}, None),
        ("a + a - a", {"a": "1000000000000000000000000"}, None),
        ("a * a", {"a": "1000000000000"}, "1000000000000000000000000"),
        ("a * a", {"a": "1000000000001"}, None),
        ("a * a", {"a": "1000000000000000000000000"}, None),
        ("a / q", {"a": "1000000000000000000000000", "q": "0.999999999999"}, None),
        ("a / q", {"a": "1000000000000000000000000", "q": "0.000000000001"}, None),
        ("round(a, q)", {"a": "800000000000000000000000", "q": "600000000000000000000000"}, "600000000000000000000000"),
        ("ceil(a, q)", {"a": "800000000000000000000000", "q": "600000000000000000000000"}, None),
    ],
)  # fmt: skip
def test_a_row_is_undefined_only_when_what_counts_is(text: str, values: dict[str, str], expected: str | None) -> None:
    assert rate(text, values) == (None if expected is None else Decimal(expected))


def test_an_operand_beyond_the_bound_is_undefined() -> None:
    frame = pl.DataFrame({"a": pl.Series([10**36, 10**36 + 1, -(2**127)], dtype=pl.Int128)})
    assert evaluate(frame, "0", ["a"]).rows() == [(10**36, False), (0, True), (0, True)]


def test_an_empty_frame_gives_an_empty_frame() -> None:
    frame = pl.DataFrame(schema={"a": pl.Int128})
    found = evaluate(frame, "(if (> 0 1) (/ 0 (sqrt 1)) (round (* 0 (and 0 1)) 1))", ["a", "a"])
    assert found.schema == {"value": pl.Int128(), "is_undefined": pl.Boolean()}
    assert found.is_empty()


def test_an_operand_that_is_no_int128_or_has_nulls_is_a_mistake_of_ours() -> None:
    frame = pl.DataFrame({"a": [1], "b": pl.Series([None], dtype=pl.Int128)})
    with pytest.raises(AssertionError, match="operand a must be Int128, found Int64"):
        evaluate(frame, "0", ["a"])
    with pytest.raises(AssertionError, match="operand b has nulls"):
        evaluate(frame, "0", ["b"])


COUNTS = {
    **dict.fromkeys(["abs", "pos", "sqrt", "not", "neg"], 1), "if": 3, "min": 3, "max": 2,
    **dict.fromkeys(["round", "trunc", "floor", "ceil", "+", "-", "*", "/", "and", "or"], 2),
    **dict.fromkeys(["==", "!=", "<", "<=", ">", ">="], 2),
}  # fmt: skip


def shapes() -> st.SearchStrategy[str]:
    """Shapes of up to about ten operators over four operands."""

    def extended(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.sampled_from([*COUNTS, "+", "-", "*", "*", "/", "/", "sqrt", "sqrt"]).flatmap(
            lambda operator: st.lists(part, min_size=COUNTS[operator], max_size=COUNTS[operator]).map(
                lambda parts: f"({operator} {' '.join(parts)})"
            )
        )

    return st.recursive(st.sampled_from("0123"), extended, max_leaves=10)


def numbers() -> st.SearchStrategy[int]:
    """Values x 10^12: small whole and half ones, of a bill's size, and of any size up to the bound and its edges."""
    powers = st.builds(
        lambda n, power, nudge: n * 10**power + nudge, st.integers(-9, 9), st.integers(0, 35), st.integers(-1, 1)
    )
    return st.one_of(
        st.integers(-8, 8).map(lambda n: n * SCALE // 2),
        st.integers(-(10**9), 10**9).map(lambda n: n * 10**9),
        st.integers(-(10**26), 10**26),
        st.integers(-(10**36), 10**36),
        powers,
        st.sampled_from([10**36, -(10**36), 10**26, 10**26 + 1, 8 * 10**25, 8 * 10**25 + 1, 10**38 // SCALE]),
    )


@given(shape=shapes(), rows=st.lists(st.tuples(*[numbers()] * 4), min_size=1, max_size=8))
@settings(deadline=None, max_examples=400)
def test_formulas_are_those_of_the_twin(shape: str, rows: list[tuple[int, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abcd", pl.Int128), orient="row")
    expected = [twin_row(shape, list(row)) for row in rows]
    assert evaluate(frame, shape, list("abcd")).rows() == expected


@given(
    rows=st.lists(st.tuples(numbers(), numbers()), min_size=1, max_size=30), operator=st.sampled_from(sorted(COUNTS))
)
@settings(deadline=None, max_examples=600)
def test_a_single_operation_is_that_of_the_twin(rows: list[tuple[int, int]], operator: str) -> None:
    shape = f"({operator} {' '.join('0121'[: COUNTS[operator]].replace('2', '0'))})"
    frame = pl.DataFrame(rows, schema=dict.fromkeys("ab", pl.Int128), orient="row")
    expected = [twin_row(shape, list(row)) for row in rows]
    assert evaluate(frame, shape, ["a", "b"]).rows() == expected
    # A row by itself has the value that it has beside others.
    assert evaluate(frame[:1], shape, ["a", "b"]).rows() == expected[:1]


@given(roots=st.lists(st.integers(0, 10**18), min_size=1, max_size=30), nudge=st.integers(-2, 2))
@settings(deadline=None, max_examples=300)
def test_a_root_is_right_on_both_sides_of_a_square(roots: list[int], nudge: int) -> None:
    values = [min(max(root * root + nudge, 0), 10**36) for root in roots]
    found = evaluate(pl.DataFrame({"a": pl.Series(values, dtype=pl.Int128)}), "(sqrt 0)", ["a"])
    assert found["value"].to_list() == [isqrt(value * SCALE) for value in values]
