"""Charges over other charges, for the slow twin: groups, percentages, limits, amounts, and the rounding of the sum.

A charge above level 1 is computed once for an agreement and bill, over the versions and due periods in which it is the
same charge; else once for each. It counts the lines of the versions and periods in which it stands.
"""

from __future__ import annotations

from collections import defaultdict

from twin_book import ParkedError
from twin_charges import new_line, share_of, to_e9
from twin_formulas import SCALE, half_away
from twin_values import Scope, marks, to_step

SAME = (
    "component_id", "kind", "price_share", "price_whole_e4", "tolerance_min", "tolerance_max", "round_mode",
    "round_step_minor", "category", "tax_code", "gl_account", "party", "amount_id", "when_id", "is_gross",
    "is_included", "is_exact",
)  # fmt: skip
TOO_MUCH = 10**10


class Standing:
    """Where a charge stands: in the places of one version of a due period."""

    def __init__(self, book, state, component, places):
        self.book, self.state, self.component, self.places = book, state, component, places
        self.version_id, self.name = component["version_id"], component["component_id"]

    def counts(self, name=None):
        """Return the charges that this one (or another of its version) counts, in its base or by name."""
        name = name or self.name
        component = self.book.component[self.version_id, name]
        bases = {row["base_component_id"] for row in self.book.bases[self.version_id, name]}
        named = self.book.operands[self.version_id, component["amount_id"]] if component["amount_id"] else []
        return bases, {row["name"] for row in named if row["kind"] == "charge"}

    def inside(self):
        """Return the percentages inside the base of this one: those of its level that count the same charges."""
        bases, _ = self.counts()
        return [
            other
            for other in self.book.components[self.version_id,]
            if other["is_gross"]
            and other["level"] == self.component["level"]
            and self.counts(other["component_id"])[0] == bases
        ]

    def applies(self, name):
        return (self.version_id, name) not in self.state.idle

    def key(self, name=None):
        """Return what is equal for the same charge: its own terms, and what counts it, whether that applies or not."""
        name = name or self.name
        cached = self.book.key_cache.get((self.version_id, name, self.state.idle_key))
        if cached is None:
            component = self.book.component[self.version_id, name]
            if component["kind"] == "rounding":  # the sum is rounded once, whatever changes
                return "rounding"
            above = sorted(
                (str(self.key(other["component_id"])), self.applies(other["component_id"]))
                for other in self.book.components[self.version_id,]
                if any(name in counted for counted in self.counts(other["component_id"]))
            )
            prices = self.book.prices[self.version_id, name]
            number = prices[0]["price_e9"] if prices else None
            own = Standing(self.book, self.state, component, [])
            inside = [
                (row["component_id"], number_of(self.book, row), self.applies(row["component_id"]))
                for row in own.inside()
            ]
            cached = str((number, *(component[part] for part in SAME), inside if component["is_gross"] else [], above))
            self.book.key_cache[self.version_id, name, self.state.idle_key] = cached
        return cached


def number_of(book, component):
    prices = book.prices[component["version_id"], component["component_id"]]
    return (prices[0]["price_e9"], component["amount_id"])


def over_bases(book, states, lines):
    """Return the lines of the charges above level 1 of one agreement, after those of level 1.

    Raises:
        ParkedError: with `states` that could not be billed, by reason.
    """
    standing = [
        Standing(book, state, component, places)
        for state in states
        for version_id, places in state.places_by_version().items()
        for component in book.components[version_id,]
        if component["level"] > 1 and (version_id, component["component_id"]) not in state.idle
    ]
    parked = []
    top = max((one.component["level"] for one in standing), default=1)
    for level in range(2, top + 2):
        groups = defaultdict(list)
        for one in standing:
            is_last = one.component["kind"] == "rounding"
            if (top + 1 if is_last else one.component["level"]) == level:
                groups[one.key()].append(one)
        found = [Group(book, group, lines) for group in groups.values()]
        added = []
        for group in found:
            try:
                added += group.lines(found)
            except ParkedError as error:
                parked.append((group.last.state, error.reasons))
        lines = lines + added
    return lines, parked


