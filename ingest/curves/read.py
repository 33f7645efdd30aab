"""A file to a load curve: wide days and register use by channel, as rating takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.curves.bare import parse_bare
from ingest.curves.named import NEM_ZONE, named_channels
from ingest.formats.archive import BadArchive, is_archive, open_members
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import parse_file
from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.registers import usage_between_reads
from model.accounts import ChannelNumbers, Meters
from model.codes import Commodity, ReadKind
from model.errors import InputError
from model.reads import ReadDays, RegisterReads, RegisterUsage, Rejects, read_days_schema
from model.schema import arranged, checked
from model.zones import zone
from store.files import read_bytes

DIALS_MAX = 12  # a file does not say when its registers roll over, so a lower reading is refused


@dataclass(frozen=True)
class LoadCurve:
    """What one service point used, by channel, without accounts. Nothing is estimated.

    `start_date` and `end_date` (not included) are the days that the file speaks of; `notes` what was done to it.
    """

    name: str
    file_format: str
    commodity: Commodity
    tz_name: str
    channels: DataFrame[ChannelNumbers]
    days: dict[int, pl.DataFrame]
    usage: DataFrame[RegisterUsage]
    rejects: DataFrame[Rejects]
    start_date: date
    end_date: date
    notes: tuple[str, ...] = ()


def read_curve(
    path: Path, commodity: Commodity, tz_name: str, *, is_own_zone: bool = False, year: int | None = None,
    meter_point: str | None = None,
) -> LoadCurve:  # fmt: skip
    """Read a load curve from any meter file that can be landed, or from a bare one (see `ingest.curves.bare`).

    `tz_name` is the zone of its civil days; NEM12 runs on market time, unless `is_own_zone` says that the zone was
    asked for. `year` is of a file of numbers alone.

    Raises:
        InputError: the file cannot be read, or holds no reads of one meter point in units of the commodity.
        ConfigError: the zone is not known; a file of numbers alone needs a year.
    """
    zone(tz_name)
    data = read_bytes(path)
    if not is_archive(data):
        bare = parse_bare(path.name, data, commodity, tz_name, year)
        if bare is not None:
            return _curve(bare.parsed, bare.channels, commodity, tz_name, _notes(bare.rounded))
    texts = _texts(path.name, data)
    zone_of_file = tz_name if is_own_zone else _zone(texts[0], tz_name)
    channels = named_channels(path.name, texts, commodity, zone_of_file, meter_point)
    if channels is None:
        head = texts[0][:60].decode("utf-8", errors="replace").splitlines()
        raise InputError(
            f"`{path.name}`: expected meter reads, or a load curve (start,value), found `{head[0] if head else ''}`",
            hint="the formats are in docs/files.md",
        )
    parsed = parse_file(path.name, data, channels)
    others = pl.col("reason") == "unknown_channel"  # lines of the meter points that were not chosen
    parsed = replace(parsed, rejects=checked(Rejects, parsed.rejects.filter(~others)))
    return _curve(parsed, channels, commodity, zone_of_file, ())


def _texts(name: str, data: bytes) -> list[bytes]:
    """Return the file, or the members of a packed one."""
    members = list(open_members(name, data))
    for member in members:
        if isinstance(member, BadArchive):
            raise InputError(member.message, hint="pack it again")
    return [member.data for member in members]


def _zone(text: bytes, tz_name: str) -> str:
    return NEM_ZONE if text.removeprefix(b"\xef\xbb\xbf").startswith(b"100,") else tz_name


def _curve(
    parsed: ParsedFile, channels: DataFrame[ChannelNumbers], commodity: Commodity, tz_name: str, notes: tuple[str, ...]
) -> LoadCurve:
    days = {
        minutes: frame.select(list(read_days_schema(minutes, ReadDays))) for minutes, frame in parsed.days.items()
        if frame.height
    }  # fmt: skip
    usage = _usage(parsed.registers, channels)
    dates = pl.concat([
        *(frame.select(pl.col("day").alias("first"), pl.col("day").dt.offset_by("1d").alias("after"))
          for frame in days.values()),
        usage.select(pl.col("from_date").alias("first"), pl.col("to_date").alias("after")),
    ])  # fmt: skip
    if dates.is_empty():
        told = parsed.rejects["detail"][0] if parsed.rejects.height else "two readings are needed to know a use"
        raise InputError(f"`{parsed.name}`: expected reads that can be billed, found none: {told}")
    start_date, end_date = dates.select(pl.col("first").min(), pl.col("after").max()).row(0)
    return LoadCurve(
        parsed.name, parsed.file_format, commodity, tz_name, channels, days, usage, parsed.rejects,
        start_date, end_date, notes,
    )  # fmt: skip


def _usage(reads: DataFrame[RegisterReads], channels: DataFrame[ChannelNumbers]) -> DataFrame[RegisterUsage]:
    """Return the use between the readings; a meter hangs from its first reading on, until one of its removal."""
    removal = pl.col("read_date").filter(pl.col("read_kind") == ReadKind.REMOVAL.value).max()
    hung = (
        reads.join(channels.select("channel_no", "service_point_id"), on="channel_no", how="left", validate="m:1")
        .group_by("meter_id", "service_point_id", maintain_order=True)
        .agg(pl.col("read_date").min().alias("installed_date"), removal.alias("removed_date"))
    )
    meters = hung.with_columns(
        pl.lit(DIALS_MAX, pl.Int32).alias("dials"), pl.lit(1, pl.Int64).alias("multiplier")
    )  # fmt: skip
    usage, _ = usage_between_reads(reads, arranged(Meters, meters), channels, DEFAULT_RULES)
    return usage


def _notes(rounded: int) -> tuple[str, ...]:
    return (f"{rounded:,} values were rounded to whole smallest units",) if rounded else ()
