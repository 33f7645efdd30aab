"""Totals that an ESPI feed states in its usage summaries, beside what its intervals add up to.

Source: NAESB REQ.21, UsageSummary: the total of the last billing period is that of `billingPeriod`; the current one
runs from its end to the time stamp. Without a billing period the current one is all before the stamp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np
import polars as pl

from ingest.formats.xml.cim_codes import direction_of, unit_of
from ingest.formats.xml.elements import Elements
from ingest.formats.xml.espi_links import AmbiguousLinkError, Resource
from ingest.formats.xml.espi_series import EspiSeries, Feed

SUMMARIES = ("UsageSummary", "ElectricPowerUsageSummary")
LAST, CURRENT = "overallConsumptionLastPeriod", "currentBillingPeriodOverAllConsumption"
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,9})?")
_SECONDS = re.compile(r"\d{1,11}")
_RECEIVED = direction_of("19")
_MICROS = 1_000_000
_EXACT = Context(prec=60)  # twenty digits before the point and nine after, moved by twelve places


@dataclass(frozen=True)
class StatedTotal:
    """One total of a summary: what it counts, and from when to when (microseconds UTC).

    None stands for what it does not say, or not readably.
    """

    name: str
    line: int
    usage_point_row: int
    unit: str
    amount: Decimal | None
    start_us: int | None
    end_us: int | None


@dataclass(frozen=True)
class JudgedTotals:
    """What became of the totals: a sentence each for the notes, and (line, detail) of those that are contradicted."""

    notes: dict[str, str]
    contradicted: list[tuple[int, str]]


def check_totals(elements: Elements, feed: Feed, series: list[EspiSeries], intervals: pl.DataFrame) -> JudgedTotals:
    """Return each stated total beside the sum of the intervals that it speaks of (columns as read_intervals gives)."""
    totals = _stated_totals(elements, feed)
    if not totals:
        return JudgedTotals({}, [])
    notes, contradicted = {}, []
    like = _by_usage_point(series, intervals)
    for total in totals:
        verdict, is_contradicted = _judge(total, like.get(total.usage_point_row, []))
        amount = "" if total.amount is None else f"{_plain(total.amount)} {total.unit}: "
        notes[f"{total.name}, line {total.line}"] = f"{amount}{verdict}"
        if is_contradicted:
            contradicted.append((total.line, f"{total.name} {amount}{verdict}"))
    return JudgedTotals(notes, contradicted)


def _judge(total: StatedTotal, like: list[tuple[EspiSeries, pl.DataFrame]]) -> tuple[str, bool]:
    """Return the verdict on a total, and whether intervals that cover its time contradict it."""
    if total.amount is None:
        return "not checked, its value is not readable", False
    if total.name not in {LAST, CURRENT}:
        return "stated, compared with nothing", False
    if total.end_us is None:
        return "not checked, its summary states no time", False
    verdicts = [_beside(total, series, intervals) for series, intervals in like if series.unit == total.unit]
    if not verdicts:
        return "not checked, no intervals in its unit", False
    # A usage point may have the same use by the hour and by the day: one that agrees is enough.
    return min(verdicts, key=lambda verdict: _ORDER.index(verdict[0].partition(",")[0]))


def _by_usage_point(
    series: list[EspiSeries], intervals: pl.DataFrame
) -> dict[int, list[tuple[EspiSeries, pl.DataFrame]]]:
    """Return the series of use of each usage point, with their intervals."""
    parts = intervals.partition_by("series_no", as_dict=True)
    found: dict[int, list[tuple[EspiSeries, pl.DataFrame]]] = {}
    for number, one in enumerate(series):
        if not one.is_register and not one.suffix.startswith(_RECEIVED):
            part = parts.get((number,), intervals.clear())
            found.setdefault(one.usage_point_row, []).append((one, part))
    return found


def _beside(total: StatedTotal, series: EspiSeries, intervals: pl.DataFrame) -> tuple[str, bool]:
    after = pl.lit(True) if total.start_us is None else pl.col("start_us") >= total.start_us
    inside = intervals.filter(after & (pl.col("start_us") < total.end_us))
    values = inside["value"].cast(pl.Decimal(38, 9), strict=False)
    if values.null_count():
        return f"not checked, `{series.suffix}` has values that are no numbers", False
    added = _EXACT.scaleb(Decimal(values.sum() or 0), series.power)
    if added == total.amount:
        return f"equals, the sum of {inside.height} intervals of `{series.suffix}`", False
    covered = inside.unique("start_us")["seconds"].sum()
    length = None if total.start_us is None else (total.end_us or 0) - total.start_us
    if length is not None and covered * _MICROS < length:
        return f"not checked, intervals cover {covered} of {length // _MICROS} seconds", False
    found = f"{inside.height} intervals of `{series.suffix}` add up to {_plain(added)} {total.unit}"
    return f"differs, {found}", True


_ORDER = ("equals", "differs", "not checked")


def _stated_totals(elements: Elements, feed: Feed) -> list[StatedTotal]:
    """Return what the summaries of a feed state."""
    summaries = {summary.row: summary for summary in feed.entries.resources(*SUMMARIES)}
    if not summaries:
        return []
    values = elements.of("value")
    measured = elements.parent[values[elements.parent[values] >= 0]]
    rows = measured[np.isin(elements.parent[measured], list(summaries))].tolist()
    fields = elements.fields(*{elements.name_of(row) for row in rows})
    periods = _billing_periods(elements)
    return [
        _stated(elements, row, fields[row], summary, periods.get(summary.row), _usage_point_row(summary, feed))
        for row in rows
        for summary in [summaries[int(elements.parent[row])]]
    ]


def _stated(
    elements: Elements,
    row: int,
    fields: dict[str, str],
    summary: Resource,
    period: tuple[int, int] | None,
    usage_point_row: int,
) -> StatedTotal:
    name = elements.name_of(row)
    unit = unit_of(fields.get("uom", ""), fields.get("powerOfTenMultiplier", ""))
    is_number = unit is not None and _NUMBER.fullmatch(fields["value"]) is not None
    stamp = fields.get("timeStamp") or summary.fields.get("statusTimeStamp", "")
    start, end = period or (None, None)
    if name == CURRENT:
        start, end = end, int(stamp) * _MICROS if _SECONDS.fullmatch(stamp) else None
    return StatedTotal(
        name,
        int(elements.line[row]),
        usage_point_row,
        unit[0] if unit else "",
        _EXACT.scaleb(Decimal(fields["value"]), unit[1]) if unit and is_number else None,
        start,
        end,
    )


def _billing_periods(elements: Elements) -> dict[int, tuple[int, int]]:
    """Return begin and end, in microseconds, of the billing period of each summary that states one."""
    found = {}
    for row, fields in elements.fields("billingPeriod").items():
        start, length = fields.get("start", ""), fields.get("duration", "")
        if _SECONDS.fullmatch(start) and _SECONDS.fullmatch(length):
            found[int(elements.parent[row])] = (int(start) * _MICROS, (int(start) + int(length)) * _MICROS)
    return found


def _usage_point_row(summary: Resource, feed: Feed) -> int:
    """Return the row of a summary's usage point; -1 when the file has none, -2 when it cannot be told."""
    try:
        found = feed.usage_points.parent_of(summary)
    except AmbiguousLinkError:
        return -2
    return found.row if found else -1


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize(_EXACT):f}"
