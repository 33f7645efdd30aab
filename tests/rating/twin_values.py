"""Values that formulas ask for, for the slow twin: over the slices of one scope, x 10^12 in printed units."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections import defaultdict

from twin_book import ParkedError
from twin_formulas import SCALE, UndefinedError, evaluate, half_away
from twin_reads import METHODS, NOTHING


def half_up(value):
    """Round a fraction that is not negative."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def reduce_rows(quantity, rows):
    """Return (value, is_estimated, reads_seq, split_method) of measured rows of one quantity."""
    if not rows:
        rows = [NOTHING]
    counted = [row for row in rows if row[4] != "none"] or rows
    values, agg = [row[0] for row in counted], quantity["agg"]
    if agg in ("sum", "cost"):
        value = sum(values)
    elif agg in ("max", "min"):
        value = max(values) if agg == "max" else min(values)
    elif agg == "mean":  # given as powers of an hour each
        value = half_away(sum(values), len(values))
    else:
        if quantity["distinct_days"]:  # what is given has no day, and is of one
            values = [max(values)]
        values = sorted(values, reverse=True)[: quantity["n"]]
        value = values[-1] if agg == "nth" else half_away(sum(values), len(values))
    return value, *marks(rows)


def marks(rows):
    return (
        any(row[2] for row in rows),
        max((row[3] for row in rows), default=0),
        max((row[4] for row in rows), key=METHODS.index, default="none"),
    )


def to_step(value, mode, step):
    """Round a whole number to a multiple of `step`, symmetric in sign."""
    whole, rest = divmod(abs(value), step)
    up = {"half_up": 2 * rest >= step, "half_even": 2 * rest > step or (2 * rest == step and whole % 2 == 1),
          "up": rest > 0, "down": False}[mode]  # fmt: skip
    return (whole + up) * step if value >= 0 else -(whole + up) * step


def counted_size(quantity):
    """A cost is counted in 10^-9 of the currency, whatever the unit of its energy."""
    return 10**9 if quantity["agg"] == "cost" else quantity["unit_size"]


def rounded_measure(quantity, value):
    return value if quantity["round_mode"] is None else to_step(value, quantity["round_mode"], quantity["round_step"])


def months_e4(days):
    """Each calendar month counts by the share of its days, half up to 4 decimals."""
    of_month = defaultdict(int)
    for day in days:
        of_month[day["day"].year, day["day"].month] += 1
    return sum(
        (2 * 10**4 * used + (length := monthrange(*month)[1])) // (2 * length) for month, used in of_month.items()
    )


class Place:
    """A slice of an agreement with what was measured in it: quantity -> part of the week -> rows."""

    def __init__(self, state, one, measured):
        self.state, self.one, self.measured = state, one, measured


class Scope:
    """What formulas are asked about: the attributes of `state`, a version, and the places that count."""

    def __init__(self, book, state, version_id, places, start, amounts=None, of_bill=None):
        self.book, self.state, self.version_id, self.places, self.start = book, state, version_id, places, start
        self.amounts = amounts or {}
        self.of_bill = of_bill
        self.values = {}

    def rows(self, name):
        return [row for place in self.places for rows in place.measured.get(name, {}).values() for row in rows]

    def quantity(self, name):
        """Return the value of a quantity of the version.

        Raises:
            ParkedError: it has no value here.
        """
        if name not in self.values:
            self.values[name] = self.found(self.book.quantity[self.version_id, name])
        return self.values[name]

    def found(self, quantity):
        name = quantity["quantity_id"]
        if quantity["kind"] == "measured":
            value = reduce_rows(quantity, self.rows(name))[0]
            return rounded_measure(quantity, value) * (SCALE // counted_size(quantity))
        if quantity["kind"] == "formula":
            value = self.formula(quantity["formula_id"], self)
        else:
            value = self.state.carried.get((self.version_id, name))
            if value is None and quantity["if_missing_e12"] is None:
                raise ParkedError({"history_missing"})
            if value is None:
                value = int(quantity["if_missing_e12"])
        if quantity["round_mode"] is not None:
            value = to_step(value, quantity["round_mode"], quantity["round_step"] * 1000)
        return value

    def formula(self, formula_id, counted=None):
        """Return the value of a formula: of the quantities of `counted`, by default those of the bill.

        Raises:
            ParkedError: an operand has no value, or the formula is undefined.
        """
        reasons, values = set(), []
        for operand in self.book.operands[self.version_id, formula_id]:
            try:
                values.append(self.operand(operand, counted or self.of_bill or self))
            except ParkedError as found:
                reasons |= found.reasons
        if reasons:
            raise ParkedError(reasons)
        try:
            return evaluate(self.book.shapes[self.version_id, formula_id], values)
        except UndefinedError:
            raise ParkedError({"formula_undefined"}) from None

    def operand(self, operand, counted):  # noqa: PLR0911
        kind, name = operand["kind"], operand["name"]
        if kind == "number":
            return int(operand["number_e12"])
        if kind == "quantity":
            return counted.quantity(name)
        if kind == "charge":
            return self.amounts.get(name, 0)
        if kind == "calendar":
            return self.dated(name)
        if kind == "factor":
            return self.factor(name)
        number, text = self.state.attribute(self.version_id, name)
        if kind == "text":
            if text is None:
                raise ParkedError({"attribute_missing"})
            return SCALE * ((text == operand["text"]) != operand["is_negated"])
        if number is None:
            raise ParkedError({"attribute_missing"})
        return number

    def dated(self, name):
        days = [day for place in self.places for day in place.one.days]
        if name == "months":
            return months_e4(days) * 10**8
        normal = self.book.versions[self.version_id]["normal_days"]
        value = {
            "days": len(days),
            "cycle_days": self.state.cycle_days,
            "normal_days": normal,
            "month": self.start.month,
            "year_days": 366 if isleap(self.start.year) else 365,
        }[name]
        if value is None:
            raise ParkedError({"formula_undefined"})
        return value * SCALE

    def factor(self, name):
        """Where a factor changes inside, its mean over the days on which a version uses it."""
        held = [(place.one.factors[name], len(place.one.days)) for place in self.places if name in place.one.factors]
        if not held:
            raise ParkedError({"no_factor"})
        return half_away(sum(value * days for value, days in held) * 1000, sum(days for _, days in held))
