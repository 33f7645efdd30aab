"""The rate book and its calendar for the slow twin: dictionaries, and one day after the other.

Nothing here is shared with `rating`; the tables of `model` are all that both know.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from model.codes import ParkReason

REASONS = [reason.value for reason in ParkReason]
ONE_DAY = timedelta(days=1)


class ParkedError(Exception):
    """A stage cannot bill an agreement; `reason` is the first of all reasons in the order of the codes."""

    def __init__(self, reasons):
        super().__init__(reasons)
        self.reasons = set(reasons)
        self.reason = min(reasons, key=REASONS.index)


@cache
def clock_minutes(tz_name, day, minutes):
    """Return the clock time, in minutes, at which each interval of a civil day begins."""
    zone = ZoneInfo(tz_name)
    start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    following = day + ONE_DAY
    end = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    clocks = []
    while start < end:
        local = start.astimezone(zone)
        clocks.append(local.hour * 60 + local.minute)
        start += timedelta(minutes=minutes)
    return clocks


def days_between(start, end):
    return [start + timedelta(days=number) for number in range((end - start).days)]


def grouped(rows, *names):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


class Slice:
    """Days of one version, season and set of factor values that follow each other."""

    def __init__(self, segment_no, slice_no, days):
        self.segment_no, self.slice_no, self.days = segment_no, slice_no, days
        first = days[0]
        self.version_id, self.season, self.factors = first["version_id"], first["season"], first["factors"]
        self.start, self.end = first["day"], days[-1]["day"] + ONE_DAY


class Book:
    """The rate book as dictionaries."""

    def __init__(self, book):
        rows = {name: frame.to_dicts() for name, frame in book.frames().items()}
        self.versions = {row["version_id"]: row for row in rows["versions"]}
        self.of_tariff = grouped(sorted(rows["versions"], key=lambda row: row["valid_from"]), "tariff_id")
        self.quantities = grouped(rows["quantities"], "version_id")
        self.quantity = {(row["version_id"], row["quantity_id"]): row for row in rows["quantities"]}
        self.components = grouped(sorted(rows["components"], key=lambda row: row["position"]), "version_id")
        self.component = {(row["version_id"], row["component_id"]): row for row in rows["components"]}
        self.prices = grouped(sorted(rows["prices"], key=lambda row: row["tier"]), "version_id", "component_id")
        self.price_cells = grouped(
            sorted(rows["prices"], key=lambda row: row["tier"]), "version_id", "component_id", "key", "season", "tou"
        )
        self.bases = grouped(rows["bases"], "version_id", "component_id")
        self.shapes = {(row["version_id"], row["formula_id"]): row["shape"] for row in rows["formulas"]}
        operands = sorted(rows["operands"], key=lambda row: row["place"])
        self.operands = grouped(operands, "version_id", "formula_id")
        self.attributes = grouped(rows["attributes"], "version_id")
        self.banks = grouped(rows["banks"], "version_id")
        self.season = {(r["version_id"], r["month"], r["day_of_month"]): r["season"] for r in rows["season_days"]}
        self.windows = grouped(rows["tou_windows"], "version_id", "season", "day_class")
        self.has_periods = {row["version_id"] for row in rows["tou_windows"] if row["tou"]}
        self.holidays = {(row["version_id"], row["day"]) for row in rows["holidays"]}
        self.factors = grouped(rows["factors"], "factor_id")
        self.events = grouped(rows["events"], "event_series", "tz_name", "day")
        calls = sorted(rows["event_windows"], key=lambda row: (row["position"], row["tou"]))
        self.calls = grouped(calls, "version_id")
        self.period_names = grouped(rows["period_names"], "version_id", "schedule", "season_part")
        self.name_of = {
            (row["version_id"], row["schedule"], row["season_part"], row["tou_part"]): row
            for row in rows["period_names"]
        }
        self.season_name = {
            (row["version_id"], row["schedule"], row["season_part"]): row["season"] for row in rows["period_names"]
        }
        self.slot_cache, self.layouts, self.used_cache, self.key_cache = {}, {}, {}, {}

    def version_on(self, tariff_id, day):
        versions = self.of_tariff[tariff_id,]
        for place, version in enumerate(versions):
            ends = version["valid_to"]
            if ends is None and place + 1 < len(versions):
                ends = versions[place + 1]["valid_from"]
            if version["valid_from"] <= day and (ends is None or day < ends):
                return version["version_id"]
        return None

    def factor_on(self, factor_id, day):
        rows = [row for row in self.factors[factor_id,] if row["valid_from"] <= day]
        if not rows:
            return None
        last = max(rows, key=lambda row: row["valid_from"])
        return last["value_e9"] if last["valid_to"] is None or day < last["valid_to"] else None

    def factors_in(self, version_id, formula_ids):
        return {
            (row["name"], row["by"])
            for formula_id in formula_ids
            for row in self.operands[version_id, formula_id]
            if row["kind"] == "factor"
        }

    def quantities_in(self, version_id, formula_ids):
        """Return the quantities that formulas name, and those behind them."""
        found, waiting = set(), list(formula_ids)
        while waiting:
            for row in self.operands[version_id, waiting.pop()]:
                if row["kind"] == "quantity" and row["name"] not in found:
                    found.add(row["name"])
                    formula_id = self.quantity[version_id, row["name"]]["formula_id"]
                    waiting += [formula_id] if formula_id else []
        return found

    def formulas_of(self, component):
        """Return the formulas of a charge, apart from its condition."""
        prices = self.prices[component["version_id"], component["component_id"]]
        named = [component[name] for name in ("amount_id", "scale_id", "times_id")]
        named += [price[name] for price in prices for name in ("price_id", "edge_id")]
        return {name for name in named if name is not None}

    def behind(self, component):
        """Return the quantities that a charge prices or that its formulas need, and the formulas of them all."""
        key = (component["version_id"], component["component_id"])
        if key not in self.used_cache:
            version_id = component["version_id"]
            formulas = self.formulas_of(component)
            names = self.quantities_in(version_id, formulas)
            if component["quantity_id"] is not None:
                names.add(component["quantity_id"])
                own = self.quantity[version_id, component["quantity_id"]]["formula_id"]
                names |= self.quantities_in(version_id, [own] if own else [])
            formulas |= {self.quantity[version_id, name]["formula_id"] for name in names} - {None}
            factors = {name for name, _ in self.factors_in(version_id, formulas)}
            factors |= {row["factor_id"] for row in self.prices[key] if row["factor_id"]}
            self.used_cache[key] = (names, formulas, sorted(factors))
        return self.used_cache[key]

    def needed_now(self, version_id):
        """Return the quantities that charges, conditions and banks need, not only later cycles."""
        asked = [row["when_id"] for row in self.components[version_id,]] + [
            row["formula_id"] for row in self.banks[version_id,]
        ]
        found = self.quantities_in(version_id, [text for text in asked if text is not None])
        return found.union(*(self.behind(component)[0] for component in self.components[version_id,]))

    def factors_of_version(self, version_id):
        """Return all dated factors of a version with the attribute that completes their names, or None."""
        of_formulas = self.factors_in(version_id, [key[1] for key in self.shapes if key[0] == version_id])
        of_prices = {
            (price["factor_id"], None)
            for component in self.components[version_id,]
            for price in self.prices[version_id, component["component_id"]]
            if price["factor_id"]
        }
        return sorted(of_formulas | of_prices, key=str)

    def layout(self, due, texts):
        """Return the slices of a due period; `texts`: what the contract says, by version and attribute.

        Raises:
            ParkedError: days without a version or a factor, or another currency than the account's.
        """
        asked = []
        for version in self.of_tariff[due["tariff_id"],]:
            version_id = version["version_id"]
            if version_id not in self.used_cache:
                self.used_cache[version_id] = self.factors_of_version(version_id)
            for name, by in self.used_cache[version_id]:
                series = name if by is None else f"{name}.{texts.get((version_id, by), '?')}"
                asked.append((version_id, name, series))
        key = (due["tariff_id"], due["start_date"], due["end_date"], tuple(asked))
        if key not in self.layouts:
            self.layouts[key] = self.laid_out(due, asked)
        slices, reasons, currencies = self.layouts[key]
        reasons = reasons | ({"currency_mismatch"} if currencies - {due["currency"]} else set())
        if reasons:
            raise ParkedError(reasons)
        return slices

    def laid_out(self, due, asked):
        reasons, currencies, days = set(), set(), []
        for day in days_between(due["start_date"], due["end_date"]):
            version_id = self.version_on(due["tariff_id"], day)
            if version_id is None:
                reasons.add("no_tariff_version")
                continue
            currencies.add(self.versions[version_id]["currency"])
            factors = {name: self.factor_on(series, day) for of, name, series in asked if of == version_id}
            if None in factors.values():
                reasons.add("no_factor")
            is_holiday = (version_id, day) in self.holidays
            days.append(
                {
                    "day": day,
                    "version_id": version_id,
                    "season": self.season[version_id, day.month, day.day],
                    "day_class": 8 if is_holiday else day.isoweekday(),
                    "factors": factors,
                }
            )
        runs, segment_no, slice_no = [], 0, 0
        for place, day in enumerate(days):
            before = days[place - 1] if place else {"version_id": None}
            if before["version_id"] != day["version_id"]:
                segment_no, slice_no = segment_no + 1, 0
            if before["version_id"] != day["version_id"] or any(
                before[name] != day[name] for name in ("season", "factors")
            ):
                slice_no += 1
                runs.append((segment_no, slice_no, []))
            runs[-1][2].append(day)
        return [Slice(*run) for run in runs], reasons, currencies

    def slot_periods(self, day, tz_name, minutes):
        """Return the slots of a day by the smallest part of the week, or the period of the events, that holds."""
        clock = tuple(clock_minutes(tz_name, day["day"], minutes))
        calls = tuple(
            (call["tou"], event["from_minute"], event["to_minute"])
            for call in self.calls[day["version_id"],]
            for event in self.events[call["event_series"], tz_name, day["day"]]
        )
        key = (day["version_id"], day["season"], day["day_class"], clock, calls)
        if key not in self.slot_cache:
            windows = self.windows[day["version_id"], day["season"], day["day_class"]]
            found = self.slot_cache[key] = defaultdict(list)
            for slot, minute in enumerate(clock):
                called = [tou for tou, start, end in calls if start <= slot * minutes < end]
                usual = [row["tou"] for row in windows if row["from_minute"] <= minute < row["to_minute"]]
                found[(called or usual)[0]].append(slot)
        return self.slot_cache[key]

    def parts_of(self, version_id, schedule, season, tou):
        """Return the smallest parts of the week, in a part of the year, that a period of a schedule has; '': all."""
        rows = self.period_names[version_id, schedule, season]
        return sorted(row["tou_part"] for row in rows if tou in ("", row["tou"]))
