"""What the rate database benchmark rates: records made into tariffs, load profiles into wide days and due months."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Measure, Quality
from model.errors import BillmillError, InputError
from model.rating import DueAgreements, DueChannels
from model.reads import INTERVAL_LENGTHS, slot_columns
from model.schema import arranged
from tariffs.file import parse_tariff
from tariffs.sheet import TariffFile
from tariffs.urdb.convert import convert_record
from tariffs.urdb.findings import RecordRefusedError

ZONE = "UTC"  # profiles know no daylight saving
_PREFIX = "profile_"
_MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True)
class Profile:
    """A load: its wide days, one row per day, on one channel."""

    name: str
    channel_no: int
    interval_minutes: int
    intervals: int
    days: pl.DataFrame


@dataclass(frozen=True)
class Rate:
    """A tariff of the file: its id, what it contains, and its record."""

    name: str
    features: tuple[str, ...]
    item: dict[str, Any]


@dataclass
class Imported:
    """Tariffs ready to compile. `periods`: rate, component, season, tou, period; `refused`: rate, tag, detail."""

    files: list[TariffFile] = field(default_factory=list)
    periods: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)


def read_rates(path: Path, limit: int | None = None) -> list[Rate]:
    """Return the rates of a file of JSON lines, packed or not, numbers as printed.

    Raises:
        InputError: a line is not an object with `rate` and `item`.
    """
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rates = []
    for number, line in enumerate(text.splitlines()[:limit], start=1):
        try:
            row = json.loads(line, parse_float=Decimal)
            rates.append(Rate(str(row["rate"]), tuple(row.get("features", ())), row["item"]))
        except (ValueError, KeyError, TypeError) as error:
            text_of = f"{path.name}, line {number}: expected an object with `rate` and `item`, found: {error!r}"
            raise InputError(text_of) from None
    return rates


def import_rates(rates: list[Rate], valid_from: date) -> Imported:
    """Return the rates as checked tariff files that hold from a day on, whatever days the records name."""
    found = Imported()
    for rate in rates:
        try:
            made = convert_record(rate.item, tariff=rate.name, timezone=ZONE, valid_from=valid_from)
            found.files.append(parse_tariff(made.text, f"{rate.name}.toml"))
        except RecordRefusedError as error:
            found.refused += [(rate.name, refusal.tag, str(refusal)) for refusal in error.refusals]
            continue
        except BillmillError as error:
            found.refused.append((rate.name, "file_refused", str(error)))
            continue
        found.periods += [(rate.name, *key, period) for key, period in made.periods.items()]
    return found


def read_profiles(folder: Path) -> list[Profile]:
    """Return the profiles `profile_<name>.parquet` of a folder (interval_start without zone, energy_wh).

    Raises:
        InputError: there is none; or its intervals are not of one length that is billed, or a day is not whole.
    """
    paths = sorted(folder.glob(f"{_PREFIX}*.parquet"))
    if not paths:
        raise InputError(f"{folder}: expected files {_PREFIX}<name>.parquet, found none")
    return [_profile(path, number) for number, path in enumerate(paths, start=1)]


def _profile(path: Path, channel_no: int) -> Profile:
    rows = pl.read_parquet(path).sort("interval_start")
    lengths = rows["interval_start"].diff().drop_nulls().unique().to_list()
    minutes = int(lengths[0].total_seconds()) // 60 if len(lengths) == 1 else 0
    if minutes not in INTERVAL_LENGTHS or len(rows) % (_MINUTES_PER_DAY // minutes):
        raise InputError(f"{path.name}: expected whole days of intervals of one length, found {lengths}")
    names = slot_columns(minutes)
    real = _MINUTES_PER_DAY // minutes
    days = (
        rows.with_columns(pl.col("interval_start").dt.date().alias("day"))
        .group_by("day", maintain_order=True)
        .agg("energy_wh")
        .select(
            pl.lit(channel_no, pl.Int32).alias("channel_no"), "day", pl.lit(real, pl.Int16).alias("n"),
            pl.lit(Quality.ACTUAL, pl.UInt8).alias("worst"), pl.lit(1, pl.Int64).alias("seq"),
            *(pl.col("energy_wh").list.get(slot, null_on_oob=True).cast(pl.Int32).alias(name)
              for slot, name in enumerate(names)),
        )
    )  # fmt: skip
    return Profile(path.stem.removeprefix(_PREFIX), channel_no, minutes, len(rows), days)


def wide_days(profiles: list[Profile]) -> dict[int, pl.DataFrame]:
    """Return the wide days by interval length."""
    lengths = sorted({profile.interval_minutes for profile in profiles})
    return {
        minutes: pl.concat([profile.days for profile in profiles if profile.interval_minutes == minutes])
        for minutes in lengths
    }


def due_months(tariffs: list[str], profiles: list[Profile]) -> tuple[DataFrame[DueAgreements], DataFrame[DueChannels]]:
    """Return an agreement for each tariff and profile, due for each calendar month of the profile.

    All agreements of a profile share its channel.
    """
    agreements = pl.DataFrame({"tariff_id": tariffs}).join(
        pl.DataFrame({"profile": [profile.name for profile in profiles]}), how="cross"
    )
    agreements = agreements.with_columns(pl.format("{}|{}", "tariff_id", "profile").alias("agreement_id"))
    months = pl.concat([_months(profile) for profile in profiles])
    same = {
        "branch_id": "B", "revenue_class": "benchmark", "payment_days": 14, "currency": "USD", "premise_id": "P",
        "commodity": "electricity", "tz_name": ZONE, "partition": 0,
    }  # fmt: skip
    agreement = pl.col("agreement_id")
    named = agreements.with_columns(
        *(pl.lit(value).alias(name) for name, value in same.items()),
        agreement.alias("account_id"), agreement.alias("customer_id"), agreement.alias("service_point_id"),
    )  # fmt: skip
    due = named.join(months, on="profile", how="inner", validate="m:m").with_columns(
        pl.format("{}|{}", agreement, "cycle_id").alias("bill_id"),
        pl.col("start_date").alias("cycle_start_date"),
        pl.col("end_date").alias("cycle_end_date"),
    )
    channels = pl.DataFrame(
        [(profile.name, profile.channel_no, profile.interval_minutes) for profile in profiles],
        schema={"profile": pl.String(), "channel_no": pl.Int32(), "interval_minutes": pl.Int32()}, orient="row",
    )  # fmt: skip
    owned = named.join(channels, on="profile", how="inner", validate="m:1").with_columns(
        pl.col("profile").alias("channel_id"), pl.lit(Measure.IMPORT_ENERGY.value).alias("measure")
    )
    return arranged(DueAgreements, due), arranged(DueChannels, owned)


def _months(profile: Profile) -> pl.DataFrame:
    """Return the calendar months of a profile, whole or cut where it begins and ends."""
    days = profile.days["day"]
    first, after = days.min(), days.max()
    assert isinstance(first, date), "a profile has days"
    assert isinstance(after, date), "a profile has days"
    starts = days.dt.truncate("1mo").unique().sort()
    return pl.DataFrame({"start_date": starts}).select(
        pl.lit(profile.name).alias("profile"),
        pl.col("start_date").dt.strftime("%Y-%m").alias("cycle_id"),
        pl.max_horizontal("start_date", pl.lit(first)).alias("start_date"),
        pl.min_horizontal(pl.col("start_date").dt.offset_by("1mo"), pl.lit(after + timedelta(days=1))).alias(
            "end_date"
        ),
    )
