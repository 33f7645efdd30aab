"""What is drawn: shapes, sizes, days of 23 hours, independence of blocks and days."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from demo.defects import deliver, final_quantities
from demo.draws import Subject, stream
from demo.lake import CHANNELS_PER_BLOCK, draw_days, interval_channels
from demo.load import Energy, draw_energy, draw_loads
from demo.registers import draw_register_reads, draw_register_use
from demo.weather import day_temperatures, sunshine
from model.accounts import ChannelNumbers
from model.reads import read_days_schema
from model.schema import arranged

SEED = 7
PERIOD = {"period_start_date": date(2026, 10, 1), "period_end_date": date(2026, 11, 1)}


@pytest.fixture(scope="module")
def october() -> Energy:
    return draw_energy(SEED, 0, date(2026, 10, 1), date(2026, 11, 1), **PERIOD)


def _daily_kwh(energy: Energy, archetype: str, suffix: str = "E1") -> np.ndarray:
    rows = ((energy.channels["archetype"] == archetype) & (energy.channels["suffix"] == suffix)).to_numpy()
    return energy.values[rows].sum(axis=2).mean(axis=1) / 1_000


def test_streams_of_other_blocks_days_and_subjects_differ() -> None:
    draws = {
        float(stream(SEED, subject, block, day).random())
        for subject in (Subject.ROSTER, Subject.LOAD)
        for block in (0, 1)
        for day in (None, date(2026, 10, 4))
    }
    assert len(draws) == 8


def test_a_day_is_the_same_whatever_other_days_are_drawn(october: Energy) -> None:
    alone = draw_energy(SEED, 0, date(2026, 10, 4), date(2026, 10, 5), **PERIOD)
    assert (alone.values[:, 0] == october.values[:, 3]).all()
    assert (deliver(SEED, 0, alone).values[:, 0] == deliver(SEED, 0, october).values[:, 3]).all()


def test_most_homes_use_8_to_25_kwh_a_day(october: Energy) -> None:
    # A home with a roof takes less from the network than it uses: left out.
    without_roof = (
        (october.channels["archetype"] == "home")
        & (october.channels["suffix"] == "E1")
        & ~october.channels["has_solar"]
    ).to_numpy()
    daily = october.values[without_roof].sum(axis=2).mean(axis=1) / 1_000
    assert 11 <= np.median(daily) <= 19
    assert np.mean((daily >= 8) & (daily <= 25)) > 0.85


@pytest.mark.parametrize(
    ("archetype", "low", "high"), [("shop", 20, 300), ("office", 30, 1_200), ("factory", 300, 12_000)]
)
def test_businesses_are_larger_than_homes(october: Energy, archetype: str, low: float, high: float) -> None:
    daily = _daily_kwh(october, archetype)
    assert low <= daily.min()
    assert daily.max() <= high


def test_homes_peak_in_the_evening_and_roofs_at_noon(october: Energy) -> None:
    homes = (
        (october.channels["archetype"] == "home")
        & (october.channels["suffix"] == "E1")
        & ~october.channels["has_solar"]
    ).to_numpy()
    roofs = (october.channels["suffix"] == "B1").to_numpy()
    assert 68 <= october.values[homes][:, 10, :96].sum(axis=0).argmax() <= 84  # 17:00 to 21:00
    assert 40 <= october.values[roofs][:, :, :96].sum(axis=(0, 1)).argmax() <= 56  # 10:00 to 14:00
    assert october.values[roofs][:, :, :16].sum() == 0  # night until 4:00


def test_offices_rest_at_weekends(october: Energy) -> None:
    rows = ((october.channels["archetype"] == "office") & (october.channels["suffix"] == "E1")).to_numpy()
    daily = october.values[rows].sum(axis=(0, 2))
    friday, sunday = daily[1], daily[10]  # 2 and 11 October 2026
    assert sunday < 0.6 * friday


def test_the_day_of_23_hours_has_92_slots_where_summer_time_begins(october: Energy) -> None:
    zones = october.channels["tz_name"].to_numpy()
    fourth = october.slots[:, 3]
    assert set(fourth[zones == "Australia/Brisbane"]) == {96}
    assert set(fourth[zones != "Australia/Brisbane"]) == {92}
    assert october.values[zones != "Australia/Brisbane", 3, 92:].sum() == 0


def test_the_day_of_25_hours_has_100_slots() -> None:
    april = draw_energy(SEED, 0, date(2026, 4, 5), date(2026, 4, 6), **PERIOD)
    sydney = (april.channels["tz_name"] == "Australia/Sydney").to_numpy()
    imports = sydney & (april.channels["suffix"] == "E1").to_numpy()
    assert set(april.slots[sydney, 0]) == {100}
    assert (april.values[imports, 0, 96:100].sum(axis=1) > 0).all()


def test_values_are_whole_and_not_negative_before_defects(october: Energy) -> None:
    assert october.values.dtype == np.int32
    assert october.values.min() == 0


def test_weather_has_seasons_and_the_sun_its_height() -> None:
    january = np.mean([day_temperatures(SEED, date(2026, 1, day)) for day in range(1, 32)])
    july = np.mean([day_temperatures(SEED, date(2026, 7, day)) for day in range(1, 32)])
    assert january - july > 6
    summer, winter = (np.sum([sunshine(SEED, date(2026, month, day)) for day in range(1, 29)]) for month in (1, 7))
    assert summer > 1.4 * winter


def test_defects_come_at_their_stated_rates() -> None:
    both = [draw_energy(SEED, block, date(2026, 10, 1), date(2026, 11, 1), **PERIOD) for block in (0, 1)]
    given = [deliver(SEED, block, energy) for block, energy in enumerate(both)]
    days = sum(energy.slots.size for energy in both)
    missing = sum(int((one.quality == 8).any(axis=2).sum()) for one in given)
    estimated = sum(int(np.isin(one.quality, (2, 4)).any(axis=2).sum()) for one in given)
    negative = sum(int((one.values < 0).any(axis=2).sum()) for one in given)
    assert 0.005 < missing / days < 0.012
    assert 0.006 < estimated / days < 0.013
    assert 1 <= negative <= 30


def test_a_spike_is_forty_times_the_days_highest(october: Energy) -> None:
    given = deliver(SEED, 0, october)
    peaks = october.values.max(axis=2)
    spiked = given.values.max(axis=2) > 12 * np.maximum(peaks, 1)
    assert spiked.sum() >= 5
    assert (given.values.max(axis=2)[spiked] == 40 * peaks[spiked]).all()


def test_points_without_reads_deliver_nothing(october: Energy) -> None:
    silent = october.channels.filter(pl.col("event") == "no_reads")["channel_id"]
    final = final_quantities(october, deliver(SEED, 0, october))
    assert len(silent) > 0
    assert final.filter(pl.col("channel_id").is_in(silent.implode()))["delivered_slots"].sum() == 0


def _without_missing_reads(reads: pl.DataFrame) -> pl.DataFrame:
    return reads.with_columns(uses=pl.col("reading").diff().over("meter_id", order_by="read_date"))


def test_readings_rise_except_at_rollovers_and_misreads() -> None:
    reads = _without_missing_reads(draw_register_reads(SEED, 0, **PERIOD))
    falls = reads.filter(pl.col("uses") < 0)
    rolled = falls.filter(pl.col("uses") < -50_000_000)
    assert falls.height == 3  # a block has two rollovers and one figure read too low
    assert rolled.height == 2


def test_a_register_advances_by_what_was_used() -> None:
    reads = draw_register_reads(SEED, 0, **PERIOD)
    regular = reads.filter((pl.col("kind") == "regular") & (pl.col("suffix") == "W1"))
    one = regular.filter(pl.col("point_no") == regular["point_no"][0]).sort("read_date")
    start, end = one["read_date"][3], one["read_date"][4]
    drawn = draw_register_use(SEED, 0, start, end, **PERIOD)
    row = drawn.points["point_no"].to_list().index(one["point_no"][0])
    assert one["reading"][4] - one["reading"][3] == drawn.use[row].sum()


def test_routes_are_read_around_the_first_and_never_before_the_period_ends() -> None:
    reads = draw_register_reads(SEED, 0, **PERIOD).filter(pl.col("kind") == "regular")
    begin = reads.filter(pl.col("read_date").is_between(date(2026, 9, 28), date(2026, 10, 3)))["read_date"]
    assert {day.day for day in begin.unique()} >= {29, 30, 1, 2, 3}
    late = reads.filter(pl.col("read_date") > date(2026, 10, 30))["read_date"]
    assert late.min() == date(2026, 11, 1)
    assert late.max() == date(2026, 11, 3)


def test_a_first_block_of_days_has_the_landed_layout() -> None:
    days = draw_days(0, SEED, from_date=date(2026, 10, 3), to_date=date(2026, 10, 6), seq=4)
    assert days.schema == pl.Schema(read_days_schema(15))
    assert days.select("channel_no", "day").equals(days.select("channel_no", "day").sort("channel_no", "day"))
    short = days.filter(pl.col("n") == 92)
    assert short.height > 0
    assert short["v91"].null_count() < short.height / 10
    assert short["v92"].null_count() == short.height
    assert days["worst"].max() == 8
    flagged = days.filter(pl.col("flags").is_not_null())
    assert (flagged["flags"].bin.size() == flagged["n"]).all()
    assert set(days["seq"]) == {4}


def test_days_without_defects_carry_all_the_energy() -> None:
    span = {"from_date": date(2026, 10, 5), "to_date": date(2026, 10, 6)}
    days = draw_days(1, SEED, **span, has_defects=False)
    energy = draw_energy(SEED, 1, date(2026, 10, 5), date(2026, 10, 6), **PERIOD)
    slots = pl.sum_horizontal(pl.col(r"^v\d\d$").cast(pl.Int64))
    assert days.select(slots).to_series().sum() == energy.values.sum(dtype=np.int64)
    assert set(days["worst"]) == {0}


def test_blocks_number_their_channels_apart() -> None:
    first, second = (interval_channels(block, SEED) for block in (0, 1))
    assert first["channel_no"].min() == 1
    assert first["channel_no"].max() < CHANNELS_PER_BLOCK
    assert second["channel_no"].min() == CHANNELS_PER_BLOCK + 1


def test_given_numbers_are_used_and_unknown_channels_left_out() -> None:
    channels = interval_channels(0, SEED).head(3)
    numbers = arranged(
        ChannelNumbers,
        channels.with_columns(
            channel_no=pl.Series([30, 10, 20]), interval_minutes=pl.lit(15), commodity=pl.lit("electricity")
        ),
    )
    span = {"from_date": date(2026, 10, 5), "to_date": date(2026, 10, 6)}
    days = draw_days(0, SEED, **span, numbers=numbers, has_defects=False)
    plain = draw_days(0, SEED, **span, has_defects=False).head(3)
    assert days["channel_no"].to_list() == [10, 20, 30]
    assert days["v40"].to_list() == [plain["v40"][1], plain["v40"][2], plain["v40"][0]]


def test_the_loads_of_a_block_are_kept_for_its_days() -> None:
    assert draw_loads(SEED, 0, *PERIOD.values()) is draw_loads(SEED, 0, *PERIOD.values())
