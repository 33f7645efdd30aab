"""What passes from cycle to cycle: earlier values of quantities that this one counts, and balances of banks."""

from __future__ import annotations

from functools import cache

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.formula import FORMULA_SCALE
from model.rating import BankBalances, RatingInput
from model.schema import arranged
from model.tariff import RateBook
from rating.bases import agreement_amounts
from rating.once import once_per_book
from rating.parking import no_parks, park
from rating.rounding import int128, wide
from rating.values import Known, Scopes, counted_size, formula_values, no_amounts, quantity_values

# Balances are kept with 9 decimals of the bank's unit, as quantities by formula are.
_BALANCE_SCALE = 1000


def carried_in(due: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    """Return what earlier cycles left for each due agreement: due_no, version_id, name, value (x 10^12)."""
    kept = kept_quantities(given.book)
    if kept.is_empty():
        return _nothing_carried()
    asked = (
        due.select("due_no", "agreement_id", "service_point_id", "tariff_id", "cycle_start_date", "cycle_end_date")
        .join(given.book.versions.select("version_id", "tariff_id"), on="tariff_id", how="inner", validate="m:m")
        .join(kept, on="version_id", how="inner", validate="m:m")
        .rename({"quantity_id": "name"})
    )  # fmt: skip
    banks = asked.filter(pl.col("kind") == "bank").join(
        given.banks.select("agreement_id", pl.col("bank_id").alias("name"), "balance"), on=["agreement_id", "name"],
        how="inner", validate="m:1",
    )  # fmt: skip
    return pl.concat(
        [
            _history_values(asked.filter(pl.col("kind") == "history"), given.history),
            banks.select("due_no", "version_id", "name", (wide("balance") * _BALANCE_SCALE).alias("value")),
        ]
    )


@once_per_book
def kept_quantities(book: RateBook) -> pl.DataFrame:
    """Return the quantities that earlier cycles leave: histories and banks."""
    return book.quantities.filter(pl.col("kind").is_in(["history", "bank"]))


@cache
def _nothing_carried() -> pl.DataFrame:
    schema = {"due_no": pl.Int64(), "version_id": pl.String(), "name": pl.String(), "value": pl.Int128()}
    return pl.DataFrame(schema=schema)


def banks_out_of_order(due: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    """Return parks for agreements whose bank was not left on the first day that is due: a cycle between them is not
    billed, or a later one is billed already."""
    if given.banks.is_empty() or given.book.banks.is_empty():
        return no_parks()
    firsts = given.due.group_by("agreement_id").agg(pl.col("start_date").min().alias("first_date"))
    held = given.book.banks.join(
        given.book.versions.select("version_id", "tariff_id"), on="version_id", how="inner", validate="m:1"
    ).select("tariff_id", "bank_id").unique()  # fmt: skip
    found = (
        due.select("due_no", "agreement_id", "tariff_id")
        .join(held, on="tariff_id", how="inner", validate="m:m")
        .join(given.banks.select("agreement_id", "bank_id", "as_of_date"), on=["agreement_id", "bank_id"], how="inner",
              validate="m:m")
        .join(firsts, on="agreement_id", how="left", validate="m:1")
        .filter(pl.col("as_of_date") != pl.col("first_date"))
    )  # fmt: skip
    detail = pl.format(
        "bank {}: expected a balance of {}, the first day that is due, found one of {}",
        "bank_id", "first_date", "as_of_date",
    )  # fmt: skip
    return park(found, ParkReason.BANK_OUT_OF_ORDER, detail)


def _history_values(asked: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """Return the values of history quantities that have any earlier value.

    Looked at are the `history_back` periods that ended before the cycle began (where some are missing, none is taken
    from long ago in their place), and of them those whose first day lies in the stated months. With `known_from`, a
    set of months counts from that month on: before it, last year's does.
    """
    earlier = history.select(
        "service_point_id", pl.col("quantity_id").alias("history_of"), "period_start_date", "period_end_date",
        "quantity", pl.col("unit_size").alias("found_size"),
    )  # fmt: skip
    keys = ["due_no", "version_id", "name"]
    rows = (
        asked.join(earlier, on=["service_point_id", "history_of"], how="inner", validate="m:m")
        .filter(pl.col("period_end_date") <= pl.col("cycle_start_date"), pl.col("period_start_date") >= _oldest())
        .sort(*keys, "period_start_date", descending=[False, False, False, True])
        .with_columns((pl.int_range(pl.len()).over(keys) < pl.col("history_back")).alias("is_near"))
        .filter("is_near")
    )
    month = pl.format(",{},", pl.col("period_start_date").dt.month())
    of_month = pl.col("history_months").is_null() | pl.col("history_months").str.contains(month, literal=True)
    before = pl.col("cycle_start_date").dt.month() < pl.col("known_from")
    year = pl.col("cycle_start_date").dt.year() - before.cast(pl.Int32)
    known = pl.date(year, pl.col("known_from"), 1)
    in_set = (pl.col("period_start_date") < known) & (pl.col("period_start_date") >= known.dt.offset_by("-1y"))
    counted = rows.filter(of_month & (pl.col("known_from").is_null() | in_set)).with_columns(
        (wide("quantity") * int128(FORMULA_SCALE) // wide("found_size")).alias("value")
    )
    total, count, agg = pl.col("value").sum(), pl.len().cast(pl.Int128), pl.col("history_agg").first()
    mean = (total.abs() * 2 + count) // (count * 2) * total.sign()
    return (
        counted.group_by(keys, maintain_order=True)
        .agg(
            pl.when(agg == "max").then(pl.col("value").max())
            .when(agg == "min").then(pl.col("value").min())
            .when(agg == "mean").then(mean)
            .when(agg == "sum").then(total)
            .otherwise(pl.col("value").first())
            .alias("value")
        )
        .select(*keys, "value")
    )  # fmt: skip


def _oldest() -> pl.Expr:
    """Return the first day on which a period that counts can begin: so many cycles back, and a month to spare."""
    days = (pl.col("cycle_end_date") - pl.col("cycle_start_date")).dt.total_days() * pl.col("history_back") + 31
    return pl.col("cycle_start_date") - pl.duration(days=days)


def _under(due: pl.DataFrame, known: Known, versions: pl.DataFrame) -> pl.DataFrame:
    """Return all that is due of agreements that some of these versions (version_id) are in force for."""
    cals = known.calendar.segments.join(versions, on="version_id", how="semi")["cal_no"].unique()
    return due.join(due.filter(pl.col("cal_no").is_in(cals.implode())), on="agreement_id", how="semi")


def _agreement_scopes(known: Known, due: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a scope for each agreement of `due`, over all of its periods, and the members of these scopes.

    It has the last version in force, and the attributes of the last period.
    """
    held = due.select("due_no", "cal_no", "agreement_id", "service_point_id", "bill_id", "start_date", "end_date").join(
        known.calendar.segments.select("cal_no", "segment_no", "version_id", "cycle_days"), on="cal_no", how="inner",
        validate="m:m",
    ).sort("agreement_id", "start_date", "segment_no")  # fmt: skip
    frame = (
        held.group_by("agreement_id", maintain_order=True)
        .agg(
            pl.col("due_no", "version_id", "cycle_days", "service_point_id", "bill_id").last(),
            pl.col("start_date").min(),
            pl.col("end_date").max(),
        )
        .with_row_index("scope_no")
        .with_columns(pl.col("scope_no").cast(pl.Int64))
    )
    slices = known.calendar.slices.select("cal_no", "segment_no", "slice_no")
    members = (
        due.select("due_no", "cal_no", "agreement_id")
        .join(frame.select("agreement_id", "scope_no"), on="agreement_id", how="inner", validate="m:1")
        .join(slices, on="cal_no", how="inner", validate="m:m")
        .select("scope_no", "due_no", "cal_no", "segment_no", "slice_no")
    )
    return frame, members


def kept_history(known: Known, due: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the values of this cycle that later ones count, and parks where one is too large to be kept.

    These are the quantities that some history names: History, and `agreement_id`.
    """
    book = known.book
    counted = book.quantities.filter(pl.col("history_of").is_not_null()).select(
        "version_id", pl.col("history_of").alias("name")
    ).unique()  # fmt: skip
    if counted.is_empty() or due.is_empty():
        return pl.DataFrame(schema=_HISTORY), []
    frame, members = _agreement_scopes(known, _under(due, known, counted))
    wanted = frame.join(counted, on="version_id", how="inner", validate="m:m").select("scope_no", "name")
    asked = frame.join(wanted.select("scope_no").unique(), on="scope_no", how="semi")
    scopes = Scopes(asked, members.join(asked.select("scope_no"), on="scope_no", how="semi"), no_amounts())
    values, _ = quantity_values(scopes, wanted, known)
    sizes = book.quantities.select("version_id", pl.col("quantity_id").alias("name"), counted_size().alias("unit_size"))
    rows = (
        wanted.join(values, on=["scope_no", "name"], how="inner", validate="1:1")
        .join(frame, on="scope_no", how="left", validate="m:1")
        .join(sizes, on=["version_id", "name"], how="left", validate="m:1")
        .join(_estimated(known, scopes.members), on=["scope_no", "name"], how="left", validate="1:1")
    )
    # The value is a whole number and twelve places; they are multiplied apart, for together they pass 128 bits.
    number, unit = wide("value").abs(), wide("unit_size")
    places = (number % int128(FORMULA_SCALE) * unit + int128(FORMULA_SCALE // 2)) // int128(FORMULA_SCALE)
    size = number // int128(FORMULA_SCALE) * unit + places
    kept = rows.with_columns((size * wide("value").sign()).cast(pl.Int64, strict=False).alias("quantity"))
    detail = pl.format("the value of {} that later bills count is too large to be kept", "name")
    parks = park(kept.filter(pl.col("quantity").is_null()), ParkReason.AMOUNT_TOO_LARGE, detail)
    history = kept.filter(pl.col("quantity").is_not_null()).select(
        "agreement_id",
        "service_point_id",
        pl.col("name").alias("quantity_id"),
        pl.col("start_date").alias("period_start_date"),
        pl.col("end_date").alias("period_end_date"),
        "quantity",
        "unit_size",
        pl.col("is_estimated").fill_null(False),
        pl.lit("bill").alias("source"),
    )
    return history.sort("service_point_id", "quantity_id", "period_start_date"), [parks]


_HISTORY = {
    "agreement_id": pl.String, "service_point_id": pl.String, "quantity_id": pl.String,
    "period_start_date": pl.Date, "period_end_date": pl.Date,
    "quantity": pl.Int64, "unit_size": pl.Int64, "is_estimated": pl.Boolean, "source": pl.String,
}  # fmt: skip


def _estimated(known: Known, members: pl.DataFrame) -> pl.DataFrame:
    rows = members.join(
        known.determinants_of(members).select("due_no", "segment_no", "slice_no", "quantity_id", "is_estimated"),
        on=["due_no", "segment_no", "slice_no"], how="inner", validate="m:m",
    )  # fmt: skip
    return rows.group_by("scope_no", pl.col("quantity_id").alias("name")).agg(pl.col("is_estimated").any())


def kept_banks(
    known: Known, due: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame
) -> tuple[DataFrame[BankBalances], pl.DataFrame]:
    """Return the balances that agreements carry out of the cycle, and parks where a balance has no value."""
    book = known.book
    nothing = pl.DataFrame(schema={"agreement_id": pl.String, "bank_id": pl.String, "tou": pl.String,
                                   "balance": pl.Int64, "as_of_date": pl.Date})  # fmt: skip
    if book.banks.is_empty() or due.is_empty():
        return arranged(BankBalances, nothing), no_parks()
    frame, members = _agreement_scopes(known, _under(due, known, book.banks))
    asked = frame.join(book.banks.select("version_id").unique(), on="version_id", how="semi")
    held = asked.join(book.banks, on="version_id", how="inner", validate="m:m")
    amounts = agreement_amounts(known, asked, lines, components)
    scopes = Scopes(asked, members.join(asked.select("scope_no"), on="scope_no", how="semi"), amounts)
    values, parks = formula_values(scopes, held.select("scope_no", "formula_id"), known)
    found = held.join(values, on=["scope_no", "formula_id"], how="inner", validate="m:1")
    size = (pl.col("value").abs() + _BALANCE_SCALE // 2) // _BALANCE_SCALE
    balances = found.select(
        "due_no",
        "agreement_id",
        "bank_id",
        pl.lit("").alias("tou"),
        (pl.col("value").sign() * size).cast(pl.Int64, strict=False).alias("balance"),
        pl.col("end_date").alias("as_of_date"),
    ).sort("agreement_id", "bank_id")
    fits = pl.col("balance").is_not_null()
    detail = pl.format("the balance of bank {} is too large to be kept", "bank_id")
    beyond = park(balances.filter(~fits), ParkReason.AMOUNT_TOO_LARGE, detail)
    return arranged(BankBalances, balances.filter(fits).drop("due_no")), pl.concat([no_parks(), *parks, beyond])
