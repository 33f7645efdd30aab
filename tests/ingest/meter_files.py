"""Small meter files and the channels they speak of."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pandera.typing.polars import DataFrame

from ingest.landing.parsed import ParsedFile
from ingest.landing.place import parse_file
from model.accounts import ChannelNumbers
from model.reads import slot_columns
from model.schema import arranged

SHARED = Path(__file__).parents[3] / "shared" / "meterdata"

NEM12_HEAD = "100,NEM12,202410020000,MDP,RETAILER"
BRISBANE, SYDNEY, CHICAGO = "Australia/Brisbane", "Australia/Sydney", "America/Chicago"
ADELAIDE = "Australia/Adelaide"


def shared_file(name: str) -> Path:
    """Return a real meter file, or skip the test when the folder of real files is not there."""
    if not SHARED.is_dir():
        pytest.skip(f"real meter files are not at {SHARED}")
    return SHARED / name


def channel_table(*rows: tuple[str, str, str, int, str]) -> DataFrame[ChannelNumbers]:
    """Return channels of (service point, suffix, measure, interval minutes, zone), numbered from 1."""
    return arranged(
        ChannelNumbers,
        pl.DataFrame(
            [
                {
                    "channel_no": number,
                    "channel_id": f"{point}/{suffix}/{minutes}",
                    "service_point_id": point,
                    "suffix": suffix,
                    "measure": measure,
                    "interval_minutes": minutes,
                    "tz_name": tz_name,
                    "commodity": "electricity",
                    "branch_id": "B1",
                }
                for number, (point, suffix, measure, minutes, tz_name) in enumerate(rows, start=1)
            ]
        ),
    )


def channels() -> DataFrame[ChannelNumbers]:
    """Return the channels that the hand-made files use."""
    return channel_table(
        ("NMI1", "E1", "import_energy", 30, BRISBANE),  # 1
        ("NMI1", "B1", "export_energy", 30, BRISBANE),  # 2
        ("NMI1", "Q1", "reactive_energy", 30, BRISBANE),  # 3
        ("NMI2", "E1", "import_energy", 60, SYDNEY),  # 4
        ("NMI3", "E1", "import_energy", 15, CHICAGO),  # 5
        ("ESI1", "consumption", "import_energy", 15, CHICAGO),  # 6
        ("ESI1", "surplus", "export_energy", 15, CHICAGO),  # 7
        ("WAT1", "W1", "water_volume", 0, SYDNEY),  # 8
        ("NMI4", "E1", "import_energy", 15, SYDNEY),  # 9
        ("NMI5", "E1", "import_energy", 60, ADELAIDE),  # 10
    )


def parse(text: str | bytes, name: str = "file.csv", table: DataFrame[ChannelNumbers] | None = None) -> ParsedFile:
    """Parse text as a file."""
    data = text if isinstance(text, bytes) else text.encode()
    return parse_file(name, data, channels() if table is None else table)


def nem12(*records: str) -> str:
    """Return a NEM12 file of these records between its head and its end."""
    return "\r\n".join([NEM12_HEAD, *records, "900"]) + "\r\n"


def nem12_day(
    day: str = "20241001", values: list[str] | None = None, tail: str = "A,,,20241002000000,", slots: int = 48
) -> str:
    """Return a 300 record; every value is 1 unless given."""
    return ",".join(["300", day, *(values if values is not None else ["1"] * slots), tail])


def reasons(parsed: ParsedFile) -> list[tuple[int, str]]:
    """Return (line, reason) of the rejects."""
    return [(line, reason) for line, reason in parsed.rejects.select("line", "reason").iter_rows()]


def slots_of(parsed: ParsedFile, minutes: int, channel_no: int, day: date) -> list[int | None]:
    """Return the real slots of one day."""
    row = parsed.days[minutes].filter((pl.col("channel_no") == channel_no) & (pl.col("day") == day))
    assert row.height == 1
    return list(row.select(slot_columns(minutes)).row(0))[: row["n"][0]]
