"""Formulas as a tariff analyst writes them: what they mean, what is refused, and how a bill shows them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ExitCode, TariffError
from model.formula import COMPARISONS, FUNCTIONS, Formula, Name, Number, Operand, TextTest, fold_shape
from tariffs.formula import FormulaError, parse_formula, render


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("max(500, kw_on, 0.80 * on_hist) * (1 + pos(0.95 - pf))", "(* (max 0 1 (* 2 3)) (+ 4 (pos (- 5 6))))"),
        ("kwh / sqrt(kwh*kwh + kvarh*kvarh)", "(/ 0 (sqrt (+ (* 1 2) (* 3 4))))"),
        ("trunc((base + energy) * 0.037, 10)", "(trunc (* (+ 0 1) 2) 3)"),
        ("if(kwh <= 200, 12, 18)", "(if (<= 0 1) 2 3)"),
        ("min(pos(0.85-pf), 0.10)/0.01*0.015", "(* (/ (min (pos (- 0 1)) 2) 3) 4)"),
        ('drought_stage >= 2 and meter_size == "3/4"', "(and (>= 0 1) 2)"),
        # Equals go from left to right, products before sums, sums before comparisons, `and` before `or`.
        ("a - b - c", "(- (- 0 1) 2)"),
        ("a / b * c", "(* (/ 0 1) 2)"),
        ("a + b * c", "(+ 0 (* 1 2))"),
        ("(a + b) * c", "(* (+ 0 1) 2)"),
        ("a + b < c * d", "(< (+ 0 1) (* 2 3))"),
        ("a or b and c", "(or 0 (and 1 2))"),
        ("(a or b) and c", "(and (or 0 1) 2)"),
        ("not a == b and c", "(and (not (== 0 1)) 2)"),
        ("(not a) == b", "(== (not 0) 1)"),
        # A minus binds tighter than a product; before a constant it makes a constant.
        ("-a * b", "(* (neg 0) 1)"),
        ("-(a * b)", "(neg (* 0 1))"),
        ("a - -5", "(- 0 1)"),
        ("kwh", "0"),
        ("  .5\n * kwh ", "(* 0 1)"),
        ("round(a)", "(round 0)"),
        ("min(a)", "(min 0)"),
    ],
)
def test_a_formula_is_read_as_it_is_meant(text: str, shape: str) -> None:
    assert parse_formula(text).shape == shape


def test_operands_come_in_the_order_of_the_text() -> None:
    formula = parse_formula("max(500, kw_on, 0.80 * on_hist) - -2.5 * kw_on")
    assert formula.operands == (
        Number(Decimal(500)), Name("kw_on"), Number(Decimal("0.80")), Name("on_hist"),
        Number(Decimal("-2.5")), Name("kw_on"),
    )  # fmt: skip
    assert formula.names == ("kw_on", "on_hist")
    assert formula.text_names == ()


def test_a_text_is_tested_by_its_name() -> None:
    formula = parse_formula("""meter_size == "3/4" or class != 'farm' and care == 1""")
    assert formula.shape == "(or 0 (and 1 (== 2 3)))"
    same, other = formula.operands[:2]
    assert same == TextTest("meter_size", "3/4", is_equal=True)
    assert other == TextTest("class", "farm", is_equal=False)
    assert isinstance(same, TextTest) and same.holds("3/4") and not same.holds("1")
    assert isinstance(other, TextTest) and not other.holds("farm") and other.holds("home")
    assert (formula.names, formula.text_names) == (("care",), ("meter_size", "class"))


def test_formulas_that_differ_in_constants_and_names_share_a_shape() -> None:
    first = parse_formula("max(500, kw_on) * 0.80")
    assert first.shape == parse_formula("max(-25.5,kw)*1").shape
    assert first == parse_formula("max( 500, kw_on ) * 0.80")
    assert len({first, parse_formula("max(500, kw_on) * 0.80"), parse_formula("max(500, kw_on) * 0.81")}) == 2


def test_a_constant_goes_up_to_the_bound() -> None:
    assert (
        parse_formula("1" + 24 * "0").shape == parse_formula("0.000000000001").shape == parse_formula("0").shape == "0"
    )


def test_a_constant_is_exact_to_its_last_digit() -> None:
    number = parse_formula("-999999999999999999999999.123456789012").operands[0]
    assert isinstance(number, Number) and number.value_e12 == -999999999999999999999999123456789012


FUNCTION_LIST = "abs, ceil, floor, if, max, min, pos, round, sqrt, trunc"
VALUE = "a number, a name, a function or `(`"
DEEPER = "name a part of it as a quantity with a formula of its own"
TEXT_HINT = 'a text stands right of `==` or `!=`, after the name that holds it: meter_size == "3/4"'


@pytest.mark.parametrize(
    ("text", "position", "message", "hint"),
    [
        ("", 1, f"expected {VALUE}, found the end at the start", None),
        ("3 +", 4, f"expected {VALUE}, found the end at character 4, after `3 +`", None),
        ("min(1,)", 7, f"expected {VALUE}, found `)` at character 7, after `min(1,`", None),
        ("(a", 3, "expected an operator or `)`, found the end at character 3, after `(a`", None),
        ("max(a b)", 7, "expected an operator, `,` or `)`, found `b` at character 7, after `max(a`", None),
        ("kwh kw", 5, "expected an operator or the end, found `kw` at character 5, after `kwh`", None),
        ("a)", 2, "expected an operator or the end, found `)` at character 2, after `a`", None),
        ("maxx(1)", 1, f"expected a function ({FUNCTION_LIST}), found `maxx` at the start", "did you mean `max`?"),
        ("kwh(3)", 1, f"expected a function ({FUNCTION_LIST}), found `kwh` at the start",
         "put an operator between the name and `(`"),
        ("round", 6, "expected `(` after the function `round`, found the end at character 6, after `round`", None),
        ("1 + round(1, 2, 3)", 5, "expected 1 or 2 arguments for `round`, found 3 at character 5, after `1 +`", None),
        ("sqrt()", 1, "expected 1 argument for `sqrt`, found 0 at the start", None),
        ("if(a, b)", 1, "expected 3 arguments for `if`, found 2 at the start", None),
        ("max()", 1, "expected 1 or more arguments for `max`, found 0 at the start", None),
        ("a = b", 3, "expected an operator or the end, found `=` at character 3, after `a`", "compare with `==`"),
        ("a <> b", 3, "expected an operator or the end, found `<>` at character 3, after `a`", "write `!=`"),
        ("2 × kwh", 3, "expected an operator or the end, found `×` at character 3, after `2`", "write `*`"),
        ("kwh * 5%", 8, "expected an operator or the end, found `%` at character 8, after `kwh * 5`",
         "write 5 percent as `0.05`"),
        ("kwh AND kw", 5, "expected an operator or the end, found `AND` at character 5, after `kwh`", "write `and`"),
        ("a < b < c", 7, "expected one comparison, found `<` at character 7, after `a < b`",
         "join two comparisons with `and`"),
        ("a + not b", 5, f"expected {VALUE}, found `not` at character 5, after `a +`",
         "put `not` and what follows it in parentheses"),
        ("Kwh", 1, "expected a name of a-z, 0-9 and `_` that begins with a letter, found `Kwh` at the start",
         "did you mean `kwh`?"),
        ("max(1,000)", 7, "expected a number without leading zeros, found `000` at character 7, after `max(1,`",
         "write a thousand as `1000`, without a comma"),
        ("0.1234567890123", 1,
         "expected a number up to 10^24 with at most 12 decimals, found `0.1234567890123` at the start", None),
        ("1000000000000000000000001", 1,
         "expected a number up to 10^24 with at most 12 decimals, found `1000000000000000000000001` at the start",
         None),
        ('size < "3/4"', 8, f'expected {VALUE}, found `"3/4"` at character 8, after `size <`', TEXT_HINT),
        ('a + b == "3/4"', 10, 'expected a number to compare with, found `"3/4"` at character 10, after `a + b ==`',
         TEXT_HINT),
        ("size == 'x", 9, f"expected {VALUE}, found `'` at character 9, after `size ==`",
         "close the text with the quote that opens it"),
        ("kilowatts + kilovars + kilowatthours + ;", 40,
         f"expected {VALUE}, found `;` at character 40, after `...rs + kilowatthours +`", None),
        ("__import__", 1,
         "expected a name of a-z, 0-9 and `_` that begins with a letter, found `__import__` at the start",
         "did you mean `import__`?"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_with_its_place(text: str, position: int, message: str, hint: str | None) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    assert (caught.value.message, caught.value.position, caught.value.hint) == (message, position, hint)
    assert isinstance(caught.value, TariffError) and caught.value.exit_code == ExitCode.REFUSED


def test_a_formula_has_at_most_500_characters() -> None:
    assert parse_formula("a" * 500)
    with pytest.raises(FormulaError) as caught:
        parse_formula("a" * 501)
    assert caught.value.message == "expected a formula of at most 500 characters, found 501"
    assert caught.value.hint == DEEPER


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("-", ""), ("not ", ""), ("abs(", ")")])
def test_a_formula_is_at_most_40_levels_deep(opening: str, closing: str) -> None:
    assert parse_formula(opening * 39 + "a" + closing * 39)
    with pytest.raises(FormulaError) as caught:
        parse_formula(opening * 40 + "a" + closing * 40)
    assert caught.value.message.startswith("expected at most 40 levels, one inside the other, found `a`")
    assert caught.value.hint == DEEPER


def test_a_long_sum_is_not_deep() -> None:
    formula = parse_formula("+".join("a" * 250))
    assert render(formula, {}) == " + ".join("a" * 250)


def test_the_worst_that_fits_is_read_without_a_crash() -> None:
    assert parse_formula("a or b and c==d+e*(" * 24 + "a" + ")" * 24)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("max(500, kw_on) * (1 + pos(0.95 - pf))", {"kw_on": Decimal("480.000000000000"), "pf": Decimal("0.910000")},
         "max(500, 480) * (1 + pos(0.95 - 0.91))"),
        ("0.80*on_hist", {"on_hist": Decimal("1200")}, "0.80 * 1200"),
        ("base - credit", {"base": Decimal("10"), "credit": Decimal("-2.50")}, "10 - (-2.5)"),
        ("max(credit, -5)", {"credit": Decimal("-2.50")}, "max(-2.5, -5)"),
        ("-credit", {"credit": Decimal("-0.00")}, "-0"),
        ("stage >= 2 and size == '3/4'", {"stage": Decimal(3), "size": "1"}, '3 >= 2 and "1" == "3/4"'),
        ("size != '3/4' or 0.50 > a", {}, 'size != "3/4" or 0.50 > a'),
        ("(a+b)*(c-d)-(e-f)", {}, "(a + b) * (c - d) - (e - f)"),
        ("a * 2", {"a": Decimal("123456789012345678901234.123456789012")}, "123456789012345678901234.123456789012 * 2"),
    ],
)  # fmt: skip
def test_a_bill_shows_a_formula_with_its_values(text: str, values: dict[str, Decimal | str], expected: str) -> None:
    assert render(parse_formula(text), values) == expected


def _put(shape: str, first: int) -> str:
    """Return a shape with its operands numbered from `first`."""
    return re.sub(r"\d+", lambda match: str(int(match[0]) + first), shape)


def _joined(operator: str, parts: list[Formula]) -> Formula:
    shapes: list[str] = []
    operands: tuple[Operand, ...] = ()
    for part in parts:
        shapes.append(_put(part.shape, len(operands)))
        operands += part.operands
    if operator == "neg" and shapes == ["0"] and isinstance(operands[0], Number):
        return Formula("0", (Number(operands[0].value.copy_negate()),))
    return Formula(f"({operator} {' '.join(shapes)})", operands)


def formulas() -> st.SearchStrategy[Formula]:
    names = st.sampled_from(["kwh", "kw_on", "pf", "a1"])
    numbers = st.decimals(-(10**6), 10**6, places=3) | st.integers(-3, 3).map(Decimal)
    tests = st.builds(TextTest, names, st.sampled_from(["3/4", "", "it's", 'a "b"']), st.booleans())
    leaf = st.one_of(numbers.map(Number), names.map(Name), tests).map(lambda operand: Formula("0", (operand,)))
    counts = {name: (low, 3 if high is None else high) for name, (low, high) in FUNCTIONS.items()}
    counts |= dict.fromkeys([*COMPARISONS, "or", "and", "+", "-", "*", "/"], (2, 2)) | dict.fromkeys(
        ["not", "neg"], (1, 1)
    )

    def extended(part: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        return st.sampled_from(sorted(counts)).flatmap(
            lambda operator: st.lists(part, min_size=counts[operator][0], max_size=counts[operator][1]).map(
                lambda parts: _joined(operator, parts)
            )
        )

    return st.recursive(leaf, extended, max_leaves=8)


@given(formula=formulas())
@settings(deadline=None)
def test_a_formula_shown_without_values_reads_as_itself(formula: Formula) -> None:
    assert parse_formula(render(formula, {})) == formula


@given(text=st.text(alphabet="ab1.05 ()+-*/<=>!,\"'maxinot", max_size=40) | st.text(max_size=20))
@settings(deadline=None)
def test_any_text_is_a_formula_or_is_refused(text: str) -> None:
    try:
        formula = parse_formula(text)
    except FormulaError as error:
        assert error.message.startswith("expected ") and ", found " in error.message
        assert 1 <= error.position <= len(text) + 1
    else:
        assert parse_formula(render(formula, {})) == formula


def test_a_shape_with_an_unknown_operator_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="no operator of formulas: power"):
        fold_shape("(power 0 1)", str, lambda operator, parts: operator)
