"""Wide channel-days as matrices and back: values by slot, one byte of quality or method by slot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingest.vee.place_kernels import day_places
from model.reads import ReadDays, read_days_schema, slot_columns
from model.schema import checked
from model.zones import slot_clock_minutes

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

MISSING = -(2**31)  # the value of an empty slot; the smallest int32, which no reading reaches


def wide_checked(table: type[ReadDays], frame: pl.DataFrame, interval_minutes: int) -> pl.DataFrame:
    """Return `frame` as `table` with its slots, columns in order, keys checked and slots Int32.

    Raises:
        AssertionError: columns are missing, of another type, or break the table's checks.
    """
    schema = read_days_schema(interval_minutes, table)
    found = frame.schema  # asked once: it is made anew each time
    wrong = {name: found.get(name) for name in schema if found.get(name) != schema[name]}
    assert not wrong, f"table {table.__name__}: columns {wrong} are missing or of another type"
    checked(table, frame)
    # A hundred columns that are in order need not be chosen anew.
    return frame if frame.columns == list(schema) else frame.select(list(schema))


@cache
def empty_days(table: type[ReadDays], interval_minutes: int) -> pl.DataFrame:
    """Return `table` with its slots and without rows; made once, because a hundred columns take a while."""
    return pl.DataFrame(schema=read_days_schema(interval_minutes, table))


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows sorted by channel and day, copied only when they are not.

    Raises:
        AssertionError: a channel has two rows for one day.
    """
    key = pl.col("channel_no").cast(pl.Int64) * 2**32 + pl.col("day").cast(pl.Int32)
    rises = key.diff().slice(1) > 0
    if not frame.select(rises.all()).item():
        # Runs in order, as parts of several months are, merge at once in a stable sort.
        frame = frame[np.argsort(frame.select(key).to_series().to_numpy(), kind="stable")]
        assert frame.select(rises.all()).item(), "a channel has two rows for one day"
    return frame


def day_positions(wanted: pl.DataFrame, days: pl.DataFrame) -> Ints:
    """Return, for each wanted row, the row of `days` with its channel and day; -1 where there is none.

    Rows of `days` are in order, each channel-day once; those wanted may come in any order.
    """
    return day_places(_day_keys(days), _day_keys(wanted))


def channel_places(numbers: npt.NDArray[np.integer], wanted: npt.NDArray[np.integer]) -> Ints:
    """Return the place of each wanted channel among `numbers`, which rise; each is one of them.

    Channels of a block lie close together, so that a table of all numbers between them is small.
    """
    lowest = int(numbers[0]) if numbers.size else 0
    table = np.zeros(int(numbers[-1]) - lowest + 1 if numbers.size else 0, np.int64)
    table[numbers - lowest] = np.arange(len(numbers))
    places: Ints = table[wanted - lowest]
    return places


def _day_keys(days: pl.DataFrame) -> Ints:
    keys: Ints = days.select(pl.col("channel_no").cast(pl.Int64) * 2**32 + pl.col("day").cast(pl.Int32))[
        "channel_no"
    ].to_numpy()
    return keys


def value_matrix(frame: pl.DataFrame, interval_minutes: int) -> Values:
    """Return the slots as int32 [row, slot], columns contiguous; `MISSING` stands for null."""
    slots = slot_columns(interval_minutes)
    return frame.select(pl.col(slots).fill_null(MISSING)).to_numpy().astype(np.int32, copy=False)


def value_columns(values: Values, interval_minutes: int) -> pl.DataFrame:
    """Return the slot columns of a matrix; null where it holds `MISSING`."""
    columns = np.asfortranarray(values)
    slots = {
        name: pa.array(columns[:, slot], mask=columns[:, slot] == MISSING)
        for slot, name in enumerate(slot_columns(interval_minutes))
    }
    frame = pl.from_arrow(pa.table(slots))
    assert isinstance(frame, pl.DataFrame), "a table is a frame"
    return frame


def quality_matrix(worst: pl.Series, flags: pl.Series, slots: int) -> Bytes:
    """Return the quality of each slot, uint8 [row, slot]: `worst` throughout, or the day's flags where it has some."""
    matrix = np.repeat(worst.to_numpy().astype(np.uint8)[:, None], slots, axis=1)
    rows = np.flatnonzero(flags.is_not_null().to_numpy())
    data, lengths = flat_bytes(flags)
    starts = np.cumsum(lengths) - lengths
    slot = np.arange(len(data)) - np.repeat(starts, lengths)
    row = np.repeat(rows, lengths)
    inside = slot < slots
    matrix[row[inside], slot[inside]] = data[inside]
    return matrix


