from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tariff_sheets import SHEET, sheet

from model.tariff import RATE_BOOK_TABLES, RateBook
from tariffs.compile import compile_tariff, compile_tariffs
from tariffs.file import parse_tariff

HEADER = """
tariff = "drawn"
title = "Drawn"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Sydney"
rounding = { line = "half_up 0.01" }
holidays = [2026-01-01]
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
"""


def compiled(text: str) -> RateBook:
    return compile_tariff(parse_tariff(text, "drawn.toml"))


def clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}:00"


@st.composite
def season_windows(draw: st.DrawFn) -> str:
    """A season by months or by dates, and the rest of the year."""
    if draw(st.booleans()):
        months = draw(st.lists(st.integers(1, 12), min_size=1, max_size=11, unique=True))
        return f'warm = {{ months = {months} }}\ncold = {{ else = "warm" }}\n'
    first = draw(st.integers(0, 365))
    second = draw(st.integers(0, 365).filter(lambda day: day != first))
    start, end = (date(2024, 1, 1) + timedelta(days=day) for day in (first, second))
    return f'warm = {{ from = "{start:%m-%d}", to = "{end:%m-%d}" }}\ncold = {{ else = "warm" }}\n'


@st.composite
def period_windows(draw: st.DrawFn) -> str:
    """Disjoint periods by clock time and kind of day, and the rest."""
    edges = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True)))
    days = draw(st.sampled_from(['"mon-fri"', '"sat-sun"', '["sat-mon", "holidays"]', '"mon-sun"', '"wed"']))
    season = draw(st.sampled_from(["", 'season = "warm", ']))
    lines = [
        f"p{start} = {{ {season}days = {days}, from = {clock(start * 15)}, to = {clock(end * 15)} }}"
        for start, end in zip(edges[::2], edges[1::2], strict=False)
    ]
    names = [line.split(" ")[0] for line in lines]
    holiday = 'xmas = { season = "warm", days = "holidays", from = 00:00:00, to = 00:00:00 }'
    if "holidays" not in days and "mon-sun" not in days and season:
        lines, names = [*lines, holiday], [*names, "xmas"]
    listed = ", ".join(f'"{name}"' for name in names)
    return "\n".join([*lines, f"rest = {{ else = [{listed}] }}"]) + "\n"


@st.composite
def tariffs(draw: st.DrawFn) -> str:
    windows = "[windows]\n" + draw(season_windows()) + draw(period_windows())
    edges = sorted(draw(st.sets(st.integers(1, 10_000), max_size=5)))
    listed = ", ".join([*(f"{{ to = {edge}, price = 0.{edge} }}" for edge in edges), "{ price = 1 }"])
    charge = f'[versions.charges.energy]\nof = "kwh"\ntiers_per = "day"\ntiers = [{listed}]\n'
    text = f'{HEADER}{windows}[[versions]]\nvalid_from = 2026-01-01\nsource = "drawn"\n{charge}'
    return text if "holidays" in windows else text.replace("holidays = [2026-01-01]\n", "")


@settings(max_examples=12, deadline=None)
@given(text=tariffs())
def test_periods_partition_each_kind_of_day_and_season(text: str) -> None:
    windows = compiled(text).tou_windows.sort("season", "day_class", "from_minute")
    days = windows.group_by("season", "day_class").agg(
        first=pl.col("from_minute").min(),
        last=pl.col("to_minute").max(),
        minutes=(pl.col("to_minute") - pl.col("from_minute")).sum(),
        meets=(pl.col("to_minute").shift(1) == pl.col("from_minute")).drop_nulls().all(),
    )
    assert set(windows["season"]) == {"warm", "cold"}
    assert set(days["first"]) == {0}
    assert set(days["last"]) == {1440}
    assert set(days["minutes"]) == {1440}
    assert days["meets"].all()


@settings(max_examples=12, deadline=None)
@given(text=tariffs())
def test_seasons_cover_the_366_days_once(text: str) -> None:
    days = compiled(text).season_days
    assert days.height == 366
    assert days.select("month", "day_of_month").n_unique() == 366
    assert days.filter((pl.col("month") == 2) & (pl.col("day_of_month") == 29)).height == 1


@settings(max_examples=12, deadline=None)
@given(text=tariffs())
def test_tiers_ascend_meet_and_end_open(text: str) -> None:
    tiers = compiled(text).prices.sort("tier")
    lower, upper = tiers["from_quantity"].to_list(), tiers["to_quantity"].to_list()
    assert lower[0] == 0
    assert upper[-1] is None
    assert lower[1:] == upper[:-1]
    assert lower == sorted(set(lower))


@settings(max_examples=5, deadline=None)
@given(text=tariffs())
def test_compiling_twice_gives_the_same_rows_in_the_same_order(text: str) -> None:
    first, second = compiled(text), compiled(text)
    assert all(first.frames()[name].equals(second.frames()[name]) for name in RATE_BOOK_TABLES)


