"""Reads straight in the landed layout, without text: for benchmarks and tests of any size."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pandera.typing.polars import DataFrame

from demo.defects import deliver
from demo.draws import BLOCK_POINTS
from demo.load import block_channels, draw_energy
from demo.registers import draw_register_reads
from demo.weather import SLOTS
from model.accounts import ChannelNumbers
from model.codes import Quality, ReadKind
from model.reads import RegisterReads, read_days_schema, slot_columns
from model.schema import arranged

INTERVAL_MINUTES = 15
PERIOD = (date(2026, 10, 1), date(2026, 11, 1))
# Channels of a block have numbers in a range of their own when the caller numbers none: three a point at most.
CHANNELS_PER_BLOCK = 3 * BLOCK_POINTS


def block_numbers(channel_ids: pl.Series, block: int, numbers: DataFrame[ChannelNumbers] | None) -> NDArray[np.int32]:
    """Return the number of each channel of a block, 0 for those that `numbers` does not have."""
    if numbers is None:
        return np.arange(1, len(channel_ids) + 1, dtype=np.int32) + np.int32(block * CHANNELS_PER_BLOCK)
    found = (
        channel_ids.rename("channel_id")
        .to_frame()
        .join(
            numbers.select("channel_id", "channel_no"),
            how="left",
            on="channel_id",
            validate="m:1",
            maintain_order="left",
        )
    )
    return found["channel_no"].fill_null(0).to_numpy().astype(np.int32)


def _flags(quality: NDArray[np.uint8], slots: NDArray[np.int16]) -> pl.Series:
    """Return the quality of each slot, one byte a slot, null where all slots of the day are alike."""
    real = np.arange(SLOTS)[None, :] < slots[:, None]
    varied = ((quality != quality[:, :1]) & real).any(axis=1)
    place = np.zeros(len(slots), dtype=np.uint32)  # 0 is the null at the head of the parts
    parts, length = [pl.Series("flags", [None], dtype=pl.Binary)], 1
    for count in np.unique(slots[varied]):
        rows = np.flatnonzero(varied & (slots == count))
        parts.append(pl.Series("flags", quality[rows, :count]).cast(pl.List(pl.UInt8)).cast(pl.Binary))
        place[rows] = np.arange(length, length + len(rows))
        length += len(rows)
    return pl.concat(parts).gather(place)


def draw_days(
    block: int,
    seed: int,
    *,
    from_date: date = PERIOD[0],
    to_date: date = PERIOD[1],
    period: tuple[date, date] = PERIOD,
    numbers: DataFrame[ChannelNumbers] | None = None,
    seq: int = 1,
    has_defects: bool = True,
) -> pl.DataFrame:
    """Return a block's channel-days in the landed layout (`read_days_schema(15)`), sorted by channel and day.

    Days run from `from_date` to before `to_date`. `numbers` gives the channel numbers of a workspace and leaves out
    channels that it does not have; without it, channels are numbered by block. A row's values depend on seed, block
    and day alone. `period` is the billing period for which the roster's events were drawn (`draw_utility`). About
    620 channels a block.
    """
    start, end = period
    energy = draw_energy(seed, block, from_date, to_date, period_start_date=start, period_end_date=end)
    channel_no = block_numbers(energy.channels["channel_id"], block, numbers)
    order = np.argsort(channel_no, kind="stable")
    order = order[channel_no[order] > 0]
    values, slots = energy.values, energy.slots
    quality = np.zeros(values.shape, dtype=np.uint8)
    present = np.ones(slots.shape, dtype=np.bool_)
    if has_defects:
        given = deliver(seed, block, energy)
        values, quality, present = given.values, given.quality, given.is_present
    channel, day = np.nonzero(present[order])
    row = order[channel]
    taken, counts = quality[row, day], slots[row, day]
    days = pl.Series("day", energy.days, dtype=pl.Date).gather(day)
    keys = pl.DataFrame(
        {
            "channel_no": channel_no[row],
            "day": days,
            "n": counts,
            "worst": taken.max(axis=1, initial=0),
            "flags": _flags(taken, counts),
        }
    ).with_columns(
        raw_code=pl.lit("A"),
        seq=pl.lit(seq, dtype=pl.Int64),
        updated_at=pl.col("day").cast(pl.Datetime("us")) + pl.duration(days=1, hours=5, minutes=20),
    )
    frame = pl.concat([keys, _slot_frame(values[row, day], taken, counts)], how="horizontal")
    return frame.select([pl.col(name).cast(dtype) for name, dtype in read_days_schema(INTERVAL_MINUTES).items()])


def _slot_frame(values: NDArray[np.int32], quality: NDArray[np.uint8], slots: NDArray[np.int16]) -> pl.DataFrame:
    """Return the slot columns; null where missing and beyond the day's real slots."""
    missing = (quality == int(Quality.MISSING)) | (np.arange(SLOTS)[None, :] >= slots[:, None])
    by_slot, gone = np.ascontiguousarray(values.T), np.ascontiguousarray(missing.T)
    columns = []
    for index, name in enumerate(slot_columns(INTERVAL_MINUTES)):
        series = pl.Series(name, by_slot[index])
        if gone[index].any():
            series = pl.select(pl.when(~pl.Series(gone[index])).then(series).alias(name)).to_series()
        columns.append(series)
    return pl.DataFrame(columns)


def interval_channels(block: int, seed: int, *, period: tuple[date, date] = PERIOD) -> pl.DataFrame:
    """Return the 15-minute channels of a block, numbered as `draw_days` numbers them."""
    channels = block_channels(seed, block, *period)
    numbers = pl.Series("channel_no", block_numbers(channels["channel_id"], block, None))
    return channels.select(numbers, "channel_id", "service_point_id", "suffix", "measure", "tz_name", "branch_id")


def draw_registers(
    block: int, seed: int, *, numbers: DataFrame[ChannelNumbers], period: tuple[date, date] = PERIOD, seq: int = 1
) -> DataFrame[RegisterReads]:
    """Return a block's register readings as landed, sorted; channels that `numbers` does not have are left out."""
    drawn = draw_register_reads(seed, block, period_start_date=period[0], period_end_date=period[1])
    quality = {"A": int(Quality.ACTUAL), "E": int(Quality.ESTIMATED), "S": int(Quality.SUBSTITUTED)}
    by_customer = pl.col("kind") == ReadKind.CUSTOMER.value
    landed = drawn.join(
        numbers.select("channel_id", "channel_no"), how="inner", on="channel_id", validate="m:1"
    ).with_columns(
        read_kind=pl.col("kind"),
        raw_code=pl.col("quality").replace("", None),
        quality=pl.when(by_customer).then(int(Quality.CUSTOMER)).otherwise(
            pl.col("quality").replace_strict(quality, default=int(Quality.ACTUAL), return_dtype=pl.Int64)
        ),
        seq=pl.lit(seq, dtype=pl.Int64),
        updated_at=(pl.col("read_date") + timedelta(days=1)).cast(pl.Datetime("us")),
    )  # fmt: skip
    return arranged(RegisterReads, landed.sort("channel_no", "read_date", "meter_id", "read_kind"))
