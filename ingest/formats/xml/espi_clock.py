"""Local time of an ESPI feed: an offset, and two masks of 32 bits that say when daylight saving begins and ends.

A mask has the month in bits 28 to 31, an operator in 25 to 27, the day of the month in 20 to 24, the day of the week
(Monday is 1) in 17 to 19, the hour in 12 to 16 and the seconds of the hour in 0 to 11; FFFFFFFF switches it off.
Source: NAESB REQ.21, espiDerived.xsd, DstRuleType.
"""

from __future__ import annotations

from calendar import day_name, month_name, monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

OFF = 0xFFFFFFFF
_ON_DAY, _ON_OR_AFTER, _FIRST, _LAST = 0, 1, 2, 7
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "last")


@dataclass(frozen=True)
class DstRule:
    """When the clock is changed each year, on the clock as it is before the change."""

    month: int
    operator: int
    day: int
    weekday: int
    second: int

    def date_in(self, year: int) -> date:
        """Return the day of the change."""
        days = monthrange(year, self.month)[1]
        if self.operator == _ON_DAY:
            return date(year, self.month, min(self.day, days))
        first = self.day if self.operator == _ON_OR_AFTER else 1
        start = date(year, self.month, first)
        met = start + timedelta((self.weekday - start.isoweekday()) % 7)
        if self.operator == _ON_OR_AFTER:
            return met
        weeks = 4 if self.operator == _LAST else self.operator - _FIRST
        found = met + timedelta(weeks=weeks)
        return found if found.month == self.month else found - timedelta(weeks=1)

    def text(self) -> str:
        """Return the rule in words: second Sunday of March, 02:00."""
        month = month_name[self.month]
        clock = f"{self.second // 3600:02}:{self.second // 60 % 60:02}"
        if self.operator == _ON_DAY:
            return f"{self.day} {month}, {clock}"
        weekday = day_name[self.weekday - 1]
        if self.operator == _ON_OR_AFTER:
            return f"{weekday} on or after {self.day} {month}, {clock}"
        return f"{_ORDINALS[self.operator - _FIRST]} {weekday} of {month}, {clock}"


def read_rule(mask: str) -> DstRule | None:
    """Return the rule of a mask (hexadecimal); None when daylight saving is off.

    Raises:
        ValueError: it is no such mask.
    """
    bits = int(mask, 16)
    if not 0 <= bits <= OFF:
        raise ValueError(f"expected 32 bits, found `{mask}`")
    if bits == OFF:
        return None
    hour, past = bits >> 12 & 31, bits & 0xFFF
    rule = DstRule(bits >> 28, bits >> 25 & 7, bits >> 20 & 31, bits >> 17 & 7, hour * 3600 + past)
    needs_weekday, needs_day = rule.operator != _ON_DAY, rule.operator in {_ON_DAY, _ON_OR_AFTER}
    is_sound = 1 <= rule.month <= 12 and hour < 24 and past < 3600
    if needs_weekday:
        is_sound = is_sound and rule.weekday > 0
    if needs_day:
        is_sound = is_sound and 1 <= rule.day <= monthrange(2024, max(1, min(rule.month, 12)))[1]
    if not is_sound:
        raise ValueError(f"expected a month, a day and a time, found `{mask}`")
    return rule


@dataclass(frozen=True)
class EspiClock:
    """The clock of a usage point: offset from UTC and daylight saving, in seconds."""

    offset: int
    saving: int
    start: DstRule | None
    end: DstRule | None

    def local(self, instants: pl.Series) -> pl.Series:
        """Return instants (UTC) on this clock, without zone."""
        standard = instants.dt.replace_time_zone(None).dt.offset_by(f"{self.offset}s").alias("standard")
        if self.start is None or self.end is None or standard.is_empty():
            return standard
        years = [year for year in standard.dt.year().unique().sort() if year is not None]
        # The end is told on the summer clock; here both are on the standard one.
        changes = pl.DataFrame(
            {
                "year": pl.Series(years, dtype=pl.Int32),
                "begins": [_moment(self.start, year) for year in years],
                "ends": [_moment(self.end, year) - timedelta(seconds=self.saving) for year in years],
            }
        )
        placed = standard.to_frame().join(
            changes, left_on=pl.col("standard").dt.year(), right_on="year", how="left", maintain_order="left"
        )
        after_begin, before_end = pl.col("standard") >= pl.col("begins"), pl.col("standard") < pl.col("ends")
        # South of the equator the year begins and ends in summer.
        is_saving = (
            pl.when(pl.col("begins") < pl.col("ends"))
            .then(after_begin & before_end)
            .otherwise(after_begin | before_end)
        )
        summer = pl.col("standard").dt.offset_by(f"{self.saving}s")
        return placed.select(pl.when(is_saving).then(summer).otherwise("standard").alias("local")).to_series()

    def text(self) -> str:
        """Return the clock in words."""
        sign, size = "-" if self.offset < 0 else "+", abs(self.offset)
        zone = f"UTC{sign}{size // 3600:02}:{size // 60 % 60:02}"
        if self.start is None or self.end is None:
            return f"{zone}, no daylight saving"
        return f"{zone}, {self.saving // 60} minutes of daylight saving from {self.start.text()}, to {self.end.text()}"


def _moment(rule: DstRule, year: int) -> datetime:
    day = rule.date_in(year)
    return datetime(day.year, day.month, day.day) + timedelta(seconds=rule.second)


def read_clock(fields: dict[str, str]) -> EspiClock:
    """Return the clock of LocalTimeParameters.

    Raises:
        ValueError: an offset or a mask is not readable.
    """
    offset, saving = int(fields.get("tzOffset") or "0"), int(fields.get("dstOffset") or "0")
    if abs(offset) > 16 * 3600 or abs(saving) > 2 * 3600:
        raise ValueError(f"expected offsets of some hours, found {offset} and {saving} seconds")
    start, end = (fields.get(name) or "FFFFFFFF" for name in ("dstStartRule", "dstEndRule"))
    return EspiClock(offset, saving, read_rule(start), read_rule(end))
