"""What a meter file says, before any account is asked: series, their intervals and their register readings.

A reader turns a file into these records and knows nothing of channels, zones or agreements; what becomes of them is the
same for all formats: `reads inspect` describes them, landing looks up the channel of each series and lays the intervals
into civil days. Values stay text until the channel's unit is known, so nothing is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import no_lines, reject_file
from model.reads import Rejects
from model.schema import column, empty


@dataclass(frozen=True)
class Opening:
    """The beginning of a file, by which its format is told: `first` is the first line that is not blank.

    `header` holds the names in that line, lower case, without quotes and blanks around them; `start` the first bytes.
    """

    first: str
    header: tuple[str, ...]
    start: bytes


class Clock(StrEnum):
    """How the days of wide records run."""

    CIVIL = "civil"
    """Civil days of the service point's zone, the intervals in the order in which the clock ran through them."""

    NEM = "nem"
    """Days of the Australian market: UTC+10 all year, 24 hours each."""


class Series(pa.DataFrameModel):
    """What the intervals or readings of a file belong to: a channel as the file names it. Grain: series_no."""

    series_no: pl.Int32 = column("Number within the file, from 0", ge=0)
    line: pl.Int64 = column("First line that speaks of it, from 1", ge=0)
    meter_point: str = column("Meter point as the file writes it")
    suffix: str = column("Channel of the meter point: E1, an OBIS code, a register")
    unit: str = column("Unit as the file writes it: kWh, KWH, therm; empty when it states none")
    power: pl.Int8 = column("A value counts 10^power of the unit: ESPI and IEC 61968-9 state it, others 0")
    file_minutes: pl.Int32 = column(
        "Interval length that the file states, 0 for registers, null when it does not say or the lengths differ",
        nullable=True,
    )

    class Config:
        strict = True
        metadata = {"grain": ["series_no"]}


class IntervalRecords(pa.DataFrameModel):
    """Intervals that a file states one by one. A start is an instant, or a time on the wall clock, never both.

    Grain: line, series_no; a file may state an interval twice.
    """

    series_no: pl.Int32 = column("Series", ge=0)
    line: pl.Int64 = column("Line in the file, from 1; for a layout without lines, of the element", ge=0)
    start_utc: Annotated[pl.Datetime, "us", "UTC"] = column("Start, where the file states instants", nullable=True)
    start_local: Annotated[pl.Datetime, "us", None] = column(
        "Start on the clock of the service point, where the file states local times; end labels are turned into starts",
        nullable=True,
    )
    fold: pl.Int8 = column(
        "Which pass of a repeated hour, 0 or 1; null: by order of the lines", nullable=True, ge=0, le=1
    )
    minutes: pl.Int32 = column(
        "Length of this interval, where the file states one that is not the series' own", nullable=True
    )
    value: str = column("Value as written, with a decimal point; empty when missing")
    code: str = column("Quality as the file writes it; empty when it writes none")
    quality: pl.UInt8 = column("Canonical quality; null when the code is unknown", nullable=True, le=8)
    updated_at: Annotated[pl.Datetime, "us", None] = column("The provider's update time, as written", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["line", "series_no"]}


class ReadingRecords(pa.DataFrameModel):
    """Register readings. A record with a reading before it (NEM13) states use between two times. Grain: line."""

    series_no: pl.Int32 = column("Series", ge=0)
    line: pl.Int64 = column("Line in the file, from 1", ge=0)
    meter_id: str = column("Meter's serial number; empty when the file states none")
    read_at: Annotated[pl.Datetime, "us", None] = column("When it was read, on the clock of the service point")
    value: str = column("What the register showed, as written; empty when the file states only a quantity")
    kind: str = column("Why it was read: model.codes.ReadKind")
    code: str = column("Quality as the file writes it")
    quality: pl.UInt8 = column("Canonical quality; null when the code is unknown", nullable=True, le=8)
    from_at: Annotated[pl.Datetime, "us", None] = column("When the reading before was taken", nullable=True)
    from_value: str = column("The reading before, as written", nullable=True)
    from_code: str = column("Quality of the reading before", nullable=True)
    from_quality: pl.UInt8 = column("Its canonical quality", nullable=True, le=8)
    quantity: str = column("Use that the file states between the two, as written", nullable=True)
    updated_at: Annotated[pl.Datetime, "us", None] = column("The provider's update time, as written", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["line"]}


@dataclass(frozen=True)
class DayBlock:
    """Days of one width that a file states as rows of values.

    `rows`: series_no (Int32), line (Int64), day (Date), code (String), updated_at (Datetime us); a row per day.
    `values`: `count` texts for each row, one row after the other, empty when missing; or the same as Int64 in
    billionths of the unit, null when missing, where the reader has read the numbers itself.
    `quality`: canonical quality as a matrix of rows x count. A civil day may have more values than its day has
    intervals (columns for 25 hours): those behind its last interval must be missing.
    """

    rows: pl.DataFrame
    values: pl.Series
    quality: npt.NDArray[np.uint8]
    count: int
    clock: Clock = Clock.CIVIL


@dataclass(frozen=True)
class FileRecords:
    """A meter file as records. A file refused as a whole has one reject, at line 0, and nothing else.

    `notes` are facts that a person should know and that change nothing: totals which the file states and which its
    intervals do or do not add up to, costs, the creation time. `lines` (line, text) is set by who calls the reader,
    unless the reader counts in other things than lines: rejects that are found later quote from it.
    """

    name: str
    sha256: str
    file_format: str
    series: DataFrame[Series]
    rejects: DataFrame[Rejects]
    intervals: DataFrame[IntervalRecords] = field(default_factory=lambda: empty(IntervalRecords))
    readings: DataFrame[ReadingRecords] = field(default_factory=lambda: empty(ReadingRecords))
    days: tuple[DayBlock, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    lines: pl.DataFrame = field(default_factory=no_lines)

    @property
    def is_usable(self) -> bool:
        """True unless the file was refused as a whole."""
        return not (self.rejects["line"] == 0).any()


def refused(name: str, sha256: str, file_format: str, reason: str, detail: str) -> FileRecords:
    """Return a file refused as a whole: one reject at line 0."""
    return FileRecords(name, sha256, file_format, empty(Series), reject_file(name, sha256, reason, detail))
