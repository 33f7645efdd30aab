"""Formulas over columns: a shape evaluated for all rows at once, as integers of 10^-12.

Each operation gives a value rounded at most once, half away from zero at the 12th decimal (a root is cut there), so
the result of a row never depends on the rows around it. Int128 wraps silently in Polars: a value is at most 10^24
(10^36 as an integer), and what could pass 2^127 on the way is asked before it is computed, or computed in parts.

Operations work on whole columns, not on expressions: whether the short way is safe for a column is a question
about its largest value, and a nested formula as one expression would repeat its parts over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from model.formula import FORMULA_DECIMALS, FORMULA_MAX, FORMULA_MAX_E12, FORMULA_SCALE, fold_shape

# Largest |product| whose half and whole can be added, and largest |a| with 2 x a x 10^12 + 10^36 inside Int128.
_PRODUCT_MAX = 10**38
_NUMERATOR_MAX = 8 * 10**25
# Largest x for which x x 10^12 is inside Int128; its root is below 10^19, the square of that root also inside.
_ROOT_MAX = 10**26
# Half of the decimals: the root of x is that of x x 10^12 without its last six digits.
_ROOT_SCALE = 10 ** (FORMULA_DECIMALS // 2)
# Digits that a long division moves at a time: a remainder below 10^36 times 100 is inside Int128.
_LONG_DIVISION_STEP = 100


@dataclass(frozen=True)
class _Column:
    """Values x 10^12 of all rows, at most 10^36, and the rows that have none; there the value is 0."""

    value: pl.Series
    undefined: pl.Series | None = None
    """Booleans; None: all rows have a value."""


def evaluate(frame: pl.DataFrame, shape: str, operands: Sequence[str]) -> pl.DataFrame:
    """Return `value` (Int128, x 10^12) and `is_undefined` of a shape for each row of a frame, in its order.

    `operands` names the Int128 columns (x 10^12) that the shape numbers; the same column may come twice. Comparisons,
    `and`, `or`, `not` give 1 or 0; what is not 0 counts as true.

    A row is undefined, and its value 0, when it divides by zero, takes the root of a negative, rounds to a step that
    is not above zero, or meets a value beyond 10^24. Branches of `if` that are not taken do not count, nor what
    stands right of an `and` or `or` that is already decided.

    Raises:
        AssertionError: an operand is not Int128 or has nulls, or the shape is none.
    """
    for name in operands:
        assert frame.schema[name] == pl.Int128(), f"operand {name} must be Int128, found {frame.schema[name]}"
        assert not frame[name].null_count(), f"operand {name} has nulls"
    result = fold_shape(shape, lambda number: _bounded(frame[operands[number]], None), _operate)
    undefined = _never(result.value) if result.undefined is None else result.undefined
    return pl.DataFrame({"value": result.value, "is_undefined": undefined})


def _operate(operator: str, parts: Sequence[_Column]) -> _Column:
    """Return the column of an operator; the name of the operator was checked with the shape."""
    if operator in _STEP_UP:
        step = parts[1] if len(parts) == 2 else _Column(_like(parts[0].value, FORMULA_SCALE))
        return _to_step(operator, parts[0], step)
    return _OPERATIONS[operator](*parts)


def _whole(value: int) -> pl.Series:
    """Return one Int128, which Polars spreads over the rows of the other side."""
    return pl.Series([value], dtype=pl.Int128)


def _like(values: pl.Series, value: int) -> pl.Series:
    return pl.repeat(value, len(values), dtype=pl.Int128, eager=True)


def _never(values: pl.Series) -> pl.Series:
    return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)


def _largest(values: pl.Series) -> int:
    """Return the largest magnitude of a column, as an unbounded integer."""
    highest, lowest = values.max(), values.min()
    assert isinstance(highest, int | None) and isinstance(lowest, int | None)
    return max(highest or 0, -(lowest or 0))


def _either(*undefined: pl.Series | None) -> pl.Series | None:
    """Return the rows that are undefined in any of the columns."""
    found: pl.Series | None = None
    for rows in undefined:
        if rows is not None:
            found = rows if found is None else found | rows
    return found


def _settled(values: pl.Series, undefined: pl.Series | None) -> _Column:
    """Return a column with 0 where it is undefined."""
    if undefined is None or not undefined.any():
        return _Column(values)
    return _Column(_whole(0).zip_with(undefined, values), undefined)


def _bounded(values: pl.Series, undefined: pl.Series | None) -> _Column:
    """Return a column in which values beyond the bound are undefined; none may have wrapped yet."""
    if _largest(values) <= FORMULA_MAX_E12:
        return _settled(values, undefined)
    return _settled(values, _either(undefined, (values > FORMULA_MAX_E12) | (values < -FORMULA_MAX_E12)))


def _truth(is_so: pl.Series) -> pl.Series:
    return is_so.cast(pl.Int128) * _whole(FORMULA_SCALE)


def _signed(sizes: pl.Series, is_negative: pl.Series) -> pl.Series:
    return (sizes * _whole(-1)).zip_with(is_negative, sizes)


def _sum(a: _Column, b: _Column) -> _Column:
    return _bounded(a.value + b.value, _either(a.undefined, b.undefined))


def _difference(a: _Column, b: _Column) -> _Column:
    return _bounded(a.value - b.value, _either(a.undefined, b.undefined))


def _product(a: _Column, b: _Column) -> _Column:
    """Return a x b, half away from zero at the 12th decimal."""
    undefined = _either(a.undefined, b.undefined)
    if _largest(a.value) * _largest(b.value) <= _PRODUCT_MAX:
        exact_e24 = a.value * b.value
        return _bounded(_signed(_without_scale(exact_e24.abs()), exact_e24 < 0), undefined)
    sizes, too_large = _product_in_parts(a.value.abs(), b.value.abs())
    return _bounded(_signed(sizes, (a.value < 0) != (b.value < 0)), _either(undefined, too_large))


def _without_scale(sizes_e24: pl.Series) -> pl.Series:
    """Return sizes x 10^24 as sizes x 10^12, half up."""
    return (sizes_e24 + _whole(FORMULA_SCALE // 2)) // _whole(FORMULA_SCALE)


def _product_in_parts(a: pl.Series, b: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return a x b / 10^12 half up, and where it is beyond 10^24; a and b are at most 10^36 and not negative.

    a = whole x 10^12 + rest, and so b: three of the four products need no division, and the fourth is below 10^24.
    The product of the wholes is asked by a division; where it is at most 10^24 the sum is below 4 x 10^36.
    """
    scale = _whole(FORMULA_SCALE)
    a_whole, b_whole = a // scale, b // scale
    a_rest, b_rest = a - a_whole * scale, b - b_whole * scale
    too_large = b_whole > _whole(FORMULA_MAX) // a_whole.clip(1)
    too_large = too_large & (a_whole > 0)
    sizes = a_whole * b + a_rest * b_whole + _without_scale(a_rest * b_rest)
    return _whole(0).zip_with(too_large, sizes), too_large


