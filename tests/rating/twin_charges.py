"""Charges of the first level, for the slow twin: pieces, shares, tiers, and lines."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from twin_book import ParkedError
from twin_formulas import BOUND_E12, SCALE, half_away
from twin_values import Scope, counted_size, marks, months_e4, reduce_rows, rounded_measure, to_step


def share(rule, whole_e4, days, cycle_days, months, tolerance):
    """Return part and whole of a share, None for the whole: see SHARE_RULES of model.tariff."""
    low, high = tolerance
    is_tolerated = low is not None and low <= cycle_days <= high
    if is_tolerated and rule in ("days", "months"):
        rule = "cycle"
    if rule == "none":
        return None
    if rule == "days" and whole_e4 % 10**4:
        found = days * 10**4, whole_e4
    else:
        found = {
            "cycle": (days, cycle_days),
            "day": (days, 1),
            "days": (days, whole_e4 // 10**4),
            "months": (months, whole_e4),
        }[rule]
    return found if found[0] != found[1] else None


def share_of(component, name, days, cycle_days):
    rule = component[f"{name}_share"]
    months = months_e4(days) if rule == "months" else 0
    tolerance = component["tolerance_min"], component["tolerance_max"]
    return share(rule, component[f"{name}_whole_e4"], len(days), cycle_days, months, tolerance)


def to_e9(value):
    return half_away(value, 1000)


def minor_of(numerator, denominator, component, exponent):
    """Round an amount in major units once, to minor units."""
    step = component["round_step_minor"] * denominator
    rounded = to_step(numerator * 10**exponent, component["round_mode"], step)
    assert rounded % denominator == 0
    return rounded // denominator


def cut_e15(numerator, denominator):
    size = abs(numerator) * 10**15 // denominator
    return size if numerator >= 0 else -size


def new_line(book, state, component, start, end, numerator, denominator, quantity):
    """Return a line of an amount that is a fraction of major units."""
    exponent = book.versions[component["version_id"]]["currency_exponent"]
    return {
        "state": state,
        "bill_id": state.due["bill_id"],
        "agreement_id": state.due["agreement_id"],
        "component_id": component["component_id"],
        "version_id": component["version_id"],
        "kind": component["kind"],
        "category": component["category"],
        "period_start_date": start,
        "period_end_date": end,
        "season": "",
        "tou": "",
        "tier": 0,
        "determinant": "",
        "quantity": quantity,
        "unit": "",
        "unit_size": 1,
        "rate": 0,
        "factor_id": None,
        "fixed": 0,
        "share": None,
        "exact": Fraction(numerator, denominator),
        "amount_exact": cut_e15(numerator, denominator),
        "minor": minor_of(numerator, denominator, component, exponent),
        "is_estimated": False,
        "reads_seq": 0,
        "split_method": "none",
    }


class Charges:
    """The charges of level 1 of one agreement."""

    def __init__(self, book, state):
        self.book, self.state, self.reasons = book, state, set()

    def lines(self):
        found = []
        for (version_id,), places in self.by_version().items():
            for component in self.book.components[version_id,]:
                if component["level"] == 1 and (version_id, component["component_id"]) not in self.state.idle:
                    for piece in self.pieces(component, places):
                        found += self.charged(component, piece)
        if self.reasons:
            raise ParkedError(self.reasons)
        return found

    def by_version(self):
        groups = defaultdict(list)
        for place in self.state.places:
            groups[place.one.version_id,].append(place)
        return groups

    def pieces(self, component, places):
        """Slices with one season of the charge's schedule, and one value of each of its own factors."""
        _, _, names = self.book.behind(component)
        pieces = defaultdict(list)
        for place in places:
            one = place.one
            season = (
                self.book.season_name[one.version_id, component["schedule"], one.season]
                if component["by_season"]
                else ""
            )
            pieces[season, tuple(one.factors[name] for name in names)].append(place)
        return [(season, found) for (season, _), found in pieces.items()]

    def charged(self, component, piece):
        season, places = piece
        days = [day for place in places for day in place.one.days]
        of_bill = self.state.bill_scope(component["version_id"])
        scope = Scope(self.book, self.state, component["version_id"], places, places[0].one.start, of_bill=of_bill)
        try:
            return self.kept(component, self.priced(component, season, days, scope))
        except ParkedError as found:
            self.reasons |= found.reasons
            return []

    def priced(self, component, season, days, scope):
        start, end = scope.start, scope.places[-1].one.end
        if component["kind"] == "amount":
            value = scope.formula(component["amount_id"], scope)  # of the piece: its parts add up
            line = new_line(self.book, self.state, component, start, end, value, SCALE, 1)
            line |= {"season": season, "unit": "amount", "determinant": component["amount_id"]}
            return [line | self.marks_behind(component, scope)]
        # Whatever is missing is found, so that the first of all reasons is told.
        found, lost = self.attempt(self.parts, component, days, scope)
        key, no_key = self.attempt(self.text, component)
        lost |= no_key
        table = {}
        for tou in found[0] if found else [""]:
            table[tou], unpriced = self.attempt(self.tiers, component, key, season, tou, days, scope)
            lost |= unpriced if key is not None else set()
        if lost:
            raise ParkedError(lost)
        parts, told = found
        if component["tier_method"] == "package":
            size, free = component["package_size"], component["package_free"]
            parts = {tou: (-(-max(part[0] - free, 0) // size), *part[1:]) for tou, part in parts.items()}
            told |= {"unit": "package", "unit_size": 1}
        in_bill = (len(days), self.state.bill_days) if len(days) != self.state.bill_days else None
        cut = share_of(component, "price", days, self.state.cycle_days)
        if component["price_share"] == "none" and (component["kind"] == "cycle" or component["is_peak"]):
            cut = in_bill  # owed in full, and once
        part, whole = cut or (1, 1)
        # What a tier owes is shared as its thresholds are (not those per day), or as the price is, or over the bill.
        of_tiers = share_of(component, "tiers", days, self.state.cycle_days)
        fixed_part, fixed_whole = (of_tiers if component["tiers_share"] != "day" else None) or cut or in_bill or (1, 1)
        lines = []
        for (tou, tier), (quantity, fixed) in sorted(self.cells(component, parts, table).items()):
            row = table[tou][max(tier, 1) - 1]
            numerator = row["price"] * quantity * part * fixed_whole + fixed * told["unit_size"] * whole * fixed_part
            denominator = told["unit_size"] * 10**9 * whole * fixed_whole
            line = new_line(self.book, self.state, component, start, end, numerator, denominator, quantity)
            of_part = dict(zip(("is_estimated", "reads_seq", "split_method"), parts[tou][1:], strict=True))
            of_row = {"rate": row["price"], "fixed": fixed, "factor_id": row["factor_id"], "share": cut}
            lines.append(line | told | of_part | of_row | {"season": season, "tou": tou, "tier": tier})
        return self.rounded_once(component, lines) if component["is_rounded_once"] else lines

    def rounded_once(self, component, lines):
        """Round the exact sum, and share it over the lines by largest remainder of what they print."""
        exponent = self.book.versions[component["version_id"]]["currency_exponent"]
        step = component["round_step_minor"]
        total = sum((line["exact"] for line in lines), Fraction(0))
        steps = minor_of(total.numerator, total.denominator, component, exponent) // step
        parted = [divmod(line["amount_exact"], step * 10 ** (15 - exponent)) for line in lines]
        order = sorted(range(len(lines)), key=lambda place: (-parted[place][1], place))
        bonus = order[: steps - sum(whole for whole, _ in parted)]
        return [line | {"minor": (parted[place][0] + (place in bonus)) * step} for place, line in enumerate(lines)]

    @staticmethod
    def attempt(function, *arguments):
        """Return what a function gives, None when it parks, and why."""
        try:
            return function(*arguments), set()
        except ParkedError as found:
            return None, set(found.reasons)

    def parts(self, component, days, scope):
        """Return period -> (quantity, marks), and what the line tells of it."""
        kind = component["kind"]
        if kind in ("daily", "cycle"):
            count = len(days) if kind == "daily" else 1
            told = {"unit": "day" if kind == "daily" else "cycle", "unit_size": 1}
            told["determinant"] = "days" if kind == "daily" else "cycle"
            if component["times_id"] is not None:
                count = to_e9(scope.formula(component["times_id"]) * count)
                told["unit_size"] = 10**9
            return {"": (count, False, 0, "none")}, told
        name = component["quantity_id"]
        quantity = self.book.quantity[component["version_id"], name]
        told = {"unit": quantity["unit"], "unit_size": quantity["unit_size"], "determinant": name}
        if quantity["kind"] != "measured":
            told_by = tuple(self.marks_behind(component, scope).values())
            if quantity["is_by_part"]:
                return {"": (to_e9(scope.quantity(name)), *told_by)}, told
            whole = to_e9(scope.of_bill.quantity(name))
            if not component["is_peak"] and component["price_share"] == "none":
                before, total = self.days_before(component, scope.start), self.state.bill_days
                whole = whole * (before + len(days)) // total - whole * before // total
            return {"": (whole, *told_by)}, told
        if quantity["agg"] == "cost":
            told |= {"unit": self.book.versions[component["version_id"]]["currency"], "unit_size": 10**9}
        rows = defaultdict(list)
        for place in scope.places:
            for tou, found in place.measured[name].items():
                named = self.book.name_of.get((component["version_id"], component["schedule"], place.one.season, tou))
                called = (named["tou"] if named else tou) if component["by_tou"] else ""
                rows[called] += found
        reduced = {tou: reduce_rows(quantity, found) for tou, found in rows.items()}
        return {tou: (rounded_measure(quantity, part[0]), *part[1:]) for tou, part in reduced.items()}, told

    def days_before(self, component, start):
        """Return the days of the earlier pieces of a charge on this bill."""
        pieces = []
        for place, state in enumerate(self.state.bill):
            charges = Charges(self.book, state)
            for (version_id,), places in charges.by_version().items():
                other = self.book.component.get((version_id, component["component_id"]))
                if other is None or other["level"] != 1 or (version_id, other["component_id"]) in state.idle:
                    continue
                kind = self.book.quantity.get((version_id, other["quantity_id"]), {}).get("kind", "measured")
                if kind != "measured" or self.book.formulas_of(other):
                    pieces += [
                        (found[0].one.start, place, sum(len(one.one.days) for one in found))
                        for _, found in charges.pieces(other, places)
                    ]
        return sum(days for begins, _, days in pieces if begins < start)

    def marks_behind(self, component, scope):
        names, _, _ = self.book.behind(component)
        quantity = self.book.quantity.get((component["version_id"], component["quantity_id"]))
        asked = scope.of_bill if quantity is not None and not quantity["is_by_part"] else scope
        rows = [row for name in sorted(names) for row in asked.rows(name)]
        return dict(zip(("is_estimated", "reads_seq", "split_method"), marks(rows), strict=True))

    def text(self, component):
        if component["lookup"] is None:
            return ""
        _, text = self.state.attribute(component["version_id"], component["lookup"])
        if text is None:
            raise ParkedError({"attribute_missing"})
        return text

    def tiers(self, component, key, season, tou, days, scope):
        """Return the prices x 10^9 with the edges of their tiers, in smallest units of the piece."""
        version_id, component_id = component["version_id"], component["component_id"]
        rows = self.book.price_cells[version_id, component_id, key, season, tou]
        if not rows:
            raise ParkedError({"no_price"})
        asked = {row[name] for row in rows for name in ("price_id", "edge_id")} | {component["scale_id"]}
        lost = set().union(*(self.attempt(scope.formula, name)[1] for name in asked - {None}))
        if lost:
            raise ParkedError(lost)
        scale = SCALE if component["scale_id"] is None else scope.formula(component["scale_id"])
        cut = share_of(component, "tiers", days, self.state.cycle_days) or (1, 1)
        quantity = self.book.quantity.get((version_id, component["quantity_id"]))
        lower, found = 0, []
        for row in rows:
            if row["price_id"] is not None:
                price = to_e9(scope.formula(row["price_id"]))
            elif row["factor_id"] is not None:
                price = scope.places[0].one.factors[row["factor_id"]]
            else:
                price = row["price_e9"]
            upper = None
            if row["edge_id"] is not None or row["to_quantity"] is not None:
                upper = max(self.edge(component, row, counted_size(quantity), scale, cut, scope), lower)
            found.append(row | {"price": price, "lower": lower, "upper": upper})
            lower = upper
        return found

    @staticmethod
    def edge(component, row, unit_size, scale, cut, scope):
        part, whole = cut
        if row["edge_id"] is None:
            edge = row["to_quantity"] * SCALE // unit_size
        else:
            edge = max(scope.formula(row["edge_id"]), 0)
        scaled = half_away(edge * scale, SCALE)
        if abs(scaled) > BOUND_E12:
            return 2 * 10**18
        numerator, denominator = scaled * unit_size * part, whole * SCALE
        if component["tiers_round_mode"] is None:
            edge = half_away(numerator, denominator)
        else:
            step = component["tiers_round_step"] * denominator
            edge = to_step(numerator, component["tiers_round_mode"], step) // denominator
        return min(edge, 2 * 10**18)

    @staticmethod
    def cells(component, parts, table):
        """Return (period, tier) -> quantity and what is fixed."""
        method = component["tier_method"]
        if method in ("none", "package"):
            return {(tou, 0): (part[0], 0) for tou, part in parts.items()}
        if method == "pro_rata" and component["by_tou"]:
            return apportioned(parts, table)
        cells = {}
        for tou, part in parts.items():
            quantity = part[0]
            for number, row in enumerate(table[tou], start=1):
                is_reached = number == 1 or quantity > row["lower"]
                fixed = row["fixed_e9"] if is_reached else 0
                if method == "volume":
                    if is_reached and (row["upper"] is None or quantity <= row["upper"]):
                        cells[tou, number] = (quantity, fixed)
                else:
                    cells[tou, number] = (in_tier(quantity, number, row), fixed)
        return cells

    @staticmethod
    def kept(component, lines):
        """Lines of nothing are left out; a measured charge, or one that is printed when zero, keeps its first."""
        is_amount = component["kind"] == "amount"
        empty = [(is_amount or line["quantity"] == 0) and line["minor"] == 0 for line in lines]
        if not all(empty):
            return [line for line, is_empty in zip(lines, empty, strict=True) if not is_empty]
        is_measured = component["kind"] == "quantity" and any(line["split_method"] != "none" for line in lines)
        return lines[:1] if is_measured or component["is_kept"] else []


def in_tier(total, number, row):
    """What is below zero belongs to the first tier."""
    if total < 0:
        return total if number == 1 else 0
    top = total if row["upper"] is None else min(total, row["upper"])
    return max(top - row["lower"], 0)


def apportioned(parts, table):
    """Tiers of the total, each shared over the periods in proportion to what they have left."""
    left = {tou: parts[tou][0] for tou in sorted(parts)}
    cells, whole = {}, sum(left.values())
    for number, row in enumerate(table[min(left)], start=1):
        amount, total = in_tier(whole, number, row), sum(left.values())
        exact = {tou: divmod(value * amount, total) if total else (0, 0) for tou, value in left.items()}
        shares = {tou: found[0] for tou, found in exact.items()}
        order = sorted(exact, key=lambda tou: (-exact[tou][1], tou))
        for tou in order[: amount - sum(shares.values())]:
            shares[tou] += 1
        is_reached = number == 1 or whole > row["lower"]
        for tou, part in shares.items():
            fixed = table[tou][number - 1]["fixed_e9"] if is_reached else 0
            cells[tou, number] = (part, fixed)
            left[tou] -= part
    return cells
