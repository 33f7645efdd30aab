"""What bills took and cost by agreement: of a run, and of all that was published before it."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.post import summed_minor
from model.codes import RunState
from model.review import BillUse
from model.schema import arranged, column_names, empty
from model.units import POWER_UNIT, PRINTED_UNITS
from rating.segments import number_of
from store.control import Connection, query
from store.lake import LakeFile, lake_files, scan_lake
from store.workspace import Workspace

# Printed units of amounts of something; powers are no use.
USE_UNITS = {name: smallest for name, (smallest, _) in PRINTED_UNITS.items() if smallest not in POWER_UNIT.values()}
_LINE = [
    "bill_id", "account_id", "branch_id", "agreement_id", "service_point_id", "commodity", "tariff_id", "component_id",
    "line_no", "kind", "category", "quantity", "unit", "period_start_date", "period_end_date", "is_estimated",
    "amount_minor", "currency",
]  # fmt: skip


def use_of(lines: pl.LazyFrame, bills: pl.LazyFrame) -> DataFrame[BillUse]:
    """Return what bills took, from their lines and headers (model.rating.BillLines, model.bills.Bills).

    The use of an agreement is the largest quantity that one of its charges prices, over its tiers and periods of use:
    several charges may price the same energy, and adding them up would count it twice.
    """
    chosen = lines.select(_LINE).collect()
    keys = ["bill_id", "agreement_id"]
    # Lines lie in the order of their bills, and are sorted only where they do not.
    rises = (pl.col("line_no") > pl.col("line_no").shift(1)) | (pl.col("bill_id") != pl.col("bill_id").shift(1))
    ordered = chosen if chosen.select(rises.all()).item() else chosen.sort("line_no")
    numbered = ordered.with_columns(number_of(*keys).alias("use_no"))
    heads = numbered.filter((pl.col("use_no") != pl.col("use_no").shift(1)).fill_null(value=True))
    if heads.select(keys).unique().height < heads.height:
        # An agreement's lines do not stand together: one-off charges come after those of the tariffs.
        heads = heads.unique(keys, keep="first", maintain_order=True)
        numbers = heads.select(*keys, "use_no")
        numbered = numbered.drop("use_no").join(
            numbers, on=keys, how="left", validate="m:1", maintain_order="left"
        )  # fmt: skip
    summed = numbered.select("use_no", "period_start_date", "period_end_date", "is_estimated", "amount_minor")
    rows = summed.group_by("use_no").agg(
        pl.col("period_start_date").min(), pl.col("period_end_date").max(), pl.col("is_estimated").any(),
        summed_minor("amount_minor"),
    )  # fmt: skip
    names = heads.select("use_no", *keys, "account_id", "branch_id", "service_point_id", "commodity", "tariff_id",
                         "currency")  # fmt: skip
    classes = bills.select("bill_id", "revenue_class").collect()
    joined = (
        names.join(rows, on="use_no", how="left", validate="1:1")
        .join(_largest_use(numbered), on="use_no", how="left", validate="1:1")
        .join(classes, on="bill_id", how="inner", validate="m:1")
    )
    filled = joined.with_columns(pl.col("quantity").fill_null(0), pl.col("unit").fill_null(""))
    return arranged(BillUse, filled.sort(keys))


def _largest_use(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the largest quantity that a charge prices (use_no, quantity, unit); of equal ones the first by name."""
    is_use = (pl.col("kind") == "quantity") & (pl.col("category") == "charge") & pl.col("unit").is_in(list(USE_UNITS))
    priced = (
        lines.filter(is_use)
        .with_columns(pl.col("unit").replace_strict(USE_UNITS, return_dtype=pl.String))
        .group_by("use_no", "component_id", "unit").agg(pl.col("quantity").sum())
    )  # fmt: skip
    largest = priced.filter(pl.col("quantity") == pl.col("quantity").max().over("use_no"))
    return largest.sort("use_no", "component_id", "unit").unique("use_no", keep="first", maintain_order=True).drop(
        "component_id"
    )  # fmt: skip


def past_use(
    workspace: Workspace, connection: Connection, *, known_at: datetime, since: date, accounts: pl.DataFrame
) -> DataFrame[BillUse]:
    """Return what standing bills of accounts took that were published up to a time, of days from `since` on."""
    published = query(
        connection,
        "SELECT run_id FROM run WHERE state = ? AND published_at <= ? ORDER BY run_id",
        [RunState.PUBLISHED.value, known_at],
    )["run_id"].to_list()
    by_run = {name: _by_owner(connection, name) for name in ("bill_use", "bill_lines", "bills")}
    found = [pl.DataFrame(empty(BillUse))]
    for run in published:  # a run a month and branch
        if run in by_run["bill_use"]:
            rows = scan_lake(workspace, by_run["bill_use"][run]).select(column_names(BillUse))
        elif run in by_run["bills"]:
            scans = (scan_lake(workspace, by_run[name][run]) for name in ("bill_lines", "bills"))
            rows = use_of(*scans).lazy()
        else:
            continue
        late = pl.col("period_end_date") > since
        found.append(rows.filter(late).join(accounts.lazy(), on="account_id", how="semi").collect())
    reversed_bills = query(
        connection,
        "SELECT bill_id FROM reversed_bill AS b JOIN run AS r ON r.run_id = b.run_id WHERE r.published_at <= ? "
        "UNION SELECT reversal_id FROM reversed_bill",
        [known_at],
    )
    standing = pl.concat(found).join(reversed_bills, on="bill_id", how="anti")
    return arranged(BillUse, standing.sort("bill_id", "agreement_id"))


def _by_owner(connection: Connection, table: str) -> dict[str, list[LakeFile]]:
    owners = query(connection, "SELECT path, owner FROM lake_file WHERE table_name = ?", [table])
    owner_of = dict(zip(owners["path"].to_list(), owners["owner"].to_list(), strict=True))
    found: dict[str, list[LakeFile]] = {}
    for file in lake_files(connection, table):
        found.setdefault(owner_of[file.path], []).append(file)
    return found
