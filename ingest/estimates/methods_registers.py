"""Readings that did not come: estimated from what lies around them, from the channel's past, or from its class.

Pure, in integers: a use is worked out in thousandths of the smallest unit, and rounded once, half up, to the reading.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from ingest.rules.rules import RuleSet
from ingest.vee.registers import KIND_ORDER, SMALLEST_PER_DIAL_UNIT
from model.codes import Quality, ReadKind

DUE_SCHEMA = {
    "channel_no": pl.Int32(), "meter_id": pl.String(), "installed_date": pl.Date(), "dials": pl.Int32(),
    "multiplier": pl.Int64(), "measure": pl.String(), "branch_id": pl.String(),
}  # fmt: skip
_METER = ["channel_no", "meter_id"]
_THOUSAND = 1_000


def estimate_readings(
    due: pl.DataFrame,
    reads: pl.DataFrame,
    usage: pl.DataFrame,
    intervals: pl.DataFrame,
    classes: pl.DataFrame,
    *,
    on: date,
    rules: RuleSet,
) -> pl.DataFrame:
    """Return the estimated reading on a day of each meter in `due` (DUE_SCHEMA), or why there is none.

    `reads` are the readings that count (RegisterReads), `usage` the use between those that are no estimates
    (RegisterUsage), `intervals` the use of the interval channel beside it since the reading before (channel_no, use;
    only where each interval is there), `classes` the class of every register channel (channel_no, measure,
    branch_id). Columns: channel_no, meter_id, from_date, next_date, reading, use, method,
    low, high (use on the channel's lowest and highest daily use; null without a past), reason (null when estimated).
    """
    rows = _with_neighbours(due, reads, on)
    history = _history(usage, on, rules)
    rows = rows.join(_last_year(rows, usage, on), how="left", on="channel_no", validate="1:1")
    rows = rows.join(_daily_use(history), how="left", on="channel_no", validate="1:1")
    rows = rows.join(_class_use(history, classes), how="left", on=["measure", "branch_id"], validate="m:1")
    rows = rows.join(intervals.select("channel_no", interval_use="use"), how="left", on="channel_no", validate="1:1")
    days = pl.col("days").cast(pl.Int128)
    milli = {
        "linear": _between(days, rules),
        "intervals": pl.col("interval_use").cast(pl.Int128) * _THOUSAND,
        "scalar": pl.col("last_year"),
        "daily_use": pl.col("past_use").cast(pl.Int128) * _THOUSAND * days // pl.col("past_days"),
        "class": pl.col("class_daily") * days,
    }
    chosen = pl.coalesce(pl.when(milli[name] >= 0).then(milli[name]) for name in rules.register_methods)
    method = pl.coalesce(pl.when(milli[name] >= 0).then(pl.lit(name)) for name in rules.register_methods)
    found = rows.with_columns(chosen=chosen, method=method, reason=_reason(chosen, milli["linear"], rules))
    factor = pl.col("multiplier").cast(pl.Int128)
    step = (2 * pl.col("chosen") + _THOUSAND * factor) // (2 * _THOUSAND * factor)
    is_there = pl.col("reason").is_null()
    return found.select(
        *_METER,
        "from_date",
        "next_date",
        pl.when(is_there).then((pl.col("reading") + step) % _full_scale()).cast(pl.Int64).alias("reading"),
        pl.when(is_there).then(step * factor).cast(pl.Int64).alias("use"),
        pl.when(is_there).then("method").alias("method"),
        pl.when(is_there).then(pl.col("low") * days // _THOUSAND).cast(pl.Int64).alias("low"),
        pl.when(is_there).then((pl.col("high") * days + _THOUSAND - 1) // _THOUSAND).cast(pl.Int64).alias("high"),
        "reason",
    ).sort(_METER)


def before_reading(due: pl.DataFrame, reads: pl.DataFrame, on: date) -> pl.DataFrame:
    """Return the last reading of each due meter before a day: channel_no, meter_id, from_date, reading, successive.

    `successive` counts the estimates since a reading that is none, this one included.
    """
    known = reads.filter(pl.col("quality") < int(Quality.MISSING), pl.col("read_date") < on)
    # A meter may have hung here before: only readings since it was installed last count.
    own = known.join(due.select(*_METER, "installed_date"), how="inner", on=_METER, validate="m:1").filter(
        pl.col("read_date") >= pl.col("installed_date")
    )
    order = pl.col("read_kind").replace_strict(KIND_ORDER, return_dtype=pl.Int8)
    single = own.with_columns(order=order).sort(*_METER, "read_date", "order")
    single = single.unique([*_METER, "read_date"], keep="last", maintain_order=True)
    is_estimate = pl.col("read_kind") == ReadKind.ESTIMATE.value
    return single.group_by(_METER, maintain_order=True).agg(
        from_date=pl.col("read_date").last(),
        reading=pl.col("reading").last(),
        successive=is_estimate.reverse().cast(pl.Int32).cum_prod().sum(),
    )


def _with_neighbours(due: pl.DataFrame, reads: pl.DataFrame, on: date) -> pl.DataFrame:
    """Add the reading before, and the next one that is no estimate."""
    is_read = (pl.col("read_kind") != ReadKind.ESTIMATE.value) & (pl.col("quality") < int(Quality.MISSING))
    order = pl.col("read_kind").replace_strict(KIND_ORDER, return_dtype=pl.Int8)
    later = reads.filter(is_read, pl.col("read_date") > on).with_columns(order=order)
    later = later.sort(*_METER, "read_date", pl.col("order"), descending=[False, False, False, True])
    following = later.unique(_METER, keep="first", maintain_order=True).select(
        *_METER, next_date="read_date", next_reading="reading"
    )
    rows = due.join(before_reading(due, reads, on), how="left", on=_METER, validate="1:1")
    rows = rows.join(following, how="left", on=_METER, validate="1:1")
    return rows.with_columns(days=(pl.lit(on) - pl.col("from_date")).dt.total_days())


def _full_scale() -> pl.Expr:
    return pl.lit(10, dtype=pl.Int64).pow(pl.col("dials")).cast(pl.Int64) * SMALLEST_PER_DIAL_UNIT


def _between(days: pl.Expr, rules: RuleSet) -> pl.Expr:
    """Return the use up to the day when two readings share it by days; null when they refuse each other."""
    later, earlier = pl.col("next_reading"), pl.col("reading")
    step = later - earlier + pl.when(later < earlier).then(_full_scale()).otherwise(0)
    is_fine = (later >= earlier) | (step * 100 <= _full_scale() * rules.rollover_max_percent)
    whole = (pl.col("next_date") - pl.col("from_date")).dt.total_days().cast(pl.Int128)
    use = step.cast(pl.Int128) * pl.col("multiplier").cast(pl.Int128) * _THOUSAND * days // whole
    return pl.when(is_fine).then(use)


def _reason(chosen: pl.Expr, between: pl.Expr, rules: RuleSet) -> pl.Expr:
    """Return why a reading is not estimated; null when it is."""
    has_next = pl.col("next_date").is_not_null()
    return (
        pl.when(pl.col("from_date").is_null())
        .then(pl.lit("no_reading_before"))
        .when(has_next & between.is_null())
        .then(pl.lit("read_decreased"))
        .when(~has_next & (pl.col("days") > rules.register_days_max))
        .then(pl.lit("too_long"))
        .when(~has_next & (pl.col("successive") >= rules.register_estimates_max))
        .then(pl.lit("too_many_estimates"))
        .when(chosen.is_null())
        .then(pl.lit("no_method"))
    )


def _history(usage: pl.DataFrame, on: date, rules: RuleSet) -> pl.DataFrame:
    """Return the accepted use of the last `daily_use_days`: channel_no, use, days, daily (thousandths a day)."""
    first = on - timedelta(days=rules.daily_use_days)
    length = (pl.col("to_date") - pl.col("from_date")).dt.total_days().alias("days")
    rows = usage.filter(~pl.col("is_rejected")).select("channel_no", "from_date", "to_date", length, use="quantity")
    near = rows.filter(pl.col("days") > 0, pl.col("from_date") >= first, pl.col("to_date") <= on)
    daily = pl.col("use").cast(pl.Int128) * _THOUSAND // pl.col("days").cast(pl.Int128)
    return near.select("channel_no", "use", "days", daily=daily)


def _daily_use(history: pl.DataFrame) -> pl.DataFrame:
    """Return the use and days of each channel's past, and its lowest and highest daily use."""
    return history.group_by("channel_no").agg(
        past_use=pl.col("use").cast(pl.Int128).sum(),
        past_days=pl.col("days").cast(pl.Int128).sum(),
        low=pl.col("daily").min(),
        high=pl.col("daily").max(),
    )


def _class_use(history: pl.DataFrame, classes: pl.DataFrame) -> pl.DataFrame:
    """Return the lower median of the average daily use of all channels of a measure and branch: class_daily."""
    sums = history.group_by("channel_no").agg(pl.col("use").cast(pl.Int128).sum(), pl.col("days").sum())
    daily = sums.select("channel_no", daily=pl.col("use") * _THOUSAND // pl.col("days").cast(pl.Int128))
    ranked = daily.join(classes, how="inner", on="channel_no", validate="1:1").group_by("measure", "branch_id")
    return ranked.agg(class_daily=pl.col("daily").sort().get((pl.len() - 1) // 2))


def _last_year(rows: pl.DataFrame, usage: pl.DataFrame, on: date) -> pl.DataFrame:
    """Return the use of the same days last year times the trend, in thousandths: channel_no, last_year.

    The trend is the last known use over that of the same days a year before; without one it is 1.
    """
    known = usage.filter(~pl.col("is_rejected"), pl.col("from_date") < pl.col("to_date"))
    recent = (
        known.join(rows.select("channel_no", before="from_date"), how="inner", on="channel_no", validate="m:1")
        .filter(pl.col("to_date") <= pl.col("before"))
        .sort("channel_no", "to_date")
        .unique("channel_no", keep="last", maintain_order=True)
    )
    asked = rows.filter(pl.col("from_date").is_not_null()).select(
        "channel_no", first=pl.col("from_date"), after=pl.lit(on)
    )
    then = _use_in(_year_before(asked), known).rename({"use": "same"})
    before = _use_in(_year_before(recent.select("channel_no", first="from_date", after="to_date")), known)
    trend = before.join(recent.select("channel_no", "quantity"), how="inner", on="channel_no", validate="1:1")
    both = then.join(trend, how="left", on="channel_no", validate="1:1")
    has_trend = (pl.col("use") > 0).fill_null(value=False)
    scaled = pl.col("same") * (pl.col("quantity").cast(pl.Int128) * _THOUSAND) // pl.col("use")
    return both.select("channel_no", last_year=pl.when(has_trend).then(scaled).otherwise("same"))


def _year_before(spans: pl.DataFrame) -> pl.DataFrame:
    return spans.with_columns(pl.col("first", "after").dt.offset_by("-1y"))


def _use_in(spans: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the use of channels in [first, after), shared by days, in thousandths; only where all of it is known."""
    placed = spans.join(known, how="inner", on="channel_no", validate="m:m").with_columns(
        covered=(pl.min_horizontal("after", "to_date") - pl.max_horizontal("first", "from_date")).dt.total_days(),
        length=(pl.col("to_date") - pl.col("from_date")).dt.total_days(),
    )
    part = pl.col("quantity").cast(pl.Int128) * _THOUSAND * pl.col("covered") // pl.col("length").cast(pl.Int128)
    sums = (
        placed.filter(pl.col("covered") > 0)
        .group_by("channel_no", "first", "after")
        .agg(use=part.sum(), covered=pl.col("covered").sum())
    )
    whole = (pl.col("after") - pl.col("first")).dt.total_days()
    return sums.filter(pl.col("covered") == whole).select("channel_no", "use")
