"""Intervals that a file states one by one, to slots of civil days: by instant, or by the clock on the wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from ingest.formats.parsed import Source, reject_rows, split_by_reason
from ingest.formats.records import FileRecords
from ingest.formats.runs import runs_of
from ingest.landing.channels import Resolved, with_day_slots
from ingest.landing.slots import days_of_slots, with_values
from model.zones import day_begin, day_start_utc, slot_clock_minutes, zone

# A meter's clock may be this far off before an interval belongs to no slot; of short intervals a fifth at most.
# (The limit of the Californian validation rules, to be confirmed there.)
DRIFT_SECONDS_MAX = 180
_DRIFT_SHARE = 5
_SERIES = ("channel_no", "interval_minutes", "tz_name", "exponent")
_DAY = ["channel_no", "day"]
_MOVED = " (clock)"  # what the code of an interval says that was moved to the grid
_LABELS = pl.Schema(
    {
        "tz_name": pl.String(),
        "day": pl.Date(),
        "interval_minutes": pl.Int32(),
        "slots": pl.List(pl.Int64()),
        "clock_minute": pl.List(pl.Int32()),
    }
)


@dataclass(frozen=True)
class PlacedIntervals:
    """Days by interval length, what was rejected, and how many intervals were moved to the grid, how far at most."""

    days: dict[int, pl.DataFrame]
    rejects: list[pl.DataFrame]
    moved: int
    moved_seconds_max: int


def place_intervals(
    source: Source, records: FileRecords, resolved: Resolved, *, drift_seconds_max: int = DRIFT_SECONDS_MAX
) -> PlacedIntervals:
    """Return the days of a file's intervals.

    A start that is off the grid by no more than `drift_seconds_max` is moved to the slot there, when no other interval
    claims it. Rejects: interval_mismatch (an interval of another length), off_grid, no_such_slot (the clock never
    shows that time on that day), duplicate_slot, bad_number, too_precise, value_too_large, bad_quality.
    """
    known = resolved.at(records.intervals, *_SERIES).filter(pl.col("channel_no").is_not_null())
    fit, misfits = _of_this_length(source, known, drift_seconds_max)
    is_instant = pl.col("start_utc").is_not_null()
    are_instants = not fit["start_utc"].null_count()
    instants = _by_instant(fit if are_instants else fit.filter(is_instant), drift_seconds_max)
    clocks, homeless = _by_clock(source, fit.clear() if are_instants else fit.filter(~is_instant), drift_seconds_max)
    placed, off_grid = _on_grid(source, pl.concat([instants, clocks.select(instants.columns)]))
    valued, bad_values = with_values(source, placed)
    days, duplicates = days_of_slots(source, valued)
    moved = placed.filter(pl.col("drift_seconds") != 0)["drift_seconds"].abs()
    farthest = moved.max()
    rejects = [misfits, homeless, off_grid, bad_values, duplicates]
    return PlacedIntervals(days, rejects, len(moved), farthest if isinstance(farthest, int) else 0)


def place_instants(
    source: Source, rows: pl.DataFrame, *, drift_seconds_max: int = DRIFT_SECONDS_MAX
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add day, n, slot and copy to rows of instants (start_utc, channel_no, tz_name, interval_minutes, code).

    Those that are no start of an interval are rejected as off_grid.
    """
    return _on_grid(source, _by_instant(rows, drift_seconds_max))


