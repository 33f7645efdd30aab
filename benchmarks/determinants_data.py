"""A month of drawn 15-minute reads on disk: as landed wide days, and the same as one row per interval.

The folder holds `lake/reads_day_15/` (what landing leaves), `long/` (zone_no, channel_no, start_utc, wh),
`channels.parquet`, and `calendar.parquet`: for each zone and quarter hour the part of the month and the period.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from demo.lake import INTERVAL_MINUTES, PERIOD, draw_days, interval_channels
from demo.night import tariffs_folder
from demo.places import BRANCHES
from ingest.landing.write import days_table, write_days
from model.reads import slot_columns
from model.tariff import RateBook
from model.zones import day_start_utc, slot_clock_minutes
from store.lake import ROW_GROUP_ROWS
from store.workspace import Workspace
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

TARIFF = "res-tou"  # three periods, weekends, holidays, and a price change in the middle of the month
BLOCKS_PER_FILE = 15  # about 9,300 channels: one file, as landing cuts them by size, so that no channel is in two
START = PERIOD[0]
_HOLIDAY = 8


def rate_book(own: Path | None = None) -> RateBook:
    """Return a compiled tariff: the sample of this benchmark, or that of a file."""
    path = own or tariffs_folder() / f"{TARIFF}.toml"
    return compile_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name))


def write_month(folder: Path, channels: int, days: int, seed: int, book: RateBook | None = None) -> int:
    """Draw reads without defects into `folder`, and the calendar of a tariff; return how many intervals there are."""
    workspace = Workspace(folder, "benchmark")
    (folder / "long").mkdir(parents=True)
    after = START + timedelta(days=days)
    taken: list[pl.DataFrame] = []
    intervals, blocks = 0, 0
    while sum(part.height for part in taken) < channels:
        group = [interval_channels(block, seed) for block in range(blocks, blocks + BLOCKS_PER_FILE)]
        listed = pl.concat(group).sort("channel_no").head(channels - sum(part.height for part in taken))
        drawn = [
            draw_days(block, seed, from_date=START, to_date=after, has_defects=False)
            for block, part in enumerate(group, blocks)
            if part["channel_no"].is_in(listed["channel_no"].implode()).any()
        ]
        wide = (
            pl.concat(drawn).join(listed, on="channel_no", how="semi", maintain_order="left").sort("channel_no", "day")
        )
        written = write_days(workspace, {INTERVAL_MINUTES: wide})
        assert len(written) == 1, f"{wide.height} channel-days were cut over {len(written)} files"
        long = _long_rows(wide, listed)
        long.write_parquet(
            folder / "long" / f"{blocks:06d}.parquet", compression="lz4", row_group_size=ROW_GROUP_ROWS * 10
        )
        intervals += long.height
        taken.append(listed)
        blocks += BLOCKS_PER_FILE
    every = _with_zone_no(pl.concat(taken).select("channel_no", "tz_name"))
    every.write_parquet(folder / "channels.parquet")
    month_calendar(book or rate_book(), days).write_parquet(folder / "calendar.parquet")
    return intervals


def wide_files(folder: Path) -> list[Path]:
    """Return the files of landed days."""
    return sorted((folder / "lake" / days_table(INTERVAL_MINUTES)).rglob("*.parquet"))


def month_calendar(book: RateBook, days: int) -> pl.DataFrame:
    """Return zone_no, day, slot, start_utc, segment_no, tou for each quarter hour of each zone.

    Written from the tariff's windows alone, apart from the calendar of rating, so that equal results say something.
    """
    windows = {
        (version, int(day_class), minute): tou
        for version, day_class, first, after, tou in book.tou_windows.select(
            "version_id", "day_class", "from_minute", "to_minute", "tou"
        ).iter_rows()
        for minute in range(first, after, INTERVAL_MINUTES)
    }
    versions = book.versions.sort("valid_from").select("version_id", "valid_from").rows()
    holidays = set(book.holidays.rows())
    rows = []
    for zone_no, tz_name in enumerate(_zones()):
        for day in (START + timedelta(days=number) for number in range(days)):
            segment_no, version = _version_on(versions, day)
            day_class = _HOLIDAY if (version, day) in holidays else day.isoweekday()
            for slot, minute in enumerate(slot_clock_minutes(tz_name, day, INTERVAL_MINUTES)):
                start = day_start_utc(tz_name, day) + timedelta(minutes=slot * INTERVAL_MINUTES)
                rows.append((zone_no, day, slot, start, segment_no, windows[version, day_class, minute]))
    schema: dict[str, pl.DataType] = {
        "zone_no": pl.Int8(), "day": pl.Date(), "slot": pl.Int16(), "start_utc": pl.Datetime("us", "UTC"),
        "segment_no": pl.Int32(), "tou": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _version_on(versions: list[tuple[str, date]], day: date) -> tuple[int, str]:
    """Return the part of the month that a day is in, from 1, and the tariff version that holds."""
    holding = [version for version, valid_from in versions if valid_from <= day]
    before = sum(valid_from <= START for _, valid_from in versions)
    return len(holding) - before + 1, holding[-1]


def _zones() -> list[str]:
    """Return the zones of the demo utility's branches; a zone's number is its place."""
    return sorted({branch.tz_name for branch in BRANCHES})


def _with_zone_no(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = {tz_name: number for number, tz_name in enumerate(_zones())}
    return frame.with_columns(pl.col("tz_name").replace_strict(numbers, return_dtype=pl.Int8).alias("zone_no"))


def _long_rows(wide: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Return one row per interval, in order of channel and time."""
    zoned = _with_zone_no(channels.select("channel_no", "tz_name"))
    days = zoned.select("tz_name").unique().join(wide.select("day").unique(), how="cross").sort("tz_name", "day")
    starts = [day_start_utc(*key) for key in days.iter_rows()]
    began = days.with_columns(pl.Series("day_start", starts, dtype=pl.Datetime("us", "UTC")))
    names = slot_columns(INTERVAL_MINUTES)
    return (
        wide.select("channel_no", "day", "n", *names)
        .join(zoned, on="channel_no", how="left", validate="m:1", maintain_order="left")
        .join(began, on=["tz_name", "day"], how="left", validate="m:1", maintain_order="left")
        .select("zone_no", "channel_no", "n", "day_start", pl.concat_list(names).alias("wh"))
        .with_columns(pl.int_ranges(0, len(names)).alias("slot"))
        .explode("wh", "slot")
        .filter(pl.col("slot") < pl.col("n"))
        .select(
            "zone_no", "channel_no",
            (pl.col("day_start") + pl.duration(minutes=pl.col("slot") * INTERVAL_MINUTES)).alias("start_utc"), "wh",
        )
    )  # fmt: skip
