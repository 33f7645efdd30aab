"""Charges of a record on energy: use, fuel, export; and what a charge is while its file is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from model.money import RATE_DECIMALS
from tariffs.urdb.findings import Findings
from tariffs.urdb.record import (
    HOURS,
    MONTHS,
    Record,
    Tier,
    Tiers,
    as_price,
    read_number,
    read_schedule,
    read_structure,
)
from tariffs.urdb.seasons import Partition, partition_months, partition_schedules

Table = dict[str, Any]

QUANTITIES: dict[str, Table] = {
    "kwh": {"measure": "import_energy", "agg": "sum", "unit": "kWh"},
    "mwh": {"measure": "import_energy", "agg": "sum", "unit": "MWh"},
    "kw": {"measure": "import_energy", "agg": "max", "unit": "kW"},
    "kva": {"measure": "apparent_energy", "agg": "max", "unit": "kVA"},
    "export": {"measure": "export_energy", "agg": "sum", "unit": "kWh", "optional": True},
}
_PRICE_STEP = Decimal(1).scaleb(-RATE_DECIMALS)
_TIERS_PER = {"kWh": "cycle", "kWh daily": "day", "kWh/kW": "kw", "kWh/kW daily": ["kw", "day"]}


@dataclass(frozen=True)
class Charge:
    """A charge under construction. `partition` is None where its price holds always.

    `quantities`: those that it needs, by name; the one that it prices and others that scale or make it.
    """

    name: str
    table: Table
    quantities: dict[str, Table] = field(default_factory=dict)
    partition: Partition | None = None
    periods: dict[int, Tiers] = field(default_factory=dict)

    def on(self, partition: Partition, schedule: str | None) -> Table:
        """Return the table with its prices by the names of `partition`, which stand in `schedule`.

        Periods of a schedule are those in which a quantity is measured, so it is the quantity that names the schedule.
        """
        by = self.by(partition)
        table = {**self.table, **({"by": list(by)} if by else {})}
        if schedule is not None and "tou" in by:
            table["of"] = scheduled(self.table["of"], schedule)
        elif schedule is not None and by:
            table["schedule"] = schedule
        key, leaf = ("tiers", _tier_list) if self.is_tiered else ("price", _only_price)
        prices: Any = {}
        for (season, tou), period in _in_order(partition, by):
            names = [name for name, kind in ((season, "season"), (tou, "tou")) if kind in by]
            if not names:
                prices = leaf(self.periods[period])
                break
            inner = prices
            for name in names[:-1]:
                inner = inner.setdefault(name, {})
            inner[names[-1]] = leaf(self.periods[period])
        return {**table, key: prices}

    @property
    def is_tiered(self) -> bool:
        """Whether any period has more than one price."""
        return any(len(tiers) > 1 for tiers in self.periods.values())

    def by(self, partition: Partition) -> tuple[str, ...]:
        """Return what prices are by. Tiers of a sum are shared over the periods of one season, so by season too."""
        if partition.spans and not (self.is_tiered and self.table.get("tier_method") == "pro_rata"):
            return ("tou",)
        return partition.by


def measured(*names: str) -> dict[str, Table]:
    """Return measured quantities by their names."""
    return {name: QUANTITIES[name] for name in names}


def scheduled(quantity: str, schedule: str) -> str:
    """Return the name of a quantity that is measured by the periods of a schedule."""
    return f"{quantity}_{schedule}"


def _in_order(partition: Partition, by: tuple[str, ...]) -> list[tuple[tuple[str, str], int]]:
    """Return the cells by season, unless prices are not, and then by time-of-use period."""
    seasons, periods = list(partition.months) if "season" in by else [], list(partition.spans)

    def place(cell: tuple[tuple[str, str], int]) -> tuple[int, int]:
        (season, tou), _ = cell
        return seasons.index(season) if seasons else 0, periods.index(tou) if periods else 0

    return sorted(partition.cells.items(), key=place)


def _tier_list(tiers: Tiers) -> list[dict[str, Decimal]]:
    return [{"price": tier.price} if tier.to is None else {"to": tier.to, "price": tier.price} for tier in tiers]


def _only_price(tiers: Tiers) -> Decimal:
    return tiers[0].price


def energy_charge(record: Record, findings: Findings) -> Charge | None:
    """Return the charge on energy; None when the record has none, or it is refused."""
    if "energyratestructure" not in record:
        return None
    partition = partition_of(record, "energy", findings)
    if partition is None:
        return None
    used = sorted({*partition.cells.values()})
    periods = read_structure(record, "energyratestructure", used, findings)
    charge = Charge("energy", {"of": "kwh"}, measured("kwh"), partition, periods)
    if findings.refusals:
        return None
    if any(tier.price < 0 for tiers in periods.values() for tier in tiers):
        findings.choose("negative_rate", "Some energy prices are below zero and are credited in full.")
    tiered = _with_tiers(charge, partition, findings) if charge.is_tiered else charge
    return _per_mwh(tiered) if tiered is not None else None


def _per_mwh(charge: Charge) -> Charge:
    """Return a charge priced per MWh where the record has more decimals than a price may have."""
    prices = [tier.price for tiers in charge.periods.values() for tier in tiers]
    if all(price == price.quantize(_PRICE_STEP) for price in prices):
        return charge
    periods = {
        period: tuple(
            replace(tier, price=_times(tier.price, 3), to=None if tier.to is None else _times(tier.to, -3))
            for tier in tiers
        )
        for period, tiers in charge.periods.items()
    }
    quantities = {"mwh" if name == "kwh" else name: table for name, table in charge.quantities.items()}
    quantities["mwh"] = QUANTITIES["mwh"]
    return replace(charge, table={**charge.table, "of": "mwh"}, quantities=quantities, periods=periods)


def _times(number: Decimal, powers: int) -> Decimal:
    """Return a number times a power of ten, without zeros at its end."""
    return number.scaleb(powers).normalize()


def _with_tiers(charge: Charge, partition: Partition, findings: Findings) -> Charge | None:
    """Return a charge on energy with what its tiers are per, and how they are shared over periods."""
    units = {tier.unit for tiers in charge.periods.values() for tier in tiers if tier.to is not None}
    if len(units) > 1:
        found = " and ".join(f"`{unit}`" for unit in sorted(units))
        findings.refuse("mixed_tier_units", "energyratestructure", "one unit for all limits", found)
        return None
    unit = units.pop()
    if unit not in _TIERS_PER:
        known = ", ".join(f"`{name}`" for name in _TIERS_PER)
        findings.refuse("unknown_tier_unit", "energyratestructure", f"one of {known}", f"`{unit}`")
        return None
    table: Table = {**charge.table, "tiers_per": _TIERS_PER[unit]}
    if partition.spans:
        table["tier_method"] = "pro_rata"
        _same_limits(charge.periods, partition, findings)
        text = "The record does not say how tiers are shared over periods; here pro rata to the use of each."
        findings.choose("energy_tou_tiered", text)
    needs_kw = "/kW" in unit
    return replace(charge, table=table, quantities=measured("kwh", "kw") if needs_kw else measured("kwh"))


def _same_limits(periods: dict[int, Tiers], partition: Partition, findings: Findings) -> None:
    """Refuse periods of one season whose tiers differ: tiers of the season's total, or of each period?"""
    for season in dict.fromkeys(season for season, _ in partition.cells):
        held = [periods[period] for (name, _), period in partition.cells.items() if name == season]
        key = f"energyratestructure, season {season}" if season else "energyratestructure"
        counts = sorted({len(tiers) for tiers in held})
        if len(counts) > 1:
            expected = "as many tiers in each period of a month"
            findings.refuse("tier_count_differs_in_month", key, expected, " and ".join(map(str, counts)))
        elif len({tuple(tier.to for tier in tiers) for tiers in held}) > 1:
            findings.refuse("tier_max_differs_in_month", key, "the same limits in each period of a month", "several")


