"""What landing did, per file and in all: for the operator's screen and the load ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.accounts import ChannelNumbers
from model.codes import Measure
from model.reads import slot_columns
from model.schema import column, empty
from model.units import READABLE_UNIT, SMALLEST_UNIT, readable_amount

# Reasons for which VEE will refuse readings that landed.
METER_UNKNOWN, ABOVE_DIALS = "meter_unknown", "reading_above_dials"


class LandStatus(StrEnum):
    """What became of a file."""

    LANDED = "landed"
    ALREADY_LANDED = "already_landed"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class LandedFile:
    """One file. `energy` is the text of an exact decimal per readable unit, over the days landed from intervals."""

    name: str
    sha256: str
    file_format: str
    status: LandStatus
    seq: int | None = None
    days: int = 0
    readings: int = 0
    unchanged: int = 0
    rejected: int = 0
    reasons: Mapping[str, int] | None = None
    energy: Mapping[str, str] | None = None
    first_day: date | None = None
    last_day: date | None = None
    quarantine: Path | None = None
    message: str = ""
    unfit: Mapping[str, int] | None = None
    """Readings that landed and that VEE will refuse, by reason: see `ingest.landing.unfit`"""

    @property
    def detail(self) -> str:
        """Format and totals in a sentence."""
        energy = ", ".join(f"{amount} {unit}" for unit, amount in (self.energy or {}).items())
        counts = f"{self.days} channel-days, {self.readings} readings, {self.unchanged} unchanged"
        return f"{self.file_format}: {counts}" + (f"; {energy}" if energy else "")


class TouchedBills(pa.DataFrameModel):
    """Published bills whose days have changed by a landing. Grain: account_id, bill_id."""

    account_id: str = column("Account billed")
    bill_id: str = column("Its bill, the latest of the period")
    first_day: pl.Date = column("First day that changed")
    last_day: pl.Date = column("Last day that changed")
    days: pl.Int64 = column("How many days changed", ge=1)

    class Config:
        strict = True
        metadata = {"grain": ["account_id", "bill_id"]}


@dataclass(frozen=True)
class LandReport:
    """All files of one call, in the order in which they landed, and the published bills that they touch."""

    files: tuple[LandedFile, ...]
    touched_bills: DataFrame[TouchedBills] = field(default_factory=lambda: empty(TouchedBills))

    def count(self, status: LandStatus) -> int:
        """Return how many files ended so."""
        return sum(file.status == status for file in self.files)

    @property
    def days(self) -> int:
        """Channel-days landed."""
        return sum(file.days for file in self.files)

    @property
    def readings(self) -> int:
        """Register readings landed."""
        return sum(file.readings for file in self.files)

    @property
    def unchanged(self) -> int:
        """Channel-days and readings that repeated what was known."""
        return sum(file.unchanged for file in self.files)

    @property
    def rejected(self) -> int:
        """Rejects written, whole files included."""
        return sum(file.rejected for file in self.files)

    @property
    def energy(self) -> dict[str, str]:
        """Sum of the landed intervals per readable unit, as exact decimal text."""
        totals: dict[str, Decimal] = {}
        for file in self.files:
            for unit, amount in (file.energy or {}).items():
                totals[unit] = totals.get(unit, Decimal(0)) + Decimal(amount)
        return {unit: str(total) for unit, total in sorted(totals.items())}


def energy_by_unit(days: Mapping[int, pl.DataFrame], channels: DataFrame[ChannelNumbers]) -> dict[str, str]:
    """Return the sum of all slots per readable unit, as exact decimal text: {"kWh": "6825.137"}."""
    units = {measure.value: unit for measure, unit in SMALLEST_UNIT.items()}
    assert set(units) == {measure.value for measure in Measure}, "a measure has no unit"
    named = channels.select("channel_no", pl.col("measure").replace_strict(units).alias("unit"))
    sums = [_sums_by_unit(frame, named, slot_columns(minutes)) for minutes, frame in days.items()]
    if not sums:
        return {}
    totals = pl.concat(sums).group_by("unit").agg(pl.col("quantity").sum()).sort("unit")
    exact = {READABLE_UNIT[unit]: str(readable_amount(quantity, unit)) for unit, quantity in totals.iter_rows()}
    return dict(sorted(exact.items()))


def _sums_by_unit(days: pl.DataFrame, named: pl.DataFrame, slots: list[str]) -> pl.DataFrame:
    """Return `unit` and `quantity` of wide days; those of one unit, as most files are, are added up as they lie."""
    units = days.select("channel_no").unique().join(named, on="channel_no", how="left", validate="1:1")["unit"].unique()
    if len(units) == 1:
        columns = days.select(pl.col(slots).cast(pl.Int64).sum())
        return columns.select(unit=pl.lit(units[0], dtype=pl.String), quantity=pl.sum_horizontal(slots))
    quantity = pl.sum_horizontal(pl.col(slots).cast(pl.Int64)).alias("quantity")
    placed = days.select("channel_no", quantity).join(named, on="channel_no", how="left", validate="m:1")
    return placed.select("unit", "quantity")
