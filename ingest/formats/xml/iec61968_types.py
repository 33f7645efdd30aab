"""Reading types and qualities of IEC 61968-9: codes of eighteen and of three parts.

Source: IEC 61968-9, annex C (ReadingType) and annex D (ReadingQualityType).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from ingest.formats.xml.cim_codes import ACCUMULATIONS, COMMODITIES, REGISTER_ACCUMULATIONS, direction_of, unit_of
from model.codes import Quality

# Part 3, the measuring period: its minutes. Fixed blocks are means over the same time; rolling blocks overlap, so
# they are no intervals of use and have no place here.
MEASURING_MINUTES: dict[str, int] = {
    "1": 10,
    "2": 15,
    "3": 1,
    "4": 1440,
    "5": 30,
    "6": 5,
    "7": 60,
    "10": 2,
    "14": 3,
    "31": 20,
    "50": 60,
    "51": 30,
    "52": 20,
    "53": 15,
    "54": 10,
    "55": 5,
    "56": 1,
}
_PARTS = re.compile(r"\d{1,4}(\.-?\d{1,4}){17}")

# Second part of a quality, its category. The index tells the rest: within reasonability, 259 is a reading that is known
# to be missing; within data collection, 4 is an interval that was skipped.
CATEGORY_QUALITY: dict[str, int] = {
    "0": Quality.ACTUAL,  # valid
    "1": Quality.ACTUAL,  # diagnostics of the device: says nothing against the value
    "2": Quality.ACTUAL,  # power quality, power failure: what was used was used
    "3": Quality.SUSPECT,  # tampering
    "4": Quality.SUSPECT,  # collection of data: partial, overflow
    "5": Quality.SUSPECT,  # reasonability
    "6": Quality.SUSPECT,  # validation failed
    "7": Quality.EDITED,
    "8": Quality.ESTIMATED,
    "10": Quality.SUSPECT,  # questionable
    "11": Quality.SUBSTITUTED,  # derived
    "12": Quality.FORECAST,  # projected
}
_DELTA = "4"
_MISSING = r"^\d+\.(5\.259|4\.4)$"
_QUALITY = r"^\d+\.(\d+)\.\d+$"


@dataclass(frozen=True)
class ReadingType:
    """What a reading type says; `minutes` is None when it states no interval."""

    code: str
    minutes: int | None
    accumulation: str
    direction: str
    commodity: str
    unit: str
    power: int

    @property
    def is_register(self) -> bool:
        """Whether the values are what a register shows, not what was used in an interval."""
        return self.accumulation in REGISTER_ACCUMULATIONS

    @property
    def is_delta(self) -> bool:
        """Whether the values are what was used between two times."""
        return self.accumulation == _DELTA

    def text(self) -> str:
        """Return it in words: 15 minutes, delta, delivered, electricity, Wh x 10^3."""
        length = "no interval" if self.minutes is None else f"{self.minutes} minutes"
        accumulation = ACCUMULATIONS.get(self.accumulation, f"accumulation {self.accumulation}")
        commodity = COMMODITIES.get(self.commodity, f"commodity {self.commodity}")
        unit = f"{self.unit or 'no unit'} x 10^{self.power}" if self.power else self.unit or "no unit"
        return f"{length}, {accumulation}, {self.direction}, {commodity}, {unit}"


def read_type(code: str) -> ReadingType | None:
    """Return what a code of eighteen parts says; None when it is no such code."""
    if not _PARTS.fullmatch(code):
        return None
    parts = code.split(".")
    unit = unit_of(parts[16], parts[15])
    if unit is None:
        return None
    return ReadingType(
        code, MEASURING_MINUTES.get(parts[2]), parts[3], direction_of(parts[4]), parts[5], unit[0], unit[1]
    )


def quality_of_codes(code: pl.Expr) -> pl.Expr:
    """Return the canonical quality of a code of three parts, UInt8; null where it is none that is known."""
    category = code.str.extract(_QUALITY).replace_strict(
        list(CATEGORY_QUALITY),
        [int(value) for value in CATEGORY_QUALITY.values()],
        default=None,
        return_dtype=pl.UInt8,
    )
    return pl.when(code.str.contains(_MISSING)).then(pl.lit(int(Quality.MISSING), dtype=pl.UInt8)).otherwise(category)