def export_charge(record: Record, energy: Charge, findings: Findings) -> Charge | None:
    """Return the credit for energy delivered, where the rule for it is to net each interval; else it is left out."""
    sells = {period: {tier.sell for tier in tiers} for period, tiers in energy.periods.items()}
    if not any(sell for held in sells.values() for sell in held):
        return None
    rule = record.get("dgrules")
    if rule != "Net Billing Instantaneous" or any(len(held) > 1 or None in held for held in sells.values()):
        said = f"`{rule}`" if rule else "not stated"
        text = f"`sell`, the price of energy delivered to the grid, is not billed; the rule of netting is {said}."
        findings.leave_out("energy_sell", text)
        return None
    periods: dict[int, Tiers] = {
        period: (Tier(as_price(-(tiers[0].sell or Decimal(0)), "sell", findings), None, "kWh", None),)
        for period, tiers in energy.periods.items()
    }
    return Charge("export_credit", {"of": "export"}, measured("export"), energy.partition, periods)


def fuel_charge(record: Record, findings: Findings) -> Charge | None:
    """Return the fuel adjustment, a price for each calendar month."""
    key = "fueladjustmentsmonthly"
    values = record.get(key)
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != MONTHS:
        findings.refuse("bad_number", key, "12 numbers", f"`{values}`")
        return None
    numbers = [read_number({key: value}, key, findings) for value in values]
    prices = [as_price(number if number is not None else Decimal(0), key, findings) for number in numbers]
    distinct = list(dict.fromkeys(prices))
    findings.choose("fuel_adjustments_monthly", "Fuel adjustments are those of the record's months, for every year.")
    periods: dict[int, Tiers] = {place: (Tier(price, None, "kWh", None),) for place, price in enumerate(distinct)}
    partition = partition_months([distinct.index(price) for price in prices])
    return Charge("fuel", {"of": "kwh", "text": "Fuel adjustment"}, measured("kwh"), partition, periods)


def partition_of(record: Record, prefix: str, findings: Findings) -> Partition | None:
    """Return the partition of the schedules `<prefix>weekdayschedule` and `<prefix>weekendschedule`."""
    keys = (f"{prefix}weekdayschedule", f"{prefix}weekendschedule")
    weekday, weekend = (read_schedule(record, key, findings) for key in keys)
    structure = record.get(f"{prefix}ratestructure")
    if all(key not in record for key in keys) and isinstance(structure, list) and len(structure) == 1:
        weekday = weekend = ((0,) * HOURS,) * MONTHS  # one period needs no schedule
    if weekday is None or weekend is None:
        missing = [key for key in keys if key not in record]
        if missing:
            findings.refuse("no_schedule", missing[0], "the period of each hour", "none")
        return None
    return partition_schedules(weekday, weekend)
