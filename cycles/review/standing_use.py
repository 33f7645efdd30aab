"""What standing bills took that were published before a run, for each part of it the bills of its accounts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.review.bill_use import use_of
from cycles.review.parts import Part
from model.codes import RunState
from model.review import BillUse
from model.schema import arranged, column_names, empty
from store.control import Connection, query
from store.lake import LakeFile, lake_files, scan_lake
from store.workspace import Workspace

_REVERSED = """SELECT bill_id FROM reversed_bill AS b JOIN run AS r ON r.run_id = b.run_id WHERE r.published_at <= ?
UNION SELECT reversal_id FROM reversed_bill"""


@contextmanager
def past_of_parts(
    workspace: Workspace, connection: Connection, parts: Sequence[Part], aside: Path, *, known_at: datetime, since: date
) -> Iterator[Callable[[int], DataFrame[BillUse]]]:
    """Give what says of a part of a run what standing bills of its accounts took.

    They are those that were published up to a time, of days from `since` on. All of them are read once: where there
    are several parts, those of each are laid in a folder, `aside`, as long as the block lasts.
    """
    found = _published_use(workspace, connection, known_at, since)
    reversed_bills = query(connection, _REVERSED, [known_at])
    if not found:
        yield _nothing
    elif len(parts) == 1:
        accounts = parts[0].headers(workspace).select("account_id").unique().collect()
        rows = [one.join(accounts.lazy(), on="account_id", how="semi").collect() for one in found]
        yield partial(_standing, rows, reversed_bills)
    else:
        shutil.rmtree(aside, ignore_errors=True)  # of a review that was killed
        _lay_aside(found, _places(workspace, parts), aside)
        yield partial(_laid_aside, aside, reversed_bills)
        shutil.rmtree(aside)


def _nothing(place: int) -> DataFrame[BillUse]:
    return empty(BillUse)


def _standing(rows: Sequence[pl.DataFrame], reversed_bills: pl.DataFrame, place: int) -> DataFrame[BillUse]:
    standing = pl.concat(rows).join(reversed_bills, on="bill_id", how="anti")
    return arranged(BillUse, standing.sort("bill_id", "agreement_id"))


def _places(workspace: Workspace, parts: Sequence[Part]) -> pl.DataFrame:
    """Return the part of each account, by a number for it: two accounts with one number only bring rows too many."""
    found = [
        part.headers(workspace).select(pl.col("account_id").hash().alias("account")).unique().collect()
        for part in parts
    ]
    return pl.concat([frame.with_columns(part=pl.lit(place)) for place, frame in enumerate(found)])


def _lay_aside(found: Sequence[pl.LazyFrame], places: pl.DataFrame, folder: Path) -> None:
    for number, rows in enumerate(found):  # a run a month and branch
        placed = rows.with_columns(account=pl.col("account_id").hash()).join(
            places.lazy(), on="account", how="inner", validate="m:m"
        )
        target = pl.PartitionBy(folder / str(number), key="part", include_key=False)
        placed.drop("account").sink_parquet(target, compression="lz4", mkdir=True, engine="streaming")


def _laid_aside(folder: Path, reversed_bills: pl.DataFrame, place: int) -> DataFrame[BillUse]:
    files = sorted(folder.glob(f"*/part={place}/*.parquet"))
    rows = [pl.scan_parquet(files, glob=False).select(column_names(BillUse)).collect()] if files else [empty(BillUse)]
    return _standing(rows, reversed_bills, place)


def _published_use(workspace: Workspace, connection: Connection, known_at: datetime, since: date) -> list[pl.LazyFrame]:
    """Return what the bills of each published run took; of a run that was not reviewed from its lines."""
    published = query(
        connection,
        "SELECT run_id FROM run WHERE state = ? AND published_at <= ? ORDER BY run_id",
        [RunState.PUBLISHED.value, known_at],
    )["run_id"].to_list()
    by_run = {name: _by_owner(connection, name) for name in ("bill_use", "bill_lines", "bills")}
    found: list[pl.LazyFrame] = []
    for run in published:  # a run a month and branch
        if run in by_run["bill_use"]:
            rows = scan_lake(workspace, by_run["bill_use"][run]).select(column_names(BillUse))
        elif run in by_run["bills"]:
            scans = (scan_lake(workspace, by_run[name][run]) for name in ("bill_lines", "bills"))
            rows = use_of(*scans).lazy()
        else:
            continue
        found.append(rows.filter(pl.col("period_end_date") > since))
    return found


def _by_owner(connection: Connection, table: str) -> dict[str, list[LakeFile]]:
    owners = query(connection, "SELECT path, owner FROM lake_file WHERE table_name = ?", [table])
    owner_of = dict(zip(owners["path"].to_list(), owners["owner"].to_list(), strict=True))
    found: dict[str, list[LakeFile]] = {}
    for file in lake_files(connection, table):
        found.setdefault(owner_of[file.path], []).append(file)
    return found
