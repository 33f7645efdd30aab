"""The tables of a month: stage by stage, and size by size."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from benchmarks.month_stages import PLAN, PUBLISH, RATE, SHOWN, VEE
from benchmarks.record import Sheet
from benchmarks.stages import PartMeasured, StageMeasured

if TYPE_CHECKING:
    from benchmarks.month import MonthReport

_STAGE_HEADINGS = (
    "stage", "wall s", "CPU s", "items", "per s", "per CPU s", "peak MB", "read MB", "written MB"
)  # fmt: skip
_GROWTH_HEADINGS = (
    "meters", "M intervals", "agreements", "wall s", "CPU s", "wall ms / meter", "CPU ms / meter", "ratio", "peak MB"
)  # fmt: skip
GROWTH_BASE_METERS = 50_000


def month_sheet(report: MonthReport) -> Sheet:
    """Return what each stage took, and how many items it went through in a second of the clock and of CPU."""
    drawn = report.drawn
    counts = {VEE: drawn.intervals, PLAN: drawn.agreements, RATE: drawn.agreements, PUBLISH: report.invoices}
    rows = []
    for name, stage in report.stages.items():
        items = counts[name]
        rows.append([
            name, *_times(stage), f"{items:,} {SHOWN[name].items}", _rate(items / stage.wall_seconds),
            _rate(items / stage.cpu_seconds), *_sizes(stage),
        ])  # fmt: skip
        rows += [[f"  {part}", *_times(took), "", "", "", "", "", ""] for part, took in _parts(name, stage)]
    rows.append([
        "together", f"{report.wall_seconds:.2f}", f"{report.cpu_seconds:.2f}", f"{drawn.intervals:,} intervals",
        _rate(drawn.intervals / report.wall_seconds), _rate(drawn.intervals / report.cpu_seconds),
        f"{report.peak_bytes / 1e6:,.0f}", *_sizes(_sum(report.stages.values()))[1:],
    ])  # fmt: skip
    if report.warm_up:
        rows.append(["warm-up, not counted", *_times(_sum(report.warm_up.values())), *[""] * 6])
    return Sheet(_title(report), _STAGE_HEADINGS, rows, _notes(report))


def growth_sheet(reports: Sequence[MonthReport]) -> Sheet:
    """Return what a meter costs by size: CPU against that at 50,000 meters, or at the size that is nearest."""
    each = {report.drawn.interval_channels: report.cpu_seconds / report.drawn.interval_channels for report in reports}
    base = min(each, key=lambda meters: abs(meters - GROWTH_BASE_METERS))
    rows = []
    for report in reports:
        drawn, meters = report.drawn, report.drawn.interval_channels
        rows.append([
            f"{meters:,}", f"{drawn.intervals / 1e6:,.1f}", f"{drawn.agreements:,}", f"{report.wall_seconds:.1f}",
            f"{report.cpu_seconds:.1f}", f"{report.wall_seconds / meters * 1e3:.3f}", f"{each[meters] * 1e3:.3f}",
            f"{each[meters] / each[base]:.2f}", f"{report.peak_bytes / 1e6:,.0f}",
        ])  # fmt: skip
    notes = [
        f"Medians of {len(reports[0].turns)}, {reports[0].workers} workers. Meters are 15-minute channels; each size",
        "has its registers, too. `ratio`: CPU for each meter against that of the row nearest to 50,000 meters.",
    ]
    return Sheet("What a meter costs, by size", _GROWTH_HEADINGS, rows, notes)


def _title(report: MonthReport) -> str:
    return f"A month of {report.drawn.interval_channels:,} interval channels and {report.drawn.registers:,} registers"


def _notes(report: MonthReport) -> list[str]:
    drawn = report.drawn
    share = ", ".join(f"{name} {count / drawn.agreements:.1%}" for name, count in drawn.shares.items())
    return [
        f"Medians of {len(report.turns)}, {report.workers} workers; {report.billed:,} agreements billed, "
        f"{report.parked:,} parked, {report.invoices:,} invoices.",
        *textwrap.wrap(f"Agreements: {share}.", 110),
        "What stands in under a stage is part of it. Numba's kernels come from its cache: the warm-up compiled them.",
        f"Digest of the run's files, the same for any number of workers: {report.digest[:16]}",
    ]


def _times(took: StageMeasured | PartMeasured) -> list[str]:
    return [f"{took.wall_seconds:.2f}", f"{took.cpu_seconds:.2f}"]


def _sizes(stage: StageMeasured) -> list[str]:
    return [f"{size / 1e6:,.0f}" for size in (stage.peak_bytes, stage.read_bytes, stage.written_bytes)]


def _parts(name: str, stage: StageMeasured) -> list[tuple[str, PartMeasured]]:
    """Return the parts of a stage that were told apart, and the rest of it."""
    if not stage.parts:
        return []
    wall = stage.wall_seconds - sum(part.wall_seconds for part in stage.parts.values())
    cpu = stage.cpu_seconds - sum(part.cpu_seconds for part in stage.parts.values())
    return [*stage.parts.items(), (SHOWN[name].rest, PartMeasured(wall, cpu))]


def _sum(stages: Iterable[StageMeasured]) -> StageMeasured:
    every = list(stages)
    return StageMeasured(
        sum(one.wall_seconds for one in every),
        sum(one.cpu_seconds for one in every),
        max(one.peak_bytes for one in every),
        sum(one.read_bytes for one in every),
        sum(one.written_bytes for one in every),
    )


def _rate(per_second: float) -> str:
    """Return items a second, in millions from one million on."""
    return f"{per_second / 1e6:,.1f} M" if per_second >= 1e6 else f"{per_second:,.0f}"
