"""What stands just inside an edge is taken; just outside it is refused."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from tariff_sheets import SHEET, sheet

from model.errors import TariffError
from tariffs.cells import day_classes
from tariffs.compile import compile_tariff
from tariffs.file import known_keys, parse_tariff
from tariffs.prices import MAX_THRESHOLD, price_e9

ENERGY = SHEET[SHEET.index('of    = "kwh"') : SHEET.index("[versions.charges.supply]")]
WINTER = 'winter   = { else = "summer" }'
OFF_PEAK = 'off_peak = { else = "peak" }'
VALID_FROM = "valid_from = 2026-01-01"


def tiers(*edges: str) -> tuple[str, str]:
    listed = ", ".join([*(f"{{ to = {edge}, price = 0.2 }}" for edge in edges), "{ price = 0.3 }"])
    return ENERGY, f'of = "kwh"\ntiers_per = "day"\ntiers = [{listed}]\n\n'


def second_version(valid_from: str) -> str:
    charge = '[versions.charges.supply]\nper = "day"\nprice = 1\n'
    return f'{SHEET}\n[[versions]]\nvalid_from = {valid_from}\nsource = "x"\n{charge}'


INSIDE = {
    "price with 9 decimals": sheet(("price = 1.10", "price = 1.100000001")),
    "price below 10^9": sheet(("price = 1.10", "price = 999999999.999999999")),
    "price below zero": sheet(("price = 1.10", "price = -1.10")),
    "price of zero": sheet(("price = 1.10", "price = 0")),
    "step of one minor unit": sheet(("half_up 0.01", "half_even 0.01")),
    "step of five minor units": sheet(("half_up 0.01", "down 0.05")),
    "currency without minor units": sheet(('"AUD"', '"JPY"'), ("half_up 0.01", "up 1")),
    "tiers one smallest unit apart": sheet(tiers("10", "10.001")),
    "threshold at its bound": sheet(tiers(str(MAX_THRESHOLD // 1000))),
    "one tier": sheet(tiers()),
    "seasons that meet": sheet((WINTER, 'winter = { from = "03-01", to = "12-01" }')),
    "season over the new year": sheet(
        ("summer   = { months = [12, 1, 2] }", 'summer = { from = "12-01", to = "03-01" }')
    ),
    "leap day": sheet(
        ("summer   = { months = [12, 1, 2] }", 'summer = { from = "12-01", to = "02-29" }'),
        (WINTER, 'winter = { from = "02-29", to = "12-01" }'),
    ),
    "periods that meet": sheet(
        (
            OFF_PEAK,
            'off_peak = { spans = [{ days = "mon-fri", from = 00:00:00, to = 14:00:00 }, '
            '{ days = "mon-fri", from = 20:00:00, to = 00:00:00 }, { days = ["sat-sun", "holidays"] }] }',
        )
    ),
    "period that ends at midnight": sheet(("to = 20:00:00", "to = 00:00:00")),
    "version from the day on which the one before ends": second_version("2026-01-02").replace(
        VALID_FROM, f"{VALID_FROM}\nvalid_to = 2026-01-02", 1
    ),
    "version of one day": second_version("2026-01-02"),
    "last version that ends": sheet((VALID_FROM, f"{VALID_FROM}\nvalid_to = 2026-01-02")),
    "minimum of zero": SHEET + '\n[versions.charges.min]\nat_least = 0\nper = "day"\nof = ["energy"]\n',
}
OUTSIDE = {
    "price with 10 decimals": sheet(("price = 1.10", "price = 1.0000000001")),
    "price of 10^9": sheet(("price = 1.10", "price = 1000000000")),
    "price that is no number": sheet(("price = 1.10", "price = nan")),
    "price that is true": sheet(("price = 1.10", "price = true")),
    "step of half a minor unit": sheet(("half_up 0.01", "half_even 0.005")),
    "step of one and a half": sheet(("half_up 0.01", "down 0.015")),
    "step of zero": sheet(("half_up 0.01", "down 0.00")),
    "currency without minor units, step of cents": sheet(('"AUD"', '"JPY"')),
    "tiers that are equal": sheet(tiers("10", "10")),
    "tiers that descend": sheet(tiers("10", "9.999")),
    "first tier of nothing": sheet(tiers("0")),
    "threshold above its bound": sheet(tiers(f"{MAX_THRESHOLD // 1000}.001")),
    "threshold below the smallest unit": sheet(tiers("10.0000000000001")),
    "seasons a day apart": sheet((WINTER, 'winter = { from = "03-02", to = "12-01" }')),
    "seasons a day too many": sheet((WINTER, 'winter = { from = "03-01", to = "12-02" }')),
    "no leap day": sheet(
        ("summer   = { months = [12, 1, 2] }", 'summer = { from = "12-01", to = "02-29" }'),
        (WINTER, 'winter = { from = "03-01", to = "12-01" }'),
    ),
    "empty period": sheet(("to = 20:00:00", "to = 14:00:00")),
    "seconds in a window": sheet(("to = 20:00:00", "to = 20:00:30")),
    "version on the same day": second_version("2026-01-01"),
    "version a day after a stated end": second_version("2026-01-03").replace(
        VALID_FROM, f"{VALID_FROM}\nvalid_to = 2026-01-02", 1
    ),
    "version a day before a stated end": second_version("2026-01-03").replace(
        VALID_FROM, f"{VALID_FROM}\nvalid_to = 2026-01-04", 1
    ),
    "date with a time": sheet((VALID_FROM, "valid_from = 2026-01-01T00:00:00")),
    "month 13": sheet(("[12, 1, 2]", "[13, 1, 2]")),
    "minimum below zero": SHEET + '\n[versions.charges.min]\nat_least = -1\nper = "day"\nof = ["energy"]\n',
    "no charges": SHEET[: SHEET.index("[versions.charges.energy]")],
    "empty file": "",
}


@pytest.mark.parametrize("text", INSIDE.values(), ids=INSIDE.keys())
def test_a_sheet_inside_the_edge_compiles(text: str) -> None:
    assert compile_tariff(parse_tariff(text, "sheet.toml")).versions.height >= 1


@pytest.mark.parametrize("text", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_a_sheet_outside_the_edge_is_refused(text: str) -> None:
    with pytest.raises(TariffError, match="expected"):
        parse_tariff(text, "sheet.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.000000001", 1),
        ("-0.05", -50_000_000),
        ("999999999.999999999", 10**18 - 1),
        ("1000000000", None),
        ("0.0000000001", None),
        ("0.10000000000", 100_000_000),  # zeros at the end are no decimals
    ],
)
def test_a_price_is_a_whole_number_of_billionths(text: str, expected: int | None) -> None:
    assert price_e9(Decimal(text)) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("mon",), [1]),
        (("mon-fri",), [1, 2, 3, 4, 5]),
        (("sat-mon",), [1, 6, 7]),
        (("holidays",), [8]),
        (("sat-sun", "holidays"), [6, 7, 8]),
        (("mon-sun",), [1, 2, 3, 4, 5, 6, 7, 8]),
        (("mon-fri", "sat-sun"), [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_days_stand_for_kinds_of_days(names: tuple[str, ...], expected: list[int]) -> None:
    assert sorted(day_classes(names)) == expected


def test_holidays_count_as_their_weekday_when_no_window_names_them() -> None:
    text = sheet(("holidays  = [2026-01-01]\n", ""), (' not = "holidays",', ""))
    book = compile_tariff(parse_tariff(text, "sheet.toml"))
    assert book.holidays.is_empty()
    assert sorted(book.tou_windows["day_class"].unique()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_holiday_list_may_be_named() -> None:
    named = sheet(("[2026-01-01]", '"nsw"')) + "\n[holiday_lists]\nnsw = [2026-12-25, 2026-01-01, 2026-01-01]\n"
    book = compile_tariff(parse_tariff(named, "sheet.toml"))
    assert [str(day) for day in book.holidays["day"]] == ["2026-01-01", "2026-12-25"]


def test_a_quantity_that_a_version_does_not_price_is_not_in_its_book() -> None:
    book = compile_tariff(parse_tariff(SHEET, "sheet.toml"))
    assert book.quantities["quantity_id"].to_list() == ["kwh"]


def test_texts_and_accounts_that_are_not_stated_follow_from_the_name_and_commodity() -> None:
    book = compile_tariff(parse_tariff(sheet(("charges.supply]", "charges.daily_supply]")), "sheet.toml"))
    row = book.components.filter(pl.col("component_id") == "daily_supply").row(0, named=True)
    assert (row["line_text"], row["gl_account"]) == ("Daily supply", "440")


def test_a_charge_may_have_its_own_account_text_and_rounding() -> None:
    own = 'price = 1.10\ntext = "Supply"\ngl_account = "456"\nrounding = "down 0.05"'
    book = compile_tariff(parse_tariff(sheet(("price = 1.10", own)), "sheet.toml"))
    row = book.components.filter(pl.col("component_id") == "supply").row(0, named=True)
    assert (row["line_text"], row["gl_account"], row["round_mode"], row["round_step_minor"]) == (
        "Supply",
        "456",
        "down",
        5,
    )


def test_the_keys_known_at_a_place_are_those_of_its_table() -> None:
    assert known_keys(("versions", 0))[:3] == ["valid_from", "valid_to", "source"]
    assert known_keys(("windows", "peak", "spans", 1)) == ["days", "not", "from", "to", "season"]
    assert "at_least" in known_keys(("versions", 0, "charges", "energy"))
