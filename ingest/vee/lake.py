"""What VEE reads of the lake: the days of some channels, and which channels have to be read when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.places import asked_channels
from ingest.vee.matrix import empty_days, wide_checked
from ingest.versions import DAY_KEY, best_first, current_days, days_rise
from model.accounts import ChannelNumbers
from model.codes import Quality
from model.reads import (
    ReadDays,
    VeeDays,
    read_days_schema,
    slot_columns,
)
from store.control import Connection, query
from store.lake import LakeFile, lake_files, scan_lake
from store.workspace import Workspace

_SUPPLIED = """
    SELECT channel_no,
           greatest(agreements.start_date, installed_date, asked_channels.start_date) AS from_date,
           least(agreements.end_date, removed_date, asked_channels.end_date) AS to_date
    FROM asked_channels JOIN agreements USING (service_point_id) JOIN meters USING (service_point_id)
    WHERE agreements.superseded_at IS NULL AND meters.superseded_at IS NULL
    ORDER BY ALL
"""


def active_days(
    connection: Connection, channels: DataFrame[ChannelNumbers], from_date: date, to_date: date
) -> pl.DataFrame:
    """Return when channels must have reads, clipped to the period: channel_no, from_date, to_date (half-open)."""
    return clipped(supplied_spans(connection, channels), from_date, to_date)


def supplied_spans(connection: Connection, channels: DataFrame[ChannelNumbers]) -> pl.DataFrame:
    """Return when channels must have reads: channel_no, from_date, to_date (half-open; null while it goes on).

    That is while an agreement runs, a meter hangs at the channel's service point, and the channel is read.
    """
    with asked_channels(connection, channels):
        return query(connection, _SUPPLIED)


def clipped(spans: pl.DataFrame, from_date: date, to_date: date) -> pl.DataFrame:
    """Return the spans, clipped to the days in [from_date, to_date), each once, in order."""
    inside = spans.select(
        "channel_no",
        from_date=pl.max_horizontal("from_date", pl.lit(from_date)),
        to_date=pl.min_horizontal("to_date", pl.lit(to_date)),
    ).filter(pl.col("from_date") < pl.col("to_date"))
    return inside.unique().sort("channel_no", "from_date", "to_date")


_KEYS = {
    "channel_no": pl.Int32(), "day": pl.Date(), "n": pl.Int16(), "worst": pl.UInt8(), "seq": pl.Int64(),
    "file": pl.Int64(),
}  # fmt: skip


@dataclass(frozen=True)
class LengthFiles:
    """The registered files of one interval length."""

    landed: list[LakeFile]
    judged: list[LakeFile]


def files_of(connection: Connection, interval_minutes: int) -> LengthFiles:
    """Return the registered files that hold days of an interval length."""
    tables = (f"reads_day_{interval_minutes}", f"vee_day_{interval_minutes}")
    return LengthFiles(*(lake_files(connection, table) for table in tables))


@dataclass(frozen=True)
class BlockReads:
    """The reads of some channels of one interval length in the lake."""

    workspace: Workspace
    files: LengthFiles
    channels: DataFrame[ChannelNumbers]
    interval_minutes: int
    from_date: date
    to_date: date
    is_partial: bool = False
    """Of the channels between the first and the last some are judged: only their rows are read."""

    def landed(self) -> pl.DataFrame:
        """Return the current landed row of each channel-day of the period."""
        return self._current(pl.lit(value=True), self.from_date, self.to_date)

    def around(self, numbers: pl.Series, distance: timedelta) -> pl.DataFrame:
        """Return the current landed rows of some channels on the days up to `distance` before and after the period."""
        some = pl.col("channel_no").is_in(numbers.implode())
        before = self._current(some, self.from_date - distance, self.from_date)
        return pl.concat([before, self._current(some, self.to_date, self.to_date + distance)])

    def _current(self, some: pl.Expr, from_date: date, to_date: date) -> pl.DataFrame:
        minutes = self.interval_minutes
        scan = self._scan(self.files.landed, from_date, to_date)
        if scan is None:
            return empty_days(ReadDays, minutes)
        rows = scan.filter(some).select(list(read_days_schema(minutes))).collect()
        # Mostly each day landed once: then nothing has to be chosen, and files were read once.
        if not days_rise(rows.select(DAY_KEY)):
            rows = current_days(rows.lazy(), None, minutes)
        return wide_checked(ReadDays, rows, minutes)

    def months_before(self, distance: timedelta) -> Iterator[tuple[date, date]]:
        """Return the days up to `distance` before the period by month, as first day and day after the last.

        Files hold a month in order, so nothing has to be sorted, and no more than a month is in memory.
        """
        first = self.from_date - distance
        while first < self.from_date:
            after = min((first.replace(day=1) + timedelta(days=31)).replace(day=1), self.from_date)
            yield first, after
            first = after

    def keys(self, from_date: date, to_date: date) -> tuple[pl.DataFrame, list[LakeFile]]:
        """Return which landed row counts of each channel-day in [from_date, to_date), in order, and the files.

        channel_no, day, n, worst, seq; file (place among the files; null where a path is told in another way).
        """
        files = self._files(self.files.landed, from_date, to_date)
        if not files:
            return pl.DataFrame(schema=_KEYS), []
        paths = pl.Enum([str(self.workspace.root / file.path) for file in files])
        place = pl.col("file").cast(paths, strict=False).to_physical().cast(pl.Int64)
        scan = self._rows(scan_lake(self.workspace, files, path_column="file"), from_date, to_date)
        rows = scan.select(*DAY_KEY, "n", "worst", "seq", "updated_at", file=place).collect()
        if not days_rise(rows.select(DAY_KEY)):
            rows = current_days(rows.lazy(), None, self.interval_minutes, columns=list(_KEYS))
        return rows.select(list(_KEYS)), files

    def landed_as(self, keys: pl.DataFrame, from_date: date, to_date: date) -> pl.DataFrame:
        """Return the landed rows of some `keys` of the days in [from_date, to_date), in any order."""
        some = pl.col("channel_no").is_in(keys["channel_no"].unique().implode())
        scan = self._scan(self.files.landed, from_date, to_date)
        assert scan is not None, "rows that were listed have files"
        rows = scan.filter(some).select(list(read_days_schema(self.interval_minutes))).collect()
        if rows.height > keys.height:
            rows = rows.join(keys, how="semi", on=[*DAY_KEY, "seq"], maintain_order="left")
        assert rows.height == keys.height, "each row that was listed is there once"
        return wide_checked(ReadDays, rows, self.interval_minutes)

    def replaced(self) -> pl.DataFrame:
        """Return what days that landed again held before: channel_no, day, earlier (total of the version before)."""
        minutes = self.interval_minutes
        scan = self._scan(self.files.landed, self.from_date, self.to_date)
        empty = pl.DataFrame(schema={"channel_no": pl.Int32, "day": pl.Date, "earlier": pl.Int64})
        if scan is None:
            return empty
        keys = scan.select(*DAY_KEY, "seq", "worst", "updated_at").collect()
        if days_rise(keys):
            return empty
        again = keys.filter(keys.select(pl.struct(DAY_KEY).is_duplicated()).to_series())
        ordered = best_first(again, DAY_KEY, quality="worst", latest="seq")
        place = pl.int_range(pl.len()).over(DAY_KEY)
        # A version with empty slots says no total.
        second = ordered.filter((place == 1) & (pl.col("worst") < int(Quality.MISSING)))
        rows = scan.join(second.lazy().select(*DAY_KEY, "seq"), how="semi", on=[*DAY_KEY, "seq"]).collect()
        slots = pl.sum_horizontal(pl.col(name).cast(pl.Int64) for name in slot_columns(minutes))
        return rows.select(*DAY_KEY, earlier=slots)

    def of_others(self, others: DataFrame[ChannelNumbers]) -> pl.DataFrame:
        """Return the current landed rows of other channels in the period."""
        there = replace(self, channels=others)
        return there._current(pl.col("channel_no").is_in(others["channel_no"].implode()), self.from_date, self.to_date)

    def judged_before(self) -> pl.DataFrame:
        """Return the rows that earlier runs wrote for the period: of each channel-day and judged load the latest."""
        minutes = self.interval_minutes
        scan = self._scan(self.files.judged, self.from_date, self.to_date)
        if scan is None:
            return empty_days(VeeDays, minutes)
        rows = scan.collect().sort([*DAY_KEY, "base_seq", "seq"])
        latest = rows.unique([*DAY_KEY, "base_seq"], keep="last", maintain_order=True)
        return wide_checked(VeeDays, latest, minutes)

    @property
    def bounds(self) -> tuple[int, int]:
        """Return the first channel and the last."""
        numbers = self.channels["channel_no"]
        return int(numbers[0]), int(numbers[-1])

    def _scan(self, registered: Sequence[LakeFile], from_date: date, to_date: date) -> pl.LazyFrame | None:
        files = self._files(registered, from_date, to_date)
        return self._rows(scan_lake(self.workspace, files), from_date, to_date) if files else None

    def _files(self, registered: Sequence[LakeFile], from_date: date, to_date: date) -> list[LakeFile]:
        files = overlapping(registered, *self.bounds, from_date, to_date)
        # Named by content, files come in any order; by channel and day their rows mostly need no sorting.
        return sorted(files, key=lambda file: (file.channel_min or 0, file.day_min or date.min, file.path))

    def _rows(self, scan: pl.LazyFrame, from_date: date, to_date: date) -> pl.LazyFrame:
        days = pl.col("day").is_between(from_date, to_date, closed="left")
        own = (
            pl.col("channel_no").is_in(self.channels["channel_no"].implode()) if self.is_partial else pl.lit(value=True)
        )
        return scan.filter(pl.col("channel_no").is_between(*self.bounds) & own & days)


def overlapping(files: Sequence[LakeFile], low: int, high: int, from_date: date, to_date: date) -> list[LakeFile]:
    """Return the files that may hold channels low..high (both included) on days in [from_date, to_date)."""
    return [
        file
        for file in files
        if (
            file.channel_min is None
            or file.channel_max is None
            or (file.channel_min <= high and file.channel_max >= low)
        )
        and (file.day_min is None or file.day_max is None or (file.day_min < to_date and file.day_max >= from_date))
    ]
