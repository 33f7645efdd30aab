"""What is measured, for the slow twin: sums and maxima from intervals and registers, or quantities as given.

A measured row is (value, day, is_estimated, reads_seq, split_method). A slice has rows by quantity and part of the
week.
"""

from __future__ import annotations

from collections import defaultdict

from twin_book import ParkedError, clock_minutes, grouped

from model.units import demand_factor

METHODS = ["none", "interval", "register", "days"]
NOTHING = (0, None, False, 0, "none")


def reads_on(channel, day):
    """Return True when the channel is read on a day."""
    return (channel["from_date"] or day) <= day and (channel["to_date"] is None or day < channel["to_date"])


class Reads:
    """Intervals and registers of the agreements."""

    def __init__(self, given, book):
        self.book = book
        self.channels = grouped(sorted(given.channels.to_dicts(), key=lambda row: row["channel_no"]), "agreement_id")
        self.usage = grouped(sorted(given.usage.to_dicts(), key=lambda row: row["from_date"]), "channel_no")
        self.days = {}
        for minutes, frame in given.days.items():
            slots = [name for name in frame.columns if name[0] == "v" and name[1:].isdigit()]
            keys = frame.select("channel_no", "day", "n", "worst", "seq")
            for key, values in zip(keys.iter_rows(), frame.select(slots).iter_rows(), strict=True):
                self.days[minutes, key[0], key[1]] = (key[2], key[3], key[4], values)

    def determinants(self, due, slices):
        """Return for each slice: quantity -> part of the week -> rows."""
        reasons, found = set(), []
        for one in slices:
            of_slice = {}
            for quantity in self.book.quantities[one.version_id,]:
                if quantity["kind"] == "measured":
                    parts = self.quantity(due, quantity, one, reasons)
                    of_slice[quantity["quantity_id"]] = filled(self.book, quantity, one, parts)
            found.append(of_slice)
        if reasons:
            raise ParkedError(reasons)
        return found

    def quantity(self, due, quantity, one, reasons):  # noqa: PLR0912
        channels = [row for row in self.channels[due["agreement_id"],] if row["measure"] == quantity["measure"]]
        if not channels and not quantity["is_optional"]:
            reasons.add("no_channel")
        is_max = quantity["agg"] == "max"
        by_tou = any(
            row["by_tou"] and row["quantity_id"] == quantity["quantity_id"]
            for row in self.book.components[one.version_id,]
        )
        if is_max and len({row["interval_minutes"] for row in channels} - {0}) > 1:
            reasons.add("no_channel")
        sums, slots, estimated, seq, methods = defaultdict(int), defaultdict(lambda: defaultdict(int)), False, 0, set()
        for channel in channels:
            minutes = channel["interval_minutes"]
            if minutes == 0:
                if is_max or quantity["tou"] or (by_tou and one.version_id in self.book.has_periods):
                    reasons.add("no_channel")
                    continue
                use, is_estimated, last_seq, method = self.register(channel, one, reasons)
                sums[""] += use
                estimated, seq = estimated or is_estimated, max(seq, last_seq)
                methods.add(method)
                continue
            read = [day for day in one.days if reads_on(channel, day["day"])]
            methods |= {"interval"} if read else set()
            for day in read:
                row = self.days.get((minutes, channel["channel_no"], day["day"]))
                count = len(clock_minutes(due["tz_name"], day["day"], minutes))
                if row is None or row[0] != count or row[1] == 8 or None in row[3][:count]:
                    reasons.add("intervals_missing")
                    continue
                estimated, seq = estimated or row[1] >= 2, max(seq, row[2])
                for tou, places in self.book.slot_periods(day, due["tz_name"], minutes).items():
                    if is_max:
                        for place in places:
                            slots[tou][minutes, day["day"], place] += row[3][place]
                    else:
                        sums[tou] += sum(row[3][place] for place in places)
        if channels and not quantity["is_optional"]:
            for day in one.days:
                if not any(channel["interval_minutes"] == 0 or reads_on(channel, day["day"]) for channel in channels):
                    reasons.add("intervals_missing")
        if is_max:
            sums = {
                tou: max(value * demand_factor(key[0]) for key, value in values.items())
                for tou, values in slots.items()
            }
        method = max(methods, key=METHODS.index) if methods else "none"
        return {
            tou: [(value, None, estimated, seq, method)]
            for tou, value in sums.items()
            if is_in_period(self.book, quantity, one, tou)
        }

    def register(self, channel, one, reasons):
        start, end = one.start, one.end
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