def _quotient(a: _Column, b: _Column) -> _Column:
    """Return a / b, half away from zero at the 12th decimal; undefined where b is 0."""
    by_zero = b.value == 0
    size, by = a.value.abs(), _whole(1).zip_with(by_zero, b.value.abs())
    undefined = _either(a.undefined, b.undefined, by_zero)
    if _largest(size) <= _NUMERATOR_MAX:
        sizes = (size * _whole(2 * FORMULA_SCALE) + by) // (by * _whole(2))
    else:
        sizes, too_large = _quotient_in_steps(size, by)
        undefined = _either(undefined, too_large)
    return _bounded(_signed(sizes, (a.value < 0) != (b.value < 0)), undefined)


def _quotient_in_steps(size: pl.Series, by: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return size / by x 10^12 half up by long division, and where it is beyond 10^24; both at most 10^36."""
    sizes = size // by
    rest = size - sizes * by
    too_large = sizes > FORMULA_MAX
    sizes = _whole(0).zip_with(too_large, sizes)
    scale = 1
    while scale < FORMULA_SCALE:
        rest = rest * _whole(_LONG_DIVISION_STEP)
        digits = rest // by
        rest = rest - digits * by
        sizes = sizes * _whole(_LONG_DIVISION_STEP) + digits
        scale *= _LONG_DIVISION_STEP
    return sizes + (rest * _whole(2) >= by).cast(pl.Int128), too_large


def _root(a: _Column) -> _Column:
    """Return the largest value with 12 decimals whose square is at most a; undefined where a is negative."""
    negative = a.value < 0
    value = a.value.clip(0)
    is_large = value > _ROOT_MAX
    radicand = value.zip_with(is_large, value * _whole(FORMULA_SCALE))
    root = _whole_root(radicand)
    if is_large.any():
        root = _longer_root(value, root).zip_with(is_large, root)
    return _settled(root, _either(a.undefined, negative))


def _whole_root(value: pl.Series) -> pl.Series:
    """Return the largest integer whose square is at most `value`, which is at most 10^38 and not negative.

    A float gives the start, and only that. One step of Newton from it is never below the root and less than one
    above it: the start is off by less than 2^-50 of the root, and the step leaves half the square of that.
    """
    start = value.cast(pl.Float64).sqrt().cast(pl.Int128).clip(1)
    root = (start + value // start) // _whole(2)
    return root - (root * root > value).cast(pl.Int128)


def _longer_root(value: pl.Series, root: pl.Series) -> pl.Series:
    """Return the root of `value` x 10^12 from the whole root of `value`, where `value` is above 10^26.

    The six digits that are missing, d, are the most with 2 x root x 10^6 x d + d^2 <= rest x 10^12. Without d^2 the
    division gives d or d + 1, since d^2 is below 10^12 and root at least 10^13.
    """
    root = root.clip(1)
    rest = value - root * root
    digits = rest * _whole(_ROOT_SCALE) // (root * _whole(2))
    used = root * _whole(2 * _ROOT_SCALE) * digits + digits * digits
    digits = digits - (used > rest * _whole(FORMULA_SCALE)).cast(pl.Int128)
    return root * _whole(_ROOT_SCALE) + digits


# When the next step away from zero is taken: by value, rest above the lower step and step.
_STEP_UP: dict[str, Callable[[pl.Series, pl.Series, pl.Series], pl.Series]] = {
    "round": lambda value, rest, step: rest * _whole(2) >= step,
    "trunc": lambda value, rest, step: _never(value),
    "floor": lambda value, rest, step: (value < 0) & (rest > 0),
    "ceil": lambda value, rest, step: (value > 0) & (rest > 0),
}


def _to_step(operator: str, a: _Column, step: _Column) -> _Column:
    """Return multiples of a step: `round` goes to the nearest, half away from zero; undefined where step <= 0."""
    no_step = step.value <= 0
    by = _whole(FORMULA_SCALE).zip_with(no_step, step.value)
    size = a.value.abs()
    steps = size // by
    goes_up = _STEP_UP[operator](a.value, size - steps * by, by)
    sizes = (steps + goes_up.cast(pl.Int128)) * by
    return _bounded(_signed(sizes, a.value < 0), _either(a.undefined, step.undefined, no_step))


def _least(*parts: _Column) -> _Column:
    value = parts[0].value
    for part in parts[1:]:
        value = value.zip_with(value <= part.value, part.value)
    return _settled(value, _either(*(part.undefined for part in parts)))


def _most(*parts: _Column) -> _Column:
    value = parts[0].value
    for part in parts[1:]:
        value = value.zip_with(value >= part.value, part.value)
    return _settled(value, _either(*(part.undefined for part in parts)))


def _choice(condition: _Column, a: _Column, b: _Column) -> _Column:
    """Return a where the condition is not 0, else b; the branch that is not taken may be undefined."""
    return _chosen(condition.value != 0, condition.undefined, a, b)


def _chosen(is_first: pl.Series, undefined: pl.Series | None, a: _Column, b: _Column) -> _Column:
    if a.undefined is not None or b.undefined is not None:
        in_a = _never(a.value) if a.undefined is None else a.undefined
        in_b = _never(b.value) if b.undefined is None else b.undefined
        undefined = _either(undefined, in_a.zip_with(is_first, in_b))
    return _settled(a.value.zip_with(is_first, b.value), undefined)


def _both(a: _Column, b: _Column) -> _Column:
    no = _Column(_like(a.value, 0))
    return _chosen(a.value != 0, a.undefined, _Column(_truth(b.value != 0), b.undefined), no)


def _any(a: _Column, b: _Column) -> _Column:
    yes = _Column(_like(a.value, FORMULA_SCALE))
    return _chosen(a.value != 0, a.undefined, yes, _Column(_truth(b.value != 0), b.undefined))


def _compared(compare: Callable[[pl.Series, pl.Series], pl.Series]) -> Callable[..., _Column]:
    """Return an operation that gives 1 where the comparison holds, else 0."""

    def operation(a: _Column, b: _Column) -> _Column:
        return _settled(_truth(compare(a.value, b.value)), _either(a.undefined, b.undefined))

    return operation


_OPERATIONS: dict[str, Callable[..., _Column]] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "neg": lambda a: _Column(a.value * _whole(-1), a.undefined),
    "abs": lambda a: _Column(a.value.abs(), a.undefined),
    "pos": lambda a: _Column(a.value.clip(0), a.undefined),
    "sqrt": _root,
    "min": _least,
    "max": _most,
    "if": _choice,
    "and": _both,
    "or": _any,
    "not": lambda a: _settled(_truth(a.value == 0), a.undefined),
    "==": _compared(lambda a, b: a == b),
    "!=": _compared(lambda a, b: a != b),
    "<": _compared(lambda a, b: a < b),
    "<=": _compared(lambda a, b: a <= b),
    ">": _compared(lambda a, b: a > b),
    ">=": _compared(lambda a, b: a >= b),
}
