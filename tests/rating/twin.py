"""The slow twin of rating: plain Python, one agreement at a time, whole numbers, no frames beyond reading the input.

It shares no code with `rating`; the tables of `model` are all that both know. Written from the rules, not from the
columns, so that a mistake in one is not a mistake in the other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import polars as pl
from twin_bases import amounts_of, over_bases
from twin_book import Book, ParkedError, grouped
from twin_charges import Charges, to_e9
from twin_formulas import SCALE, half_away
from twin_reads import Given, Reads
from twin_values import Place, Scope, counted_size

from model.rating import RatingInput


class State:
    """One due agreement: its attributes, slices, what was measured and carried, and which charges do not apply."""

    def __init__(self, book, due, attributes):
        self.book, self.due, self.stated = book, due, attributes
        self.cycle_days = (due["cycle_end_date"] - due["cycle_start_date"]).days
        self.carried, self.idle, self.idle_key, self.places = {}, set(), (), []
        self.bill, self.scopes = [self], {}

    def attribute(self, version_id, name):
        """Return number and text: what the contract says, or else the version's default."""
        number, text = self.stated.get(name, (None, None))
        for row in self.book.attributes[version_id,]:
            if row["name"] == name and row["is_text"]:
                return None, row["default_text"] if text is None else text
            if row["name"] == name:
                default = None if row["default_e12"] is None else int(row["default_e12"])
                return default if number is None else number, None
        return None, None

    def texts(self):
        found = {}
        for version in self.book.of_tariff[self.due["tariff_id"],]:
            for row in self.book.attributes[version["version_id"],]:
                text = self.attribute(version["version_id"], row["name"])[1]
                if text is not None:
                    found[version["version_id"], row["name"]] = text
        return found

    def bill_of(self, states):
        """Note the due periods that the agreement has on this bill."""
        self.bill, self.scopes = states, {}

    @property
    def bill_days(self):
        return sum(len(place.one.days) for state in self.bill for place in state.places)

    def bill_scope(self, version_id):
        """Return the scope of the whole bill, with the attributes of this due period."""
        if version_id not in self.scopes:
            places = [place for state in self.bill for place in state.places]
            start = min(state.due["start_date"] for state in self.bill)
            self.scopes[version_id] = Scope(self.book, self, version_id, places, start)
        return self.scopes[version_id]

    def places_by_version(self):
        groups = defaultdict(list)
        for place in self.places:
            groups[place.one.version_id].append(place)
        return groups