class Group:
    """One charge over others, with all places in which it stands."""

    def __init__(self, book, standing, lines):
        self.book, self.standing = book, standing
        self.last = max(standing, key=lambda one: one.places[0].one.start)
        self.component, self.version = self.last.component, book.versions[self.last.version_id]
        self.places = [place for one in standing for place in one.places]
        self.start = min(place.one.start for place in self.places)
        self.end = max(place.one.end for place in self.places)
        self.days = [day for place in self.places for day in place.one.days]
        self.minor = 10 ** self.version["currency_exponent"]
        if self.component["kind"] == "rounding":
            self.base = [line for line in lines if line["category"] != "memo"]
        else:
            self.base = self.counted(lines, 0)
        self.named = self.counted(lines, 1)
        self.sum_minor = sum(line["minor"] for line in self.base)

    def counted(self, lines, which):
        wanted = {(one.state, one.version_id, name) for one in self.standing for name in one.counts()[which]}
        return [line for line in lines if (line["state"], line["version_id"], line["component_id"]) in wanted]

    def value(self):
        """Return the value of the formula x 10^12, over all places."""
        amounts = amounts_of(self.named, self.book)
        scope = Scope(self.book, self.last.state, self.last.version_id, self.places, self.start, amounts)
        return scope.formula(self.component["amount_id"])

    def number_e9(self):
        if self.component["amount_id"] is not None:
            return to_e9(self.value())
        return number_of(self.book, self.component)[0]

    def lines(self, level):
        kind = self.component["kind"]
        if kind == "rounding":
            line = self.rounding()
        elif kind == "amount":
            value = self.value()
            line = self.line(value, SCALE, 1) | {"unit": "amount", "determinant": self.component["amount_id"]}
        elif kind == "percent":
            line = self.percentage(level)
        else:
            line = self.limit()
        if line is None:
            return []
        is_empty = (line["quantity"] == 0 or kind in ("amount", "rounding")) and line["minor"] == 0
        return [] if is_empty and not self.component["is_kept"] else [line]

    def line(self, numerator, denominator, quantity):
        if abs(numerator) > TOO_MUCH * denominator:
            raise ParkedError({"amount_too_large"})
        line = new_line(
            self.book, self.last.state, self.component, self.start, self.end, numerator, denominator, quantity
        )
        behind = [(row["is_estimated"], row["reads_seq"]) for row in self.base + self.named]
        if self.component["amount_id"] is not None:
            names, _, _ = self.book.behind(self.component)
            scope = Scope(self.book, self.last.state, self.last.version_id, self.places, self.start)
            behind.append(marks([row for name in sorted(names) for row in scope.rows(name)])[:2])
        line["is_estimated"] = any(is_estimated for is_estimated, _ in behind)
        line["reads_seq"] = max((seq for _, seq in behind), default=0)
        positions = {}
        for one in self.standing:
            for name in one.counts()[0]:
                place = self.book.component[one.version_id, name]["position"]
                positions[name] = min(positions.get(name, place), place)
        line["determinant"] = ",".join(sorted(positions, key=lambda name: (positions[name], name)))
        return line

    def percentage(self, level):
        number = self.number_e9()
        whole = 100 * 10**9 + (number if self.component["is_included"] else 0)
        if self.component["is_gross"]:
            inside = sum(group.number_e9() for group in level if self.shares_base_with(group))
            whole -= inside
        if whole <= 0:
            raise ParkedError({"formula_undefined"})
        base, per = self.counted_sum()
        return self.line(base * number, per * whole, self.sum_minor) | {"unit": "%", "rate": number}

    def counted_sum(self):
        """Return the base as a fraction of major units: of rounded amounts, or of exact ones as they are printed."""
        if self.component["is_exact"]:
            return sum(line["amount_exact"] for line in self.base), 10**15
        return self.sum_minor, self.minor

    def shares_base_with(self, other):
        """Percentages inside their own base share one denominator where they count the same charges."""
        mine, others = self.last, {(one.state, one.version_id): one for one in other.standing}
        found = others.get((mine.state, mine.version_id))
        return other.component["is_gross"] and found is not None and found.counts()[0] == mine.counts()[0]

    def limit(self):
        """Return what a floor adds, or a cap takes away; None where the base is within."""
        number, is_floor = self.number_e9(), self.component["kind"] == "minimum"
        cut = share_of(self.component, "price", self.days, self.last.state.cycle_days)
        part, whole = cut or (1, 1)
        base, per = self.counted_sum()
        over = number * part * per - base * whole * 10**9
        if (over <= 0) if is_floor else (over >= 0):
            return None
        by_day = self.component["price_share"] == "day"
        return self.line(over, whole * 10**9 * per, self.sum_minor) | {
            "unit": "day" if by_day else "cycle", "rate": number, "share": None if by_day else cut,
        }  # fmt: skip

    def rounding(self):
        step = self.component["round_step_minor"]
        change = to_step(self.sum_minor, self.component["round_mode"], step) - self.sum_minor
        line = self.line(0, 1, self.sum_minor)
        exact = change * 10**15 // self.minor
        return line | {"minor": change, "amount_exact": exact, "unit": "amount", "determinant": "total"}


def amounts_of(lines, book):
    """Return what charges came to, x 10^12: as billed, a memo exact."""
    found = defaultdict(int)
    for line in lines:
        if line["category"] == "memo":
            found[line["component_id"]] += half_away(line["amount_exact"], 1000)
        else:
            exponent = book.versions[line["version_id"]]["currency_exponent"]
            found[line["component_id"]] += line["minor"] * 10 ** (12 - exponent)
    return found
