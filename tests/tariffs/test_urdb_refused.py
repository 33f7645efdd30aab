"""Records for which any bill would be a guess: each tag with its whole message."""

from __future__ import annotations

from typing import Any

import pytest
from urdb_records import day_hours, demand, energy, every_hour, record

from tariffs.urdb.convert import convert_record
from tariffs.urdb.findings import RecordRefusedError

FLAT_DEMAND = {"flatdemandstructure": [[{"rate": 5}]], "flatdemandmonths": [0] * 12}
LOOKBACK = {"lookbackpercent": 0.8, "lookbackmonths": [True] * 12}
TWO_PERIODS = day_hours(1, 0, 14, 20)


def tiers(*limits: float | None, unit: str = "kWh") -> list[dict[str, Any]]:
    return [{"rate": 0.1, "unit": unit} | ({} if limit is None else {"max": limit}) for limit in limits]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"energyratestructure": None},
            "no_energy_structure: `energyratestructure`: expected a price of energy, demand or time, found none",
        ),
        (
            {"energyratestructure": "0.1"},
            "bad_structure: `energyratestructure`: expected a list of periods, each a list of tiers, found `0.1`",
        ),
        (
            {"energyratestructure": [[]]},
            "bad_structure: `energyratestructure[0]`: expected a list of tiers, found `[]`",
        ),
        (
            {"energyweekdayschedule": every_hour(1)},
            "schedule_beyond_structure: `energyratestructure`: expected periods 0 to 0, those of the structure, "
            "found period 1 in the schedule",
        ),
        (
            {"energyweekdayschedule": [[0] * 23] * 12},
            "bad_schedule: `energyweekdayschedule`: expected 12 rows of 24 period numbers, found 12 of length 23",
        ),
        (
            {"energyratestructure": [[{"rate": 1}], [{"rate": 2}]], "energyweekendschedule": None},
            "no_schedule: `energyweekendschedule`: expected the period of each hour, found none",
        ),
        (
            {"energyratestructure": [[{"adj": 0.01}]]},
            "tier_without_rate: `energyratestructure[0][0]`: expected a `rate`; 0 is a price, found none",
        ),
        (
            {"energyratestructure": [[{"rate": "0.1"}]]},
            "bad_number: `energyratestructure[0][0]`: expected a number, found `0.1`",
        ),
        (
            {"energyratestructure": [[{"rate": 1e9}]]},
            "price_too_large: `energyratestructure[0][0]`: expected a price below 1000000000, found `1000000000.0`",
        ),
        (
            {"energyratestructure": [tiers(500, 500, None)]},
            "tier_max_not_ascending: `energyratestructure[0]`: expected a `max` above that of the tier before, "
            "found 500, 500",
        ),
        (
            {"energyratestructure": [tiers(500, 300)]},
            "tier_max_not_ascending: `energyratestructure[0]`: expected a `max` above that of the tier before, "
            "found 500, 300",
        ),
        (
            {"energyratestructure": [tiers(None, 500, None)]},
            "inner_tier_without_max: `energyratestructure[0][0]`: expected a `max` on all tiers but the last, "
            "found none",
        ),
        (
            {"energyratestructure": [[*tiers(500), *tiers(200, unit="kWh/kW"), *tiers(None)]]},
            "mixed_tier_units: `energyratestructure[0]`: expected one unit for the tiers of a period, "
            "found `kWh` and `kWh/kW`",
        ),
        (
            {"energyratestructure": [tiers(5, None, unit="cf")]},
            "unknown_tier_unit: `energyratestructure`: expected one of `kWh`, `kWh daily`, `kWh/kW`, `kWh/kW daily`, "
            "found `cf`",
        ),
        (
            energy([tiers(500, None), tiers(None)], TWO_PERIODS),
            "tier_count_differs_in_month: `energyratestructure`: expected as many tiers in each period of a month, "
            "found 1 and 2",
        ),
        (
            energy([tiers(500, None), tiers(600, None)], TWO_PERIODS),
            "tier_max_differs_in_month: `energyratestructure`: expected the same limits in each period of a month, "
            "found several",
        ),
        (
            FLAT_DEMAND | {"flatdemandunit": "hp"},
            "demand_unit_hp: `flatdemandunit`: expected kW or kVA, found `hp`",
        ),
        (
            demand([[{"rate": 5}], [{"rate": 1}]], TWO_PERIODS) | {"demandrateunit": "kW daily"},
            "demand_unit_kW_daily: `demandrateunit`: expected kW or kVA, of a month where there are periods, "
            "found `kW daily`",
        ),
        (
            FLAT_DEMAND | {"flatdemandmonths": None},
            "no_schedule: `flatdemandmonths`: expected the period of each month, found none",
        ),
        (
            FLAT_DEMAND | {"flatdemandmonths": [1] * 12},
            "schedule_beyond_structure: `flatdemandstructure`: expected periods 0 to 0, those of the structure, "
            "found period 1 in the schedule",
        ),
        (
            demand([[{"rate": 5}], [{"rate": 1}]], TWO_PERIODS) | LOOKBACK,
            "lookback_ratchet: `lookbackpercent`: expected no periods of demand: the record does not say whose peaks "
            "count, found 2",
        ),
        (
            FLAT_DEMAND | LOOKBACK | {"lookbackpercent": 80},
            "lookback_ratchet: `lookbackpercent`: expected a share up to 1, and 12 months that count or not, "
            "found 80 and 12 months",
        ),
        (
            FLAT_DEMAND | LOOKBACK | {"energyratestructure": [tiers(200, None, unit="kWh/kW")]},
            "lookback_ratchet: `energyratestructure`: expected tiers of energy without demand: the record does not "
            "say whether by the month's own, found kWh/kW",
        ),
        (
            {"fixedchargefirstmeter": 5, "fixedchargeunits": "$/week"},
            "unknown_fixed_unit: `fixedchargeunits`: expected one of $/month, $/day, $/year, found `$/week`",
        ),
        (
            {"mincharge": 5, "minchargeunits": "$/week"},
            "unknown_minimum_unit: `minchargeunits`: expected one of $/month, $/day, $/year, found `$/week`",
        ),
        (
            {"mincharge": 100, "minchargeunits": "$/year"},
            "min_per_year: `mincharge`: expected a minimum per month or day: the record does not say when a year is "
            "settled, found 100 $/year",
        ),
        (
            {"startdate": 1735689600, "enddate": 1704067200},
            "bad_dates: `enddate`: expected a day after 2025-01-01, found 2024-01-01",
        ),
        (
            {"fueladjustmentsmonthly": [0.01] * 11},
            f"bad_number: `fueladjustmentsmonthly`: expected 12 numbers, found `{[0.01] * 11}`",
        ),
    ],
    ids=lambda part: part.split(":")[0] if isinstance(part, str) else "",
)
def test_a_defect_is_refused_with_its_tag(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordRefusedError) as caught:
        convert_record(record(**keys))
    assert caught.value.message == f"URDB record abc is refused:\n  {message}"


def test_every_defect_is_named() -> None:
    with pytest.raises(RecordRefusedError) as caught:
        convert_record(record(energyratestructure=[tiers(500, 500, None)], **FLAT_DEMAND, flatdemandunit="hp"))
    assert [refusal.tag for refusal in caught.value.refusals] == ["tier_max_not_ascending", "demand_unit_hp"]


def test_a_period_that_no_hour_uses_is_not_judged() -> None:
    assert convert_record(record(energyratestructure=[[{"rate": 0.1}], [{"adj": 1}]])).notes == ()


def test_a_lookback_of_no_month_is_none() -> None:
    quiet = FLAT_DEMAND | LOOKBACK | {"lookbackmonths": [False] * 12, "lookbackrange": 0}
    assert "kw_billed" not in convert_record(record(**quiet)).text


def test_demand_or_time_may_be_all_that_is_priced() -> None:
    made = convert_record(record(energyratestructure=None, fixedchargefirstmeter=8))
    assert [note.tag for note in made.notes] == ["no_energy_structure"]
    assert "[versions.charges.fixed]" in made.text
