"""The files of the demo utility, as a utility receives them: accounts, meter reads and their defects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import polars as pl

from demo.csv_text import csv_bytes, line_bytes, long_lines, register_lines, wide_lines
from demo.deliveries import Deliveries, all_blocks, block_deliveries, joined
from demo.nem12_text import nem12_lines
from demo.places import BRANCHES, Branch
from demo.registers import draw_register_reads
from demo.utility import Utility
from store.files import write_bytes_atomic

# Blocks whose reads share files: bounds the memory of a large utility to some 60 MB of values.
BLOCKS_PER_FILE = 5
# One branch of each layout sends lines that nobody can use; so do the register files of these branches.
BAD_LINE_BRANCHES = ("MOR", "HAR", "BAS")
UNKNOWN_POINT = "WTE9999999"
AGAIN_BRANCH = "TAM"  # this branch's register file arrives a second time under another name

Write = Callable[[Path, bytes], None]


@dataclass(frozen=True)
class WrittenFiles:
    """Where the files are: accounts by table name, reads in order of name."""

    accounts: dict[str, Path]
    reads: list[Path]


def write_accounts(utility: Utility, folder: Path, *, write: Write = write_bytes_atomic) -> dict[str, Path]:
    """Write one CSV per table of the utility into `folder`; the header has the column names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.csv" for name in utility.frames()}
    for name, frame in utility.frames().items():
        write(paths[name], csv_bytes(frame))
    return paths


def _interval_bytes(
    branch: Branch, given: Deliveries, *, is_correction: bool, has_bad_lines: bool, written_at: datetime
) -> bytes:
    """Return the file of a branch in its layout; some corrections end with lines that nobody can use."""
    if branch.layout == "nem12":
        lines = nem12_lines(given, written_at, "WATTLEMD")
        if has_bad_lines:
            lines = pl.concat([lines.head(len(lines) - 1), _bad_nem12(given), lines.tail(1)])
        return line_bytes(lines, line_end="\r\n")
    if branch.layout == "long":
        bad = pl.Series("line", _bad_long(given) if has_bad_lines else [], dtype=pl.String)
        return line_bytes(pl.concat([long_lines(given), bad]))
    bad = pl.Series("line", _bad_wide(given) if has_bad_lines else [], dtype=pl.String)
    return line_bytes(pl.concat([wide_lines(given, with_update=is_correction), bad]))


def _first_key(given: Deliveries) -> tuple[str, str]:
    """Return point and day of the first row, for lines that are wrong in one field only."""
    return str(given.rows["service_point_id"][0]), str(given.rows["day"][0])


def _bad_nem12(given: Deliveries) -> pl.Series:
    """Return records of an unknown NMI, and a day with a word among its values."""
    point, day = _first_key(given)
    compact = day.replace("-", "")
    values = ["0.125"] * 95
    return pl.Series(
        "line",
        [
            f"200,{UNKNOWN_POINT},E1,E1,E1,N1,X9999999-1,KWH,15,",
            f"300,{compact},{','.join([*values, '0.125'])},A,,,,",
            f"200,{point},E1,E1,E1,N1,X9999999-1,KWH,15,",
            f"300,{compact},{','.join([*values, 'fault'])},A,,,,",
        ],
    )


def _bad_wide(given: Deliveries) -> list[str]:
    """Return a line of an unknown point and one with a word among its values."""
    point, day = _first_key(given)
    slots, updated = int(given.rows["slots"][0]), f"{given.rows['updated_at'][0]:%Y-%m-%dT%H:%M:%S}"
    values = ["0.125"] * (slots - 1)
    return [
        f"{UNKNOWN_POINT},E1,kWh,{day},A,{updated},{','.join([*values, '0.125'])}",
        f"{point},E1,kWh,{day},A,{updated},{','.join([*values, 'fault'])}",
    ]


def _bad_long(given: Deliveries) -> list[str]:
    """Return an interval of an unknown point and one whose value is a word."""
    point, day = _first_key(given)
    updated = f"{given.rows['updated_at'][0]:%Y-%m-%dT%H:%M:%S}"
    return [
        f"{UNKNOWN_POINT},E1,kWh,{day}T12:00:00+10:00,0.125,A,{updated}",
        f"{point},E1,kWh,{day}T12:00:00+10:00,fault,A,{updated}",
    ]


