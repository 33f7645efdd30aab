"""Which of several versions of a day or a reading counts: a rule, never chance.

Order: better rank of the day (nothing estimated, something estimated, something missing), then the provider's later
update time, then the later load. So an estimate that comes late never replaces what was read.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Quality
from model.reads import ReadDays, RegisterReads, slot_columns
from model.schema import arranged, column_names

DAY_KEY = ["channel_no", "day"]
_DECIDING = [*DAY_KEY, "seq", "worst", "updated_at"]
READING_KEY = ["channel_no", "meter_id", "read_date", "read_kind"]


def rank_of(quality: str) -> pl.Expr:
    """Return the rank of a worst quality: 0 all read or finally set, 1 something estimated, 2 something missing."""
    worst = pl.col(quality)
    estimated = pl.when(worst < Quality.MISSING).then(1).otherwise(2)
    return pl.when(worst <= Quality.FINAL_SUBSTITUTED).then(0).otherwise(estimated).cast(pl.Int8).alias("rank")


def best_first(rows: pl.DataFrame, key: Sequence[str], *, quality: str, latest: str) -> pl.DataFrame:
    """Sort rows by `key` and, within it, by what counts most: rank, `updated_at` (none is earliest), `latest`."""
    by = [*[pl.col(name) for name in key], rank_of(quality), pl.col("updated_at"), pl.col(latest)]
    return rows.sort(by, descending=[False] * len(key) + [False, True, True], nulls_last=True)


def current_days(
    landed: pl.LazyFrame, vee: pl.LazyFrame | None, interval_minutes: int, *, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return one row per channel and day, sorted: ReadDays, slots, and `methods` (null where VEE did nothing).

    A row of VEE stands in for the landed row that it judged (`base_seq`; 0 when nothing had landed) as long as that
    row still counts; among several the latest does. `columns` asks for some of them only; the others are not read.
    """
    every = [*column_names(ReadDays), *slot_columns(interval_minutes), "methods"]
    wanted = list(columns) if columns is not None else every
    needed = list(dict.fromkeys([*DAY_KEY, "seq", *(name for name in wanted if name != "methods")]))
    # What decides which version counts is read with the rest: mostly each day has landed once.
    days = landed.select(*dict.fromkeys([*needed, *_DECIDING])).collect()
    keys, rises = days.select(_DECIDING), days_rise(days)
    losers = keys.select(*DAY_KEY, "seq").clear() if rises else _losing_keys(keys)
    edited = None if vee is None else _current_vee(vee, keys, losers)
    landed_days = _without(days.select(needed), losers).with_columns(pl.lit(None, dtype=pl.Binary).alias("methods"))
    if edited is None or vee is None or edited.is_empty():
        return (landed_days if rises else _sorted_by_day([landed_days])).select(wanted)
    stand_ins = vee.select(*needed, "methods").join(
        edited.lazy(), on=[*DAY_KEY, "seq"], how="semi", maintain_order="left"
    )
    return _sorted_by_day([landed_days, stand_ins.collect()], last_counts=True).select(wanted)


def _without(days: pl.DataFrame, losers: pl.DataFrame) -> pl.DataFrame:
    """Return the landed rows that no other version beats."""
    return days.join(losers, on=[*DAY_KEY, "seq"], how="anti", maintain_order="left") if losers.height else days


def current_registers(reads: pl.DataFrame) -> DataFrame[RegisterReads]:
    """Return one reading per channel, meter, date and kind, sorted: the version that counts."""
    ordered = best_first(reads, READING_KEY, quality="quality", latest="seq")
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in READING_KEY)
    return arranged(RegisterReads, ordered.filter(~again.fill_null(value=False)))


def days_rise(keys: pl.DataFrame) -> bool:
    """Return whether rows are in order of channel and day and no day comes twice, as in one file of one landing."""
    rises: bool = keys.select((_identity().diff().slice(1) > 0).all()).item()
    return rises


def _identity() -> pl.Expr:
    """Return one integer per channel-day, which stands for both wherever they are compared or sorted."""
    # 2^22 days reach past year 9999.
    return pl.col("channel_no").cast(pl.Int64) * 2**22 + pl.col("day").to_physical().cast(pl.Int64)


def _losing_keys(keys: pl.DataFrame) -> pl.DataFrame:
    """Return channel_no, day, seq of the landed rows that another version beats. Only repeated days are ranked."""
    ids = keys.select(_identity().alias("id")).to_series()
    ascending = ids.sort()
    twice = ascending.filter(ascending.diff() == 0)
    if twice.is_empty():
        return keys.select(*DAY_KEY, "seq").clear()
    ordered = best_first(keys.filter(ids.is_in(twice.implode())), DAY_KEY, quality="worst", latest="seq")
    return ordered.filter(~pl.struct(DAY_KEY).is_first_distinct()).select(*DAY_KEY, "seq")


def _current_vee(vee: pl.LazyFrame, keys: pl.DataFrame, losers: pl.DataFrame) -> pl.DataFrame:
    """Return channel_no, day, seq of the rows of VEE that count."""
    judged = vee.select(*DAY_KEY, "seq", "base_seq").collect()
    counting = keys.join(judged, on=DAY_KEY, how="semi").join(losers, on=[*DAY_KEY, "seq"], how="anti")
    bases = counting.select(*DAY_KEY, pl.col("seq").alias("landed_seq"))
    valid = judged.join(bases, on=DAY_KEY, how="left", validate="m:1").filter(
        pl.col("base_seq") == pl.col("landed_seq").fill_null(0)
    )
    return valid.group_by(DAY_KEY).agg(pl.col("seq").max())


def _sorted_by_day(parts: list[pl.DataFrame], *, last_counts: bool = False) -> pl.DataFrame:
    """Return the rows of all parts by channel and day; where a day comes twice, that of the later part if it counts."""
    keys = pl.concat([part.select(DAY_KEY) for part in parts])
    if days_rise(keys):
        return pl.concat(parts)
    places = keys.select(_identity().alias("id")).with_row_index("row").sort("id", maintain_order=True)
    kept = places.filter(pl.col("id") != pl.col("id").shift(-1).fill_null(-1)) if last_counts else places
    # Moving rows of many chunks takes four times as long as to put the chunks together first.
    return pl.concat(parts, rechunk=True)[kept["row"]]
