"""Formulas of the slow twin: one row at a time, in whole numbers of 10^-12, from what `rating.formulas` promises.

Each operation is rounded at most once, half away from zero at the 12th decimal; a root is cut there.
"""

from __future__ import annotations

import re
from functools import cache
from math import isqrt

SCALE = 10**12
BOUND_E12 = 10**24 * SCALE


class UndefinedError(Exception):
    """The formula has no value for this row."""


def half_away(numerator, denominator):
    """Return a fraction (denominator above zero) as a whole number, half away from zero."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


@cache
def tree_of(shape):
    """Return a shape as nested tuples: an operator and its parts, or the number of an operand."""
    parts = [[]]
    for word in re.findall(r"[()]|[^() ]+", shape):
        if word == "(":
            parts.append([])
        elif word == ")":
            done = tuple(parts.pop())
            parts[-1].append(done)
        else:
            parts[-1].append(int(word) if word.isdigit() else word)
    return parts[0][0]


def to_step(operator, value, step):
    if step <= 0:
        raise UndefinedError
    if operator == "floor":
        return value // step * step
    if operator == "ceil":
        return -(-value // step) * step
    size = (2 * abs(value) + step) // (2 * step) if operator == "round" else abs(value) // step
    return size * step if value >= 0 else -size * step


def quotient(first, last):
    if last == 0:
        raise UndefinedError
    return half_away(first * SCALE if last > 0 else -first * SCALE, abs(last))


def root(value):
    if value < 0:
        raise UndefinedError
    return isqrt(value * SCALE)


RULES = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: half_away(a * b, SCALE),
    "/": quotient,
    "sqrt": root,
    "min": lambda *parts: min(parts),
    "max": lambda *parts: max(parts),
    "neg": lambda a: -a,
    "abs": abs,
    "pos": lambda a: max(a, 0),
    "not": lambda a: SCALE * (a == 0),
    "==": lambda a, b: SCALE * (a == b),
    "!=": lambda a, b: SCALE * (a != b),
    "<": lambda a, b: SCALE * (a < b),
    "<=": lambda a, b: SCALE * (a <= b),
    ">": lambda a, b: SCALE * (a > b),
    ">=": lambda a, b: SCALE * (a >= b),
} | {
    name: lambda value, step=SCALE, name=name: to_step(name, value, step)
    for name in ("round", "trunc", "floor", "ceil")
}  # fmt: skip


def value_of(tree, values):
    """Return the value x 10^12 of a tree; branches that are not taken, and what is decided, do not count."""
    if isinstance(tree, int):
        result = values[tree]
    else:
        operator, first, *others = tree
        if operator == "if":
            result = value_of(others[0] if value_of(first, values) else others[1], values)
        elif operator == "and":
            result = SCALE * bool(value_of(first, values) and value_of(others[0], values))
        elif operator == "or":
            result = SCALE * bool(value_of(first, values) or value_of(others[0], values))
        else:
            result = RULES[operator](*(value_of(part, values) for part in (first, *others)))
    if abs(result) > BOUND_E12:
        raise UndefinedError
    return result


def evaluate(shape, values):
    """Return the value x 10^12 of a shape for one row of operands x 10^12.

    Raises:
        UndefinedError: it divides by zero, takes the root of a negative, rounds to a step not above zero, or grows
            beyond 10^24.
    """
    return value_of(tree_of(shape), values)
