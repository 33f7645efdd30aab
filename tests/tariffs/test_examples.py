"""Worked bills in a tariff file: what may stand there, and what is refused before anything is rated."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tariff_sheets import SHEET, sheet

from model.errors import TariffError
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

# Winter: 100 x 0.40 = 40.00; 200 x 0.20 = 40.00; 31 x 1.10 = 34.10; 10 % of 114.10 = 11.41; total 125.51.
JULY = """
[[examples]]
name   = "July"
period = [2026-07-01, 2026-08-01]
usage  = { kwh = { peak = 100, off_peak = 200 } }
expect = { "energy.peak" = 40.00, energy = 80.00, supply = 34.10, gst = 11.41, total = 125.51 }
source = "worked by hand"
"""
AMOUNTS = JULY.split("expect = ")[1].splitlines()[0]
WITH_JULY = SHEET + JULY
FUEL = '[versions.charges.fuel]\nof = "kwh"\nprice = { factor = "fuel" }\n\n[versions.charges.gst]'


def changed(*changes: tuple[str, str]) -> str:
    text = WITH_JULY
    for old, new in changes:
        assert old in text, f"the sheet does not say {old!r}"
        text = text.replace(old, new, 1)
    return text


def refused(text: str) -> str:
    with pytest.raises(TariffError) as caught:
        parse_tariff(text, "sheet.toml")
    return str(caught.value)


def test_an_example_is_read_as_printed() -> None:
    example = parse_tariff(WITH_JULY, "sheet.toml").examples[0]
    assert example.period == example.cycle_dates == (date(2026, 7, 1), date(2026, 8, 1))
    assert example.usage == {"kwh": {"peak": Decimal(100), "off_peak": Decimal(200)}}
    assert example.expected[:2] == [("energy", "peak", Decimal("40.00")), ("energy", "", Decimal("80.00"))]


def test_a_dotted_key_and_one_in_quotes_say_the_same() -> None:
    dotted = changed(('"energy.peak" = 40.00, energy = 80.00', "energy.peak = 40.00, energy.off_peak = 40"))
    quoted = changed(("energy = 80.00", '"energy.off_peak" = 40'))
    assert parse_tariff(dotted, "a.toml").examples[0].expected == parse_tariff(quoted, "a.toml").examples[0].expected


def test_examples_do_not_change_what_a_version_is() -> None:
    books = [compile_tariff(parse_tariff(text, "sheet.toml")) for text in (SHEET, WITH_JULY)]
    assert books[0].versions.equals(books[1].versions)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("peak = 100,", "peak = 0.001,"),                          # one Wh is the smallest unit
        ("peak = 100,", "peak = 0,"),
        ("gst = 11.41", "gst = 11"),                               # fewer decimals than the currency has
        ('source = "worked by hand"', 'source = "x"\ncycle = [2026-07-01, 2026-08-01]'),
        ("[2026-07-01, 2026-08-01]", "[2026-01-01, 2026-01-02]"),  # the version's first day
    ],
)  # fmt: skip
def test_what_an_example_may_say(old: str, new: str) -> None:
    assert len(parse_tariff(changed((old, new)), "sheet.toml").examples) == 1


REFUSED = [
    ("unknown key", ("usage  =", "used  ="), "expected no key `used`, found one", "examples[0].used"),
    ("no name", ('name   = "July"', ""), "example number 1: expected a key `name`, found none", "examples[0].name"),
    ("no source", ('source = "worked by hand"', ""), "expected a key `source`, found none", "examples[0].source"),
    ("one date", ("[2026-07-01, 2026-08-01]", "[2026-07-01]"), "expected a list of two dates", "examples[0].period"),
    ("period backwards", ("2026-08-01]", "2026-07-01]"), "expected a day after 2026-07-01", "examples[0].period"),
    (
        "before the first version", ("[2026-07-01,", "[2025-12-31,"),
        "expected days on which a version holds (from 2026-01-01), found 2025-12-31 to 2026-08-01",
        "examples[0].period",
    ),
    (
        "after the last version", ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_to = 2026-07-31"),
        "(from 2026-01-01 to 2026-07-31)", "examples[0].period",
    ),
    (
        "cycle within the period", ("usage  =", "cycle = [2026-07-02, 2026-08-01]\nusage  ="),
        "expected a cycle that holds the period (2026-07-01 to 2026-08-01), found 2026-07-02 to 2026-08-01",
        "examples[0].cycle",
    ),
    (
        "cycle of centuries", ("usage  =", "cycle = [2026-07-01, 2926-08-01]\nusage  ="),
        "expected at most 10000 days", "examples[0].cycle",
    ),
    (
        "missing quantity", ("{ kwh = { peak = 100, off_peak = 200 } }", "{}"),
        "expected a number for each quantity that is not optional, found none for kwh", "examples[0].usage",
    ),
    (
        "quantity without a price", ("off_peak = 200 } }", "off_peak = 200 }, kw = 5 }"),
        "expected a quantity that is priced (kwh), found `kw`", "examples[0].usage.kw",
    ),
    (
        "one number for periods", ("{ peak = 100, off_peak = 200 }", "300"),
        "expected a number for each period (peak, off_peak), because its price is by time of use, found one number",
        "examples[0].usage.kwh",
    ),
    (
        "missing period", ("peak = 100, off_peak = 200", "peak = 100"),
        "expected a number for each period (peak, off_peak), found none for off_peak", "examples[0].usage.kwh",
    ),
    (
        "unknown period", ("off_peak = 200", "off_peak = 200, pique = 1"),
        "expected a time-of-use period that occurs (peak, off_peak), found `pique`", "examples[0].usage.kwh.pique",
    ),
    ("below zero", ("peak = 100,", "peak = -1,"), "expected 0 or more, in whole Wh", "examples[0].usage.kwh.peak"),
    ("half a Wh", ("peak = 100,", "peak = 0.0005,"), "found `0.0005`", "examples[0].usage.kwh.peak"),
    ("beyond decimals", ("peak = 100,", "peak = 1e999999,"), "at most 1000000000000000", "examples[0].usage.kwh.peak"),
    (
        "longer than decimals are", ("peak = 100,", f"peak = 100.{'0' * 30}1,"), "in whole Wh",
        "examples[0].usage.kwh.peak",
    ),
    ("amount beyond decimals", ("gst = 11.41", "gst = 1e999999"), "below 10^10", "examples[0].expect.gst"),
    ("text", ("peak = 100,", 'peak = "100",'), 'expected a number, found `"100"`', "examples[0].usage.kwh"),
    (
        "factor that is no price", ("usage  =", "factors = { fuel = 0.01 }\nusage  ="),
        "expected a factor that is a price here (none), found `fuel`", "examples[0].factors.fuel",
    ),
    (
        "factor without a value", ("[versions.charges.gst]", FUEL),
        "expected a value of each factor (fuel), found none of fuel", "examples[0].factors",
    ),
    ("nothing expected", (AMOUNTS, "{}"), "at least one amount", "examples[0].expect"),
    (
        "unknown charge", ("supply = 34.10", "suply = 34.10"),
        "expected a charge (energy, supply, gst) or `total`, found `suply`", "examples[0].expect.suply",
    ),
    (
        "unknown period of a charge", ('"energy.peak"', '"energy.pique"'),
        "expected a time-of-use period that occurs (peak, off_peak), found `pique`", "examples[0].expect.energy.pique",
    ),
    (
        "period of a charge without", ("supply = 34.10", "supply.peak = 34.10"),
        "because `supply` is not by time of use, found one for `peak`", "examples[0].expect.supply.peak",
    ),
    (
        "tenth of a cent", ("gst = 11.41", "gst = 11.414"),
        "expected an amount of AUD below 10^10 with at most 2 decimals, found `11.414`", "examples[0].expect.gst",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told", "place"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_an_example_that_cannot_be_rated_is_refused_at_its_key(change: tuple[str, str], told: str, place: str) -> None:
    message = refused(changed(change))
    assert told in message and f"sheet.toml, {place}" in message, message


def test_two_examples_have_two_names() -> None:
    assert "expected a name that no other example has, found `July` 2 times" in refused(WITH_JULY + JULY)


def test_a_misspelt_charge_is_suggested() -> None:
    assert "hint: did you mean `supply`?" in refused(changed(("supply = 34.10", "suply = 34.10")))


def test_a_period_that_does_not_occur_in_the_season_is_refused() -> None:
    text = sheet(
        ('days = "mon-fri", not', 'season = "summer", days = "mon-fri", not'),
        ("price.winter = { peak = 0.40, off_peak", "price.winter = { off_peak"),
    )
    assert "that occurs (off_peak), found `peak`" in refused(text + JULY)


def test_a_charge_called_total_would_be_mistaken_for_the_bill() -> None:
    text = changed(("[versions.charges.supply]", "[versions.charges.total]"))
    assert "expected no charge of the name `total`" in refused(text)


def test_a_large_history_is_no_mistake() -> None:
    before = 'before = { history = "kwh", agg = "max", back = 11, if_missing = 0, unit = "kWh" }'
    text = changed(
        ("[[versions]]\nvalid_from", f"{before}\n\n[[versions]]\nvalid_from"),
        ("[versions.charges.gst]", '[versions.charges.peak]\nof = "before"\nprice = 0.01\n\n[versions.charges.gst]'),
        ("off_peak = 200 } }", "off_peak = 200 }, before = 2500000.5 }"),
    )
    assert parse_tariff(text, "sheet.toml").examples[0].usage["before"] == {"": Decimal("2500000.5")}
