"""Books for real meter files: the reference data that a utility would have for the meters in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from accounts.importing import import_files
from cycles.publishing.publish import publish_run
from cycles.quotes.tariff_check import add_tariffs, approve_tariffs
from cycles.review.review import approve_run
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from cycles.setup import init_workspace
from model.codes import Measure
from model.progress import Silent
from store.workspace import Workspace

SHARED = Path(__file__).parents[3] / "shared"
TARIFFS = Path(__file__).parents[2] / "data" / "samples" / "tariffs"
AT = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RealChannel:
    """A channel of a file: where it is, what it measures."""

    service_point_id: str
    suffix: str
    measure: Measure
    interval_minutes: int
    start_date: date | None = None
    end_date: date | None = None


def months(first: date, after: date) -> list[tuple[date, date]]:
    """Return the calendar months that a span touches, cut to the span."""
    found = []
    start = first
    while start < after:
        end = min((start.replace(day=1) + timedelta(days=32)).replace(day=1), after)
        found.append((start, end))
        start = end
    return found


def make_books(
    root: Path, channels: Sequence[RealChannel], spans: dict[str, tuple[date, date]], *, tariff: str, tz_name: str,
    currency: str, tariffs: Path = TARIFFS,
) -> Workspace:  # fmt: skip
    """Make a workspace with an account, premise, meter and agreement per service point, supplied over its span.

    The calendar holds each month of all spans; a cycle is named after its month and billed on the day after it.
    """
    workspace = init_workspace(root, name="real meters", at=AT, actor="ana")
    folder = root.with_name(root.name + "-in")
    folder.mkdir()
    for table, frame in _tables(channels, spans, tariff, tz_name, currency).items():
        frame.write_csv(folder / f"{table}.csv")
    imported = import_files(workspace, [folder], all_or_nothing=True, recorded_at=AT, actor="ana")
    assert imported.is_recorded, imported.rejects
    add_tariffs(workspace, [tariffs / f"{tariff}.toml"], at=AT, actor="ana")
    approve_tariffs(workspace, [tariff], at=AT, actor="mira")
    return workspace


def bill_months(workspace: Workspace, first: date, after: date) -> None:
    """Bill each month from `first` on, on the day after it ends."""
    for start, _ in months(first.replace(day=1), after):
        end = (start + timedelta(days=32)).replace(day=1)
        request = PlanRequest(f"{start:%Y-%m}", end, (), 1, None, known_at=AT, actor="ana")
        run = plan_cycle(workspace, request).run_id
        run_cycle(workspace, run, workers=1, progress=Silent(), at=AT, actor="ana")
        approve_run(workspace, run, at=AT, actor="ben")
        publish_run(workspace, run, at=AT, actor="ana")


def _tables(
    channels: Sequence[RealChannel], spans: dict[str, tuple[date, date]], tariff: str, tz_name: str, currency: str
) -> dict[str, pl.DataFrame]:
    points = sorted(spans)
    first = min(start for start, _ in spans.values()).replace(day=1)
    cycles = months(first, (max(end for _, end in spans.values()) + timedelta(days=31)).replace(day=1))
    per_point = pl.DataFrame({"service_point_id": points})
    return {
        "branches": pl.DataFrame({"branch_id": ["R"], "name": ["Real"]}),
        "cycles": pl.DataFrame({
            "cycle_id": [f"{start:%Y-%m}" for start, _ in cycles], "bill_group": ["monthly"] * len(cycles),
            "period_start_date": [start for start, _ in cycles], "period_end_date": [end for _, end in cycles],
            "window_open_date": [end for _, end in cycles],
            "window_close_date": [end + timedelta(days=10) for _, end in cycles],
        }),
        "customers": pl.DataFrame({"customer_id": ["C"], "name": ["A customer"]}),
        "accounts": per_point.select(
            pl.format("A-{}", "service_point_id").alias("account_id"), pl.lit("C").alias("customer_id"),
            pl.lit("R").alias("branch_id"), pl.lit("monthly").alias("bill_group"), pl.lit(currency).alias("currency"),
            pl.lit("residential").alias("revenue_class"), pl.lit(21).alias("payment_days"),
        ),
        "premises": per_point.select(
            pl.format("P-{}", "service_point_id").alias("premise_id"), pl.lit("R").alias("branch_id"),
            pl.lit("1 Main St").alias("address"), pl.lit("Town").alias("city"), pl.lit("1000").alias("postcode"),
        ),
        "service_points": per_point.select(
            "service_point_id", pl.format("P-{}", "service_point_id").alias("premise_id"),
            pl.lit("electricity").alias("commodity"), pl.lit(tz_name).alias("tz_name"), pl.lit("R1").alias("route"),
            pl.int_range(1, pl.len() + 1).alias("route_sequence"),
        ),
        "meters": per_point.select(
            pl.format("M-{}", "service_point_id").alias("meter_id"), "service_point_id",
            pl.lit("2000-01-01").alias("installed_date"), pl.lit(None).alias("removed_date"), pl.lit(6).alias("dials"),
            pl.lit(1).alias("multiplier"),
        ),
        "channels": pl.DataFrame([
            {"channel_id": f"{channel.service_point_id}/{channel.suffix}/{channel.interval_minutes}",
             "service_point_id": channel.service_point_id, "suffix": channel.suffix, "measure": channel.measure.value,
             "interval_minutes": channel.interval_minutes, "start_date": channel.start_date,
             "end_date": channel.end_date}
            for channel in channels
        ]),
        "agreements": pl.DataFrame([
            {"agreement_id": f"G-{point}", "account_id": f"A-{point}", "service_point_id": point, "tariff_id": tariff,
             "start_date": spans[point][0], "end_date": spans[point][1]}
            for point in points
        ]),
    }  # fmt: skip