def _of_this_length(source: Source, rows: pl.DataFrame, drift_seconds_max: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    other = ((pl.col("minutes") - pl.col("interval_minutes")).abs() * 60 > drift_seconds_max).fill_null(False)
    detail = pl.format("expected intervals of {} minutes, found one of {}", "interval_minutes", "minutes")
    return split_by_reason(source, rows, pl.when(other).then(pl.lit("interval_mismatch")), detail)


def _drift(seconds: pl.Expr, drift_seconds_max: int) -> pl.Expr:
    """Return by how many seconds a start, in seconds from a point of the grid, is late; null when it is too far off."""
    length = pl.col("interval_minutes").cast(pl.Int64) * 60
    late = (seconds + length // 2) % length - length // 2
    return pl.when(late.abs() <= pl.min_horizontal(pl.lit(drift_seconds_max), length // _DRIFT_SHARE)).then(late)


def _by_instant(rows: pl.DataFrame, drift_seconds_max: int) -> pl.DataFrame:
    """Add day, n, slot, copy, drift_seconds: the place of the instant in the civil day of the service point's zone."""
    local = [
        part.with_columns(_day_of(_clock_of(pl.col("start_utc"), tz_name), _begin(tz_name)).alias("day"))
        for tz_name, part in _by_zone(rows)
    ]
    dated = pl.concat(local) if local else rows.with_columns(pl.lit(None, dtype=pl.Date).alias("day"))
    sized = with_day_slots(dated).with_columns(_day_starts(dated).alias("day_start_utc"))
    since = (pl.col("start_utc") - pl.col("day_start_utc")).dt.total_seconds()
    slot = (since - pl.col("drift_seconds").fill_null(0)) // (pl.col("interval_minutes").cast(pl.Int64) * 60)
    placed = sized.with_columns(_drift(since, drift_seconds_max).alias("drift_seconds")).with_columns(
        slot.alias("slot"), pl.lit(0, dtype=pl.Int64).alias("copy")
    )
    is_next = pl.col("slot") >= pl.col("n")  # a clock that is early before midnight
    if not placed.select(is_next.any()).item():
        return placed.drop("day_start_utc")
    day = pl.when(is_next).then(pl.col("day").dt.offset_by("1d")).otherwise("day")
    moved = placed.with_columns(day.alias("day"), pl.when(is_next).then(0).otherwise("slot").alias("slot"))
    return with_day_slots(moved.drop("n")).select(placed.columns).drop("day_start_utc")


def _day_starts(rows: pl.DataFrame) -> pl.Series:
    """Return when the civil day of each row (tz_name, day) begins."""
    runs = runs_of(rows, ["tz_name", "day"])
    named = rows.select("tz_name", "day")[runs.first]
    keys = named.unique()
    starts = [day_start_utc(*key) for key in keys.iter_rows()]  # a few zones times the days of the file
    known = keys.with_columns(pl.Series("day_start_utc", starts, dtype=pl.Datetime("us", "UTC")))
    told = named.join(known, on=["tz_name", "day"], how="left", validate="m:1", maintain_order="left")
    return runs.spread(told["day_start_utc"])


def _by_zone(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return the rows of each zone; those of one zone, as most files are, stay where they lie."""
    names = rows["tz_name"].unique().to_list()
    if len(names) == 1:
        return [(str(names[0]), rows)]
    parts = rows.partition_by("tz_name", as_dict=True, maintain_order=True)
    return [(str(tz_name), part) for (tz_name,), part in parts.items()]


def _clock_of(instant: pl.Expr, tz_name: str) -> pl.Expr:
    """Return what the clock on the wall shows."""
    return instant.dt.convert_time_zone(zone(tz_name).key).dt.replace_time_zone(None)


def _begin(tz_name: str) -> pl.Expr:
    begin = day_begin(tz_name)
    return pl.duration(minutes=begin.hour * 60 + begin.minute)


def _begin_of_zone(rows: pl.DataFrame) -> pl.Expr:
    """Return how long after midnight the days of each row's zone begin."""
    begins = {name: day_begin(name) for name in rows["tz_name"].unique().to_list()}
    minutes = {name: begin.hour * 60 + begin.minute for name, begin in begins.items()}
    return pl.duration(minutes=pl.col("tz_name").replace_strict(minutes, default=0, return_dtype=pl.Int64))


def _day_of(clock: pl.Expr, begin: pl.Expr) -> pl.Expr:
    """Return the day of a time on the clock, whose days begin so long after midnight."""
    return (clock - begin).dt.date()


def _by_clock(source: Source, rows: pl.DataFrame, drift_seconds_max: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add day, n, slot, copy, drift_seconds: the place of a time on the wall clock among those that it shows that day.

    An interval without a value at a time that the clock skips is none. A time that it shows twice goes by `fold`, or
    by the order in which the file states it.
    """
    midnight = pl.col("start_local").dt.truncate("1d")
    since = (pl.col("start_local") - midnight).dt.total_seconds()
    moved = rows.with_columns(_drift(since, drift_seconds_max).alias("drift_seconds"))
    clock = pl.col("start_local") - pl.duration(seconds=pl.col("drift_seconds").fill_null(0))
    dated = moved.with_columns(
        _day_of(clock, _begin_of_zone(moved)).alias("day"),
        (clock.dt.hour().cast(pl.Int32) * 60 + clock.dt.minute().cast(pl.Int32)).alias("clock_minute"),
    )
    length = pl.col("interval_minutes")
    off_grid = pl.when(pl.col("drift_seconds").is_null()).then(pl.col("clock_minute") // length * length)
    labelled = with_day_slots(dated).with_columns(pl.coalesce(off_grid, "clock_minute").alias("clock_minute"))
    placed = labelled.join(
        _labels(labelled),
        on=["tz_name", "day", "interval_minutes", "clock_minute"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    real = placed.filter(pl.col("slots").is_not_null() | (pl.col("value") != ""))
    reason = pl.when(pl.col("slots").is_null()).then(pl.lit("no_such_slot"))
    told = pl.col("start_local").dt.strftime("%H:%M")
    detail = pl.format("expected {} intervals on {}, found another one beginning {}", "n", "day", told)
    good, homeless = split_by_reason(source, real, reason, detail)
    return _passes(_with_copies(good)).drop("slots", "clock_minute"), homeless


def _labels(rows: pl.DataFrame) -> pl.DataFrame:
    """Return, for each time that the clock shows on the days of the file, the slots that begin then: one or two."""
    keys = rows.select("tz_name", "day", "interval_minutes").unique().sort("tz_name", "day", "interval_minutes")
    labels = [_labels_of(*key) for key in keys.iter_rows()]  # a few zones times the days of the file
    table = pl.DataFrame(labels, schema=_LABELS, orient="row").explode("slots", "clock_minute")
    return table.group_by("tz_name", "day", "interval_minutes", "clock_minute").agg(pl.col("slots").sort())


def _labels_of(tz_name: str, day: date, minutes: int) -> tuple[str, date, int, list[int], list[int]]:
    clocks = list(slot_clock_minutes(tz_name, day, minutes))
    return tz_name, day, minutes, list(range(len(clocks))), clocks


def _with_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `copy`: 0, unless a day has more values than slots; then its revisions are versions of their own."""
    has_versions = (pl.col("value") != "").sum().over(_DAY) > pl.col("n")
    revision = pl.col("updated_at").rank("dense").over(_DAY).fill_null(0).cast(pl.Int64)
    return rows.with_columns(pl.when(has_versions).then(revision).otherwise(0).cast(pl.Int64).alias("copy"))


def _passes(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `slot`. Of a repeated hour each label comes as often as the clock shows it, in the order of the file.

    A file whose days run backwards has the second pass first.
    """
    is_repeated = pl.col("slots").list.len() > 1
    plain = rows.filter(~is_repeated).with_columns(pl.col("slots").list.first().alias("slot"))
    repeated = rows.filter(is_repeated)
    if repeated.is_empty():
        return plain
    directions = (
        rows.join(repeated.select(_DAY).unique(), on=_DAY, how="semi")
        .group_by(_DAY)
        .agg(
            (pl.col("start_local").sort_by("line").last() < pl.col("start_local").sort_by("line").first()).alias(
                "runs_backwards"
            )
        )
    )
    directed = repeated.join(directions, on=_DAY, how="left", validate="m:1")
    order = pl.when("runs_backwards").then(-pl.col("line")).otherwise("line")
    counted = directed.with_columns(order.alias("order")).with_columns(
        pl.int_range(pl.len()).over([*_DAY, "copy", "clock_minute"], order_by="order").alias("occurrence")
    )
    which = pl.coalesce(pl.col("fold").cast(pl.Int64), "occurrence") % pl.col("slots").list.len()
    passed = counted.with_columns(pl.col("slots").list.get(which).alias("slot"))
    return pl.concat([plain, passed.select(plain.columns)])


def _on_grid(source: Source, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse intervals off the grid, and those that would be moved to a slot which another one claims."""
    drift = pl.col("drift_seconds")
    if not rows.select(((drift != 0) | drift.is_null()).any()).item():
        return rows, reject_rows(source, rows.clear(), "off_grid", "")
    slot = [*_DAY, "copy", "slot"]
    exact = rows.filter(drift == 0).select(slot).unique().with_columns(pl.lit(True).alias("is_claimed"))
    claimed = rows.join(exact, on=slot, how="left", validate="m:1", maintain_order="left")
    is_off = drift.is_null() | ((drift != 0) & pl.col("is_claimed").fill_null(False))
    local = [pl.col("start_local").dt.strftime("%Y-%m-%d %H:%M:%S")] if "start_local" in rows.columns else []
    start = pl.coalesce(pl.col("start_utc").dt.strftime("%Y-%m-%d %H:%M:%S UTC"), *local)
    detail = pl.format("expected a start on a full interval of {} minutes, found {}", "interval_minutes", start)
    good, off_grid = split_by_reason(source, claimed, pl.when(is_off).then(pl.lit("off_grid")), detail)
    code = pl.when(drift != 0).then(pl.col("code") + _MOVED).otherwise("code")
    return good.drop("is_claimed").with_columns(code.alias("code")), off_grid
