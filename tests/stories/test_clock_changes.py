"""Days of 23 and 25 hours from file to invoice, in each format that states them: energy in is energy billed."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from clock_change_files import CHANGES, FORMATS, MAPPING, NEW_YORK, SYDNEY, Told, Usage, kwh, usage_of
from real_meters import AT, RealChannel, bill_months, make_books

from ingest.describe.files import describe_files
from ingest.formats.detect import Reading
from ingest.formats.mapped.mapped import read_mapped
from ingest.formats.mapped.mapping import parse_mapping
from ingest.landing.land import land_files
from ingest.vee.run import run_vee
from model.codes import Measure
from outputs.query import analytics_frame
from store.workspace import Workspace

# Night is from midnight to six by the clock: an hour that is laid wrongly on the day of the change is billed wrongly.
TARIFF = """tariff = "night"
title = "Night and day"
commodity = "electricity"
currency = "EUR"
timezone = "{tz_name}"
rounding = {{ line = "half_up 0.01" }}
[windows]
night = {{ from = 00:00:00, to = 06:00:00 }}
day = {{ else = ["night"] }}
[quantities]
kwh = {{ measure = "import_energy", agg = "sum", unit = "kWh" }}
[[versions]]
valid_from = 2020-01-01
source = "price sheet of the story"
[versions.charges.energy]
of = "kwh"
by = ["tou"]
price = {{ night = 0.10, day = 0.30 }}
[[examples]]
name = "June"
period = [2026-06-01, 2026-07-01]
usage = {{ kwh = {{ night = 10, day = 20 }} }}
expect = {{ energy.night = 1.00, energy.day = 6.00, total = 7.00 }}
source = "worked by hand"
"""
BEFORE, DAYS = timedelta(days=1), 3  # the day before, the day of the change, the day after


def reading_of(told: Told) -> Reading | None:
    if told.name != "mapped":
        return None
    return Reading("mapping", partial(read_mapped, mapping=parse_mapping(MAPPING, "vendor.toml")))


def by_window(told: Told, usage: Usage) -> dict[str, int]:
    """Sum the use by window, with nothing but the clock of Python's own zones."""
    sums: Counter[str] = Counter()
    for start, wh in usage.items():
        sums["night" if start.astimezone(told.zone).hour < 6 else "day"] += wh
    return dict(sums)


def books_of(tmp_path: Path, told: Told, spans: dict[str, tuple[date, date]]) -> Workspace:
    """Make books of a point for each change; each is supplied, and measured, over its span only."""
    tariffs = tmp_path / "tariffs"
    tariffs.mkdir()
    (tariffs / "night.toml").write_text(TARIFF.format(tz_name=told.tz_name))
    channels = [
        RealChannel(point, told.suffix, Measure.IMPORT_ENERGY, told.minutes, *span) for point, span in spans.items()
    ]
    return make_books(
        tmp_path / "books", channels, spans, tariff="night", tz_name=told.tz_name, currency="EUR", tariffs=tariffs
    )


@pytest.mark.parametrize("told", FORMATS, ids=lambda told: told.name)
def test_energy_in_is_energy_billed_on_the_days_the_clock_changes(told: Told, tmp_path: Path) -> None:
    usages: dict[str, Usage] = {}
    spans: dict[str, tuple[date, date]] = {}
    files: list[Path] = []
    for number, change in enumerate(CHANGES[told.tz_name], start=1):
        point, first = told.point.format(number), change - BEFORE
        usages[point] = usage_of(told.zone, first, DAYS, told.minutes)
        spans[point] = (first, first + timedelta(days=DAYS))
        files.append(tmp_path / f"{number}.dat")
        files[-1].write_text(told.write(point, told.zone, told.minutes, usages[point]))
    total = sum(sum(usage.values()) for usage in usages.values())
    reading = reading_of(told)

    for facts, usage in zip(describe_files(files, reading), usages.values(), strict=True):
        (channel,) = facts.channels
        assert (facts.file_format, facts.rejects.height) == (told.name, 0)
        in_kwh = Decimal(channel.total) / (1_000 if channel.unit == "Wh" else 1)
        assert in_kwh == Decimal(kwh(sum(usage.values())))

    workspace = books_of(tmp_path, told, spans)
    landed = land_files(workspace, files, received_at=AT, reading=reading)
    assert (landed.rejected, landed.energy) == (0, {"kWh": kwh(total)})
    for start, after in spans.values():
        judged = run_vee(workspace, from_date=start, to_date=after, received_at=AT)
        assert (judged.days_judged, judged.days_complete) == (DAYS, DAYS)
        bill_months(workspace, start, after)

    billed = analytics_frame(
        workspace,
        "SELECT service_point_id, tou, sum(quantity)::BIGINT AS wh FROM bill_lines WHERE component_id = 'energy' "
        "GROUP BY ALL",
    )
    expected = {(point, tou): wh for point, usage in usages.items() for tou, wh in by_window(told, usage).items()}
    assert {(point, tou): wh for point, tou, wh in billed.iter_rows()} == expected
    slots = analytics_frame(workspace, "SELECT day, slots, estimated_slots FROM usage_daily")
    hours = dict.fromkeys(slots["day"].to_list(), 24) | dict(zip(CHANGES[told.tz_name], (23, 25), strict=True))
    assert {(day, count * told.minutes, made) for day, count, made in slots.iter_rows()} == {
        (day, 60 * length, 0) for day, length in hours.items()
    }


def test_the_days_of_the_change_are_those_of_the_law() -> None:
    """Second Sunday of March and first of November; first Sundays of October and April."""
    for tz_name, weekday_of in ((NEW_YORK, [8, 1]), (SYDNEY, [4, 5])):
        assert [day.day for day in CHANGES[tz_name]] == weekday_of
        assert {day.weekday() for day in CHANGES[tz_name]} == {6}
