"""What a formula counts: something that grows with time or not; and whether parts of a bill can be found by themselves.

A bill may be cut inside, by a new version, a season, a factor. Energy is cut with it, and the parts add up. A demand is
not: each part has the whole of it, and its price is shared. So the compiler asks of each formula how it grows with
what is used (its degree: 1 for energy and days, 0 for powers, prices and the contract), and whether it can be found
for each part and added up (it is linear), or only once for the whole bill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from model.formula import Formula, Name, fold_shape
from tariffs.formula import parse_formula
from tariffs.sheet import TariffFile

_GROWING_DAYS = ("days", "months")


@dataclass(frozen=True)
class Nature:
    """Degree in what is used, and whether parts of a bill can be computed each by itself and added up."""

    degree: Fraction
    is_linear: bool

    @property
    def is_extensive(self) -> bool:
        """Whether it grows with time: energy, days, money; otherwise it is the same in each part of a bill."""
        return self.degree > 0


_CONSTANT = Nature(Fraction(0), is_linear=True)
_GROWING = Nature(Fraction(1), is_linear=True)
_POWER = Nature(Fraction(0), is_linear=False)
_CARRIED = Nature(Fraction(1), is_linear=False)


def quantity_nature(file: TariffFile, name: str) -> Nature:
    """Return the nature of a quantity or bank whose formulas passed their checks."""
    if name in file.banks:
        return _CARRIED
    quantity = file.quantities[name]
    if quantity.kind == "formula":
        return formula_nature(file, quantity.formula or "")
    if quantity.kind == "history":
        counted = quantity_nature(file, quantity.history or "")
        return Nature(counted.degree, is_linear=False)
    is_counted = quantity.agg in {"sum", "cost"} and quantity.round is None
    return _GROWING if is_counted else _CARRIED if quantity.agg in {"sum", "cost"} else _POWER


def formula_nature(file: TariffFile, text: str) -> Nature:
    """Return the nature of a formula."""
    formula = parse_formula(text)
    return fold_shape(formula.shape, lambda place: _operand(file, formula, place), _operate)


def _operand(file: TariffFile, formula: Formula, place: int) -> Nature:
    operand = formula.operands[place]
    if not isinstance(operand, Name):
        return _CONSTANT
    if operand.name in file.quantities or operand.name in file.banks:
        return quantity_nature(file, operand.name)
    if operand.name in file.attributes or operand.name in file.factors:
        return _CONSTANT
    # What is no name of these is a charge, whose money grows with time.
    calendar = {"cycle_days", "normal_days", "month", "year_days"}
    return _GROWING if operand.name in _GROWING_DAYS else _CONSTANT if operand.name in calendar else _CARRIED


def _operate(operator: str, parts: Sequence[Nature]) -> Nature:
    degrees = [part.degree for part in parts]
    are_linear = all(part.is_linear for part in parts)
    are_constant = are_linear and not any(degrees)
    match operator:
        case "neg":
            found = parts[0]
        case "+" | "-":
            found = Nature(max(degrees), are_linear and len(set(degrees)) == 1)
        case "*":
            found = Nature(sum(degrees, Fraction(0)), are_linear and sum(degree > 0 for degree in degrees) <= 1)
        case "/":
            is_divided = parts[1].is_linear and not parts[1].degree
            found = Nature(degrees[0] - degrees[1], parts[0].is_linear and is_divided)
        case "sqrt":
            found = Nature(degrees[0] / 2, are_constant)
        case "if":
            found = Nature(max(degrees[1:]), are_constant)
        case "round" | "trunc" | "floor" | "ceil":
            found = Nature(degrees[0], are_constant)
        case "min" | "max" | "pos" | "abs":
            found = Nature(max(degrees), are_constant)
        case _:  # comparisons and logic
            found = Nature(Fraction(0), are_constant)
    return found
