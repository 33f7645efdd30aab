"""What a cycle has to bill: agreements of its group that were supplied in its period and are not billed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.membership import FAR_DATE, members
from model.rating import DueAgreements, DueChannels
from model.schema import arranged

# Cost of an agreement in intervals: to price, tax and post it takes as long as to read and add up a month of them.
REGISTER_COST = 3_000
# The tables that `select_due` looks at.
SELECTED_FROM = ("accounts", "agreements", "cycles", "group_change", "opening_dates", "routes", "service_points")


@dataclass(frozen=True)
class Cycle:
    """A row of the calendar (model.accounts.BillCycles)."""

    cycle_id: str
    bill_group: str
    period_start_date: date
    period_end_date: date
    window_open_date: date
    window_close_date: date
    branch_id: str | None = None
    read_from_date: date | None = None
    read_to_date: date | None = None
    estimate_date: date | None = None
    bill_date: date | None = None
    due_date: date | None = None

    @classmethod
    def planned(cls, plan: Mapping[str, Any]) -> Cycle:
        """Return the cycle of a plan (its content), in which dates are texts."""
        dates = {
            name: value and date.fromisoformat(value) for name, value in plan["cycle"].items() if name.endswith("_date")
        }
        return cls(**(plan["cycle"] | dates))

    def estimates_allowed(self, business_date: date) -> bool:
        """Return whether a bill of this business date may rest on estimates."""
        return self.estimate_date is None or business_date >= self.estimate_date


def select_due(
    cycle: Cycle,
    known: dict[str, pl.DataFrame],
    billed: pl.DataFrame,
    branches: tuple[str, ...],
    *,
    made: pl.Series | None = None,
) -> pl.DataFrame:
    """Return the agreements that are due, without their partition, sorted by agreement.

    `known` holds at least `SELECTED_FROM`; `billed` (agreement_id, period_start_date, period_end_date,
    bill_id) what stands billed, `made` the ids of all bills ever published, those of `billed` when None. Days that
    stand billed are not due, nor are those that stand billed to another agreement of the place (they went to this one
    later: a rebill takes them back there); those beside them are (an agreement that was extended, a bill that was taken
    back), the earliest first. `branches` empty means all.
    """
    accounts = members(
        cycle.bill_group, cycle.period_start_date, grouped_accounts(known), known["group_change"], known["cycles"]
    )
    if cycle.branch_id is not None:
        accounts = accounts.filter(pl.col("branch_id") == cycle.branch_id)
    if branches:
        accounts = accounts.filter(pl.col("branch_id").is_in(list(branches)))
    supplied = (
        known["agreements"]
        .join(accounts, on="account_id", how="inner", validate="m:1")
        .join(known["service_points"], on="service_point_id", how="inner", validate="m:1")
        .join(known["opening_dates"], on="agreement_id", how="left", validate="1:1")
        .with_columns(
            start_date=pl.max_horizontal("start_date", "member_from", "billed_to_date"),
            end_date=pl.min_horizontal(
                pl.col("end_date").fill_null(FAR_DATE), "member_to", pl.lit(cycle.period_end_date)
            ),
        )
        .filter(pl.col("start_date") < pl.col("end_date"))
        .drop("member_from", "member_to", "billed_to_date")
    )
    due = without_billed_days(supplied, _billed_at_places(supplied, billed, known["agreements"]))
    return _with_bill_ids(due, cycle, billed["bill_id"] if made is None else made).sort("agreement_id")


def first_possible(cycle: Cycle, calendar: pl.DataFrame) -> date:
    """Return the first day that a cycle can bill: that of the cycle before, for who entered the group within that."""
    before = calendar.filter(
        pl.col("bill_group") == cycle.bill_group, pl.col("period_start_date") < cycle.period_start_date
    )
    return max(before["period_start_date"].to_list(), default=cycle.period_start_date)


def grouped_accounts(known: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the accounts, each in the group in which it is billed: that of its route where the route has one.

    An account with service points on several such routes goes with the first of them by name, so that it gets one bill.
    """
    if known["routes"].is_empty():
        return known["accounts"]
    points = known["service_points"].select("service_point_id", "route")
    of_routes = (
        known["agreements"].select("account_id", "service_point_id")
        .join(points, on="service_point_id", how="inner", validate="m:1")
        .join(known["routes"], on="route", how="inner", validate="m:1")
        .sort("account_id", "route").unique("account_id", keep="first", maintain_order=True)
        .select("account_id", pl.col("bill_group").alias("route_group"))
    )  # fmt: skip
    grouped = known["accounts"].join(of_routes, on="account_id", how="left", validate="1:1", maintain_order="left")
    return grouped.with_columns(bill_group=pl.coalesce("route_group", "bill_group")).drop("route_group")