def _bad_registers(reads: pl.DataFrame) -> list[str]:
    """Return a reading of an unknown point, a word for a reading, and one finer than a register shows."""
    point, suffix, meter, unit = reads.select("service_point_id", "suffix", "meter_id", "unit").row(0)
    day = reads["read_date"].sort().to_list()[-1]
    key = f"{point},{suffix},{meter},{unit}"
    return [
        f"{UNKNOWN_POINT},W1,W9999999-1,kL,{day},12.500,regular,A",
        f"{key},{day - timedelta(days=9)},see note,regular,A",
        f"{key},{day - timedelta(days=8)},12.3456789,regular,A",
    ]


def _chunks(utility: Utility) -> Iterator[tuple[str, list[int]]]:
    """Yield the blocks that share files, with what their names carry beside the branch; nothing when all share."""
    blocks = list(all_blocks(utility))
    for begin in range(0, len(blocks), BLOCKS_PER_FILE):
        mark = "" if len(blocks) <= BLOCKS_PER_FILE else f"-part{begin // BLOCKS_PER_FILE + 1:03d}"
        yield mark, blocks[begin : begin + BLOCKS_PER_FILE]


def _branch_intervals(
    utility: Utility, branch: Branch, nightly: Deliveries, late: Deliveries
) -> Iterator[tuple[str, bytes]]:
    """Yield the interval files of a branch: history, period, corrections; empty ones are not written."""
    here = pl.col("branch_id") == branch.branch_id
    mine, corrected = nightly.where(here), late.where(here)
    end = datetime.combine(utility.period_end_date, time(6, 0))
    start = datetime.combine(utility.period_start_date, time(6, 0))
    is_history = pl.col("day") < utility.period_start_date
    named = [
        (f"{utility.history_start_date:%Y-%m-%d}", mine.where(is_history), False, start),
        (f"{utility.period_start_date:%Y-%m-%d}", mine.where(~is_history), False, end),
        ("corrections", corrected, True, end + timedelta(days=1)),
    ]
    for part, given, is_correction, written_at in named:
        if given.rows.height:
            is_bad = is_correction and branch.branch_id in BAD_LINE_BRANCHES
            data = _interval_bytes(
                branch, given, is_correction=is_correction, has_bad_lines=is_bad, written_at=written_at
            )
            yield f"{branch.branch_id}-{branch.layout}-{part}", data


def read_files(utility: Utility) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each meter file. Same utility, same bytes."""
    period = {"period_start_date": utility.period_start_date, "period_end_date": utility.period_end_date}
    for mark, blocks in _chunks(utility):
        both = [block_deliveries(utility, block) for block in blocks]
        nightly, late = joined([first for first, _ in both]), joined([second for _, second in both])
        registers = pl.concat([draw_register_reads(utility.seed, block, **period) for block in blocks])
        reads = registers.filter(pl.col("point_no") < utility.points).join(
            utility.roster.select("point_no", "branch_id"),
            how="left",
            on="point_no",
            validate="m:1",
            maintain_order="left",
        )
        for branch in BRANCHES:
            for name, data in _branch_intervals(utility, branch, nightly, late):
                yield name + mark + ".csv", data
            mine = reads.filter(pl.col("branch_id") == branch.branch_id)
            if mine.height:
                bad = _bad_registers(mine) if branch.branch_id in BAD_LINE_BRANCHES else []
                data = line_bytes(pl.concat([register_lines(mine), pl.Series("line", bad, dtype=pl.String)]))
                yield f"{branch.branch_id}-registers{mark}.csv", data
                if branch.branch_id == AGAIN_BRANCH:
                    yield f"{branch.branch_id}-registers{mark}-again.csv", data


def write_reads(utility: Utility, folder: Path, *, write: Write = write_bytes_atomic) -> list[Path]:
    """Write all meter files into `folder`; return their paths in order of name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in read_files(utility):
        write(folder / name, data)
        paths.append(folder / name)
    return sorted(paths)


def write_files(utility: Utility, folder: Path, *, write: Write = write_bytes_atomic) -> WrittenFiles:
    """Write `accounts/` and `reads/` below `folder`.

    `write` takes a path and its bytes; by default each file is there whole or not at all.
    """
    return WrittenFiles(
        accounts=write_accounts(utility, folder / "accounts", write=write),
        reads=write_reads(utility, folder / "reads", write=write),
    )
