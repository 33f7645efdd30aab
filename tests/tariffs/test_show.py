"""A tariff as a page: prices in a table, the week as a grid, and whatever else its file says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tariff_sheets import SAMPLE_FILES, SHEET, sheet

from tariffs.file import parse_tariff
from tariffs.sheet import Charge
from tariffs.show import TariffPage, describe
from tariffs.week import Week, letters_of


def page_of(text: str) -> TariffPage:
    return describe(parse_tariff(text, "sheet.toml"))


def grid(week: Week) -> dict[str, str]:
    """Return each row of a week as letters."""
    letters = letters_of(["off_peak", "peak"])
    return {label: "".join(letters[name] for name in cells) for label, cells in zip(week.rows, week.cells, strict=True)}


def test_a_page_says_what_the_tariff_is() -> None:
    page = page_of(SHEET)
    assert (page.tariff, page.title) == ("sample", "Sample")
    assert page.facts == {
        "commodity": "electricity",
        "currency": "AUD",
        "timezone": "Australia/Sydney",
        "holidays": "2026-01-01, 1 day",
        "rounding": "line half_up 0.01",
        "quantities": "kwh, sum of import_energy in kWh; kw, max of import_energy in kW",
        "seasons": "winter from 03-01, summer from 12-01 (month-day)",
        "true up": "rebill",
    }
    assert page.versions[0].facts == {"source": "Price list 2026"}


def test_prices_stand_in_a_row_each_and_a_charge_is_named_once() -> None:
    table = page_of(SHEET).versions[0].charges
    assert table.columns == ["charge", "of", "season", "period", "price", "per", "line"]
    assert table.rows() == [
        ("energy", "kwh", "summer", "off_peak", "0.25", "AUD/kWh", "Energy"),
        ("", "", "summer", "peak", "0.5", "AUD/kWh", ""),
        ("", "", "winter", "off_peak", "0.2", "AUD/kWh", ""),
        ("", "", "winter", "peak", "0.4", "AUD/kWh", ""),
        ("supply", "", "", "", "1.1", "AUD/day", "Supply"),
        ("gst", "energy, supply", "", "", "10", "%", "Gst (tax GST)"),
    ]


def test_tiers_show_their_edges_in_printed_units() -> None:
    start, end = SHEET.index('of    = "kwh"'), SHEET.index("[versions.charges.supply]")
    tiers = 'of = "kwh"\ntiers_per = "day"\ntiers = [{ to = 11.7, price = 0.2 }, { price = 0.3 }]\n\n'
    table = page_of(SHEET[:start] + tiers + SHEET[end:]).versions[0].charges
    assert table.select("from", "to", "price").rows()[:2] == [("0/day", "11.7/day", "0.2"), ("11.7/day", "", "0.3")]


def test_the_week_has_a_row_a_day_and_seasons_that_are_alike_share_one() -> None:
    (week,) = page_of(SHEET).versions[0].weeks
    assert week.title == "Week in summer, winter, by the clock on the wall"
    working, free = "OOOOOOOOOOOOOOPPPPPPOOOO", "OOOOOOOOOOOOOOOOOOOOOOOO"
    days = dict.fromkeys(("Mon", "Tue", "Wed", "Thu", "Fri"), working)
    assert grid(week) == days | dict.fromkeys(("Sat", "Sun", "Hol"), free)
    assert week.header == "00    03    06    09    12    15    18    21" and week.cell_width == 2


def test_seasons_that_differ_have_a_week_each() -> None:
    text = sheet(("to = 20:00:00 }", 'to = 20:00:00, season = "summer" }'), ("peak = 0.40, off_peak", "off_peak"))
    weeks = page_of(text).versions[0].weeks
    assert [week.title.split(",")[0] for week in weeks] == ["Week in summer", "Week in winter"]
    assert grid(weeks[1])["Mon"] == "O" * 24


def test_half_hours_have_a_letter_each() -> None:
    (week,) = page_of(sheet(("from = 14:00:00", "from = 14:30:00"))).versions[0].weeks
    assert grid(week)["Mon"] == "O" * 29 + "P" * 11 + "O" * 8
    assert week.cell_width == 1 and week.header == "00    03    06    09    12    15    18    21"


def test_times_that_no_column_can_show_are_rows() -> None:
    (week,) = page_of(sheet(("from = 14:00:00", "from = 14:10:00"))).versions[0].weeks
    assert grid(week) == {"00:00-14:10": "OOOOOOOO", "14:10-20:00": "PPPPPOOO", "20:00-24:00": "OOOOOOOO"}
    assert week.header == "Mon Tue Wed Thu Fri Sat Sun Hol"


def test_periods_are_ranked_by_their_dearest_price() -> None:
    assert page_of(SHEET).versions[0].dearness == {"off_peak": 0, "peak": 1}
    dear_nights = sheet(("off_peak = 0.25", "off_peak = 0.60"))
    assert page_of(dear_nights).versions[0].dearness == {"peak": 0, "off_peak": 1}


def test_what_has_no_column_is_noted_by_its_key() -> None:
    text = sheet(('tax     = "GST"', 'tax     = "GST"\nclause  = "7"\nrounding = "down 0.05"'))
    assert page_of(text).versions[0].notes == ("supply: tags fixed", "gst: clause 7; rounding down 0.05")


def test_a_key_that_is_new_to_the_language_is_shown_under_its_name() -> None:
    class Wider(Charge):
        only_when: str

    file = parse_tariff(SHEET, "sheet.toml")
    version = file.versions[0]
    wider = Wider.model_construct(**vars(version.charges["supply"]), only_when="months > 6")
    charges = version.charges | {"supply": wider}
    copied = file.model_copy(update={"versions": (version.model_copy(update={"charges": charges}),)})
    assert describe(copied).versions[0].notes == ('supply: tags fixed; only when "months > 6"',)


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_every_sample_can_be_shown(path: Path) -> None:
    page = page_of(path.read_text(encoding="utf-8"))
    assert page.tariff == path.stem
    for version in page.versions:
        assert version.charges.height and version.facts["source"]
        assert all(len(week.cells) == len(week.rows) for week in version.weeks)
