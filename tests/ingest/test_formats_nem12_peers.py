"""Every real NEM12 file beside two other readers: as many readings of each channel, and the same sum."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest
from meter_files import SHARED, shared_file

from ingest.describe.facts import describe
from ingest.formats.detect import read_files

Totals = dict[tuple[str, str], tuple[int, Decimal]]

# Neither joins the broken line of ETSAMDP's tenth scenario.
BROKEN = "NEM12_Scenario10_ETSAMDP_NEMMCO.csv"
FILES = sorted(
    path.relative_to(SHARED).as_posix()
    for folder in ("nem12", "nem12_plain")
    for path in (SHARED / folder).glob("*.csv")
    if "NEM13" not in path.name and path.name != BROKEN
)


def ours(path: Path) -> Totals:
    """Return readings and exact sum of each channel, as `reads inspect` tells them."""
    facts = [describe(records) for records in read_files(path.name, path.read_bytes())]
    return {
        (item.meter_point, item.channel): (item.readings, Decimal(item.total))
        for file in facts
        for item in file.channels
    }


def summed(rows: list[tuple[str, str, float]]) -> Totals:
    found: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for point, suffix, value in rows:
        found[point, suffix].append(Decimal(str(value)))
    return {key: (len(values), sum(values, Decimal())) for key, values in found.items()}


def by_nemreader(path: Path) -> Totals:
    library = import_module("nemreader")
    points = library.read_nem_file(str(path)).readings
    return summed(
        [
            (point, suffix, row.read_value)
            for point, suffixes in points.items()
            for suffix, rows in suffixes.items()
            for row in rows
        ]
    )


def by_mdff(path: Path) -> Totals:
    columns = import_module("aemo_mdff_reader").parse_to_columns(str(path))
    return summed(list(zip(columns["NMI"], columns["Suffix"], columns["Value"], strict=True)))


@pytest.mark.parametrize("reader", [by_nemreader, by_mdff], ids=["nemreader", "aemo-mdff-reader"])
@pytest.mark.parametrize("name", FILES)
def test_readings_and_sums_are_those_of_another_reader(name: str, reader: Callable[[Path], Totals]) -> None:
    path = shared_file(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = reader(path)
    assert ours(path) == theirs
