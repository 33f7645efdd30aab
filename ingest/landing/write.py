"""What landing writes: the days and readings that are new, and the rejects, as files of the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.landing.changes import not_overtaken, without_repeats
from ingest.landing.merge import merged_days
from ingest.landing.parsed import ParsedFile
from ingest.versions import DAY_KEY, READING_KEY, current_days, current_registers
from model.reads import ReadDays, RegisterReads, Rejects, read_days_schema, slot_columns
from model.schema import checked, empty
from store.control import Connection
from store.lake import LakeFile, lake_files, scan_lake, write_lake_file
from store.workspace import Workspace

INTERVALS_PER_FILE = 30_000_000  # files of 10 to 30 million intervals scan fastest
REGISTER_TABLE = "register_reads"
REJECT_TABLE = "rejects"
NO_SEQS: Mapping[int, int] = {}


def days_table(interval_minutes: int) -> str:
    """Return the name of the lake table of landed days of this interval length."""
    return f"reads_day_{interval_minutes}"


def fresh_days(
    workspace: Workspace,
    connection: Connection,
    new: Mapping[int, ParsedFile],
    first_seqs: Mapping[int, int] = NO_SEQS,
    pending: Sequence[LakeFile] = (),
) -> dict[int, pl.DataFrame]:
    """Return the days that say something new, per interval length, sorted by channel, day and load.

    `new` maps the sequence of a load to its file; `first_seqs` maps it to the load that brought the same file first;
    `pending` are files of this call that are written and not yet registered. A day that comes in parts is completed
    by the version that counts (`merged_days`).
    """
    fresh: dict[int, pl.DataFrame] = {}
    for minutes in sorted({length for parsed in new.values() for length in parsed.days}):
        names = list(read_days_schema(minutes))
        parts = [
            parsed.days[minutes].with_columns(pl.lit(seq, dtype=pl.Int64).alias("seq")).select(names)
            for seq, parsed in new.items()
            if minutes in parsed.days
        ]
        incoming = pl.concat(parts)
        past = _landed_days(workspace, connection, incoming, minutes, pending)
        incoming = not_overtaken(past, incoming, key=DAY_KEY, first_seqs=first_seqs)
        kept = without_repeats(
            past,
            incoming,
            key=DAY_KEY,
            compared=["worst", "flags", *slot_columns(minutes)],
            current=partial(_current, minutes),
            merge=partial(_merged, minutes),
        )
        fresh[minutes] = _in_order(kept)
        checked(ReadDays, fresh[minutes])
    return fresh


def fresh_readings(
    workspace: Workspace,
    connection: Connection,
    new: Mapping[int, ParsedFile],
    first_seqs: Mapping[int, int] = NO_SEQS,
    pending: Sequence[LakeFile] = (),
) -> DataFrame[RegisterReads]:
    """Return the register readings that say something new, sorted. Arguments as `fresh_days`."""
    parts = [
        parsed.registers.with_columns(pl.lit(seq, dtype=pl.Int64).alias("seq"))
        for seq, parsed in new.items()
        if parsed.registers.height
    ]
    if not parts:
        return empty(RegisterReads)
    incoming = pl.concat(parts)
    files = [*lake_files(connection, REGISTER_TABLE), *_of_table(pending, REGISTER_TABLE)]
    past = incoming.clear()
    if files:
        keys = incoming.select(READING_KEY).unique().lazy()
        past = scan_lake(workspace, files).join(keys, on=READING_KEY, how="semi").collect()
    incoming = not_overtaken(past, incoming, key=READING_KEY, first_seqs=first_seqs)
    kept = without_repeats(past, incoming, key=READING_KEY, compared=["reading", "quality"], current=current_registers)
    return checked(RegisterReads, kept.sort(*READING_KEY, "seq"))


def write_days(workspace: Workspace, days: Mapping[int, pl.DataFrame]) -> list[LakeFile]:
    """Write one file per interval length and month, more when a month is large; sorted by channel and day."""
    written: list[LakeFile] = []
    for minutes, frame in days.items():
        rows = INTERVALS_PER_FILE // len(slot_columns(minutes))
        for month, part in _by_month(frame):
            folder = f"{days_table(minutes)}/{month}"
            written += [
                write_lake_file(workspace, days_table(minutes), folder, part.slice(at, rows))
                for at in range(0, part.height, rows)
            ]
    return written


def _by_month(days: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return days by month, as 2026-10; those of one month, as most files are, stay where they lie."""
    ends = days.select(pl.col("day").min().alias("first"), pl.col("day").max().alias("last"))
    first, last = ends.select(pl.all().dt.strftime("%Y-%m")).row(0)
    if first == last:
        return [(first, days.rechunk())] if days.height else []
    dated = days.with_columns(pl.col("day").dt.strftime("%Y-%m").alias("month"))
    months = dated.partition_by("month", as_dict=True, include_key=False, maintain_order=True)
    return sorted(((str(name), part) for (name,), part in months.items()), key=lambda named: named[0])


def write_readings(workspace: Workspace, readings: DataFrame[RegisterReads]) -> list[LakeFile]:
    """Write the readings of a call as one file: there are few."""
    return [write_lake_file(workspace, REGISTER_TABLE, REGISTER_TABLE, readings)] if readings.height else []


def write_rejects(workspace: Workspace, rejects: DataFrame[Rejects]) -> list[LakeFile]:
    """Write the rejects of the files that landed."""
    return [write_lake_file(workspace, REJECT_TABLE, REJECT_TABLE, rejects)] if rejects.height else []


def _current(minutes: int, known: pl.DataFrame) -> pl.DataFrame:
    return current_days(known.lazy(), None, minutes)


def _merged(minutes: int, load: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    days, _ = merged_days(load, current, minutes)
    return days


def _in_order(days: pl.DataFrame) -> pl.DataFrame:
    """Sort by channel, day and load; one file comes sorted, and then its slots need not be moved."""
    keys = days.select(*DAY_KEY, "seq").with_row_index("at")
    order = keys.sort(*DAY_KEY, "seq")["at"]
    return days if (order == keys["at"]).all() else days[order]


def _of_table(files: Sequence[LakeFile], table: str) -> list[LakeFile]:
    return [file for file in files if file.table == table]


def _landed_days(
    workspace: Workspace, connection: Connection, incoming: pl.DataFrame, minutes: int, pending: Sequence[LakeFile]
) -> pl.DataFrame:
    """Return the landed versions of the incoming days, from the files whose channels and days reach into them."""
    if incoming.is_empty():
        return incoming
    bounds = incoming.select(
        pl.col("channel_no").min().alias("low"),
        pl.col("channel_no").max().alias("high"),
        pl.col("day").min().alias("first"),
        pl.col("day").max().alias("last"),
    ).row(0, named=True)
    table = days_table(minutes)
    every = [*lake_files(connection, table), *_of_table(pending, table)]
    near = [file for file in every if _overlaps(file, **bounds)]
    if not near:
        return incoming.clear()
    keys = incoming.select(DAY_KEY).unique().lazy()
    landed = scan_lake(workspace, near).join(keys, on=DAY_KEY, how="semi").collect()
    return landed.select(incoming.columns)


def _overlaps(file: LakeFile, low: int, high: int, first: date, last: date) -> bool:
    if file.channel_min is None or file.channel_max is None or file.day_min is None or file.day_max is None:
        return False
    return file.channel_min <= high and low <= file.channel_max and file.day_min <= last and first <= file.day_max
