"""Random tariffs as their files would say them: every construct of the language, in versions that differ a little."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tariffs.check import find_problems
from tariffs.sheet import TariffFile

Table = dict[str, Any]
MODES = ["half_up", "half_up", "half_even", "down", "up"]
SHARES = ["cycle", "none", "months", "days/30", "days/30.4167", "days/normal", "days/365"]
PERIODS = {"": ["peak", "off"], "demand": ["day", "night"]}
SEASONS = {"": ["summer", "winter"], "demand": ["hot", "cold"]}


def number(text: str | int) -> Decimal:
    return Decimal(text)


class Drawer:
    """Draws one tariff, its parts from what was drawn before."""

    def __init__(self, random: Random, start: date, *, is_given: bool) -> None:
        self.random, self.start, self.is_given = random, start, is_given
        self.schedules = ["", "demand"] if random.random() < 0.3 else [""]
        self.has_seasons = {name: random.random() < 0.5 for name in self.schedules}
        self.has_periods = {name: random.random() < (0.6 if is_given or name else 0.4) for name in self.schedules}
        self.has_events = random.random() < 0.5 and self.schedules == [""] and self.has_periods[""] and not is_given

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def price(self) -> Decimal:
        return number(self.pick(self.random.randrange(0, 90), self.random.randrange(-30, 300))) / number(
            self.pick(10, 100, 1000, 10**5)
        )

    # Windows

    def windows(self, schedule: str) -> Table:
        windows: Table = {}
        if self.has_seasons[schedule]:
            turn = self.start + timedelta(days=self.random.randrange(0, 20))
            back = turn + timedelta(days=self.pick(4, 9, 120))
            first, last = SEASONS[schedule]
            windows[first] = {"from": turn.strftime("%m-%d"), "to": back.strftime("%m-%d")}
            windows[last] = {"else": first}
        if self.has_periods[schedule]:
            first, last = PERIODS[schedule]
            windows[first] = {"days": self.pick("mon-fri", "mon-sun"), "from": time(self.pick(7, 16)), "to": time(20)}
            windows[last] = {"else": first}
            if self.has_events and schedule == "":
                windows["event"] = {"event": "op"}
        return windows

    # Formulas

    def names(self) -> list[str]:
        names = ["kwh", "kwh", "exp", "kw", "days", "cycle_days", "units", "load", "fca", "months", "month", "bank"]
        return [*names, "cv", "adj", "winter", "ratchet", "normal_days", "year_days", "credit", "kwh_round"]

    def formula(self, depth: int = 2, names: list[str] | None = None) -> str:
        """Draw a formula with at least one name; operations that may be undefined are rare."""
        names = names or self.names()
        if depth == 0 or self.chance(0.2):
            return str(self.random.choice(names))
        a, b = self.formula(depth - 1, names), self.part(depth - 1, names)
        condition = f"{a} {self.pick('<', '<=', '>', '>=', '==', '!=')} {b}"
        return str(
            self.pick(
                f"({a} + {b})", f"({a} - {b})", f"{a} * {self.constant()}", f"{a} / max(1, {b})", f"min({a}, {b})",
                f"max({a}, {b})", f"if({condition}, {a}, {b})", f"pos({a} - {b})", f"round({a}, {self.step()})",
                f"trunc({a}, {self.step()})", f"ceil({a}, {self.step()})", f"floor({a})", f"abs({a})",
                f"sqrt(abs({a}))", f"-{a}", f"if(area == \"north\", {a}, {b})", f"if(area != \"north\", {a}, {b})",
                f"if({condition} and not ({b} > 3), {a}, {b})", f"if({condition} or {a} < 2, {a}, {b})",
                f"{a} / {b}" if self.chance(0.1) else f"{a} * 2",
            )
        )  # fmt: skip

    def part(self, depth: int, names: list[str]) -> str:
        return self.constant() if self.chance(0.4) else self.formula(depth, names)

    def constant(self) -> str:
        return str(self.pick("0.8", "0.95", "1", "10", "3.6", "100", "0.0371", "250", "0"))

    def step(self) -> str:
        return str(self.pick("0.1", "1", "10", "0.0001"))

    def condition(self) -> str:
        names = [name for name in self.names() if name not in ("bank", "credit")]
        return str(
            self.pick(
                'area == "south"', "kwh > 0", "units >= 2", "care == 1", "care == 0", "care == 0", "kw <= 40",
                "fca > 0.1", f"{self.random.choice(names)} > {self.constant()}", "care == 1 and kwh <= 100",
            )
        )  # fmt: skip

    # Quantities

    def quantities(self) -> Table:
        rounded = {"round": f"{self.pick(*MODES)} {self.pick('1', '0.1', '5')}"}
        measured = {"measure": "import_energy", "agg": "sum", "unit": "kWh", "optional": True}
        plain = [name for name in self.names() if name != "adj"]
        every: Table = {
            "kwh": {**measured, "optional": False},
            "kwh_round": measured | rounded,
            "mwh": measured | {"unit": "MWh"},
            "exp": measured | {"measure": "export_energy"},
            "kw": measured | {"agg": "max", "unit": "kW"},
            "adj": {
                "formula": self.pick("kwh * cv", "max(0, kwh - exp - bank)", f"kwh + {self.formula(2, plain)}"),
                "unit": "x",
            },
            "billed_kw": {"formula": "max(kw, 0.8 * ratchet, 0.1 * load)", "unit": "kW"} | self.pick({}, rounded),
            "free": {"formula": f"min(90000, max(-9000, {self.formula()}))", "unit": "x"} | self.pick({}, rounded),
            "ratchet": self.history("kw", "max"),
            "winter": self.history("kwh", self.pick("mean", "sum", "min", "last")),
            "old": self.history("free", self.pick("mean", "last")),
        }
        if self.is_given:
            every["mean_kw"] = measured | {"agg": self.pick("mean", "nth", "mean_of_n", "min"), "unit": "kW"}
            if every["mean_kw"]["agg"] in ("nth", "mean_of_n"):
                every["mean_kw"] |= {"n": self.pick(1, 2, 3), "distinct_days": self.chance(0.5)}
            every["net"] = measured | {"less": "export_energy"}
            every["spot"] = measured | {"agg": "cost", "series": "rrp"}
        if "demand" in self.schedules:
            every["kwh_demand"] = measured | {"schedule": "demand"}
        for schedule in self.schedules:
            if self.has_periods[schedule]:
                limited = measured | {"agg": "max", "unit": "kW", "window": PERIODS[schedule][0]}
                every[f"kw_{schedule or 'peak'}"] = limited | ({"schedule": schedule} if schedule else {})
        return every

    def history(self, of: str, agg: str) -> Table:
        row: Table = {"history": of, "agg": agg, "back": self.pick(1, 3, 12, 24), "unit": "x"}
        if self.chance(0.7):
            row["if_missing"] = number(self.pick("0", "6.9", "120"))
        if self.chance(0.5):
            row["months"] = self.pick([12, 1, 2], [5, 6, 7, 8, 9, 10], [1, 3])
            row |= {"known_from": self.pick(3, 11, 4)} if self.chance(0.6) else {}
        return row | ({"round": f"{self.pick(*MODES)} {self.pick('1', '0.1')}"} if self.chance(0.3) else {})

    # Charges

    def by(self, table: Table, schedule: str, leaf: Any, *, tou: bool) -> Any:
        """Put prices by season and period around what `leaf()` draws, and note `by` in the charge."""
        of_tou = tou and self.has_periods[schedule] and self.chance(0.6)
        of_season = self.has_seasons[schedule] and self.chance(0.5)
        table["by"] = (["season"] if of_season else []) + (["tou"] if of_tou else [])
        if not table["by"]:
            del table["by"]
        periods = PERIODS[schedule] + (["event"] if self.has_events and schedule == "" else [])

        def by_tou() -> Any:
            return {name: leaf() for name in periods} if of_tou else leaf()

        def by_season() -> Any:
            return {name: by_tou() for name in SEASONS[schedule]} if of_season else by_tou()

        if self.chance(0.15):
            table["lookup"] = "size"
            return {text: by_season() for text in ("5/8", "1")}
        return by_season()

    def cell(self) -> Decimal | str:
        return f"{self.formula(1)} * 0.001" if self.chance(0.12) else self.price()

    def tiers(self, count: int, edges: list[Any], *, fixed: bool) -> list[Table]:
        rows: list[Table] = []
        for place in range(count):
            row: Table = {"price": self.cell()}
            row |= {"to": edges[place]} if place < count - 1 else {}
            row |= {"fixed": self.price()} if fixed and self.chance(0.5) else {}
            rows.append(row)
        return rows

    def edges(self, *, by_formula: bool) -> list[Any]:
        numbers = sorted(self.random.sample(range(1, 400), 3))
        edges: list[Any] = [number(edge) / self.pick(1, 10) for edge in numbers]
        edges = [*sorted(set(edges)), number(500)]
        if by_formula:
            edges[self.random.randrange(2)] = f"min(300, {self.formula(1)})"
        return edges

    def quantity_charge(self, quantities: Table) -> Table:
        of = self.random.choice([name for name in quantities if name != "old" or self.chance(0.3)])
        quantity = quantities[of]
        is_measured = "measure" in quantity
        table: Table = {"of": of}
        schedule = quantity.get("schedule", "")
        tou = is_measured and "window" not in quantity
        is_peak = is_measured and quantity["agg"] not in ("sum", "cost")
        if self.chance(0.12):
            table |= {"curve": "package", "package": number(self.pick(10, 7, 100)), "price": self.price()}
            table |= {"free": number(self.pick(0, 25))} if self.chance(0.5) else {}
        elif self.chance(0.45):
            table["price"] = {"factor": "fca"} if self.chance(0.15) else None
            if table["price"] is None:
                table["price"] = self.by(table, schedule, self.cell, tou=tou)
        else:
            self.tiered(table, schedule, tou=tou, is_peak=is_peak, is_negative=of in ("net", "free", "adj", "spot"))
        if is_peak or self.chance(0.15):
            table |= self.shared("prorate")
        return table

    def tiered(self, table: Table, schedule: str, *, tou: bool, is_peak: bool, is_negative: bool) -> None:
        table["curve"] = self.pick("graduated", "graduated", "volume")
        count, edges = self.random.randrange(1, 5), self.edges(by_formula=self.chance(0.3))
        kept = self.chance(0.5)
        pro_rata = self.chance(0.4) and table["curve"] == "graduated" and not is_peak and not is_negative

        def leaf() -> list[Table]:
            own = edges if kept or pro_rata else self.edges(by_formula=self.chance(0.2))
            return self.tiers(count, own, fixed=not pro_rata and self.chance(0.5))

        table["tiers"] = self.by(table, schedule, leaf, tou=tou)
        is_by_tou = "tou" in table.get("by", [])
        if is_by_tou:
            table["tier_method"] = "pro_rata" if pro_rata else "graduated"
        per = [*([] if is_peak else [self.pick("cycle", "day", "none")])]
        per += [self.pick("units", "load", "kw", "days")] if self.chance(0.3) else []
        if per:
            table["tiers_per"] = per
        if self.chance(0.25) and not is_peak:
            table["prorate_tiers"] = self.random.choice(SHARES)
        if self.chance(0.2):
            table["round_tiers"] = f"{self.pick(*MODES)} {self.pick('1', '0.1', '10')}"
        if self.chance(0.2):
            table["tolerance"] = self.random.choice([[25, 35], [1, 40], [30, 30], [1, 10]])

    def shared(self, key: str) -> Table:
        table: Table = {key: self.random.choice(SHARES)} if self.chance(0.6) else {}
        return table | ({"tolerance": self.random.choice([[25, 35], [1, 40], [31, 33]])} if self.chance(0.3) else {})

    def standing_charge(self) -> Table:
        table: Table = {"per": self.pick("day", "cycle", "month", "year")}
        schedule = self.random.choice(self.schedules)
        if schedule:
            table["schedule"] = schedule
        table["price"] = self.by(table, schedule, self.cell, tou=False)
        if self.chance(0.3):
            table["times"] = self.pick(["units"], ["load"], ["units", "load"], ["kw"], ["ratchet"])
        return table | (self.shared("prorate") if table["per"] != "day" else {})

    def over_charge(self, names: list[str], kind: str) -> Table:
        table: Table = {"of": self.random.sample(names, min(len(names), self.random.randrange(1, 4)))}
        value: Any = number(self.pick("5.6", "10", "12.5", "-19.3", "6", "0.333"))
        if self.chance(0.2):
            value = self.pick("fca * 10", "if(care == 1, 20, 5)", f"min(20, {self.formula(1)})")
        if kind == "percent":
            table["percent"] = value
            flag = self.pick("gross_up", "included", "exact", "exact", None, None)
            table |= {flag: True} if flag else {}
            table |= {"tax": "GST"} if self.chance(0.4) and flag != "included" else {}
            return table
        limit = number(self.pick("5", "40.25", "300")) if self.chance(0.7) else f"max(0, {self.formula(1)})"
        table |= {kind: limit, "per": self.pick("cycle", "day", "month", "year")}
        table |= {"exact": True} if self.chance(0.2) else {}
        return table | (self.shared("prorate") if table["per"] != "day" else {})

    def amount_charge(self, names: list[str]) -> Table:
        of = [*self.names(), *names, *names] if self.chance(0.5) else self.names()
        table: Table = {"amount": f"max(-9000, min(9000, {self.formula(2, of)}))"}
        if self.chance(0.3):  # its parts add up, so each has its own
            linear = ("kwh * 0.05 + days", "exp * cv - kwh * fca", "0.1 * units * days", "kwh * cv * 0.02 + months * 3")
            table = {"amount": self.pick(*linear)}
        return table | ({"tax": "LEVY"} if self.chance(0.2) else {})

    def decorated(self, table: Table) -> Table:
        if self.chance(0.25):
            table["when"] = self.condition()
        if self.chance(0.15) and "tax" not in table:
            table["memo"] = True
        if self.chance(0.15):
            table["print_if_zero"] = True
        if self.chance(0.1):
            table["party"] = "Delivery Co"
        if self.chance(0.3) and "of" in table and "percent" not in table and not {"at_least", "at_most"} & set(table):
            table["round_once"] = self.chance(0.7)
        if self.chance(0.3):
            table["rounding"] = f"{self.pick(*MODES)} {self.pick('0.01', '0.05', '1')}"
        return table

    def charges(self, quantities: Table) -> Table:
        found: Table = {"base": {"per": "day", "price": number("0.31")}}
        names = ["base"]
        for place in range(self.random.randrange(2, 5)):
            name = f"c{place}"
            found[name] = self.decorated(self.quantity_charge(quantities))
            names.append(name)
        if self.chance(0.6):
            found["standing"] = self.decorated(self.standing_charge())
            names.append("standing")
        for place in range(self.random.randrange(1, 6)):
            kind = self.pick("percent", "percent", "percent", "at_least", "at_most", "amount")
            name = f"o{place}"
            row = self.amount_charge(names) if kind == "amount" else self.over_charge(names, kind)
            if kind == "percent" and "gross_up" in row and self.chance(0.6):
                found[f"{name}_beside"] = {**deepcopy(row), "percent": number("4")}
            found[name] = self.decorated(row)
            names.append(name)
        return found

    def changed(self, charges: Table, quantities: Table) -> Table:
        """Return the charges of a later version: most as they were, some with other numbers, one gone, one new."""
        later = deepcopy(charges)
        for name, row in later.items():
            if name[0] == "c" and self.chance(0.3):
                later[name] = self.decorated(self.quantity_charge(quantities))
            elif "percent" in row and self.chance(0.5):
                row["percent"] = number("7.5")
            elif "price" in row and "by" not in row and "lookup" not in row and self.chance(0.4):
                row["price"] = self.price()
        return later


def make_tariff(random: Random, tariff_id: str, start: date, *, is_given: bool) -> TariffFile:
    """Draw a tariff of one to three versions, around a period that begins on `start`."""
    while True:
        content = _content(Drawer(random, start, is_given=is_given), tariff_id)
        file = TariffFile.model_validate(content)
        if not find_problems(file):
            return file


def _content(draw: Drawer, tariff_id: str) -> Table:
    quantities = draw.quantities()
    charges = draw.charges(quantities)
    versions: list[Table] = [{"valid_from": date(2000, 1, 1), "source": "drawn", "charges": charges}]
    day = draw.start
    for _ in range(draw.pick(0, 0, 1, 1, 2)):
        day += timedelta(days=draw.random.randrange(1, 14))
        charges = draw.changed(charges, quantities)
        versions.append({"valid_from": day, "source": "drawn", "charges": charges})
    total = {"total": f"{draw.pick(*MODES)} {draw.pick('0.05', '1', '10')}"} if draw.chance(0.3) else {}
    if total and len(versions) > 1 and draw.chance(0.5):
        versions[-1]["rounding"] = {"line": "half_up 0.01", "total": "down 1"}
    content: Table = {
        "tariff": tariff_id, "title": "Drawn", "commodity": "electricity", "currency": "AUD",
        "timezone": "Australia/Sydney", "normal_days": 30, "versions": versions, "quantities": quantities,
        "rounding": {"line": f"{draw.pick(*MODES)} {draw.pick('0.01', '0.01', '0.05')}", **total},
        "windows": draw.windows(""),
        "attributes": {
            "units": {"default": number(1)}, "load": {}, "care": {"default": number(0)},
            "area": {"values": ["north", "south"], "default": "north"},
            "size": {"values": ["5/8", "1"]},
        },
        "factors": {"cv": {"series": "hs", "by": "area"}, "fca": {"series": "fca"}},
        "banks": {
            "bank": {"closing": draw.pick("max(0, bank + exp - kwh)", f"min(9000, {draw.formula(1)})"), "opening":
                     number(draw.pick("0", "12.5"))},
            "credit": {"closing": draw.pick("max(0, credit - base)", "pos(credit - base + c0)"), "unit": "AUD"},
        },
    }  # fmt: skip
    if "demand" in draw.schedules:
        content["schedules"] = {"demand": draw.windows("demand")}
    return content
