"""The slow twin of rating: plain Python, one agreement at a time, fractions, no frames beyond reading the input.

It shares no code with `rating`; the tables of `model` are all that both know. Written from the rules, not from the
columns, so that a mistake in one is not a mistake in the other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from model.codes import ParkReason
from model.rating import RatingInput
from model.units import demand_factor

REASONS = [reason.value for reason in ParkReason]
METHODS = ["none", "interval", "register", "days"]
ONE_DAY = timedelta(days=1)


def reads_on(channel, day):
    """Return True when the channel is read on a day."""
    return (channel["from_date"] or day) <= day and (channel["to_date"] is None or day < channel["to_date"])


class ParkedError(Exception):
    def __init__(self, reasons):
        super().__init__(reasons)
        self.reason = min(reasons, key=REASONS.index)


@cache
def clock_minutes(tz_name, day, minutes):
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


class Book:
    """The rate book as dictionaries."""

    def __init__(self, book):
        rows = {name: frame.to_dicts() for name, frame in book.frames().items()}
        self.versions = {row["version_id"]: row for row in rows["versions"]}
        self.of_tariff = grouped(sorted(rows["versions"], key=lambda row: row["valid_from"]), "tariff_id")
        self.quantities = grouped(rows["quantities"], "version_id")
        self.components = grouped(sorted(rows["components"], key=lambda row: row["position"]), "version_id")
        self.prices = grouped(sorted(rows["prices"], key=lambda row: row["tier"]), "version_id", "component_id")
        self.bases = grouped(rows["bases"], "version_id", "component_id")
        self.counted_by = grouped(rows["bases"], "version_id", "base_component_id")
        self.season = {(r["version_id"], r["month"], r["day_of_month"]): r["season"] for r in rows["season_days"]}
        self.windows = grouped(rows["tou_windows"], "version_id", "season", "day_class")
        self.window_names = grouped(rows["tou_windows"], "version_id", "season")
        self.has_periods = {row["version_id"] for row in rows["tou_windows"] if row["tou"]}
        self.holidays = {(row["version_id"], row["day"]) for row in rows["holidays"]}
        self.factors = grouped(rows["factors"], "factor_id")
        self.slot_cache = {}

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

    def component(self, version_id, component_id):
        return next(row for row in self.components[version_id,] if row["component_id"] == component_id)

    def used_factors(self, version_id):
        return sorted(
            {
                price["factor_id"]
                for component in self.components[version_id,]
                for price in self.prices[version_id, component["component_id"]]
                if price["factor_id"]
            }
        )

    def slot_periods(self, version_id, season, day_class, tz_name, day, minutes):
        clock = tuple(clock_minutes(tz_name, day, minutes))
        key = (version_id, season, day_class, clock)
        if key not in self.slot_cache:
            windows = self.windows[version_id, season, day_class]
            self.slot_cache[key] = defaultdict(list)
            for slot, minute in enumerate(clock):
                (tou,) = [row["tou"] for row in windows if row["from_minute"] <= minute < row["to_minute"]]
                self.slot_cache[key][tou].append(slot)
        return self.slot_cache[key]

    def group_key(self, version_id, component_id):
        row = self.component(version_id, component_id)
        names = ("kind", "price_share", "round_mode", "round_step_minor", "category", "tax_code", "gl_account")
        above = sorted(
            repr(self.group_key(version_id, base["component_id"])) for base in self.counted_by[version_id, component_id]
        )
        price = self.prices[version_id, component_id][0]["price_e9"]
        return (component_id, price, *(row[name] for name in names), *above)


def round_amount(amount, mode, step):
    """Round a Fraction to a multiple of `step`, symmetric in sign."""
    size = abs(amount) / step
    whole, rest = size.numerator // size.denominator, size - size.numerator // size.denominator
    half = Fraction(1, 2)
    up = {
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
        "up": rest > 0,
        "down": False,
    }[mode]
    return (1 if amount >= 0 else -1) * (whole + up) * step


def cut_decimal(amount):
    """Return a Fraction cut toward zero at 15 decimals."""
    with localcontext() as context:
        context.prec = 60
        whole = abs(amount.numerator) * 10**15 // amount.denominator
        sign = -1 if amount < 0 else 1
        return (Decimal(sign * whole).scaleb(-15)).quantize(Decimal("1e-15"), ROUND_DOWN)


def half_up(value):
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


class Twin:
    def __init__(self, given):
        self.book = Book(given.book)
        self.due = sorted(
            given.due.to_dicts(), key=lambda row: (row["bill_id"], row["agreement_id"], row["start_date"])
        )
        self.channels = grouped(sorted(given.channels.to_dicts(), key=lambda row: row["channel_no"]), "agreement_id")
        self.usage = grouped(sorted(given.usage.to_dicts(), key=lambda row: row["from_date"]), "channel_no")
        self.days = {}
        for minutes, frame in given.days.items():
            slots = [name for name in frame.columns if name[0] == "v" and name[1:].isdigit()]
            keys = frame.select("channel_no", "day", "n", "worst", "seq")
            for key, values in zip(keys.iter_rows(), frame.select(slots).iter_rows(), strict=True):
                self.days[minutes, key[0], key[1]] = (key[2], key[3], key[4], values)

    def rate(self):
        """Return all lines, and the reason of every parked (agreement_id, start_date)."""
        parked, first_level = {}, {}
        for due in self.due:
            key = (due["agreement_id"], due["start_date"])
            try:
                first_level[key] = self.rate_due(due)
            except ParkedError as found:
                parked[key] = found.reason
        blocked = {due["bill_id"] for due in self.due if (due["agreement_id"], due["start_date"]) in parked}
        for due in self.due:
            key = (due["agreement_id"], due["start_date"])
            if due["bill_id"] in blocked and key not in parked:
                parked[key] = "sibling_parked"
        lines = []
        for (bill_id, _), dues in grouped(self.due, "bill_id", "agreement_id").items():
            if bill_id in blocked:
                continue
            found = [line for due in dues for line in first_level[due["agreement_id"], due["start_date"]]]
            lines += self.add_over_bases(dues, found)
        return lines, parked

    def rate_due(self, due):
        days = self.days_of(due)
        determinants = self.determinants(due, days)
        return self.charges(due, days, determinants)

    def days_of(self, due):
        """Each day of the due period: version, season, kind of day, values of the version's factors."""
        book, reasons, days = self.book, set(), []
        for day in days_between(due["start_date"], due["end_date"]):
            version_id = book.version_on(due["tariff_id"], day)
            if version_id is None:
                reasons.add("no_tariff_version")
                continue
            if book.versions[version_id]["currency"] != due["currency"]:
                reasons.add("currency_mismatch")
            factors = {name: book.factor_on(name, day) for name in book.used_factors(version_id)}
            if None in factors.values():
                reasons.add("no_factor")
            is_holiday = (version_id, day) in book.holidays
            days.append(
                {
                    "day": day,
                    "version_id": version_id,
                    "season": book.season[version_id, day.month, day.day],
                    "day_class": 8 if is_holiday else day.isoweekday(),
                    "factors": factors,
                }
            )
        if reasons:
            raise ParkedError(reasons)
        slice_no = 0
        for place, day in enumerate(days):
            before = days[place - 1] if place else None
            if before is None or any(before[name] != day[name] for name in ("version_id", "season", "factors")):
                slice_no += 1
            day["slice_no"] = slice_no
        return days

    def determinants(self, due, days):
        """(slice_no, quantity_id, tou) -> quantity, estimated, seq, method."""
        reasons, found = set(), {}
        for (slice_no,), slice_days in grouped(days, "slice_no").items():
            version_id, season = slice_days[0]["version_id"], slice_days[0]["season"]
            for quantity in self.book.quantities[version_id,]:
                parts = self.quantity(due, quantity, slice_days, reasons)
                if not parts:
                    names = {row["tou"] for row in self.book.window_names[version_id, season]}
                    parts = {quantity["tou"] or min(names): (0, False, 0, "none")}
                for tou, part in parts.items():
                    found[slice_no, quantity["quantity_id"], tou] = part
        if reasons:
            raise ParkedError(reasons)
        return found

    def quantity(self, due, quantity, days, reasons):  # noqa: PLR0912
        channels = [row for row in self.channels[due["agreement_id"],] if row["measure"] == quantity["measure"]]
        if not channels and not quantity["is_optional"]:
            reasons.add("no_channel")
        version_id = days[0]["version_id"]
        is_max = quantity["agg"] == "max"
        by_tou = any(
            row["by_tou"] and row["quantity_id"] == quantity["quantity_id"] for row in self.book.components[version_id,]
        )
        if is_max and len({row["interval_minutes"] for row in channels} - {0}) > 1:
            reasons.add("no_channel")
        sums, slots, estimated, seq, methods = defaultdict(int), defaultdict(lambda: defaultdict(int)), False, 0, set()
        for channel in channels:
            minutes = channel["interval_minutes"]
            if minutes == 0:
                if is_max or quantity["tou"] or (by_tou and version_id in self.book.has_periods):
                    reasons.add("no_channel")
                    continue
                use, is_estimated, last_seq, method = self.register(channel, days, reasons)
                sums[""] += use
                estimated, seq = estimated or is_estimated, max(seq, last_seq)
                methods.add(method)
                continue
            read = [day for day in days if reads_on(channel, day["day"])]
            methods |= {"interval"} if read else set()
            for day in read:
                row = self.days.get((minutes, channel["channel_no"], day["day"]))
                periods = self.book.slot_periods(
                    version_id, day["season"], day["day_class"], due["tz_name"], day["day"], minutes
                )
                count = sum(len(places) for places in periods.values())
                if row is None or row[0] != count or row[1] == 8 or None in row[3][:count]:
                    reasons.add("intervals_missing")
                    continue
                estimated, seq = estimated or row[1] >= 2, max(seq, row[2])
                for tou, places in periods.items():
                    if is_max:
                        for place in places:
                            slots[tou][minutes, day["day"], place] += row[3][place]
                    else:
                        sums[tou] += sum(row[3][place] for place in places)
        if channels and not quantity["is_optional"]:
            for day in days:
                if not any(channel["interval_minutes"] == 0 or reads_on(channel, day["day"]) for channel in channels):
                    reasons.add("intervals_missing")
        if is_max:
            sums = {
                tou: max(value * demand_factor(key[0]) for key, value in values.items())
                for tou, values in slots.items()
            }
        method = max(methods, key=METHODS.index) if methods else "none"
        wanted = {tou: value for tou, value in sums.items() if quantity["tou"] in ("", tou)}
        return {tou: (value, estimated, seq, method) for tou, value in wanted.items()}

    def register(self, channel, days, reasons):
        start, end = days[0]["day"], days[-1]["day"] + ONE_DAY
        rows = self.usage[channel["channel_no"],]
        covered, use, estimated, seq, ends = 0, 0, False, 0, set()
        for row in rows:
            first, last = max(start, row["from_date"]), min(end, row["to_date"])
            is_instant = row["from_date"] == row["to_date"] and start <= row["from_date"] < end
            if first >= last and not is_instant:
                continue
            if row["is_rejected"]:
                reasons.add("read_rejected")
            length = (row["to_date"] - row["from_date"]).days
            if is_instant:
                use += row["quantity"]
            else:
                until = [row["quantity"] * (day - row["from_date"]).days // length for day in (first, last)]
                use += until[1] - until[0]
                covered += (last - first).days
            estimated, seq = estimated or row["quality"] >= 2, max(seq, row["seq"])
            ends |= {row["from_date"], row["to_date"]}
        if covered != (end - start).days:
            is_late = not rows or rows[0]["from_date"] > start
            reasons.add("start_read_missing" if is_late else "end_read_missing")
            return 0, False, 0, "days"
        return use, estimated, seq, "register" if min(ends) == start and max(ends) == end else "days"

    def charges(self, due, days, determinants):
        lines, reasons = [], set()
        cycle_days = (due["cycle_end_date"] - due["cycle_start_date"]).days
        for (version_id,), segment in grouped(days, "version_id").items():
            for component in self.book.components[version_id,]:
                if component["level"] != 1:
                    continue
                for piece in self.pieces(component, segment):
                    lines += self.charge(due, component, piece, cycle_days, determinants, reasons)
        if not lines:
            reasons.add("no_price")
        if reasons:
            raise ParkedError(reasons)
        return lines

    def pieces(self, component, segment):
        prices = self.book.prices[component["version_id"], component["component_id"]]
        names = sorted({price["factor_id"] for price in prices if price["factor_id"]})
        pieces = defaultdict(list)
        for day in segment:
            season = day["season"] if component["by_season"] else ""
            values = tuple(day["factors"][name] for name in names) if component["has_factor"] else ()
            pieces[season, values].append(day)
        return [{"season": season, "days": days} for (season, _), days in pieces.items()]

    def charge(self, due, component, piece, cycle_days, determinants, reasons):
        parts = self.parts(component, piece, determinants)
        prices = self.book.prices[component["version_id"], component["component_id"]]
        days = len(piece["days"])
        table = {}
        for tou in parts:
            table[tou] = [row for row in prices if row["season"] == piece["season"] and row["tou"] == tou]
            if not table[tou]:
                reasons.add("no_price")
        if reasons:
            return []
        cells = self.tiers(component, parts, table, days, cycle_days)
        is_shared = (component["is_peak"] or component["kind"] == "cycle") and days != cycle_days
        share = Fraction(days, cycle_days) if is_shared else Fraction(1)
        lines = []
        for (tou, tier), quantity in sorted(cells.items()):
            row = table[tou][max(tier, 1) - 1]
            price = row["price_e9"]
            if price is None:
                price = piece["days"][0]["factors"][row["factor_id"]]
            unit_size = self.unit_size(component)
            amount = Fraction(price, 10**9) * Fraction(quantity, unit_size) * share
            lines.append(
                self.line(due, component, piece["days"], amount, quantity)
                | {"season": piece["season"], "tou": tou, "tier": tier}
                | {"is_estimated": parts[tou][1], "reads_seq": parts[tou][2], "split_method": parts[tou][3]}
            )
        kept = [line for line in lines if line["quantity"] or line["amount_minor"]]
        is_measured = component["kind"] == "quantity" and any(line["split_method"] != "none" for line in lines)
        return kept or (lines[:1] if is_measured else [])

    def unit_size(self, component):
        for quantity in self.book.quantities[component["version_id"],]:
            if quantity["quantity_id"] == component["quantity_id"]:
                return quantity["unit_size"]
        return 1

    def parts(self, component, piece, determinants):
        if component["kind"] == "daily":
            return {"": (len(piece["days"]), False, 0, "none")}
        if component["kind"] == "cycle":
            return {"": (1, False, 0, "none")}
        slices = {day["slice_no"] for day in piece["days"]}
        parts = {}
        for (slice_no, quantity_id, tou), part in determinants.items():
            if slice_no in slices and quantity_id == component["quantity_id"]:
                key = tou if component["by_tou"] else ""
                before = parts.get(key, (0, False, 0, "none"))
                total = max(before[0], part[0]) if component["is_peak"] else before[0] + part[0]
                method = max(before[3], part[3], key=METHODS.index)
                parts[key] = (total, before[1] or part[1], max(before[2], part[2]), method)
        return parts

    def tiers(self, component, parts, table, days, cycle_days):
        if component["tier_method"] == "none":
            return {(tou, 0): part[0] for tou, part in parts.items()}

        def edge(value):
            if value is None:
                return float("inf")
            if component["is_peak"]:
                return value
            if component["tiers_share"] == "day":
                return value * days
            return half_up(Fraction(value * days, cycle_days))

        def fill(total, rows):
            return {
                row["tier"]: max(min(total, edge(row["to_quantity"])) - edge(row["from_quantity"]), 0) for row in rows
            }

        if component["tier_method"] == "graduated" or not component["by_tou"]:
            return {
                (tou, tier): value for tou, part in parts.items() for tier, value in fill(part[0], table[tou]).items()
            }
        left = {tou: parts[tou][0] for tou in sorted(parts)}
        cells = {}
        for tier, amount in fill(sum(left.values()), table[min(left)]).items():
            total = sum(left.values())
            exact = {tou: Fraction(value * amount, total) if total else Fraction(0) for tou, value in left.items()}
            shares = {tou: value.numerator // value.denominator for tou, value in exact.items()}
            order = sorted(exact, key=lambda tou: (shares[tou] - exact[tou], tou))
            for tou in order[: amount - sum(shares.values())]:
                shares[tou] += 1
            for tou, share in shares.items():
                cells[tou, tier] = share
                left[tou] -= share
        return cells

    def line(self, due, component, days, amount, quantity):
        version = self.book.versions[component["version_id"]]
        step = Fraction(component["round_step_minor"], 10 ** version["currency_exponent"])
        rounded = round_amount(amount, component["round_mode"], step) * 10 ** version["currency_exponent"]
        assert rounded.denominator == 1
        return {
            "bill_id": due["bill_id"],
            "agreement_id": due["agreement_id"],
            "start_date": due["start_date"],
            "component_id": component["component_id"],
            "version_id": component["version_id"],
            "period_start_date": min(day["day"] for day in days),
            "period_end_date": max(day["day"] for day in days) + ONE_DAY,
            "season": "",
            "tou": "",
            "tier": 0,
            "quantity": quantity,
            "amount_exact": cut_decimal(amount),
            "amount_minor": int(rounded),
            "is_estimated": False,
            "reads_seq": 0,
            "split_method": "none",
        }

    def add_over_bases(self, dues, lines):
        """Add percentages and minimums of one agreement and bill, level by level."""
        standing = []
        for due in dues:
            for (version_id,), days in grouped(self.days_of(due), "version_id").items():
                standing += [
                    {"due": due, "version_id": version_id, "days": days, "component": component}
                    for component in self.book.components[version_id,]
                    if component["kind"] in ("percent", "minimum")
                ]
        levels = sorted({row["component"]["level"] for row in standing})
        for level in levels:
            groups = defaultdict(list)
            for row in standing:
                if row["component"]["level"] == level:
                    groups[self.book.group_key(row["version_id"], row["component"]["component_id"])].append(row)
            lines = lines + [line for rows in groups.values() for line in self.over_base(rows, lines)]
        return lines

    def over_base(self, rows, lines):
        last = max(rows, key=lambda row: row["days"][0]["day"])
        component, due = last["component"], last["due"]
        counted = {
            (row["version_id"], base["base_component_id"])
            for row in rows
            for base in self.book.bases[row["version_id"], component["component_id"]]
        }
        base_lines = [line for line in lines if (line["version_id"], line["component_id"]) in counted]
        base = sum(line["amount_minor"] for line in base_lines)
        price = Fraction(self.book.prices[component["version_id"], component["component_id"]][0]["price_e9"], 10**9)
        major = Fraction(base, 10 ** self.book.versions[component["version_id"]]["currency_exponent"])
        days = [day for row in rows for day in row["days"]]
        if component["kind"] == "percent":
            amount = major * price / 100
        else:
            cycle_days = (due["cycle_end_date"] - due["cycle_start_date"]).days
            floor = price * len(days) if component["price_share"] == "day" else price * Fraction(len(days), cycle_days)
            amount = floor - major
            if amount <= 0:
                return []
        line = self.line(due, component, days, amount, base)
        line["is_estimated"] = any(row["is_estimated"] for row in base_lines)
        line["reads_seq"] = max((row["reads_seq"] for row in base_lines), default=0)
        return [line] if line["quantity"] or line["amount_minor"] else []


def rate_slowly(given: RatingInput) -> list[dict[str, object]]:
    """Return the lines of every agreement that is billed; see `compare_with` for the columns."""
    return Twin(given).rate()[0]


def park_slowly(given: RatingInput) -> dict[tuple[str, date], str]:
    """Return the reason of every parked agreement and start date."""
    return Twin(given).rate()[1]


COMPARED = (
    "bill_id", "agreement_id", "component_id", "period_start_date", "season", "tou", "tier", "period_end_date",
    "version_id", "quantity", "amount_exact", "amount_minor", "is_estimated", "reads_seq", "split_method",
)  # fmt: skip


def differences(given: RatingInput, rated) -> list[str]:
    """Return what the twin says differently from `rated`, in sentences; empty when they are 0 cents apart."""
    lines, parked = Twin(given).rate()
    slow = sorted((tuple(line[name] for name in COMPARED) for line in lines), key=str)
    fast = sorted(rated.lines.select(COMPARED).iter_rows(), key=str)
    found = [f"only the twin has {row}" for row in sorted(set(slow) - set(fast), key=str)]
    found += [f"only rating has {row}" for row in sorted(set(fast) - set(slow), key=str)]
    if len(slow) != len(fast):
        found.append(f"the twin has {len(slow)} lines, rating has {len(fast)}")
    reasons = {(row["agreement_id"], row["start_date"]): row["reason"] for row in rated.parked.to_dicts()}
    return found + [
        f"{key}: the twin parks for {parked.get(key)}, rating for {reasons.get(key)}"
        for key in sorted({*parked, *reasons}, key=str)
        if parked.get(key) != reasons.get(key)
    ]