def flat_bytes(column: pl.Series) -> tuple[Bytes, Ints]:
    """Return the bytes of a Binary column one row after the other, and how many each row has; nulls are left out."""
    array = column.drop_nulls().rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_binary())
    if len(array) == 0:
        return np.zeros(0, np.uint8), np.zeros(0, np.int64)
    _, offset_buffer, data_buffer = array.buffers()
    ends = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    if data_buffer is None:
        return np.zeros(0, np.uint8), np.diff(ends)
    return np.frombuffer(data_buffer, np.uint8)[ends[0] : ends[-1]], np.diff(ends)


def bytes_column(name: str, matrix: Bytes, lengths: Ints) -> pl.Series:
    """Return a Binary column: of each row of the matrix the first `lengths` bytes."""
    inside = np.arange(matrix.shape[1])[None, :] < lengths[:, None]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    buffers = [None, pa.py_buffer(offsets.astype(np.int64).tobytes()), pa.py_buffer(matrix[inside].tobytes())]
    array = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lengths), buffers)
    return pl.Series(name, array, dtype=pl.Binary)


@dataclass(frozen=True)
class DayKinds:
    """Kinds of civil day: those whose slots show the same clock times. Most zones have three a year."""

    table: pl.DataFrame  # tz_name, day, kind, slots: one row per zone and day
    clock_of_slot: Ints  # [kind, slot] -> clock time in interval lengths since midnight; -1 beyond the day
    slot_of_clock: Ints  # [kind, clock] -> first slot that shows it; -1 when the clock skips it


def day_kinds(days: pl.DataFrame, interval_minutes: int) -> DayKinds:
    """Return the kinds of the days in `days` (columns tz_name, day)."""
    return _kinds_of(days.select("tz_name", "day").unique().sort("tz_name", "day"), interval_minutes)


def placed_kinds(days: pl.DataFrame, zones: pl.DataFrame, interval_minutes: int) -> tuple[DayKinds, Ints, Ints]:
    """Return the kinds of channel-days, and of each row its kind and the slots of its day.

    `days` has channel_no and day; `zones` channel_no and tz_name, each channel of `days` once. Looked up by number, a
    row costs no comparison of names.
    """
    names = zones["tz_name"].unique().sort()
    code_of = zones["tz_name"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64)
    # Channels of a block lie close together, so that a table of all numbers between them is small.
    own = zones["channel_no"].to_numpy()
    lowest = int(own.min()) if own.size else 0
    code_by_number = np.zeros(int(own.max()) - lowest + 1 if own.size else 0, np.int64)
    code_by_number[own - lowest] = code_of.to_numpy()
    codes = code_by_number[days["channel_no"].to_numpy() - lowest]
    numbers = days["day"].to_physical().to_numpy().astype(np.int64)
    first, last = (int(numbers.min()), int(numbers.max())) if numbers.size else (0, 0)
    width = last - first + 1
    places = codes * width + numbers - first
    is_present = np.zeros(len(names) * width, np.bool_)
    is_present[places] = True
    present = np.flatnonzero(is_present)
    pairs = pl.DataFrame({"tz_name": names.gather(present // width), "day": (present % width + first).astype(np.int32)})
    kinds = _kinds_of(pairs.with_columns(pl.col("day").cast(pl.Date)), interval_minutes)
    row = (np.cumsum(is_present) - 1)[places]
    return kinds, kinds.table["kind"].to_numpy()[row], kinds.table["slots"].cast(pl.Int64).to_numpy()[row]


def _kinds_of(pairs: pl.DataFrame, interval_minutes: int) -> DayKinds:
    """Return the kinds of pairs of tz_name and day, each once, in order."""
    clocks = [slot_clock_minutes(tz_name, day, interval_minutes) for tz_name, day in pairs.rows()]
    kinds = {clock: kind for kind, clock in enumerate(sorted(set(clocks)))}
    slots = len(slot_columns(interval_minutes))
    clock_of_slot = np.full((len(kinds), slots), -1, np.int64)
    slot_of_clock = np.full((len(kinds), 24 * 60 // interval_minutes), -1, np.int64)
    for minutes, kind in kinds.items():
        places = np.array(minutes, np.int64) // interval_minutes
        clock_of_slot[kind, : len(places)] = places
        # Written from the last slot to the first, so that a repeated hour is represented by its first pass.
        slot_of_clock[kind, places[::-1]] = np.arange(len(places))[::-1]
    table = pairs.with_columns(
        pl.Series("kind", [kinds[clock] for clock in clocks], dtype=pl.Int64),
        pl.Series("slots", [len(clock) for clock in clocks], dtype=pl.Int16),
    )
    return DayKinds(table, clock_of_slot, slot_of_clock)


def real_slots(n: pl.Series) -> Ints:
    """Return the counts of real slots as the kernels want them: int64."""
    counts: npt.NDArray[np.int64] = n.cast(pl.Int64).to_numpy()
    return counts
