"""The slow twin of determinants: every quantity from single intervals, in plain Python.

Written from what `model.tariff.Quantities` says, sharing no code with `rating`.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from twin import State, Twin
from twin_book import REASONS, ParkedError, clock_minutes, grouped
from twin_reads import reads_on
from twin_values import half_up

from model.rating import RatingInput

IN_BLOCKS = ("max", "min", "nth", "mean_of_n")
POWERS = (*IN_BLOCKS, "mean")


def half_away(value):
    return half_up(value) if value >= 0 else -half_up(-value)


class QuantityTwin(Twin):
    def __init__(self, given):
        super().__init__(given)
        self.channels, self.days = self.reads.channels, self.reads.days
        self.events = grouped(given.book.events.to_dicts(), "event_series", "tz_name", "day")
        calls = sorted(given.book.event_windows.to_dicts(), key=lambda row: (row["position"], row["tou"]))
        self.calls = grouped(calls, "version_id")
        self.series = {(row["series_id"], row["tz_name"], row["day"]): row for row in given.book.series_days.to_dicts()}

    def days_of(self, due):
        texts = State(self.book, due, self.attributes[due["agreement_id"], due["start_date"]]).texts()
        slices = self.book.layout(due, texts)
        return [day | {"slice_no": place} for place, one in enumerate(slices) for day in one.days]

    def periods(self, due, day, minutes):
        """The period of every slot of a day."""
        clock = clock_minutes(due["tz_name"], day["day"], minutes)
        windows = self.book.windows[day["version_id"], day["season"], day["day_class"]]
        places = [(due["tz_name"], slot * minutes) for slot in range(len(clock))]
        return [self.period_at(day, *place, minute, windows) for place, minute in zip(places, clock, strict=True)]

    def period_at(self, day, tz_name, elapsed, minute, windows):
        for call in self.calls[day["version_id"],]:
            for event in self.events[call["event_series"], tz_name, day["day"]]:
                if event["from_minute"] <= elapsed < event["to_minute"]:
                    return call["tou"]
        return next(row["tou"] for row in windows if row["from_minute"] <= minute < row["to_minute"])

    def measured(self, due, measure, day):
        """Slots of a measure on a day, all channels added; None when none is read."""
        found = None
        for channel in self.channels[due["agreement_id"],]:
            if channel["measure"] == measure and channel["interval_minutes"] and reads_on(channel, day["day"]):
                minutes = channel["interval_minutes"]
                row = self.days.get((minutes, channel["channel_no"], day["day"]))
                count = len(clock_minutes(due["tz_name"], day["day"], minutes))
                if row is None or row[0] != count or row[1] == 8 or None in row[3][:count]:
                    raise ParkedError({"intervals_missing"})
                found = [a + b for a, b in zip(found or [0] * count, row[3][:count], strict=True)]
        return found

    def intervals(self, due, quantity, days, minutes):
        """Demand intervals, netted hours and days, or slots: day, period, energy, the slot in which it begins."""
        apparent = quantity["measure"] == "apparent_energy"
        first = "import_energy" if apparent else quantity["measure"]
        second = "reactive_energy" if apparent else quantity["less_measure"]
        block = quantity["interval_minutes"] if quantity["agg"] in IN_BLOCKS else 0
        step = {"hour": 60 // minutes, "day": 10**6}.get(quantity["netting"], block // minutes or 1)
        tape, found = [], []
        for place, day in enumerate(days):
            if place and (day["day"] - days[place - 1]["day"]).days != 1:
                tape = []
            ones = self.measured(due, first, day)
            if ones is None:
                tape = []
                continue
            others = (self.measured(due, second, day) if second else None) or [0] * len(ones)
            slots = list(zip(self.periods(due, day, minutes), ones, others, strict=True))
            if quantity["is_rolling"]:
                for slot in slots:
                    tape.append(slot)
                    if len(tape) >= step:
                        found.append((day, slot[0], self.energy(quantity, tape[-step:]), None))
            else:
                for start in range(0, len(slots), step):
                    part = slots[start : start + step]
                    found.append((day, part[0][0], self.part_of(quantity, self.energy(quantity, part)), start))
        return found

    @staticmethod
    def part_of(quantity, energy):
        """The part of an interval between two bounds."""
        if quantity["up_to_quantity"] is not None:
            energy = min(energy, quantity["up_to_quantity"])
        if quantity["over_quantity"] is not None:
            energy = max(0, energy - quantity["over_quantity"])
        return energy

    @staticmethod
    def energy(quantity, part):
        ones, others = sum(row[1] for row in part), sum(row[2] for row in part)
        if quantity["measure"] == "apparent_energy":
            return (isqrt(4 * (ones**2 + others**2)) + 1) // 2
        if quantity["netting"] == "interval":
            return sum(max(row[1] - row[2], 0) for row in part)
        return ones - others if quantity["netting"] == "none" else max(ones - others, 0)

    def value(self, due, quantity, days, tou=None):
        """The quantity of some days of the due period, of one period or of all."""
        whole = self.days_of(due)
        lengths = {row["interval_minutes"] for row in self.channels[due["agreement_id"],]} - {0}
        minutes = min(lengths, default=60)
        dates = {day["day"] for day in days}
        rows = [
            row
            for row in self.intervals(due, quantity, whole, minutes)
            if row[0]["day"] in dates
            and row[1] in (row[1] if tou is None else tou,)
            and quantity["tou"] in ("", row[1])
        ]
        agg, energies = quantity["agg"], [row[2] for row in rows]
        if agg == "cost":
            return sum(half_away(self.cost(due, quantity, part, minutes)) for part in self.cells(rows))
        if not rows or agg == "sum":
            return sum(energies)
        if agg == "mean":
            return half_up(Fraction(sum(energies) * 60, len(rows) * minutes))
        block = quantity["interval_minutes"] or minutes
        powers = [half_up(Fraction(energy * 60, block)) for energy in energies]
        if agg in ("max", "min"):
            return max(powers) if agg == "max" else min(powers)
        if quantity["distinct_days"]:
            of_day = {}
            for row, power in zip(rows, powers, strict=True):
                of_day[row[0]["day"]] = max(power, of_day.get(row[0]["day"], power))
            powers = list(of_day.values())
        highest = sorted(powers, reverse=True)[: quantity["n"]]
        return highest[-1] if agg == "nth" else half_up(Fraction(sum(highest), len(highest)))

    @staticmethod
    def cells(rows):
        """A cost is rounded for each slice and period."""
        cells = {}
        for row in rows:
            cells.setdefault((row[0]["version_id"], row[0]["slice_no"], row[1]), []).append(row)
        return cells.values()

    def cost(self, due, quantity, rows, minutes):
        total = Fraction(0)
        for day, _, energy, start in rows:
            series = self.series[quantity["series_id"], due["tz_name"], day["day"]]
            value = series["values_e9"][start * minutes // series["interval_minutes"]]
            price = Fraction(value * quantity["price_factor_e9"], 10**9) + quantity["price_adder_e9"]
            if quantity["price_floor_e9"] is not None:
                price = max(price, quantity["price_floor_e9"])
            if quantity["price_cap_e9"] is not None:
                price = min(price, quantity["price_cap_e9"])
            total += Fraction(price) * energy / quantity["unit_size"]
        return total

    def reason(self, due):
        """Why the due period cannot be measured; None when it can."""
        reasons = set()
        try:
            whole = self.days_of(due)
        except ParkedError as found:
            return found.reason
        channels = self.channels[due["agreement_id"],]
        for version_id in {day["version_id"] for day in whole}:
            days = [day for day in whole if day["version_id"] == version_id]
            for quantity in self.book.quantities[version_id,]:
                apparent = quantity["measure"] == "apparent_energy"
                parts = [("import_energy" if apparent else quantity["measure"], quantity["is_optional"])]
                if apparent or quantity["less_measure"]:
                    second = "reactive_energy" if apparent else quantity["less_measure"]
                    parts.append((second, quantity["is_less_optional"]))
                for measure, is_optional in parts:
                    mine = [row for row in channels if row["measure"] == measure]
                    if not mine and not is_optional:
                        reasons.add("no_channel")
                    for row in mine:
                        reasons |= self.length_reasons(due, quantity, row["interval_minutes"], days)
                    for day in days:
                        try:
                            if self.measured(due, measure, day) is None and mine and not is_optional:
                                reasons.add("intervals_missing")
                        except ParkedError as found:
                            reasons.add(found.reason)
                reasons |= self.series_reasons(due, quantity, days)
        return min(reasons, key=REASONS.index) if reasons else None

    def length_reasons(self, due, quantity, minutes, days):
        if quantity["agg"] in IN_BLOCKS and quantity["interval_minutes"] % minutes:
            return {"no_channel"}
        if quantity["agg"] == "cost":
            slot = 60 if quantity["netting"] == "hour" else minutes
            rows = [self.series.get((quantity["series_id"], due["tz_name"], day["day"])) for day in days]
            if any(row is not None and row["interval_minutes"] % slot for row in rows):
                return {"no_channel"}
        return set()

    def series_reasons(self, due, quantity, days):
        for day in days if quantity["agg"] == "cost" else []:
            row = self.series.get((quantity["series_id"], due["tz_name"], day["day"]))
            length = 5 * len(clock_minutes(due["tz_name"], day["day"], 5))
            if row is None or None in row["values_e9"] or len(row["values_e9"]) * row["interval_minutes"] != length:
                return {"no_factor"}
        return set()


def slow_quantities(given: RatingInput):
    """Return (agreement, start, version, quantity, period or None for all) -> value, and the reasons of the parked."""
    twin, values, parked = QuantityTwin(given), {}, {}
    for due in twin.due:
        key = (due["agreement_id"], due["start_date"])
        reason = twin.reason(due)
        if reason:
            parked[key] = reason
            continue
        days = twin.days_of(due)
        for (version_id,), of_version in grouped(days, "version_id").items():
            for quantity in twin.book.quantities[version_id,]:
                names = {row["tou"] for row in given.book.tou_windows.to_dicts()} | {
                    row["tou"] for row in given.book.event_windows.to_dicts()
                }
                for tou in (None, *names):
                    value = twin.value(due, quantity, of_version, tou)
                    values[*key, version_id, quantity["quantity_id"], tou] = value
    return values, parked
