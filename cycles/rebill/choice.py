"""Which published bills are billed again: those that are asked for, and those that hang together with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from accounts.membership import FAR_DATE
from accounts.selection import revisions
from cycles.publishing.published_rows import planned_due, standing_rows
from cycles.publishing.taken_days import due_again
from model.errors import ConfigError
from model.tariff import RateBook
from store.control import Connection
from store.standing import bills_made, standing_keys
from store.workspace import Workspace


@dataclass(frozen=True)
class RebillRequest:
    """What the operator asks for. Without any choice it is every published bill that stands."""

    business_date: date
    known_at: datetime
    actor: str
    reason: str
    since: date | None = None
    """Only bills with days from this one on"""
    cycles: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    tariffs: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    """Only bills of which inputs of these classes changed: see `cycles.rebill.causes`"""
    everything: bool = False
    """Rate also bills of which no input changed"""


@dataclass(frozen=True)
class Chosen:
    """Bills that are looked at."""

    bills: pl.DataFrame
    """model.bills.Bills, run_id, `is_asked` (not only a neighbour or a follower), `turn` within account and cycle,
    `new_id`: the bill that would take its place"""
    due: pl.DataFrame
    """model.rating.DueAgreements of which they were made, run_id"""
    revisions: pl.DataFrame
    """Revision that the next bill of an account and cycle has: stem, revision"""
    owed: pl.DataFrame
    """Days of bills that were taken back before, which only a rebill bills: the columns of `due`, `turn`, `new_id`"""


def choose_bills(
    workspace: Workspace, connection: Connection, request: RebillRequest, known: Mapping[str, pl.DataFrame],
    book: RateBook,
) -> Chosen:  # fmt: skip
    """Return the standing bills that a request means, those beside them, and later ones that look back at them.

    Beside a bill are those of the same service points in the same days, and those of accounts to which days went.
    Days of bills that were taken back are meant too.

    Raises:
        ConfigError: no bill is meant.
    """
    stands = standing_rows(workspace, connection, pl.lit(True))
    held = _held(connection, known)
    asked = _asked(stands, held, request)
    owed = _asked_days(due_again(workspace, connection, known, request.business_date), request)
    if asked.is_empty() and owed.is_empty():
        raise ConfigError("no standing bill is meant by these options", hint='billmill query "SELECT * FROM bills"')
    beside = _beside(stands, held, asked, known)
    later = _followers(held, beside, owed, book)
    bills = (
        stands.join(pl.concat([beside, later]).unique(), on="bill_id", how="semi")
        .with_columns(pl.col("bill_id").is_in(asked["bill_id"].implode()).alias("is_asked"))
        .sort("account_id", "cycle_id", "period_start_date", "bill_id")
        .with_columns(pl.int_range(pl.len()).over("account_id", "cycle_id").cast(pl.Int32).alias("turn"))
    )
    stem = pl.format("{}.{}", "account_id", "cycle_id").alias("stem")
    following = revisions(bills_made(connection))
    numbered = bills.with_columns(stem).join(following, on="stem", how="left", validate="m:1", maintain_order="left")
    named = numbered.with_columns(pl.format("{}.r{}", "stem", pl.col("revision") + pl.col("turn")).alias("new_id"))
    chosen = named.drop("stem", "revision")
    due = planned_due(workspace, chosen.select("bill_id", "run_id"))
    return Chosen(chosen, due, following, _numbered(owed, chosen, following))


def _numbered(owed: pl.DataFrame, chosen: pl.DataFrame, following: pl.DataFrame) -> pl.DataFrame:
    """Give owed days the bill that they make, `new_id`, after those of their account and cycle that become others."""
    turns = chosen.group_by("account_id", "cycle_id").agg(pl.len().cast(pl.Int32).alias("turn"))
    stem = pl.format("{}.{}", "account_id", "cycle_id").alias("stem")
    placed = owed.join(turns, on=["account_id", "cycle_id"], how="left", validate="m:1", maintain_order="left")
    numbered = placed.with_columns(pl.col("turn").fill_null(0), stem).join(
        following, on="stem", how="left", validate="m:1", maintain_order="left"
    )
    named = pl.format("{}.r{}", "stem", pl.col("revision") + pl.col("turn")).alias("new_id")
    return numbered.with_columns(named).drop("stem", "revision")


def _asked_days(owed: pl.DataFrame, request: RebillRequest) -> pl.DataFrame:
    given = {"cycle_id": request.cycles, "account_id": request.accounts, "branch_id": request.branches,
             "tariff_id": request.tariffs}  # fmt: skip
    chosen = [pl.col(column).is_in(list(values)) for column, values in given.items() if values]
    if request.since is not None:
        chosen.append(pl.col("end_date") > request.since)
    return owed.filter(pl.all_horizontal(pl.lit(True), *chosen))


def _held(connection: Connection, known: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return what stands billed: agreement_id, bill_id, start_date, end_date, service_point_id, tariff_id."""
    agreements = known["agreements"].select("agreement_id", "service_point_id", "tariff_id")
    keys = standing_keys(connection).select(
        "agreement_id", "bill_id", pl.col("period_start_date").alias("start_date"),
        pl.col("period_end_date").alias("end_date"),
    )  # fmt: skip
    return keys.join(agreements, on="agreement_id", how="inner", validate="m:1")


