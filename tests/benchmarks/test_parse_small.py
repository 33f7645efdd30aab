"""The benchmark of the parsers, on files so small that only its results count."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.parse import FILES, Row, report
from benchmarks.parse_contenders import OURS, contenders
from benchmarks.parse_data import channels_of, write_file


@pytest.mark.parametrize(("layout", "minutes"), FILES)
def test_every_reader_comes_to_the_same_energy(layout: str, minutes: int, tmp_path: Path) -> None:
    path = tmp_path / f"{layout}.csv"
    intervals = write_file(path, layout, minutes, 3_000)
    channels = channels_of(minutes, 3_000)
    assert intervals == channels * 30 * 1440 // minutes
    totals = {name: start(path, minutes, channels)()() for name, start in contenders(layout).items()}
    assert OURS in totals
    assert len(set(totals.values())) == 1
    assert 0 < totals[OURS] < 3_000 * intervals


def test_the_table_names_each_reader_and_how_much_faster_ours_is() -> None:
    from benchmarks.measure import Measured

    rows = [Row("nem12", 30, 2_000_000, 9, name, Measured(1, cpu, 5)) for name, cpu in ((OURS, 0.5), ("other", 5.0))]
    out = io.StringIO()
    Console(file=out, width=200).print(report(rows))
    assert "4.00" in out.getvalue()
    assert "10.0 x" in out.getvalue()