class Twin:
    """Rates an input slowly; with `quantities` as `rate_given` does."""

    def __init__(self, given, quantities=None):
        self.book = Book(given.book)
        self.due = sorted(
            given.due.to_dicts(), key=lambda row: (row["bill_id"], row["agreement_id"], row["start_date"])
        )
        self.reads = Reads(given, self.book) if quantities is None else Given(quantities, self.book)
        self.attributes = defaultdict(dict)
        numbers = given.attributes.with_columns(pl.col("number").to_physical().cast(pl.Int128)).to_dicts()
        for row in numbers:
            self.attributes[row["agreement_id"], row["start_date"]][row["name"]] = (row["number"], row["text"])
        self.history = grouped(given.history.to_dicts(), "service_point_id", "quantity_id")
        self.banks = {(row["agreement_id"], row["bank_id"]): row for row in given.banks.to_dicts()}
        self.first_days = {row["agreement_id"]: row["start_date"] for row in reversed(self.due)}

    def rate(self):
        """Return lines, parked (agreement_id, start_date) -> stage and reasons, history and banks."""
        parked, states = {}, {}
        for due in self.due:
            key = (due["agreement_id"], due["start_date"])
            stage, state = "segments", State(self.book, due, self.attributes[key])
            try:
                slices = self.book.layout(due, state.texts())
                stage = "determinants"
                self.measure(state, slices)
                states[key] = state
            except ParkedError as found:
                parked[key] = (stage, found.reasons)
        self.run_stage("conditions", states, parked, self.judge)
        states = self.run_stage("charges", states, parked, lambda state: (state, Charges(self.book, state).lines()))
        lines, banks = self.add_over_bases(states, parked)
        blocked = {due["bill_id"] for due in self.due if (due["agreement_id"], due["start_date"]) in parked}
        for due in self.due:
            if due["bill_id"] in blocked:
                parked.setdefault((due["agreement_id"], due["start_date"]), ("bills", {"sibling_parked"}))
        billed = {due["agreement_id"] for due in self.due if due["bill_id"] not in blocked}
        history = self.kept_history([state for key, (state, _) in states.items() if key[0] in billed])
        kept = {key: value for key, value in banks.items() if key[0] in billed}
        return [line for line in lines if line["bill_id"] not in blocked], parked, history, kept

    @staticmethod
    def run_stage(stage, states, parked, run):
        """Run a stage for each due period that is left, and return what it gives; others leave `states`."""
        bills = defaultdict(list)
        for state in states.values():
            bills[state.due["bill_id"], state.due["agreement_id"]].append(state)
        for mine in bills.values():
            for state in mine:
                state.bill_of(mine)
        found = {}
        for key in list(states):
            try:
                found[key] = run(states[key])
            except ParkedError as error:
                parked[key] = (stage, error.reasons)
                del states[key]
        return found

    def measure(self, state, slices):
        reasons, measured = self.banks_out_of_order(state.due), []
        try:
            measured = self.reads.determinants(state.due, slices)
        except ParkedError as found:
            reasons |= found.reasons
        if reasons:
            raise ParkedError(reasons)
        state.places = [Place(state, one, found) for one, found in zip(slices, measured, strict=True)]
        for version_id in {one.version_id for one in slices}:
            for quantity in self.book.quantities[version_id,]:
                value = self.carried(state.due, quantity)
                if value is not None:
                    state.carried[version_id, quantity["quantity_id"]] = value
            if isinstance(self.reads, Given):
                given = self.reads.carried(state.due, version_id)
                state.carried |= {(version_id, name): value for name, value in given.items()}

    def banks_out_of_order(self, due):
        """A bank must have been left on the first day that is due; what is given asks for no order."""
        versions = self.book.of_tariff[due["tariff_id"],]
        names = {row["bank_id"] for version in versions for row in self.book.banks[version["version_id"],]}
        found = [self.banks[key] for name in names if (key := (due["agreement_id"], name)) in self.banks]
        first = self.first_days[due["agreement_id"]]
        is_apart = any(row["as_of_date"] != first for row in found) and not isinstance(self.reads, Given)
        return {"bank_out_of_order"} if is_apart else set()

    def carried(self, due, quantity):
        if quantity["kind"] == "bank":
            bank = self.banks.get((due["agreement_id"], quantity["quantity_id"]))
            return None if bank is None else bank["balance"] * 1000
        if quantity["kind"] != "history":
            return None
        start = due["cycle_start_date"]
        oldest = start - timedelta(days=(due["cycle_end_date"] - start).days * quantity["history_back"] + 31)
        rows = [
            row
            for row in self.history[due["service_point_id"], quantity["history_of"]]
            if row["period_end_date"] <= start and row["period_start_date"] >= oldest
        ]
        rows = sorted(rows, key=lambda row: row["period_start_date"])[-quantity["history_back"] :]
        if quantity["history_months"] is not None:
            months = {int(text) for text in quantity["history_months"].strip(",").split(",")}
            rows = [row for row in rows if row["period_start_date"].month in months]
        if quantity["known_from"] is not None:
            year = start.year - (start.month < quantity["known_from"])
            known = start.replace(year=year, month=quantity["known_from"], day=1)
            rows = [row for row in rows if known.replace(year=year - 1) <= row["period_start_date"] < known]
        if not rows:
            return None
        values = [row["quantity"] * SCALE // row["unit_size"] for row in rows]
        return {
            "max": lambda: max(values),
            "min": lambda: min(values),
            "sum": lambda: sum(values),
            "mean": lambda: half_away(sum(values), len(values)),
            "last": lambda: values[-1],
        }[quantity["history_agg"]]()

    def judge(self, state):
        """A condition is asked of the whole bill, under each version of the due period."""
        reasons = set()
        for version_id in dict.fromkeys(place.one.version_id for place in state.places):
            scope = state.bill_scope(version_id)
            for component in self.book.components[version_id,]:
                if component["when_id"] is not None:
                    try:
                        if scope.formula(component["when_id"]) == 0:
                            state.idle.add((version_id, component["component_id"]))
                    except ParkedError as found:
                        reasons |= found.reasons
        if reasons:
            raise ParkedError(reasons)
        state.idle_key = tuple(sorted(state.idle))

    def add_over_bases(self, states, parked):
        """Add charges above level 1, agreement by agreement, and find what is carried into the next cycle."""
        lines, banks = [], {}
        agreements = defaultdict(list)
        for key in states:
            agreements[states[key][0].due["bill_id"], key[0]].append(key)
        for keys in agreements.values():
            mine = [states[key][0] for key in keys]
            found, lost = over_bases(self.book, mine, [line for key in keys for line in states[key][1]])
            for state, reasons in lost:
                key = (state.due["agreement_id"], state.due["start_date"])
                parked[key] = ("taxes", reasons | parked.get(key, ("", set()))[1])
            mine = [state for state in mine if (state.due["agreement_id"], state.due["start_date"]) not in parked]
            for state in mine:
                if not any(line["state"] is state for line in found):
                    parked[state.due["agreement_id"], state.due["start_date"]] = ("bills", {"no_price"})
            if mine:
                self.keep_banks(mine, found, banks, parked)
            lines += found
        return lines, banks

    def last_scope(self, states, amounts=None):
        """Return the scope over all due periods of an agreement: last version in force, attributes of the last."""
        states = sorted(states, key=lambda state: state.due["start_date"])
        places = [place for state in states for place in state.places]
        last = places[-1]
        return Scope(self.book, last.state, last.one.version_id, places, places[0].one.start, amounts), last.one.end

    def keep_banks(self, states, lines, banks, parked):
        of_states = [line for line in lines if line["state"] in states]
        scope, end = self.last_scope(states, amounts_of(of_states, self.book))
        reasons = set()
        for bank in self.book.banks[scope.version_id,]:
            try:
                value = to_e9(scope.formula(bank["formula_id"]))
                banks[scope.state.due["agreement_id"], bank["bank_id"]] = (value, end)
            except ParkedError as found:
                reasons |= found.reasons
        if reasons:
            parked[scope.state.due["agreement_id"], scope.state.due["start_date"]] = ("balances", reasons)

    def kept_history(self, states):
        """Return what later cycles look back to: (service point, quantity, start) -> end, value, size, estimated."""
        found, agreements = {}, defaultdict(list)
        for state in states:
            agreements[state.due["agreement_id"]].append(state)
        for mine in agreements.values():
            scope, end = self.last_scope(mine)
            names = {row["history_of"] for row in self.book.quantities[scope.version_id,]} - {None}
            for name in names:
                quantity = self.book.quantity[scope.version_id, name]
                size = counted_size(quantity)
                try:
                    value = half_away(scope.quantity(name) * size, SCALE)
                except ParkedError:
                    continue
                is_estimated = any(row[2] for row in scope.rows(name))
                key = (scope.state.due["service_point_id"], name, scope.start)
                found[key] = (end, value, size, is_estimated)
        return found


COMPARED = (
    "bill_id", "agreement_id", "component_id", "period_start_date", "season", "tou", "tier", "period_end_date",
    "version_id", "kind", "category", "determinant", "quantity", "unit", "unit_size", "rate", "factor_id", "fixed",
    "share_part", "share_whole", "amount_exact", "amount_minor", "memo_minor", "is_estimated", "reads_seq",
    "split_method",
)  # fmt: skip


def told(line):
    """Return a line of the twin as the columns of the bill tell it."""
    part, whole = line["share"] or (None, None)
    is_memo = line["category"] == "memo"
    row = line | {
        "share_part": part, "share_whole": whole, "amount_minor": 0 if is_memo else line["minor"],
        "memo_minor": line["minor"] if is_memo else None,
    }  # fmt: skip
    return tuple(row[name] for name in COMPARED)


def fast_rows(rated):
    exact = [pl.col(name).to_physical().cast(pl.Int128) for name in ("rate", "fixed", "amount_exact")]
    return list(rated.lines.with_columns(exact).select(COMPARED).iter_rows())


def differences(given: RatingInput, rated, quantities=None) -> list[str]:
    """Return what the twin says differently from `rated`, in sentences; empty when they are 0 cents apart."""
    lines, parked, history, banks = Twin(given, quantities).rate()
    slow, fast = [told(line) for line in lines], fast_rows(rated)
    found = [f"only the twin has {row}" for row in sorted(set(slow) - set(fast), key=str)]
    found += [f"only rating has {row}" for row in sorted(set(fast) - set(slow), key=str)]
    if len(slow) != len(fast):
        found.append(f"the twin has {len(slow)} lines, rating has {len(fast)}")
    found.sort(key=lambda text: text.split("(", 1)[-1][:120])
    return [*parked_apart(parked, rated), *found, *history_apart(history, rated), *banks_apart(banks, rated)]


def parked_apart(parked, rated):
    told_of = {
        (row["agreement_id"], row["start_date"]): (row["stage"], row["reason"]) for row in rated.parked.to_dicts()
    }
    for key in sorted({*parked, *told_of}, key=str):
        stage, reasons = parked.get(key, (None, {None}))
        fast_stage, reason = told_of.get(key, (None, None))
        if stage != fast_stage or reason not in reasons:
            yield f"{key}: the twin parks at {stage} for {reasons}, rating at {fast_stage} for {reason}"


def history_apart(history, rated):
    keys = ("service_point_id", "quantity_id", "period_start_date")
    found = {
        tuple(row[name] for name in keys): (
            row["period_end_date"], row["quantity"], row["unit_size"], row["is_estimated"],
        )
        for row in rated.history.to_dicts()
    }  # fmt: skip
    for key in sorted({*history, *found}, key=str):
        if history.get(key) != found.get(key):
            yield f"history {key}: the twin keeps {history.get(key)}, rating {found.get(key)}"


def banks_apart(banks, rated):
    found = {
        (row["agreement_id"], row["bank_id"]): (row["balance"], row["as_of_date"]) for row in rated.banks.to_dicts()
    }
    for key in sorted({*banks, *found}):
        if banks.get(key) != found.get(key):
            yield f"bank {key}: the twin carries {banks.get(key)}, rating {found.get(key)}"