def _asked(stands: pl.DataFrame, held: pl.DataFrame, request: RebillRequest) -> pl.DataFrame:
    given = {"cycle_id": request.cycles, "account_id": request.accounts, "branch_id": request.branches}
    chosen = [pl.col(column).is_in(list(values)) for column, values in given.items() if values]
    if request.since is not None:
        chosen.append(pl.col("period_end_date") > request.since)
    found = stands.filter(pl.all_horizontal(pl.lit(True), *chosen))
    if request.tariffs:
        found = found.join(held.filter(pl.col("tariff_id").is_in(list(request.tariffs))), on="bill_id", how="semi")
    return found.select("bill_id")


def _beside(
    stands: pl.DataFrame, held: pl.DataFrame, asked: pl.DataFrame, known: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the bills that are asked for and those that share days of a service point with them."""
    places = ["service_point_id", "start_date", "end_date"]
    own = held.join(asked, on="bill_id", how="semi")
    is_shared = (pl.col("start_date") < pl.col("end_date_own")) & (pl.col("start_date_own") < pl.col("end_date"))
    spans = own.select(places).unique()
    shared = held.join(spans, on="service_point_id", how="inner", suffix="_own", validate="m:m").filter(is_shared)
    # Days that facts of today give to another account belong on that account's bill of the cycle.
    payers = stands.select("bill_id", "account_id", "cycle_id")
    taken = (
        known["agreements"]
        .select("account_id", "service_point_id", "start_date", pl.col("end_date").fill_null(FAR_DATE))
        .join(own.join(payers, on="bill_id", how="inner", validate="m:1"), on="service_point_id", how="inner",
              suffix="_own", validate="m:m")
        .filter(is_shared, pl.col("account_id") != pl.col("account_id_own"))
        .select("account_id", "cycle_id").unique()
    )  # fmt: skip
    moved = stands.join(taken, on=["account_id", "cycle_id"], how="semi")
    return pl.concat([asked, shared.select("bill_id"), moved.select("bill_id")]).unique()


def _followers(held: pl.DataFrame, bills: pl.DataFrame, owed: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return the later bills of the same service points whose tariffs look back."""
    days = ["service_point_id", "start_date"]
    firsts = (
        pl.concat([held.join(bills, on="bill_id", how="semi").select(days), owed.select(days)])
        .group_by("service_point_id")
        .agg(pl.col("start_date").min().alias("first"))
    )
    later = held.filter(pl.col("tariff_id").is_in(looking_back(book).implode())).join(
        firsts, on="service_point_id", how="inner", validate="m:1"
    )
    return later.filter(pl.col("start_date") > pl.col("first")).select("bill_id").unique()


def looking_back(book: RateBook) -> pl.Series:
    """Return the tariffs that count earlier periods, or keep a bank."""
    versions = pl.concat([
        book.quantities.filter(pl.col("kind").is_in(["history", "bank"])).select("version_id"),
        book.banks.select("version_id"),
    ]).unique()  # fmt: skip
    return book.versions.join(versions, on="version_id", how="semi")["tariff_id"].unique().sort()
