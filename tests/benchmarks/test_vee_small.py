"""The benchmark of VEE on few channels: all find the same days, and a run does no more work than it must."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from benchmarks.measure import Measured
from benchmarks.vee import Row, check_counts, report
from benchmarks.vee_contenders import contenders
from benchmarks.vee_data import FIRST, NOW, write_books
from demo.lake import PERIOD
from ingest.rules.rule_store import standard_rules
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.judge import expected_days
from ingest.vee.lake import BlockReads
from ingest.vee.run import run_vee

CHANNELS, BLOCK = 60, 20
DAYS = (PERIOD[1] - PERIOD[0]).days


def test_all_who_look_at_the_same_days_find_the_same_faults(tmp_path: Path) -> None:
    found = {}
    for number, one in enumerate(contenders()):
        if one.is_faulty:
            books = write_books(tmp_path / str(number), CHANNELS, faulty_per_mille=20)
            found[one.name] = one.work(books)()
    check_counts(found)
    # 2 % of 60 x 31 days are 37 days: by turns not delivered (10) or with a gap (9), a spike (9), a negative value (9).
    counts = next(iter(found.values()))
    assert (counts["missing"], counts["negative"]) == (19, 9)
    assert counts["spike"] >= 9  # homes have some of their own


def test_counts_that_differ_are_refused() -> None:
    with pytest.raises(AssertionError, match="`other` found"):
        check_counts({"one": {"missing": 1}, "other": {"missing": 2}})


@pytest.mark.parametrize(
    ("rules", "reads_a_block"),
    [
        (DEFAULT_RULES, 1),  # October; nothing is amiss, so no day around it
        (standard_rules(), 3),  # 56 days back are 6 August: the rest of August, September; October once for all
    ],
)
def test_each_block_reads_its_days_once_and_no_more_than_a_month_of_them(
    rules: RuleSet, reads_a_block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = write_books(tmp_path / "books", CHANNELS)
    reads: list[tuple[date, date, int]] = []

    def counting(name: str) -> None:
        read = getattr(BlockReads, name)

        def counted(self: BlockReads, which: Any, from_date: date, to_date: date) -> pl.DataFrame:
            rows: pl.DataFrame = read(self, which, from_date, to_date)
            reads.append((from_date, to_date, rows.height))
            return rows

        monkeypatch.setattr(BlockReads, name, counted)

    counting("_current")
    counting("landed_as")
    period = {"from_date": PERIOD[0], "to_date": PERIOD[1], "received_at": NOW, "rules": rules}
    run_vee(books, **period, channels_per_block=BLOCK)
    assert len(reads) == reads_a_block * CHANNELS // BLOCK
    # What is in memory at once follows from the block, whatever the books hold.
    assert max(rows for *_, rows in reads) == BLOCK * DAYS
    assert reads[0][:2] == PERIOD
    assert min(first for first, *_ in reads) == (FIRST if rules.rules else PERIOD[0])
    reads.clear()
    run_vee(books, **period, channels_per_block=BLOCK)
    assert {first for first, *_ in reads} == {PERIOD[0]}, "days before were measured, and are not read again"


def test_any_count_of_workers_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.vee.blocks.WORTH_A_WORKER", 1)
    found = {}
    for workers in (1, 2, 3):
        books = write_books(tmp_path / str(workers), CHANNELS, faulty_per_mille=20)
        report = run_vee(
            books, from_date=PERIOD[0], to_date=PERIOD[1], received_at=NOW, rules=standard_rules(),
            channels_per_block=BLOCK, workers=workers,
        )  # fmt: skip
        # Files are named by the hash of their bytes.
        found[workers] = (sorted(path.name for path in books.lake.rglob("*.parquet")), report)
    assert found[1][1].rows_written > 0
    assert found[2] == found[1]
    assert found[3] == found[1]


def test_an_error_in_one_block_ends_the_run_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = write_books(tmp_path / "books", CHANNELS, faulty_per_mille=20)
    before = sorted(books.lake.rglob("*.parquet"))

    def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("ingest.vee.blocks.judge_block", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        run_vee(
            books, from_date=PERIOD[0], to_date=PERIOD[1], received_at=NOW, rules=DEFAULT_RULES,
            channels_per_block=BLOCK, workers=2,
        )  # fmt: skip
    assert sorted(books.lake.rglob("*.parquet")) == before


def test_expected_days_are_made_of_the_channels_asked_for_alone() -> None:
    rows = [(number, date(2026, 10, 1), date(2026, 10, 4)) for number in range(1, 1_001)]
    schema = {"channel_no": pl.Int32, "from_date": pl.Date, "to_date": pl.Date}
    active = pl.DataFrame([*rows, (2, date(2026, 10, 2), date(2026, 10, 6))], schema=schema, orient="row")
    zones = pl.DataFrame(
        {"channel_no": [2], "tz_name": ["Australia/Brisbane"]}, schema_overrides={"channel_no": pl.Int32}
    )
    found = expected_days(active, zones, date(2026, 10, 2), date(2026, 10, 31))
    # Two agreements of channel 2 overlap: the days from the 2nd to the 5th, each once.
    assert found.select("channel_no", pl.col("day").dt.day()).rows() == [(2, 2), (2, 3), (2, 4), (2, 5)]


def test_the_table_tells_intervals_of_a_cpu_second() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(report([Row(100, "Billmill", 3_000_000, Measured(1.0, 0.5, 7_000_000))]))
    assert "Billmill" in out.getvalue()
    assert " 6.0" in out.getvalue()  # 3 million in half a second
