"""A record of the rate database: its keys whatever their spelling, its numbers as decimals, its tiers and schedules.

Names are those of the API's versions 7 and 8, in small letters; those of version 3 and of the bulk file are read too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from model.money import RATE_DECIMALS
from tariffs.prices import MAX_PRICE
from tariffs.urdb.findings import Findings

HOURS, MONTHS = 24, 12
# A `max` of 1e38 or 1e14 stands for "no limit": nobody uses a terawatt-hour in a month.
NO_LIMIT = Decimal(10**9)
DEFAULT_TIER_UNIT = "kWh"
TIER_UNITS = (DEFAULT_TIER_UNIT, "kWh daily", "kWh/kW", "kWh/kW daily")

# Energy may be priced per MWh, so its prices per kWh have three decimals more.
ENERGY_DECIMALS = RATE_DECIMALS + 3
# Prices that went through binary floats print as 0.06599000000000001: noise, not digits of the sheet.
_NOISE = Decimal("1e-14")
_LIMIT_STEP = Decimal("0.001")
_OTHER_NAMES = {
    "demandrateunits": "demandrateunit",
    "flatdemandunits": "flatdemandunit",
    "demandreactpwrcharge": "demandreactivepowercharge",
    "sourcereference": "source",
    "supercedes": "supersedes",
    "coincidentrateschedule": "coincidentschedule",
}

Record = Mapping[str, Any]
Schedule = tuple[tuple[int, ...], ...]
"""Twelve rows of 24: the period of each hour of a kind of day, by month."""


@dataclass(frozen=True)
class Tier:
    """One price: `rate` and `adj` together, in dollars per kWh or kW, up to and including `to` in its `unit`."""

    price: Decimal
    to: Decimal | None
    unit: str
    sell: Decimal | None


Tiers = tuple[Tier, ...]


def with_plain_keys(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its keys in small letters, under their names of today; what is empty is left out."""
    plain: dict[str, Any] = {}
    for key, value in record.items():
        name = _OTHER_NAMES.get(key.lower(), key.lower())
        is_blank = isinstance(value, str) and not value.strip()
        if value not in (None, []) and not is_blank:
            plain.setdefault(name, value)
    return plain


def label_of(record: Record) -> str:
    """Return how the record is called in messages: its label, or `without label`."""
    return str(record.get("label", "without label"))


def read_number(record: Record, key: str, findings: Findings) -> Decimal | None:
    """Return a number of the record; None when the key is absent. What is no number is refused as `bad_number`."""
    return _number(record.get(key), key, findings)


def _number(value: object, key: str, findings: Findings) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, float):  # records that were not read with decimals: the shortest text is what was printed
        value = Decimal(str(value))
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not Decimal(value).is_finite():
        findings.refuse("bad_number", key, "a number", f"`{value}`")
        return None
    return Decimal(value)


def as_price(value: Decimal, key: str, findings: Findings, decimals: int = RATE_DECIMALS) -> Decimal:
    """Return a price as the sheet prints it: without the noise of binary floats, with so many decimals at most.

    One that no price of a tariff may reach is refused as `price_too_large`.
    """
    if abs(value) >= MAX_PRICE:
        findings.refuse("price_too_large", key, f"a price below {MAX_PRICE}", f"`{value}`")
        return Decimal(0)
    for kept in (RATE_DECIMALS, decimals):
        rounded = value.quantize(Decimal(1).scaleb(-kept))
        if _is_noise(rounded - value, value):
            return value if rounded == value else rounded.normalize()
    findings.choose("price_rounded", f"`{key}`: {value} has more than {decimals} decimals and was rounded to them.")
    return rounded.normalize()


def _is_noise(apart: Decimal, value: Decimal) -> bool:
    return abs(apart) <= _NOISE * max(Decimal(1), abs(value))


def read_date(record: Record, key: str, findings: Findings) -> date | None:
    """Return the day of an instant in epoch seconds, in UTC, as the record counts it; None when it is absent."""
    number = read_number(record, key, findings)
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(int(number), tz=UTC).date()
    except (OverflowError, ValueError, OSError):
        findings.refuse("bad_number", key, "seconds since 1970", f"`{number}`")
        return None


def read_schedule(record: Record, key: str, findings: Findings) -> Schedule | None:
    """Return a schedule of 12 months x 24 hours; None when it is absent, or refused as `bad_schedule`."""
    value = record.get(key)
    if value is None:
        return None
    rows = value if isinstance(value, list) and len(value) == MONTHS else []
    if not rows or not all(_is_row(row, HOURS) for row in rows):
        findings.refuse("bad_schedule", key, "12 rows of 24 period numbers", _shape(value))
        return None
    return tuple(tuple(int(period) for period in row) for row in rows)


