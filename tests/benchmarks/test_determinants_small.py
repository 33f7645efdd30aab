"""The month benchmark on few channels: every contender finds the same energy. Times are not tested."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.contenders import CONTENDERS, OURS, settled
from benchmarks.determinants_data import month_calendar, rate_book, write_month
from benchmarks.measure import Measured, check_equal, medians

CHANNELS, DAYS = 50, 31


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("month")
    return folder, write_month(folder, CHANNELS, DAYS, seed=7)


def test_every_contender_finds_the_same_energy(month: tuple[Path, int]) -> None:
    results = {name: settled(contend(month[0])()) for name, contend in CONTENDERS.items()}
    check_equal(results)
    assert results[OURS]["channel_no"].n_unique() == CHANNELS
    # The price changes on 16 October, so the month has two parts.
    assert results[OURS]["segment_no"].unique().sort().to_list() == [1, 2]


def test_both_layouts_hold_each_interval_once(month: tuple[Path, int]) -> None:
    folder, intervals = month
    wide = pl.scan_parquet(folder / "lake" / "**" / "*.parquet").select(pl.col("n").cast(pl.Int64).sum()).collect()
    long = pl.scan_parquet(folder / "long" / "*.parquet").select("channel_no", "start_utc").collect()
    assert wide.item() == intervals == long.height == long.unique().height


@pytest.mark.parametrize(
    ("day", "minute", "expected"),
    [
        (date(2026, 10, 1), 14 * 60, (1, "peak")),  # a Thursday, at the first minute of the peak
        (date(2026, 10, 1), 14 * 60 - 15, (1, "shoulder")),
        (date(2026, 10, 5), 14 * 60, (1, "shoulder")),  # a Monday, Labour Day
        (date(2026, 10, 15), 20 * 60 - 15, (1, "peak")),
        (date(2026, 10, 16), 20 * 60 - 15, (2, "peak")),  # the new prices hold from this day
        (date(2026, 10, 17), 6 * 60 + 45, (2, "off_peak")),  # a Saturday
    ],
)
def test_the_calendar_follows_the_printed_windows(day: date, minute: int, expected: tuple[int, str]) -> None:
    calendar = month_calendar(rate_book(), DAYS).with_columns(
        pl.col("start_utc").dt.convert_time_zone("Australia/Brisbane").alias("local")
    )
    clock = pl.col("local").dt.hour().cast(pl.Int32) * 60 + pl.col("local").dt.minute()
    found = calendar.filter(pl.col("zone_no") == 0, pl.col("day") == day, clock == minute)
    assert found.select("segment_no", "tou").rows() == [expected]


def test_a_result_that_differs_by_one_wh_is_refused() -> None:
    right = pl.DataFrame({"channel_no": [1], "segment_no": [1], "tou": ["peak"], "quantity": [100]})
    wrong = right.with_columns(pl.col("quantity") + 1)
    with pytest.raises(AssertionError, match="differ"):
        check_equal({"one": right, "other": wrong})
    with pytest.raises(AssertionError, match="in total"):
        check_equal({"one": right, "scan": wrong.select("quantity")})


def test_medians_are_taken_figure_by_figure() -> None:
    runs = [Measured(1.0, 9.0, 30), Measured(2.0, 8.0, 10), Measured(3.0, 7.0, 20)]
    assert medians(runs) == Measured(2.0, 8.0, 20)