class Given:
    """Quantities that are given for a whole due period: sums are shared over slices by days, powers hold in each."""

    def __init__(self, quantities, book):
        self.book = book
        self.rows = grouped(quantities.to_dicts(), "agreement_id")

    def carried(self, due, version_id):
        """Return histories and banks that are given, x 10^12."""
        found = {}
        for row in self.rows[due["agreement_id"],]:
            quantity = self.book.quantity.get((version_id, row["quantity_id"]))
            if quantity is not None and quantity["kind"] in ("history", "bank"):
                found[row["quantity_id"]] = row["quantity"] * 10**12 // quantity["unit_size"]
        return found

    def determinants(self, due, slices):
        reasons = set()
        found = [defaultdict(lambda: defaultdict(list)) for _ in slices]
        for row in self.rows[due["agreement_id"],]:
            self.place(row, slices, found, reasons)
        mine = {row["quantity_id"] for row in self.rows[due["agreement_id"],]}
        for one, of_slice in zip(slices, found, strict=True):
            needed = self.book.needed_now(one.version_id)
            counted_later = {row["history_of"] for row in self.book.quantities[one.version_id,]} - needed
            for quantity in self.book.quantities[one.version_id,]:
                name = quantity["quantity_id"]
                if quantity["kind"] != "measured":
                    continue
                if not quantity["is_optional"] and name not in counted_later and name not in mine:
                    reasons.add("no_channel")
                of_slice[name] = filled(self.book, quantity, one, of_slice.get(name, {}))
        if reasons:
            raise ParkedError(reasons)
        return found

    def place(self, row, slices, found, reasons):
        places, name = [], row["quantity_id"]
        for one, of_slice in zip(slices, found, strict=True):
            quantity = self.book.quantity.get((one.version_id, row["quantity_id"]))
            if quantity is None or quantity["kind"] != "measured":
                continue
            parts = self.book.parts_of(one.version_id, quantity["schedule"], one.season, row["tou"])
            if row["tou"] == "":
                by_tou = any(
                    charge["by_tou"] and charge["quantity_id"] == row["quantity_id"]
                    for charge in self.book.components[one.version_id,]
                )
                if by_tou and one.version_id in self.book.has_periods:
                    reasons.add("no_channel")
                parts = self.book.parts_of(one.version_id, quantity["schedule"], one.season, quantity["tou"])
            if parts:
                places.append((one, of_slice[row["quantity_id"]][parts[0]], quantity))
        if not places:
            versions = self.book.of_tariff[self.book.versions[slices[0].version_id]["tariff_id"],]
            kinds = {self.book.quantity.get((version["version_id"], name), {}).get("kind") for version in versions}
            if not kinds & {"history", "bank"}:
                reasons.add("no_price")
            return
        days = [len(one.days) for one, _, _ in places]
        method = "days" if len(places) > 1 else "register"
        exact = [divmod(row["quantity"] * count, sum(days)) for count in days]
        order = sorted(range(len(places)), key=lambda place: (-exact[place][1], place))
        bonus = order[: row["quantity"] - sum(whole for whole, _ in exact)]
        for place, (_, rows, quantity) in enumerate(places):
            is_shared = quantity["agg"] in ("sum", "cost")
            value = exact[place][0] + (place in bonus) if is_shared else row["quantity"]
            rows.append((value, None, False, 0, method))


def is_in_period(book, quantity, one, tou):
    """Return whether a part of the week lies in the period to which the quantity is limited."""
    if quantity["tou"] == "":
        return True
    named = book.name_of.get((one.version_id, quantity["schedule"], one.season, tou))
    return named is not None and named["tou"] == quantity["tou"]


def filled(book, quantity, one, parts):
    """Return the parts, or a row of zero where nothing was measured."""
    if parts:
        return parts
    names = book.parts_of(one.version_id, quantity["schedule"], one.season, quantity["tou"])
    return {names[0] if names else "": [NOTHING]}