def version_ids(text: str) -> list[str]:
    return compiled(text).versions.sort("valid_from")["version_id"].to_list()


def test_a_version_id_names_tariff_and_day_and_eight_digits_of_its_hash() -> None:
    tariff_and_day, _, digest = version_ids(SHEET)[0].partition("#")
    assert tariff_and_day == "sample@2026-01-01"
    assert len(digest) == 8


def test_comments_spacing_and_the_way_a_price_is_written_do_not_change_the_id() -> None:
    other = sheet(
        ("per   = ", "per="),
        ("price = 1.10", "price = 1.1  # AUD per day"),
        ('{ else = "summer" }', '{ from = "03-01", to = "12-01" }'),
    )
    assert version_ids(other) == version_ids(SHEET)


def test_what_a_version_says_changes_its_id() -> None:
    ids = {
        version_ids(text)[0]
        for text in (
            SHEET,
            sheet(("price = 1.10", "price = 1.11")),
            sheet(("half_up", "half_even")),
            sheet(("to = 20:00:00", "to = 20:15:00")),
            sheet(("Price list 2026", "Price list 2027")),
            sheet(("[2026-01-01]", "[2026-01-02]")),
            sheet(('["energy", "fixed"]', '["energy"]')),
        )
    }
    assert len(ids) == 7


def test_a_later_version_ends_the_one_before_and_keeps_its_id() -> None:
    charge = '[versions.charges.supply]\nper = "day"\nprice = 1.20\n'
    longer = f'{SHEET}\n[[versions]]\nvalid_from = 2026-07-01\nsource = "change"\n{charge}'
    assert version_ids(longer)[0] == version_ids(SHEET)[0]
    ends = compiled(longer).versions.sort("valid_from")["valid_to"].to_list()
    assert ends == [date(2026, 7, 1), None]


def test_a_tariff_without_windows_has_one_season_and_one_period_for_each_kind_of_day() -> None:
    bare = HEADER.replace("holidays = [2026-01-01]\n", "")
    book = compiled(
        f'{bare}[[versions]]\nvalid_from = 2026-01-01\nsource = "x"\n[versions.charges.energy]\nof = "kwh"\nprice = 1\n'
    )
    assert book.season_days.select("season").unique().rows() == [("",)]
    assert book.tou_windows.select("season", "day_class", "from_minute", "to_minute", "tou").rows() == [
        ("", day, 0, 1440, "") for day in range(1, 9)
    ]


def test_percentages_stand_above_what_they_count_whatever_their_order_in_the_file() -> None:
    levy = '[versions.charges.levy]\npercent = 2\nof = ["gst"]\n\n'
    book = compiled(sheet(("[versions.charges.energy]", levy + "[versions.charges.energy]")))
    rows = book.components.select("component_id", "position", "level").sort("position").rows()
    assert rows == [("levy", 1, 3), ("energy", 2, 1), ("supply", 3, 1), ("gst", 4, 2)]


def test_tiers_of_the_total_shared_over_periods_need_the_same_edges() -> None:
    start, end = SHEET.index('of    = "kwh"'), SHEET.index("[versions.charges.supply]")
    charge = """of = "kwh"
by = ["tou"]
tiers_per = "day"
tier_method = "pro_rata"
tiers.peak     = [{ to = 11.7, price = 0.40 }, { price = 0.50 }]
tiers.off_peak = [{ to = 11.7, price = 0.20 }, { price = 0.25 }]

"""
    book = compiled(SHEET[:start] + charge + SHEET[end:])
    energy = book.components.filter(pl.col("component_id") == "energy").row(0, named=True)
    assert (energy["tier_method"], energy["tiers_share"], energy["by_season"]) == ("pro_rata", "day", False)
    rows = (
        book.prices.filter(pl.col("component_id") == "energy").select("tou", "tier", "to_quantity", "price_e9").rows()
    )
    assert rows == [
        ("off_peak", 1, 11_700, 200_000_000),
        ("off_peak", 2, None, 250_000_000),
        ("peak", 1, 11_700, 400_000_000),
        ("peak", 2, None, 500_000_000),
    ]


def test_the_book_of_several_tariffs_does_not_depend_on_their_order() -> None:
    one, other = (parse_tariff(text, "sheet.toml") for text in (SHEET, sheet(('"sample"', '"other"'))))
    merged, turned = compile_tariffs([one, other]), compile_tariffs([other, one])
    assert all(merged.frames()[name].equals(turned.frames()[name]) for name in RATE_BOOK_TABLES)
    assert merged.versions.height == 2


def test_no_tariffs_give_an_empty_book() -> None:
    assert all(frame.is_empty() for frame in compile_tariffs([]).frames().values())
