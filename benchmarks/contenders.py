"""Energy of each channel by part of the month and time-of-use period, computed by Billmill and by the obvious others.

A contender gets the folder of `determinants_data`, reads what is small (not measured), and returns the work that is
measured: from the files of intervals to channel_no, segment_no, tou, quantity in Wh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
from pandera.typing.polars import DataFrame

from benchmarks.determinants_data import START, TARIFF, rate_book, wide_files
from demo.lake import INTERVAL_MINUTES
from ingest.versions import current_days
from model.codes import Measure
from model.rating import DueAgreements, DueChannels, RatingInput
from model.reads import RegisterUsage, slot_columns
from model.schema import arranged, empty
from rating.parking import no_parks
from rating.ratebook import ready_components
from rating.segments import number_due
from rating.stages import STAGES, rate
from rating.stages import Work as RatingWork

Work = Callable[[], pl.DataFrame]
INTERVALS_AT_ONCE = 50_000_000  # as many as a partition of a run has
KEYS = ["channel_no", "segment_no", "tou"]
RESULT = [*KEYS, "quantity"]


def billmill(folder: Path) -> Work:
    """Landed days to energy: versions of days settled, every slot and quality checked, determinants found."""

    def determinants(given: RatingInput) -> pl.DataFrame:
        due = number_due(given.due, given.attributes, given.book)
        work = RatingWork(given, ready_components(given.book), due, due, no_parks())
        for stage in STAGES:
            if work.determinants is None:
                work, _ = stage.run(work)
        assert work.determinants is not None, "a stage finds determinants"
        return work.determinants.join(due.select("due_no", "agreement_id"), on="due_no", how="left", validate="m:1")

    return _by_part(folder, determinants)


def billmill_bills(folder: Path) -> Work:
    """Landed days to rated bills: as `billmill`, then charges, taxes, lines and their checks."""

    def bills(given: RatingInput) -> pl.DataFrame:
        rated = rate(given)
        assert rated.parked.is_empty(), "the drawn month has no defects, so nothing is parked"
        return rated.determinants

    return _by_part(folder, bills)


def billmill_reading(folder: Path) -> Work:
    """The first step of both: the current version of each landed day, in memory."""
    paths = wide_files(folder)

    def work() -> pl.DataFrame:
        slots = slot_columns(INTERVAL_MINUTES)
        days = [current_days(pl.scan_parquet(path), None, INTERVAL_MINUTES) for path in paths]
        return pl.concat(part.select(pl.col(slots).sum()) for part in days)

    return work


def duckdb_wide(folder: Path) -> Work:
    """SQL over the same wide files: a sum of columns for each kind of day and period."""
    calendar = pl.read_parquet(folder / "calendar.parquet")
    by_day = (
        calendar.sort("zone_no", "day", "slot")
        .group_by("zone_no", "day", "segment_no", maintain_order=True)
        .agg(pl.col("tou").alias("periods"))
    )
    masks = by_day["periods"].unique(maintain_order=True).to_list()
    days = by_day.with_columns(
        pl.Series("mask_no", [masks.index(periods) for periods in by_day["periods"].to_list()], dtype=pl.Int32)
    ).drop("periods")
    tous = sorted({tou for mask in masks for tou in mask})
    sums = ", ".join(f'sum({_case(masks, tou)})::BIGINT AS "{tou}"' for tou in tous)
    channels = pl.read_parquet(folder / "channels.parquet")
    files = ", ".join(f"'{path}'" for path in wide_files(folder))
    connection = duckdb.connect()
    connection.register("days", days.to_arrow())
    connection.register("channels", channels.to_arrow())

    def work() -> pl.DataFrame:
        rows: pl.DataFrame = connection.sql(
            f"SELECT r.channel_no, d.segment_no, {sums} FROM read_parquet([{files}]) r "
            "JOIN channels c USING (channel_no) JOIN days d ON d.zone_no = c.zone_no AND d.day = r.day GROUP BY ALL"
        ).pl()
        return rows.unpivot(on=tous, index=["channel_no", "segment_no"], variable_name="tou", value_name="quantity")

    return work


def polars_long(folder: Path) -> Work:
    """Polars on one row per interval: join the calendar, group, sum."""
    calendar = pl.read_parquet(folder / "calendar.parquet").drop("day", "slot").lazy()
    rows = pl.scan_parquet(folder / "long" / "*.parquet")

    def work() -> pl.DataFrame:
        return (
            rows.join(calendar, on=["zone_no", "start_utc"], how="inner", validate="m:1")
            .group_by(KEYS)
            .agg(pl.col("wh").cast(pl.Int64).sum().alias("quantity"))
            .collect(engine="streaming")
        )

    return work


def duckdb_long(folder: Path) -> Work:
    """SQL on one row per interval: join the calendar, group, sum."""
    connection = duckdb.connect()
    connection.register("calendar", pl.read_parquet(folder / "calendar.parquet").to_arrow())
    connection.sql("SET TimeZone = 'UTC'")

    def work() -> pl.DataFrame:
        rows: pl.DataFrame = connection.sql(
            "SELECT r.channel_no, c.segment_no, c.tou, sum(r.wh)::BIGINT AS quantity "
            f"FROM read_parquet('{folder / 'long' / '*.parquet'}') r "
            "JOIN calendar c ON c.zone_no = r.zone_no AND c.start_utc = r.start_utc GROUP BY ALL"
        ).pl()
        return rows

    return work


def scan(folder: Path) -> Work:
    """The bare scan: decode the slot columns and add each up. Nothing that reads every interval can be faster."""
    paths = wide_files(folder)

    def work() -> pl.DataFrame:
        return pl.scan_parquet(paths).select(pl.col(slot_columns(INTERVAL_MINUTES)).sum()).collect()

    return work


CONTENDERS: dict[str, Callable[[Path], Work]] = {
    "Billmill": billmill,
    "Billmill, to bill lines": billmill_bills,
    "Billmill, reading only": billmill_reading,
    "DuckDB SQL, wide days": duckdb_wide,
    "Polars, long rows": polars_long,
    "DuckDB SQL, long rows": duckdb_long,
    "Bare scan of the slots": scan,
}
OURS = next(iter(CONTENDERS))


def settled(found: pl.DataFrame) -> pl.DataFrame:
    """Return a result in one order and one set of types; periods without energy are left out. Totals stay totals."""
    if "quantity" not in found.columns:
        return pl.DataFrame({"quantity": [sum(found.sum().row(0))]}, schema={"quantity": pl.Int64})
    typed = found.select(
        pl.col("channel_no").cast(pl.Int32), pl.col("segment_no").cast(pl.Int32), pl.col("tou").cast(pl.String),
        pl.col("quantity").cast(pl.Int64),
    )  # fmt: skip
    return typed.filter(pl.col("quantity") != 0).sort(KEYS)


def _by_part(folder: Path, determinants: Callable[[RatingInput], pl.DataFrame]) -> Work:
    """Return the work of finding determinants part by part, as a run does by partition."""
    book = rate_book()
    due, channels = due_of(folder)
    numbers = channels.select("agreement_id", "channel_no")
    parts = parts_of(folder, due, channels)

    def work() -> pl.DataFrame:
        found = []
        for part in parts:
            rows = determinants(RatingInput(part.due, part.channels, part.days(), empty(RegisterUsage), book))
            energy = rows.filter(pl.col("quantity_id") == "kwh")
            found.append(energy.join(numbers, on="agreement_id", how="left", validate="m:1").select(RESULT))
        return pl.concat(found)

    return work


def due_of(folder: Path, tariff_id: str = TARIFF) -> tuple[DataFrame[DueAgreements], DataFrame[DueChannels]]:
    """Return one agreement for each channel; what the channel measures is billed as if it were import."""
    listed = pl.read_parquet(folder / "channels.parquet").sort("channel_no")
    days = pl.read_parquet(folder / "calendar.parquet", columns=["day"])["day"].n_unique()
    end = START + timedelta(days=days)
    same = {
        "branch_id": "B", "revenue_class": "residential", "payment_days": 14, "currency": "AUD", "premise_id": "P",
        "commodity": "electricity", "tariff_id": tariff_id, "start_date": START, "end_date": end, "cycle_id": "month",
        "cycle_start_date": START, "cycle_end_date": end, "partition": 0,
    }  # fmt: skip
    number = pl.format("{}", pl.col("channel_no").cast(pl.String).str.zfill(8))
    named = listed.with_columns(
        number.alias("agreement_id"), number.alias("account_id"), number.alias("customer_id"),
        number.alias("service_point_id"), number.alias("channel_id"), pl.format("{}.r0", number).alias("bill_id"),
        *(pl.lit(value).alias(name) for name, value in same.items()),
        measure=pl.lit(Measure.IMPORT_ENERGY.value), interval_minutes=pl.lit(INTERVAL_MINUTES),
    )  # fmt: skip
    return arranged(DueAgreements, named), arranged(DueChannels, named)


@dataclass(frozen=True)
class Part:
    """What is rated at once: files, and the agreements and channels whose days they hold."""

    paths: list[Path]
    due: DataFrame[DueAgreements]
    channels: DataFrame[DueChannels]

    def days(self) -> dict[int, pl.DataFrame]:
        """Return the current version of each landed day."""
        return {INTERVAL_MINUTES: current_days(pl.scan_parquet(self.paths), None, INTERVAL_MINUTES)}


def parts_of(folder: Path, due: DataFrame[DueAgreements], channels: DataFrame[DueChannels]) -> list[Part]:
    """Return the month cut as a run cuts it: whole files, for a channel is in one only, until a partition is full."""
    held = [pl.read_parquet(path, columns=["channel_no"])["channel_no"] for path in wide_files(folder)]
    paths: list[list[Path]] = []
    room = 0
    # In order of channel, so that the rows of several files need no sorting.
    for path, numbers in sorted(zip(wide_files(folder), held, strict=True), key=lambda one: int(one[1][0])):
        if numbers.len() > room:
            paths.append([])
            room = INTERVALS_AT_ONCE // len(slot_columns(INTERVAL_MINUTES))
        paths[-1].append(path)
        room -= numbers.len()
    return [_part(some, due, channels) for some in paths]


def _part(paths: list[Path], due: DataFrame[DueAgreements], channels: DataFrame[DueChannels]) -> Part:
    held = pl.scan_parquet(paths).select("channel_no").unique().collect()["channel_no"]
    its_channels = channels.filter(pl.col("channel_no").is_in(held.implode()))
    its_due = due.join(its_channels, on="agreement_id", how="semi")
    return Part(paths, arranged(DueAgreements, its_due), arranged(DueChannels, its_channels))


def _case(masks: list[list[str]], tou: str) -> str:
    """Return the SQL that adds the slots of one period, for each kind of day."""
    names = slot_columns(INTERVAL_MINUTES)
    branches = []
    for number, periods in enumerate(masks):
        slots = [f"{names[slot]}::BIGINT" for slot, period in enumerate(periods) if period == tou]
        if slots:
            branches.append(f"WHEN {number} THEN {' + '.join(slots)}")
    return f"CASE d.mask_no {' '.join(branches)} ELSE 0 END"
