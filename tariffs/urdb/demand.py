"""Charges of a record on demand: of the month and of its periods; in kW or kVA, per month or day, with a ratchet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from tariffs.urdb.charges import QUANTITIES, Charge, Table, measured, partition_of
from tariffs.urdb.findings import Findings
from tariffs.urdb.record import MONTHS, Record, read_months, read_number, read_structure
from tariffs.urdb.seasons import Partition, partition_months

_MEASURED = {"kW": "kw", "kVA": "kva"}
_DAILY = " daily"


@dataclass(frozen=True)
class _Ratchet:
    """Demand is at least a share of the highest of the `back` cycles before; of some months only, when named."""

    share: Decimal
    back: int
    months: tuple[int, ...]


def demand_charges(record: Record, findings: Findings) -> list[Charge]:
    """Return the charges on the month's maximum demand and on that of each time-of-use period."""
    ratchet = _ratchet(record, findings)
    found: list[Charge | None] = []
    if "flatdemandstructure" in record:
        months = read_months(record, "flatdemandmonths", findings)
        if months is not None:
            partition = partition_months(months)
            found.append(_demand(record, "flatdemand", "demand_flat", partition, ratchet, findings))
        elif "flatdemandmonths" not in record:
            findings.refuse("no_schedule", "flatdemandmonths", "the period of each month", "none")
    if "demandratestructure" in record:
        by_time = partition_of(record, "demand", findings)
        if by_time is not None:
            found.append(_demand(record, "demandrate", "demand_tou", by_time, ratchet, findings))
    return [charge for charge in found if charge is not None]


def _demand(
    record: Record, prefix: str, name: str, partition: Partition, ratchet: _Ratchet | None, findings: Findings
) -> Charge | None:
    unit = str(record.get(f"{prefix}unit", "kW"))
    is_daily, base = unit.endswith(_DAILY), unit.removesuffix(_DAILY)
    if base not in _MEASURED or (is_daily and partition.spans):
        tag, known = f"demand_unit_{unit.replace(' ', '_')}", " or ".join(_MEASURED)
        expected = f"{known}, of a month where there are periods" if base in _MEASURED else known
        findings.refuse(tag, f"{prefix}unit", expected, f"`{unit}`")
        return None
    if ratchet is not None and partition.spans:
        expected, found = "no periods of demand: the record does not say whose peaks count", f"{len(partition.spans)}"
        findings.refuse("lookback_ratchet", "lookbackpercent", expected, found)
        return None
    periods = read_structure(record, f"{prefix}structure", sorted({*partition.cells.values()}), findings)
    plain = _MEASURED[base]
    text = "Demand by time of use" if partition.spans else "Demand"
    charge = Charge(name, {"of": plain, "text": text}, measured(plain), partition, periods)
    if charge.is_tiered and partition.spans:
        charge = replace(charge, table={**charge.table, "tier_method": "graduated"})
    if ratchet is not None:
        charge = _with_ratchet(charge, plain, ratchet, findings)
    return _per_day(charge, base) if is_daily else charge


def _ratchet(record: Record, findings: Findings) -> _Ratchet | None:
    """Return the lookback of a record; None when it has none, or counts no month."""
    share = read_number(record, "lookbackpercent", findings)
    back = read_number(record, "lookbackrange", findings)
    flags = record.get("lookbackmonths") or []
    if not share or not (back or any(flags)):
        return None
    if not 0 < share <= 1 or (not back and len(flags) != MONTHS):
        found = f"{share} and {len(flags)} months"
        findings.refuse(
            "lookback_ratchet", "lookbackpercent", "a share up to 1, and 12 months that count or not", found
        )
        return None
    if "kWh/kW" in str(record.get("energyratestructure")):
        expected = "tiers of energy without demand: the record does not say whether by the month's own"
        findings.refuse("lookback_ratchet", "energyratestructure", expected, "kWh/kW")
        return None
    months = tuple(month for month, counts in enumerate(flags, start=1) if counts)
    if back:  # then the months are not used
        return _Ratchet(share, int(back), ())
    return _Ratchet(share, MONTHS - 1, months if len(months) < MONTHS else ())


def _with_ratchet(charge: Charge, plain: str, ratchet: _Ratchet, findings: Findings) -> Charge:
    """Return a charge on the maximum, or the share of an earlier one if that is more; a new customer has none."""
    text = "Billed demand is the month's own, or the share of the highest of the months before if that is more."
    findings.choose("lookback_ratchet", text)
    past, billed, unit = f"{plain}_past", f"{plain}_billed", QUANTITIES[plain]["unit"]
    history: Table = {"history": plain, "agg": "max", "back": ratchet.back, "if_missing": 0, "unit": unit}
    if ratchet.months:
        history["months"] = list(ratchet.months)
    formula: Table = {"formula": f"max({plain}, {ratchet.share:f} * {past})", "unit": unit}
    # What a formula makes is no maximum any more: that its tiers are not shared by days, and its price is, is said.
    shares: Table = {"prorate": "cycle"}
    if charge.is_tiered:
        shares |= {"tiers_per": "cycle", "prorate_tiers": "none"}
    table = {**charge.table, "of": billed, **shares}
    return replace(charge, table=table, quantities={**charge.quantities, past: history, billed: formula})


def _per_day(charge: Charge, unit: str) -> Charge:
    """Return a charge that is per unit and day: on the maximum times the days billed."""
    plain = str(charge.table["of"])
    daily: Table = {"formula": f"{plain} * days", "unit": f"{unit} day"}
    table = {key: item for key, item in charge.table.items() if key not in {"prorate", "prorate_tiers"}}
    table |= {"of": f"{plain}_days", **({"tiers_per": "day"} if charge.is_tiered else {})}
    return replace(charge, table=table, quantities={**charge.quantities, f"{plain}_days": daily})