def _billed_at_places(supplied: pl.DataFrame, billed: pl.DataFrame, agreements: pl.DataFrame) -> pl.DataFrame:
    """Return what stands billed as days of each supplied agreement: its own, and those of others at its place."""
    days = ["period_start_date", "period_end_date"]
    places = agreements.select("agreement_id", "service_point_id")
    at_places = (
        billed.select("agreement_id", *days)
        .join(places, on="agreement_id", how="inner", validate="m:1")
        .drop("agreement_id")
        .join(supplied.select("agreement_id", "service_point_id"), on="service_point_id", how="inner", validate="m:m")
    )
    return pl.concat([billed.select("agreement_id", *days), at_places.select("agreement_id", *days)]).unique()


def without_billed_days(supplied: pl.DataFrame, billed: pl.DataFrame, key: str = "agreement_id") -> pl.DataFrame:
    """Cut off the days that are billed; an agreement comes at most once, with the first days that are not.

    `supplied` has a row for each `key`, with start_date and end_date; `billed` any number of them, with
    period_start_date and period_end_date.
    """
    spans = supplied.select(key, pl.col("start_date").alias("from"), pl.col("end_date").alias("to"))
    standing = (
        billed.select(key, "period_start_date", "period_end_date")
        .join(spans, on=key, how="inner", validate="m:1")
        .filter(pl.col("period_start_date") < pl.col("to"), pl.col("from") < pl.col("period_end_date"))
        .select(key, "period_start_date", "period_end_date")
    )
    whole = supplied.join(standing, on=key, how="anti").filter(pl.col("start_date") < pl.col("end_date"))
    if standing.is_empty():
        return whole
    cut = supplied.join(_first_gaps(standing, spans), on=key, how="inner", validate="1:1").with_columns(
        start_date=pl.col("gap_from"), end_date=pl.col("gap_to")
    )
    return pl.concat([whole, cut.drop("gap_from", "gap_to")])


