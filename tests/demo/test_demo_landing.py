"""What the parsers make of the files is what was drawn, day by day."""

from __future__ import annotations

import polars as pl
import pytest

from accounts.numbering import number_channels
from demo.files import read_files
from demo.truth import draw_truth
from demo.utility import Utility, draw_utility
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import parse_file
from ingest.versions import current_days
from model.reads import slot_columns

SEED = 7


def _channel_numbers(utility: Utility) -> pl.DataFrame:
    places = utility.service_points.join(
        utility.premises.select("premise_id", "branch_id"), how="left", on="premise_id", validate="m:1"
    )
    channels = utility.channels.join(places, how="left", on="service_point_id", validate="m:1")
    return number_channels(channels, pl.DataFrame(schema={"channel_no": pl.Int32, "channel_id": pl.String}))


@pytest.fixture(scope="module")
def utility() -> Utility:
    return draw_utility(120, SEED)


@pytest.fixture(scope="module")
def files(utility: Utility) -> dict[str, bytes]:
    return dict(sorted(read_files(utility)))


@pytest.fixture(scope="module")
def parsed(utility: Utility, files: dict[str, bytes]) -> list[ParsedFile]:
    numbers = _channel_numbers(utility)
    return [parse_file(name, data, numbers) for name, data in files.items()]


def test_what_lands_is_what_was_drawn(utility: Utility, parsed: list[ParsedFile]) -> None:
    numbers = _channel_numbers(utility)
    reasons = {reason for file in parsed for reason in file.rejects["reason"]}
    assert reasons <= {"unknown_channel", "bad_number", "too_precise"}
    landed = [
        file.days[15].drop("line").with_columns(seq=pl.lit(seq, dtype=pl.Int64))
        for seq, file in enumerate(parsed, start=1)
        if 15 in file.days
    ]
    slots = [pl.col(name).cast(pl.Int64) for name in slot_columns(15)]
    current = current_days(pl.concat(landed).lazy(), None, 15).select(
        "channel_no",
        "day",
        found=pl.sum_horizontal(slots),
        found_slots=pl.sum_horizontal(slot.is_not_null().cast(pl.Int16) for slot in slots),
    )
    truth = draw_truth(utility).intervals.filter(pl.col("delivered_slots") > 0)
    expected = truth.join(numbers.select("channel_no", "channel_id"), how="left", on="channel_id", validate="m:1")
    both = expected.join(current, how="full", on=["channel_no", "day"], validate="1:1", coalesce=True)
    assert both.height == expected.height == current.height
    assert (both["found"] == both["delivered"]).all()
    assert (both["found_slots"] == both["delivered_slots"]).all()


def test_every_good_reading_of_a_register_lands(files: dict[str, bytes], parsed: list[ParsedFile]) -> None:
    lines = sum(
        data.count(b"\n") - 1 - (3 if name[:3] in {"MOR", "HAR", "BAS"} else 0)
        for name, data in files.items()
        if "-registers" in name
    )
    assert sum(file.registers.height for file in parsed) == lines