def read_months(record: Record, key: str, findings: Findings) -> tuple[int, ...] | None:
    """Return the period of each of the 12 months; None when it is absent, or refused as `bad_schedule`."""
    value = record.get(key)
    if value is None:
        return None
    if not _is_row(value, MONTHS):
        findings.refuse("bad_schedule", key, "12 period numbers", _shape(value))
        return None
    return tuple(int(period) for period in value)


def _is_row(row: object, length: int) -> bool:
    return (
        isinstance(row, list)
        and len(row) == length
        and all(isinstance(period, int) and not isinstance(period, bool) and period >= 0 for period in row)
    )


def _shape(value: object) -> str:
    if not isinstance(value, list):
        return f"`{value}`"
    lengths = sorted({len(row) if isinstance(row, list) else 0 for row in value})
    return f"{len(value)} of length {', '.join(map(str, lengths))}" if lengths != [0] else f"{len(value)} values"


def read_structure(record: Record, key: str, used: Sequence[int], findings: Findings) -> dict[int, Tiers]:
    """Return the tiers of the periods that a schedule uses. Other periods have no say in any bill and are not read."""
    structure = record.get(key)
    if not isinstance(structure, list):
        findings.refuse("bad_structure", key, "a list of periods, each a list of tiers", f"`{structure}`")
        return {}
    missing = [period for period in used if period >= len(structure)]
    if missing:
        expected = f"periods 0 to {len(structure) - 1}, those of the structure"
        findings.refuse("schedule_beyond_structure", key, expected, f"period {missing[0]} in the schedule")
        return {}
    return {period: _read_tiers(structure[period], f"{key}[{period}]", key, findings) for period in used}


def _read_tiers(rows: object, path: str, key: str, findings: Findings) -> Tiers:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        findings.refuse("bad_structure", path, "a list of tiers", f"`{rows}`")
        return ()
    tiers = []
    for index, row in enumerate(rows):
        place = f"{path}[{index}]"
        rate, adj = _number(row.get("rate"), place, findings), _number(row.get("adj"), place, findings)
        if row.get("rate") is None:
            findings.refuse("tier_without_rate", place, "a `rate`; 0 is a price", "none")
        decimals = ENERGY_DECIMALS if key.startswith("energy") else RATE_DECIMALS
        price = as_price((rate or Decimal(0)) + (adj or Decimal(0)), place, findings, decimals)
        limit = _limit(row, place, findings)
        unit = str(row.get("unit") or DEFAULT_TIER_UNIT)
        tiers.append(Tier(price, limit, unit, _number(row.get("sell"), place, findings)))
    return _with_open_end(tiers, path, key, findings)


def _limit(row: Mapping[str, Any], key: str, findings: Findings) -> Decimal | None:
    """Return the end of a tier in whole watt-hours or watts, as they are counted; None when it has none."""
    limit = _number(row.get("max"), key, findings)
    if limit is None or abs(limit) >= NO_LIMIT or limit == limit.quantize(_LIMIT_STEP):
        return limit
    rounded = limit.quantize(_LIMIT_STEP).normalize()
    if not _is_noise(rounded - limit, limit):
        findings.choose("limit_rounded", f"`{key}`: `max` {limit} was rounded to {rounded:f}.")
    return rounded


def _with_open_end(tiers: list[Tier], path: str, key: str, findings: Findings) -> Tiers:
    """Return tiers whose last one has no end. Tiers that cannot be told apart are refused."""
    *inner, last = tiers
    for index, tier in enumerate(inner):
        if tier.to is None or tier.to >= NO_LIMIT:
            findings.refuse("inner_tier_without_max", f"{path}[{index}]", "a `max` on all tiers but the last", "none")
            return tuple(tiers)
    has_limit = last.to is not None and 0 < last.to < NO_LIMIT
    units = {tier.unit for tier in inner} | ({last.unit} if has_limit else set())
    if len(units) > 1:
        expected = "one unit for the tiers of a period"
        findings.refuse("mixed_tier_units", path, expected, " and ".join(f"`{unit}`" for unit in sorted(units)))
        return tuple(tiers)
    limits = [tier.to or Decimal(0) for tier in [*inner, *([last] if has_limit else [])]]
    if any(upper <= lower for lower, upper in zip([Decimal(0), *limits], limits, strict=False)):
        found = ", ".join(f"{limit:f}" for limit in limits)
        findings.refuse("tier_max_not_ascending", path, "a `max` above that of the tier before", found)
    if last.to is not None and last.to < NO_LIMIT:
        tag = "last_tier_has_max" if key.startswith("energy") else "demand_last_tier_has_max"
        findings.choose(tag, f"The last tier of `{path}` ends at {last.to:f}; what is above is billed at its price.")
    return (*inner, Tier(last.price, None, last.unit, last.sell))
