"""Formulas of a tariff: a shape that many tariffs share, and the operands of one of them.

`max(500, kw_on) * 0.8` has the shape `(* (max 0 1) 2)` and the operands 500, `kw_on` and 0.8. A shape is an
s-expression: an operator and what it works on, where a number stands for the operand of that place. Operands are
numbered as they are read, from 0, one for each time that a constant or a name is written. So thousands of tariffs
that differ in constants and names alone are rated by one expression over all of their accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

# Values are integers of 10^-12; the largest is 10^24, so that the sum of a hundred of them still fits Int128.
FORMULA_DECIMALS = 12
FORMULA_SCALE = 10**FORMULA_DECIMALS
FORMULA_MAX = 10**24
FORMULA_MAX_E12 = FORMULA_MAX * FORMULA_SCALE

# Functions and the fewest and most arguments they take; None: as many as one likes.
FUNCTIONS: dict[str, tuple[int, int | None]] = {
    "abs": (1, 1),
    "ceil": (1, 2),
    "floor": (1, 2),
    "if": (3, 3),
    "max": (1, None),
    "min": (1, None),
    "pos": (1, 1),
    "round": (1, 2),
    "sqrt": (1, 1),
    "trunc": (1, 2),
}
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
# Operators in a shape: functions, `neg` (a minus before one thing) and those that stand between two things.
OPERATORS = frozenset({*FUNCTIONS, *COMPARISONS, "or", "and", "not", "+", "-", "*", "/", "neg"})

Result = TypeVar("Result")


@dataclass(frozen=True)
class Number:
    """A constant, as printed: at most 12 decimals, at most 10^24."""

    value: Decimal

    @property
    def value_e12(self) -> int:
        """The constant x 10^12, exact (decimals would round to 28 digits).

        >>> Number(Decimal("0.80")).value_e12
        800000000000
        """
        return int(Fraction(self.value) * FORMULA_SCALE)


@dataclass(frozen=True)
class Name:
    """A quantity or an attribute that holds a number."""

    name: str


@dataclass(frozen=True)
class TextTest:
    """Whether the text of a name is `text` (or is not): 1 when so, else 0."""

    name: str
    text: str
    is_equal: bool

    def holds(self, found: str) -> bool:
        """Return whether the test is met by the text of its name."""
        return (found == self.text) == self.is_equal


Operand = Number | Name | TextTest


@dataclass(frozen=True)
class Formula:
    """A formula: its shape, and the operands in the order in which the shape numbers them."""

    shape: str
    operands: tuple[Operand, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names whose number is used, each once, in order of appearance."""
        return tuple(dict.fromkeys(operand.name for operand in self.operands if isinstance(operand, Name)))

    @property
    def text_names(self) -> tuple[str, ...]:
        """Names whose text is compared, each once, in order of appearance."""
        return tuple(dict.fromkeys(operand.name for operand in self.operands if isinstance(operand, TextTest)))


def fold_shape(
    shape: str, of_operand: Callable[[int], Result], of_operator: Callable[[str, Sequence[Result]], Result]
) -> Result:
    """Return what a shape comes to, from its innermost parts out.

    `of_operand` gives the result of an operand by number, `of_operator` that of an operator from those of its parts.
    Uses no recursion, so a sum of many terms is as good as any other shape.

    >>> fold_shape("(+ 0 (neg 1))", str, lambda operator, parts: f"{operator}({', '.join(parts)})")
    '+(0, neg(1))'
    """
    results: list[list[Result]] = [[]]
    operators: list[str] = []
    for word in shape.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            results.append([])
        elif word == ")":
            parts = results.pop()
            results[-1].append(of_operator(operators.pop(), parts))
        elif word.isdigit():
            results[-1].append(of_operand(int(word)))
        else:
            assert word in OPERATORS, f"no operator of formulas: {word}"
            operators.append(word)
    assert len(results) == 1 and len(results[0]) == 1, f"not a shape: {shape}"
    return results[0][0]
