"""Days of values, as files state them, to landed days: channels known, whole smallest units, civil days."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.formats.kernels import FINE, PROBLEMS, whole_units
from ingest.formats.numbers import SLOT_MAX, exact_integers
from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import Clock, DayBlock
from ingest.landing.channels import Resolved, with_day_slots
from ingest.landing.days import SlotMatrix, assemble_days
from ingest.landing.nem_days import civil_days_of_nem, is_civil_day
from model.codes import Quality

_SERIES = ("channel_no", "interval_minutes", "tz_name", "exponent", "life_start", "life_end")
_CODES = {name: code for code, name in PROBLEMS.items()}


def place_days(
    source: Source, blocks: tuple[DayBlock, ...], resolved: Resolved
) -> tuple[dict[int, pl.DataFrame], list[pl.DataFrame]]:
    """Return the days of all blocks by interval length, and rejects.

    Rejects: wrong_slot_count (the values are not those of that day's intervals), bad_number, too_precise,
    value_too_large; and duplicate_day for days of the NEM that have to be cut into civil days.
    """
    found: dict[int, list[pl.DataFrame]] = {}
    rejects: list[pl.DataFrame] = []
    for block in blocks:
        rows = _sized(block, resolved)
        keys = ["interval_minutes", "n", "exponent", "is_civil"]
        for (minutes, n, exponent, is_civil), group in rows.partition_by(
            keys, as_dict=True, maintain_order=True
        ).items():
            length, count = int(str(minutes)), int(str(n))
            fit, misfits = _that_fit(source, block, group, count)
            rejects.append(misfits)
            if fit.is_empty():
                continue
            slots, sound, bad = _whole_slots(source, block, fit, count, int(str(exponent)))
            rejects.append(bad)
            if sound.is_empty():
                continue
            if block.clock == Clock.NEM:
                slots = _within_life(sound, slots)
            if is_civil:
                days = assemble_days(sound.rename({"code": "raw_code"}), slots, length)
                found.setdefault(length, []).append(days)
            else:
                cut, duplicates = civil_days_of_nem(source, sound, slots, length)
                found.setdefault(length, []).extend(cut)
                rejects.append(duplicates)
    return {minutes: pl.concat(parts) for minutes, parts in sorted(found.items())}, rejects


def _sized(block: DayBlock, resolved: Resolved) -> pl.DataFrame:
    """Return the rows whose channel is known, with `n`, their intervals, and whether their days are civil days."""
    known = resolved.at(block.rows.with_row_index("row"), *_SERIES).filter(pl.col("channel_no").is_not_null())
    if block.clock == Clock.CIVIL:
        return with_day_slots(known).with_columns(pl.lit(True).alias("is_civil"))
    keys = known.select("tz_name", "day").unique()
    is_civil = [is_civil_day(*key) for key in keys.iter_rows()]  # a few zones times the days of the file
    told = keys.with_columns(pl.Series("is_civil", is_civil, dtype=pl.Boolean))
    return known.with_columns((pl.lit(24 * 60) // pl.col("interval_minutes")).cast(pl.Int16).alias("n")).join(
        told, on=["tz_name", "day"], how="left", validate="m:1", maintain_order="left"
    )


def _that_fit(source: Source, block: DayBlock, rows: pl.DataFrame, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse days that have more intervals than there are values, and values behind the last interval."""
    if n > block.count:
        detail = pl.format("expected {} intervals on {}, found {} values", pl.lit(n), "day", pl.lit(block.count))
        return rows.clear(), reject_rows(source, rows, "wrong_slot_count", detail)
    if n == block.count:
        return rows, reject_rows(source, rows.clear(), "wrong_slot_count", "")
    present = ~_is_missing(block.values).reshape(-1, block.count)[rows["row"].to_numpy(), n:]
    is_misfit = pl.Series(present.any(axis=1))
    misfits = rows.filter(is_misfit).with_columns(
        pl.Series("behind", present.sum(axis=1)[is_misfit.to_numpy()], dtype=pl.Int64)
    )
    detail = pl.format("expected {} intervals on {} and nothing behind them, found {} more", pl.lit(n), "day", "behind")
    return rows.filter(~is_misfit), reject_rows(source, misfits, "wrong_slot_count", detail)


def _whole_slots(
    source: Source, block: DayBlock, rows: pl.DataFrame, n: int, exponent: int
) -> tuple[SlotMatrix, pl.DataFrame, pl.DataFrame]:
    """Return the slots of the days all of whose values are whole smallest units, these days, and rejects."""
    at = rows["row"].to_numpy()
    is_whole = rows.height * n == len(block.values)
    cells = None if is_whole else (at.astype(np.int64)[:, None] * block.count + np.arange(n)).reshape(-1)
    values = block.values if cells is None else block.values.gather(cells)
    missing = _is_missing(values)
    if values.dtype == pl.Int64:
        integers, problem = whole_units(values.fill_null(0).to_numpy(), exponent, SLOT_MAX)
    else:
        integers, problem = _integers_of_text(values, exponent)
    shape = (rows.height, n)
    quality = block.quality if is_whole else block.quality[at, :n]
    slots = SlotMatrix(integers.reshape(shape), missing.reshape(shape), quality)
    problems = problem.reshape(shape)
    is_bad = (problems != FINE).any(axis=1)
    if not is_bad.any():
        return slots, rows, reject_rows(source, rows.clear(), "bad_number", "")
    first = (problems != FINE).argmax(axis=1)
    told = rows.with_columns(
        pl.Series("interval", first + 1, dtype=pl.Int64),
        pl.Series("problems", (problems != FINE).sum(axis=1), dtype=pl.Int64),
        pl.Series("problem", problems[np.arange(len(first)), first], dtype=pl.UInt8),
    ).filter(pl.Series(is_bad))
    reason = pl.col("problem").replace_strict(PROBLEMS, return_dtype=pl.String)
    detail = pl.format(
        "expected a decimal number that whole smallest units hold, found none in interval {}; {} such values",
        "interval",
        "problems",
    )
    return slots.rows(~is_bad), rows.filter(~pl.Series(is_bad)), reject_rows(source, told, reason, detail)


def _integers_of_text(values: pl.Series, exponent: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    numbers = exact_integers(values.str.strip_chars(' \t"'), exponent, limit=SLOT_MAX)
    codes = numbers["problem"].replace_strict(_CODES, default=FINE, return_dtype=pl.UInt8)
    return numbers["value"].fill_null(0).cast(pl.Int32).to_numpy(), codes.to_numpy()


def _is_missing(values: pl.Series) -> npt.NDArray[np.bool_]:
    if values.dtype == pl.String:
        return (values.str.strip_chars(' \t"').fill_null("") == "").to_numpy()
    return values.is_null().to_numpy() if values.null_count() else np.zeros(len(values), dtype=np.bool_)


def _within_life(days: pl.DataFrame, slots: SlotMatrix) -> SlotMatrix:
    """Take the zeros of quality N for what they are on the days on which a channel begins and ends.

    N says that there is no data. While a channel is read that is a gap; before its first and after its last
    interval there is nothing to read, and a meter that changes its channels at noon writes N and 0 for the other
    half of the day: estimating it would bill that half twice.
    """
    begins = (days["day"] == days["life_start"]).fill_null(False).to_numpy()
    ends = (days["day"] == days["life_end"].dt.offset_by("-1d")).fill_null(False).to_numpy()
    if not (begins.any() or ends.any()):
        return slots
    missing = slots.quality == Quality.MISSING
    before = np.logical_and.accumulate(missing, axis=1) & begins[:, None]
    after = np.logical_and.accumulate(missing[:, ::-1], axis=1)[:, ::-1] & ends[:, None]
    is_zero = (slots.values == 0) & ~slots.missing
    quality = np.where((before | after) & is_zero, np.uint8(Quality.ACTUAL), slots.quality)
    return SlotMatrix(slots.values, slots.missing, quality)