def _first_gaps(standing: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return the first days of each key in `standing` that are not billed, if any: its column, gap_from, gap_to."""
    key = spans.columns[0]
    asked = spans.join(standing, on=key, how="semi")
    # The day after the last stands as a period without days, so that what follows the last bill is a gap as well.
    closing = asked.select(key, pl.col("to").alias("period_start_date"), pl.col("to").alias("period_end_date"))
    billed_to = pl.col("period_end_date").cum_max().shift(1).over(key)
    return (
        pl.concat([standing, closing])
        .sort(key, "period_start_date", "period_end_date")
        .join(asked, on=key, how="left", validate="m:1", maintain_order="left")
        .with_columns(billed_to.fill_null(pl.col("from")).alias("gap_from"))
        .filter(pl.col("gap_from") < pl.col("period_start_date"))
        .unique(key, keep="first", maintain_order=True)
        .select(key, "gap_from", pl.col("period_start_date").alias("gap_to"))
    )


def revisions(made: pl.Series) -> pl.DataFrame:
    """Return the revision that the next bill of an account and cycle has: stem (`A1.2026-06`), revision."""
    parts = made.unique().str.extract_groups(r"^(?<stem>.*)\.r(?<revision>\d+)$").struct.unnest()
    return parts.group_by("stem").agg((pl.col("revision").cast(pl.Int64).max() + 1).alias("revision"))


def _with_bill_ids(due: pl.DataFrame, cycle: Cycle, made: pl.Series) -> pl.DataFrame:
    """A second bill of an account in one cycle (what was parked before, or taken back) is the next revision."""
    stemmed = due.with_columns(
        pl.concat_str("account_id", pl.lit(f".{cycle.cycle_id}")).alias("stem"),
        cycle_id=pl.lit(cycle.cycle_id),
        cycle_start_date=pl.lit(cycle.period_start_date),
        cycle_end_date=pl.lit(cycle.period_end_date),
    )
    return stemmed.join(revisions(made), on="stem", how="left", validate="m:1").with_columns(
        pl.format("{}.r{}", "stem", pl.col("revision").fill_null(0)).alias("bill_id")
    )


def select_again(due: pl.DataFrame, known: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the days of one bill as other facts have them, without their partition: see `select_due`.

    `due` are the agreements (model.rating.DueAgreements) that the bill was made of. What comes back are the days of
    their service points under any agreement of the account in `known`: days are dropped, or go to another agreement
    or tariff, and none is added that the bill does not have.
    """
    header = ["bill_id", "account_id", "cycle_id", "cycle_start_date", "cycle_end_date"]
    spans = _joined_spans(due.select("service_point_id", "start_date", "end_date"))
    mine = known["accounts"].join(due.select(header).unique(), on="account_id", how="inner", validate="1:1")
    return (
        known["agreements"]
        .join(mine, on="account_id", how="inner", validate="m:1")
        .join(known["service_points"], on="service_point_id", how="inner", validate="m:1")
        .join(spans, on="service_point_id", how="inner", suffix="_billed", validate="m:m")
        .with_columns(
            start_date=pl.max_horizontal("start_date", "start_date_billed"),
            end_date=pl.min_horizontal(pl.col("end_date").fill_null(FAR_DATE), "end_date_billed"),
        )
        .filter(pl.col("start_date") < pl.col("end_date"))
        .drop("start_date_billed", "end_date_billed")
        .sort("agreement_id", "start_date")
    )


def _joined_spans(spans: pl.DataFrame) -> pl.DataFrame:
    """Put spans of a service point together where one begins on the day on which the other ends."""
    begins = (pl.col("start_date") > pl.col("end_date").shift(1)).over("service_point_id").fill_null(False)
    return (
        spans.sort("service_point_id", "start_date")
        .with_columns(begins.cast(pl.Int32).alias("begins"))
        .with_columns(pl.col("begins").cum_sum().over("service_point_id").alias("span"))
        .group_by("service_point_id", "span", maintain_order=True)
        .agg(pl.col("start_date").min(), pl.col("end_date").max())
        .drop("span")
    )


def cut_partitions(
    due: pl.DataFrame, channel_numbers: pl.DataFrame, *, cost_each: int, partitions: int | None = None
) -> tuple[DataFrame[DueAgreements], DataFrame[DueChannels]]:
    """Give each account a partition of about equal cost (intervals), neighbours on disk together.

    The cut is by cost, never by ranges of ids; `partitions` fixes their number. An account is never split.
    """
    # An agreement that is due for several periods has its channels once, and their cost for each of them.
    channels = due.select("agreement_id", "account_id", "service_point_id", "start_date", "end_date").join(
        channel_numbers.select(
            "channel_no", "channel_id", "service_point_id", "measure", "interval_minutes",
            pl.col("start_date").alias("from_date"), pl.col("end_date").alias("to_date"),
        ),
        on="service_point_id", how="left", validate="m:m", maintain_order="left_right",
    ).filter(
        pl.col("channel_no").is_null()
        | ((pl.col("from_date").is_null() | (pl.col("from_date") < pl.col("end_date")))
           & (pl.col("to_date").is_null() | (pl.col("to_date") > pl.col("start_date"))))
    )  # fmt: skip
    days = (pl.col("end_date") - pl.col("start_date")).dt.total_days()
    slots = pl.when(pl.col("interval_minutes") > 0).then(1440 // pl.col("interval_minutes")).otherwise(0)
    supplied = channels.select("account_id", "channel_no", cost=REGISTER_COST + days * slots)
    # Whose channels have all ended, or not begun, is rated as well, if only to be parked.
    bare = due.join(channels, on="account_id", how="anti").select(
        "account_id", channel_no=pl.lit(None, supplied.schema["channel_no"]), cost=pl.lit(REGISTER_COST, pl.Int64)
    )
    costs = (
        pl.concat([supplied, bare], how="vertical_relaxed")
        .group_by("account_id").agg(pl.col("cost").sum(), pl.col("channel_no").min())
        .sort("channel_no", "account_id", nulls_last=True)
    )  # fmt: skip
    total = int(costs["cost"].sum())
    count = min(partitions or _partition_count(total, cost_each), max(1, costs.height))
    # The partition of an account is where the middle of its cost falls on the line of all costs.
    middle = pl.col("cost").cum_sum() * 2 - pl.col("cost")
    placed = costs.with_columns(
        ((middle * count) // (2 * max(total, 1)))
        .clip(0, count - 1)
        .rank("dense")
        .cast(pl.Int32)
        .sub(1)
        .alias("partition")
    )
    owners = placed.select("account_id", "partition")
    due_cut, cut = (
        rows.join(owners, on="account_id", how="left", validate="m:1", maintain_order="left")
        for rows in (due, channels.filter(pl.col("channel_no").is_not_null()))
    )
    of_channels = _by_partition(cut, "agreement_id", "channel_no")
    again = (pl.col("agreement_id") == pl.col("agreement_id").shift(1)) & (
        pl.col("channel_no") == pl.col("channel_no").shift(1)
    )
    return (
        arranged(DueAgreements, _by_partition(due_cut, "agreement_id", "start_date")),
        arranged(DueChannels, of_channels.filter(~again.fill_null(value=False))),
    )


def _by_partition(rows: pl.DataFrame, text: str, value: str) -> pl.DataFrame:
    """Return rows by partition, a text and a value; those in order of both, as they mostly come, by numbers alone."""
    above, below = pl.col(text).shift(1), pl.col(text)
    rises = (above < below) | ((above == below) & (pl.col(value).shift(1) <= pl.col(value)))
    if rows.select(rises.fill_null(value=True).all()).item():
        return rows.sort("partition", maintain_order=True)
    return rows.sort("partition", text, value)


def _partition_count(cost: int, cost_each: int) -> int:
    """Return how many partitions there are: an even number, where there are several, so that two workers end as one."""
    count = max(1, -(-cost // cost_each))
    return count if count == 1 else count + count % 2
