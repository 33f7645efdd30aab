"""Small things worked by hand, each beside what the code makes of it: tiers, registers, allocation, clocks, marks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
from books_by_hand import LONG_HEADER
from rating_rows import (
    JUNE,
    book,
    channel,
    component,
    due,
    price,
    quantity,
    rating_input,
    season_days,
    usage_row,
    version,
    windows,
)
from vee_frames import active, channel_numbers, row_of, steady, wide_days

from ingest.landing.place import parse_file
from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.judge import judge_days
from ingest.vee.registers import usage_between_reads
from ledger.allocate import allocate
from model.accounts import Meters
from model.codes import Quality
from model.reads import RegisterReads
from model.schema import arranged
from rating import determinants
from rating.charges import tier_quantity
from rating.intervals import USE_SCHEMA
from rating.stages import rate

SYDNEY = "Australia/Sydney"
MONDAY, TUESDAY = date(2026, 10, 5), date(2026, 10, 6)


def below_zero() -> str:
    """A net of -500 Wh is of the first tier; 120 of edges 0, 100 are 100 and 20."""
    rows = {"total": [-500, -500, 120, 120], "tier": [1, 2, 1, 2], "lower": [0, 100, 0, 100], "upper": [100, None] * 2}
    found = pl.DataFrame(rows).select(tier_quantity(*(pl.col(name) for name in rows))).to_series().to_list()
    return "" if found == [-500, 0, 100, 20] else f"tiers of -500 and 120: {found}"


def readings_of_one_day() -> str:
    """5 between two readings of 1 June, with which the bill begins, and 400 to its end: 405."""
    given = book(
        versions=[version()], quantities=[quantity("m3", "t@1", measure="gas_volume", unit="m3")],
        components=[component("gas", "t@1", quantity_id="m3")], prices=[price("gas", version_id="t@1")],
        season_days=season_days("t@1"), tou_windows=windows("t@1"),
    )  # fmt: skip
    usage = [usage_row(1, JUNE[0], JUNE[0], 5), usage_row(1, *JUNE, 400, meter_id="M2")]
    channels = [channel(measure="gas_volume", interval_minutes=0)]
    found = rate(rating_input(given, [due()], channels, usage=usage)).lines["quantity"].to_list()
    return "" if found == [405] else f"405 L between readings: {found}"


def _use(*quantities: tuple[int, int]) -> pl.DataFrame:
    rows = [(1, 1, 1, measure, "", used, False, 1, "register") for measure, used in quantities]
    return pl.DataFrame(rows, schema=USE_SCHEMA, orient="row")


def channels_of_one_measure() -> str:
    """100 and 50 of one measure are 150."""
    found = determinants._summed(_use((1, 100), (1, 50)))["quantity"].to_list()
    return "" if found == [150] else f"100 and 50: {found}"


def difference_of_sums() -> str:
    """100 of one measure less 30 of another is 70."""
    sources = pl.DataFrame(
        {"measure_no": [9], "kind": ["sums"], "first_no": [1], "second_no": [2]},
        schema={"measure_no": pl.Int32, "kind": pl.String, "first_no": pl.Int32, "second_no": pl.Int32},
    )
    made = determinants._with_differences(_use((1, 100), (2, 30)), sources)
    found = made.filter(pl.col("measure_no") == 9)["quantity"].to_list()
    return "" if found == [70] else f"100 less 30: {found}"


def payments_of_two_accounts() -> str:
    """A1 pays 60 of 100, A2 pays 50 and owes 20."""
    items = [("P1", "A1", -60), ("B1", "A1", 100), ("P2", "A2", -50), ("B2", "A2", 20)]
    frame = pl.DataFrame(items, schema=["item_id", "account_id", "open_minor"], orient="row").with_columns(
        currency=pl.lit("AUD"), gl_account=pl.lit("142"), due_date=pl.lit(MONDAY)
    )
    found = allocate(frame, MONDAY).select("credit_item_id", "debit_item_id", "amount_minor").rows()
    return "" if found == [("P1", "B1", 60), ("P2", "B2", 20)] else f"two accounts: {found}"


def days_on_which_the_clock_changes() -> str:
    """Sydney: 5 April 2026 has 25 hours, 4 October 23; hours are counted through, from midnight on."""
    stamps = pl.datetime_range(
        pl.datetime(2026, 4, 4, 13, time_zone="UTC"), pl.datetime(2026, 4, 5, 13, time_zone="UTC"), "1h", eager=True
    ).to_list() + pl.datetime_range(
        pl.datetime(2026, 10, 3, 14, time_zone="UTC"), pl.datetime(2026, 10, 4, 12, time_zone="UTC"), "1h", eager=True
    ).to_list()  # fmt: skip
    lines = [f"SP1,E1,Wh,{stamp:%Y-%m-%dT%H:%M:%S}+00:00,{place + 1},A," for place, stamp in enumerate(stamps)]
    parsed = parse_file("r.csv", (LONG_HEADER + "\n".join(lines) + "\n").encode(), channel_numbers((1,), SYDNEY))
    days = [
        (row["day"], row["n"], [row[f"v{slot:02}"] for slot in range(row["n"])])
        for row in parsed.days.get(60, pl.DataFrame()).sort("day").iter_rows(named=True)
    ]
    expected = [(date(2026, 4, 5), 25, [*range(1, 26)]), (date(2026, 10, 4), 23, [*range(26, 49)])]
    return "" if days == expected and parsed.rejects.is_empty() else f"days of 25 and 23 hours: {str(days)[:60]}"


def marks_of_estimates() -> str:
    """An hour that is missing is estimated and marked so; a day without any reference fails."""
    days = steady(1, MONDAY, 1, 100)
    days[1, MONDAY] = [None if hour == 5 else 100 for hour in range(24)]
    judged, nothing = (
        judge_days(
            wide_days(given), channel_numbers((1,)), 60, MONDAY, TUESDAY, rules=DEFAULT_RULES,
            active=active((1,), MONDAY, TUESDAY),
        ) for given in (days, {})
    )  # fmt: skip
    row = row_of(judged.edited, 1, MONDAY)
    marks = bytes([Quality.ESTIMATED if hour == 5 else Quality.ACTUAL for hour in range(24)])
    if (row["worst"], row["flags"], row["v05"]) != (Quality.ESTIMATED, marks, 100):
        return f"an estimated hour: worst {row['worst']}, {row['flags']!r}"
    told = [findings.select("reason", "severity").rows() for findings in (judged.findings, nothing.findings)]
    return "" if told == [[("missing", "warn")], [("missing_day", "fail")]] else f"findings of gaps: {told}"


def registers_that_read_less() -> str:
    """5 dials: 99,000 to 1,000 is 2,000 over the top; 50,000 to 40,000 is no rollover."""
    found = [
        _judged(99_000_000, 1_000_000), _judged(50_000_000, 40_000_000), _judged(10_000_000, 12_000_000)
    ]  # fmt: skip
    expected = [(2_000_000, ["rollover"]), (0, ["read_decreased"]), (2_000_000, [])]
    return "" if found == expected else f"registers of 5 dials: {found}"


def _judged(first: int, second: int) -> tuple[int, list[str]]:
    rows = [
        {"channel_no": 1, "meter_id": "M1", "read_date": day, "read_kind": "regular", "reading": reading, "quality": 0,
         "raw_code": None, "seq": 1, "updated_at": None}
        for day, reading in ((JUNE[0], first), (JUNE[1], second))
    ]  # fmt: skip
    hung = {"meter_id": "M1", "service_point_id": "SP1", "installed_date": date(2020, 1, 1), "removed_date": None,
            "dials": 5, "multiplier": 1}  # fmt: skip
    usage, findings = usage_between_reads(
        arranged(RegisterReads, pl.DataFrame(rows)), arranged(Meters, pl.DataFrame([hung])),
        channel_numbers((1,)), DEFAULT_RULES,
    )  # fmt: skip
    return usage["quantity"][0], findings["reason"].to_list()


WORKED: tuple[Callable[[], str], ...] = (
    below_zero, readings_of_one_day, channels_of_one_measure, difference_of_sums, payments_of_two_accounts,
    days_on_which_the_clock_changes, marks_of_estimates, registers_that_read_less,
)  # fmt: skip


def by_hand(_: Path) -> str:
    """Return the first thing that is not as it was worked by hand."""
    return next((told for worked in WORKED if (told := worked())), "")
