"""What `reads inspect` counts in the real files is what lands of them, to the smallest unit."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from meter_files import BRISBANE, CHICAGO, SHARED, SYDNEY, channel_table

from ingest.describe.facts import ChannelFacts, describe
from ingest.formats.detect import read_files
from ingest.landing.place import parse_file
from model.codes import Measure
from model.errors import InputError
from model.reads import INTERVAL_LENGTHS, slot_columns
from model.units import PRINTED_UNITS, SMALLEST_UNIT, printed_unit

# Sydney stands for all zones that save daylight: market days have to be cut there.
ZONES = {
    "nem12": [BRISBANE, SYDNEY], "nem12_plain": [BRISBANE, SYDNEY], "greenbutton": ["America/Los_Angeles"],
    "mscons": ["Europe/Berlin"], "cmep": ["America/Los_Angeles"], "smt": [CHICAGO],
}  # fmt: skip
MEASURES = {SMALLEST_UNIT[measure]: measure for measure in reversed(Measure)}


def real_files() -> list[tuple[str, str]]:
    found = [
        (f"{folder}/{path.name}", tz_name)
        for folder, zones in ZONES.items()
        if (SHARED / folder).is_dir()
        for path in sorted((SHARED / folder).iterdir())
        for tz_name in zones
    ]
    return found or [("", "")]


def smallest(channel: ChannelFacts) -> tuple[Measure, int] | None:
    """Return the measure of a channel and its total in smallest units; None when nothing bills it."""
    try:
        unit, count = PRINTED_UNITS[printed_unit(channel.unit)]
    except InputError:
        return None
    total = Decimal(channel.total) * count
    is_billed = unit in MEASURES and channel.interval_minutes in INTERVAL_LENGTHS and total == int(total)
    return (MEASURES[unit], int(total)) if is_billed else None


@pytest.mark.parametrize(("name", "tz_name"), real_files())
def test_what_is_counted_lands(name: str, tz_name: str) -> None:
    if not name:
        pytest.skip(f"real meter files are not at {SHARED}")
    data = (SHARED / name).read_bytes()
    told = [channel for records in read_files(name, data) for channel in describe(records).channels]
    billed = {
        (channel.meter_point, channel.channel, channel.interval_minutes): found
        for channel in told
        if (found := smallest(channel))
    }
    if not billed:
        pytest.skip("holds no intervals that are billed")
    table = channel_table(
        *(
            (point, suffix, measure.value, minutes or 0, tz_name)
            for (point, suffix, minutes), (measure, _) in billed.items()
        )
    )
    parsed = parse_file(name, data, table)
    twice = {"duplicate_day", "duplicate_slot"} & set(parsed.rejects["reason"])
    if twice:
        pytest.skip(f"states readings twice: {', '.join(sorted(twice))}")
    landed = {
        number: total
        for minutes, days in parsed.days.items()
        for number, total in days.select("channel_no", pl.sum_horizontal(pl.col(slot_columns(minutes)).cast(pl.Int64)))
        .group_by("channel_no")
        .sum()
        .iter_rows()
    }
    numbers = dict(enumerate(billed, start=1))
    reasons = parsed.rejects["reason"].value_counts().rows()
    assert {numbers[number]: total for number, total in landed.items()} == {
        key: total for key, (_, total) in billed.items()
    }, reasons
