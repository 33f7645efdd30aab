"""Records of the rate database as tariff files: what is written, what is said in comments."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from urdb_records import day_hours, demand, energy, every_hour, record

from tariffs.file import parse_tariff
from tariffs.urdb.convert import convert_record
from tariffs.urdb.seasons import partition_schedules, season_name

MONTHS = {"summer": [6, 7, 8, 9], "winter": [1, 2, 3, 4, 5, 10, 11, 12]}
TWO_SEASONS = every_hour(0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0)


def made(**keys: Any) -> dict[str, Any]:
    """Return the tariff file of a record as TOML reads it, after all its checks."""
    text = convert_record(record(**keys)).text
    parse_tariff(text, "abc.toml")
    return tomllib.loads(text, parse_float=Decimal)


def charges(**keys: Any) -> dict[str, Any]:
    return made(**keys)["versions"][0]["charges"]


def test_a_flat_record_is_a_whole_file() -> None:
    made_of = convert_record(record(fixedchargefirstmeter=7.5, fixedchargeunits="$/month", startdate=1704067200))
    assert made_of.text == (
        "# Invented Power: Flat, imported from OpenEI's utility rate database. Prices are `rate` and `adj` together.\n"
        "\n"
        'tariff    = "urdb-abc"\n'
        'title     = "Invented Power: Flat"\n'
        'commodity = "electricity"\n'
        'currency  = "USD"\n'
        'timezone  = "America/New_York"   # the record does not say: check it\n'
        'rounding  = { line = "half_up 0.01" }\n'
        "\n"
        "[quantities]\n"
        'kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }\n'
        "\n"
        "[[versions]]\n"
        "valid_from = 2024-01-01\n"
        'source     = "https://example.org/abc"\n'
        "\n"
        "[versions.charges.energy]\n"
        'of    = "kwh"\n'
        "price = 0.1\n"
        "\n"
        "[versions.charges.fixed]\n"
        'per   = "cycle"\n'
        "price = 7.5\n"
        'text  = "Customer charge"\n'
    )
    assert made_of.notes == ()


def test_a_price_is_rate_and_adj_as_printed() -> None:
    tier = {"rate": Decimal("0.0750"), "adj": Decimal("-0.00123")}
    assert charges(energyratestructure=[[tier]])["energy"]["price"] == Decimal("0.07377")


@pytest.mark.parametrize(
    ("printed", "price", "notes"),
    [
        ("0.06599000000000001", "0.06599", []),  # the noise of a binary float
        ("0.12295999999999999", "0.12296", []),
        ("0.123456789", "0.123456789", []),
        ("0.0707689970731", "70.768997073", ["price_rounded"]),  # per MWh; a digit is lost, which is said
        ("0.070768997073", "70.768997073", []),
    ],
)
def test_a_price_with_more_than_nine_decimals_is_per_mwh(printed: str, price: str, notes: list[str]) -> None:
    made_of = convert_record(record(energyratestructure=[[{"rate": Decimal(printed)}]]))
    assert f"price = {price}\n" in made_of.text
    assert ('unit = "MWh"' in made_of.text) == (Decimal(price) > 1)
    assert [note.tag for note in made_of.notes] == notes


def test_tiers_per_mwh_have_their_limits_in_mwh() -> None:
    tiers = [{"max": 250, "rate": Decimal("0.0707689970731")}, {"rate": Decimal("0.05")}]
    assert charges(energyratestructure=[tiers])["energy"]["tiers"] == [
        {"to": Decimal("0.25"), "price": Decimal("70.768997073")},
        {"price": 50},
    ]


@pytest.mark.parametrize(
    ("limit", "printed", "notes"),
    [
        (Decimal("16.6667"), "16.667", ["limit_rounded"]),
        (Decimal("500.00000000000006"), "500", []),  # the noise of a binary float
        (Decimal("12.345"), "12.345", []),
    ],
)
def test_a_limit_is_a_whole_number_of_watt_hours(limit: Decimal, printed: str, notes: list[str]) -> None:
    made_of = convert_record(record(energyratestructure=[[{"max": limit, "rate": 0.1}, {"rate": 0.2}]]))
    assert f"{{ to = {printed}, price = 0.1 }}" in made_of.text
    assert [note.tag for note in made_of.notes] == notes


def test_months_alike_are_a_season_and_a_period_of_each_month_needs_no_hours() -> None:
    found = made(**energy([[{"rate": 0.09}], [{"rate": 0.12}]], TWO_SEASONS))
    assert found["windows"] == {"oct_may": {"months": MONTHS["winter"]}, "jun_sep": {"months": MONTHS["summer"]}}
    energy_charge = found["versions"][0]["charges"]["energy"]
    assert energy_charge["by"] == ["season"]
    assert energy_charge["price"] == {"oct_may": Decimal("0.09"), "jun_sep": Decimal("0.12")}


def test_hours_are_periods_and_the_one_with_most_spans_is_the_rest() -> None:
    found = made(**energy([[{"rate": 0.05}], [{"rate": 0.2}]], day_hours(1, 0, 14, 20), every_hour(0)))
    peak = found["windows"]["p1"]
    assert (peak["days"], peak["from"].hour, peak["to"].hour) == ("mon-fri", 14, 20)
    assert found["windows"]["p0"] == {"else": "p1"}
    assert found["versions"][0]["charges"]["energy"]["by"] == ["tou"]


def test_an_evening_that_ends_at_midnight_ends_the_day() -> None:
    found = made(**energy([[{"rate": 0.05}], [{"rate": 0.2}]], day_hours(1, 0, 21, 24)))
    peak = found["windows"]["p1"]
    assert (peak["days"], peak["from"].hour, peak["to"].hour) == ("mon-sun", 21, 0)


@pytest.mark.parametrize(
    ("months", "name"),
    [
        ([6, 7, 8, 9], "jun_sep"),
        ([1, 2, 3, 4, 5, 10, 11, 12], "oct_may"),
        ([1], "jan"),
        ([1, 12], "dec_jan"),
        ([3, 5, 6], "mar_may_jun"),
        ([1, 5, 12], "dec_jan_may"),
    ],
)
def test_a_season_is_named_after_its_months(months: list[int], name: str) -> None:
    assert season_name(months) == name


def test_all_hours_of_a_schedule_keep_their_period() -> None:
    """Every hour of every month and kind of day, read back from the windows as written."""
    weekday = [[(hour // 6 + month // 4) % 3 for hour in range(24)] for month in range(12)]
    weekend = [[0 if hour < 12 else 2 for hour in range(24)] for _ in range(12)]
    partition = partition_schedules(tuple(map(tuple, weekday)), tuple(map(tuple, weekend)))
    for month in range(12):
        season = next(name for name, months in partition.months.items() if month + 1 in months)
        for days, rows in (("mon-fri", weekday), ("sat-sun", weekend)):
            for hour in range(24):
                holding = [
                    name
                    for name, spans in partition.spans.items()
                    for span in spans
                    if span.days in {days, "mon-sun"} and span.start <= hour < span.end
                    and (not span.seasons or season in span.seasons)
                ]  # fmt: skip
                assert holding == [f"p{rows[month][hour]}"], (month, days, hour)


def test_tiers_are_per_cycle_or_day_as_their_unit_says() -> None:
    tiers = [{"max": 10, "rate": 0.1}, {"rate": 0.2}]
    assert charges(energyratestructure=[tiers])["energy"]["tiers_per"] == "cycle"  # no unit means kWh
    daily = [{"max": 10, "rate": 0.1, "unit": "kWh daily"}, {"rate": 0.2, "unit": "kWh daily"}]
    assert charges(energyratestructure=[daily])["energy"]["tiers_per"] == "day"
    assert charges(energyratestructure=[daily])["energy"]["tiers"] == [
        {"to": 10, "price": Decimal("0.1")},
        {"price": Decimal("0.2")},
    ]


def test_tiers_over_periods_are_shared_pro_rata_and_the_file_says_so() -> None:
    structure = [[{"max": 300, "rate": 0.1}, {"rate": 0.2}], [{"max": 300, "rate": 0.3}, {"rate": 0.4}]]
    keys = energy(structure, day_hours(1, 0, 14, 20))
    assert charges(**keys)["energy"]["tier_method"] == "pro_rata"
    text = convert_record(record(**keys)).text
    assert "shared over periods; here pro rata to the use of each. [energy_tou_tiered]" in " ".join(text.split())


def test_tiers_may_differ_between_months() -> None:
    structure = [[{"max": 300, "rate": 0.1}, {"rate": 0.2}], [{"rate": 0.3}]]
    found = charges(**energy(structure, TWO_SEASONS))["energy"]
    assert [len(tiers) for tiers in found["tiers"].values()] == [2, 1]


@pytest.mark.parametrize("limit", [Decimal("1E+38"), Decimal("9.999999680285692E+37"), 10**14])
def test_a_limit_that_nobody_reaches_is_none(limit: object) -> None:
    made_of = convert_record(record(energyratestructure=[[{"max": limit, "rate": 0.1}]]))
    assert "price = 0.1\n" in made_of.text
    assert made_of.notes == ()


def test_a_last_tier_with_a_limit_goes_on_at_its_price() -> None:
    made_of = convert_record(record(energyratestructure=[[{"max": 10, "rate": 0.1}, {"max": 20, "rate": 0.2}]]))
    assert "tiers     = [{ to = 10, price = 0.1 }, { price = 0.2 }]\n" in made_of.text
    assert [note.tag for note in made_of.notes] == ["last_tier_has_max"]


def test_flat_demand_takes_the_seasons_of_energy_where_it_can() -> None:
    keys = energy([[{"rate": 0.09}], [{"rate": 0.12}]], TWO_SEASONS)
    flat = {"flatdemandstructure": [[{"rate": 4}], [{"rate": 6}]], "flatdemandmonths": [0] * 5 + [1] * 4 + [0] * 3}
    found = made(**keys, **flat)
    assert found["versions"][0]["charges"]["demand_flat"] == {
        "of": "kw", "text": "Demand", "by": ["season"], "price": {"oct_may": 4, "jun_sep": 6},
    }  # fmt: skip
    assert found["quantities"]["kw"] == {"measure": "import_energy", "agg": "max", "unit": "kW"}


def test_demand_by_time_of_use_takes_the_windows_of_energy_under_their_names() -> None:
    keys = energy([[{"rate": 0.05}], [{"rate": 0.2}]], day_hours(1, 0, 14, 20))
    found = charges(**keys, **demand([[{"rate": 9}], [{"rate": 2}]], day_hours(0, 1, 14, 20)))
    assert found["demand_tou"]["price"] == {"p0": 2, "p1": 9}  # the record numbers the same hours the other way
    assert "schedule" not in found["demand_tou"]


def test_demand_with_limits_has_tiers_in_each_period() -> None:
    structure = [[{"max": 50, "rate": 9}, {"rate": 8}], [{"rate": 2}]]
    found = charges(**demand(structure, day_hours(0, 1, 14, 20)))["demand_tou"]
    assert found["tier_method"] == "graduated"
    assert found["tiers"] == {"p0": [{"to": 50, "price": 9}, {"price": 8}], "p1": [{"price": 2}]}


def test_tiers_in_hours_of_use_are_per_kw_of_the_month() -> None:
    tiers = [{"max": 200, "rate": 0.1, "unit": "kWh/kW"}, {"rate": 0.05}]
    found = made(energyratestructure=[tiers])
    assert found["versions"][0]["charges"]["energy"]["tiers_per"] == "kw"
    assert list(found["quantities"]) == ["kwh", "kw"]
    tiers = [{"max": 7, "rate": 0.1, "unit": "kWh/kW daily"}, {"rate": 0.05}]
    assert charges(energyratestructure=[tiers])["energy"]["tiers_per"] == ["kw", "day"]


def test_demand_with_hours_of_its_own_has_a_schedule_and_a_quantity_on_it() -> None:
    keys = energy([[{"rate": 0.05}], [{"rate": 0.2}]], day_hours(1, 0, 14, 20))
    found = made(**keys, **demand([[{"rate": 2}], [{"rate": 9}]], day_hours(1, 0, 12, 18)))
    peak = found["schedules"]["demand_tou"]["p1"]
    assert (peak["from"].hour, peak["to"].hour) == (12, 18)
    assert found["quantities"]["kw_demand_tou"] == {
        "measure": "import_energy", "agg": "max", "unit": "kW", "schedule": "demand_tou",
    }  # fmt: skip
    assert found["versions"][0]["charges"]["demand_tou"]["of"] == "kw_demand_tou"


def test_seasons_of_demand_that_cut_those_of_energy_have_a_schedule() -> None:
    keys = energy([[{"rate": 0.09}], [{"rate": 0.12}]], TWO_SEASONS)
    flat = {"flatdemandstructure": [[{"rate": 4}], [{"rate": 6}]], "flatdemandmonths": [0] * 4 + [1] * 4 + [0] * 4}
    found = made(**keys, **flat)
    assert list(found["schedules"]["demand_flat"]) == ["sep_apr", "may_aug"]
    charge = found["versions"][0]["charges"]["demand_flat"]
    assert (charge["of"], charge["schedule"]) == ("kw", "demand_flat")


def test_demand_in_kva_is_that_of_apparent_energy() -> None:
    found = made(flatdemandstructure=[[{"rate": 4}]], flatdemandmonths=[0] * 12, flatdemandunit="kVA")
    assert found["quantities"]["kva"] == {"measure": "apparent_energy", "agg": "max", "unit": "kVA"}
    assert found["versions"][0]["charges"]["demand_flat"]["of"] == "kva"


def test_demand_per_day_is_the_maximum_times_the_days() -> None:
    tiers = [{"max": 50, "rate": 0.3}, {"rate": 0.2}]
    found = made(flatdemandstructure=[tiers], flatdemandmonths=[0] * 12, flatdemandunit="kW daily")
    assert found["quantities"]["kw_days"] == {"formula": "kw * days", "unit": "kW day"}
    charge = found["versions"][0]["charges"]["demand_flat"]
    assert (charge["of"], charge["tiers_per"]) == ("kw_days", "day")


@pytest.mark.parametrize(
    ("keys", "history"),
    [
        ({"lookbackmonths": [True] * 12}, {"back": 11}),
        ({"lookbackmonths": [False] * 5 + [True] * 4 + [False] * 3}, {"back": 11, "months": [6, 7, 8, 9]}),
        ({"lookbackmonths": [True] * 12, "lookbackrange": 3}, {"back": 3}),  # then the months are not used
    ],
)
def test_a_lookback_bills_a_share_of_an_earlier_maximum(keys: dict[str, Any], history: dict[str, Any]) -> None:
    flat = {"flatdemandstructure": [[{"rate": 4}]], "flatdemandmonths": [0] * 12, "lookbackpercent": Decimal("0.75")}
    found = made(**flat, **keys)
    past = {"history": "kw", "agg": "max", "if_missing": 0, "unit": "kW"}
    assert found["quantities"]["kw_past"] == past | history
    assert found["quantities"]["kw_billed"] == {"formula": "max(kw, 0.75 * kw_past)", "unit": "kW"}
    assert found["versions"][0]["charges"]["demand_flat"] == {
        "of": "kw_billed", "text": "Demand", "prorate": "cycle", "price": 4,
    }  # fmt: skip


def test_a_charge_per_year_is_a_twelfth_in_each_cycle() -> None:
    made_of = convert_record(record(fixedchargefirstmeter=100, fixedchargeunits="$/year"))
    assert "price = 8.333333333\n" in made_of.text  # 100 / 12
    assert [note.tag for note in made_of.notes] == ["fixed_per_year"]


def test_a_minimum_tops_up_everything_and_a_daily_charge_counts_days() -> None:
    found = charges(mincharge=20, minchargeunits="$/month", fixedchargefirstmeter=0.3, fixedchargeunits="$/day")
    assert found["minimum"] == {
        "at_least": 20, "per": "cycle", "of": ["energy", "fixed"], "text": "Minimum charge",
    }  # fmt: skip
    assert (found["fixed"]["per"], found["fixed"]["price"]) == ("day", Decimal("0.3"))


def test_names_of_version_3_are_read() -> None:
    found = charges(fixedmonthlycharge=30, minmonthlycharge=35)
    assert (found["fixed"]["price"], found["minimum"]["at_least"]) == (30, 35)
    camel = convert_record(record(demandReactPwrCharge=0.25))
    assert [note.tag for note in camel.notes] == ["reactive_power"]


def test_fuel_adjustments_are_a_charge_by_month() -> None:
    values = [Decimal("0.02"), Decimal("0.03")] + [Decimal("0.02")] * 10
    found = charges(fueladjustmentsmonthly=values)["fuel"]
    assert found["price"] == {"mar_jan": Decimal("0.02"), "feb": Decimal("0.03")}


def test_energy_delivered_is_credited_only_where_the_rule_of_netting_is_known() -> None:
    keys = energy([[{"rate": 0.1, "sell": 0.04}]], every_hour(0))
    assert charges(**keys, dgrules="Net Billing Instantaneous")["export_credit"]["price"] == Decimal("-0.04")
    metering = convert_record(record(**keys, dgrules="Net Metering"))
    assert [(note.tag, note.is_billed) for note in metering.notes] == [("energy_sell", False)]


@pytest.mark.parametrize(
    ("keys", "tag", "is_billed"),
    [
        ({"demandreactivepowercharge": 0.35}, "reactive_power", False),
        ({"coincidentratestructure": [[{"rate": 3}]]}, "coincident", False),
        ({"fixedchargeeaaddl": 3.6}, "fixed_each_addl_meter", False),
        ({"demandwindow": 15}, "demand_window", True),
        ({"energyratestructure": [[{"rate": -0.01}]]}, "negative_rate", True),
    ],
)
def test_what_a_bill_lacks_or_takes_for_granted_is_said(keys: dict[str, Any], tag: str, is_billed: bool) -> None:
    made_of = convert_record(record(**keys))
    assert [(note.tag, note.is_billed) for note in made_of.notes] == [(tag, is_billed)]
    assert f"[{tag}]" in made_of.text


def test_what_the_record_says_beside_prices_stands_in_comments() -> None:
    keys = {"energycomments": "Fuel\nrider \x07 apart", "energyattrs": [{"Voltage discount": "$-0.00245/kWh"}]}
    text = convert_record(record(**keys)).text
    assert "#   energycomments: Fuel rider apart\n" in text
    assert "#   energyattrs: Voltage discount = $-0.00245/kWh\n" in text
    parse_tariff(text, "abc.toml")


def test_a_title_may_hold_quotes_and_backslashes() -> None:
    assert made(name='Rate "A" \\ B\n\ud800')["title"] == 'Invented Power: Rate "A" \\ B'


def test_what_is_blank_is_not_there() -> None:
    assert made(name=" ", uri="", energycomments=None)["title"] == "Invented Power"
    assert made(uri="")["versions"][0]["source"] == "OpenEI utility rate database, record abc"


def test_dates_and_zone_are_those_of_the_record_or_of_the_caller() -> None:
    dated = record(startdate=1704067200, enddate=1735689600)  # 1 January 2024 and 2025, 00:00 UTC
    version = tomllib.loads(convert_record(dated).text)["versions"][0]
    assert (version["valid_from"], version["valid_to"]) == (date(2024, 1, 1), date(2025, 1, 1))
    told = tomllib.loads(convert_record(dated, timezone="America/Chicago", valid_from=date(2018, 1, 1)).text)
    assert (told["timezone"], told["versions"][0]["valid_from"]) == ("America/Chicago", date(2018, 1, 1))
    assert "valid_to" not in told["versions"][0]
    assert tomllib.loads(convert_record(record()).text)["versions"][0]["valid_from"] == date(1970, 1, 1)


def test_a_record_without_label_is_called_after_what_it_says() -> None:
    one, other = (convert_record(record(label=None, name=name)).tariff for name in ("A", "B"))
    assert one.startswith("urdb-") and one != other
    assert convert_record(record(label=None, name="A")).tariff == one
