"""Charges of the first level: on quantities (flat, tiered, maxima), by day and cycle, and by formula."""

from __future__ import annotations

import numpy as np
import polars as pl

from model.codes import ParkReason
from model.rating import RatingInput
from model.tariff import ANY
from rating.aggregates import aggregate
from rating.amounts import rounded, with_exact_amount, within_bounds
from rating.chronological import filled_in_time
from rating.kernels import apportion
from rating.parking import apart, no_parks, park, without_rows
from rating.personal import PieceValues, bill_days, piece_values, with_personal_prices, with_texts
from rating.pieces import PIECE_KEYS, cut_pieces, price_pieces
from rating.rounding import QUANTITY_MAX, rounded_to_step, wide
from rating.values import Known, counted_size

# A number stands for `PIECE_KEYS`: to compare one number takes a third of the time that two numbers and a text take.
_GROUP = ["due_no", "piece_no"]
_PART = [*_GROUP, "tou", "unit", "unit_size", "quantity", "is_estimated", "reads_seq", "split_method", "determinant"]
# What is left of a part, its piece and its price once tiers are known: what explains them would only be moved.
_PRICED = [
    *_PART, "formula_e15", "cal_no", "segment_no", "component_id", "piece_start", "version_id", "season",
    "period_start_date", "period_end_date", "tier", "price_e9", "fixed_e9", "factor_id", "lower", "upper",
    "tier_method", "by_tou", "share_part", "share_whole", "fixed_part", "fixed_whole",
]  # fmt: skip


def price_charges(
    known: Known, components: pl.DataFrame, idle: pl.DataFrame, given: RatingInput
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the lines of all charges of level 1 (rating.amounts.CORE_SCHEMA), and the parks.

    `given`: the intervals that fill tiers in the order of time. `idle`: due_no, version_id, component_id of those
    whose condition is not met.
    """
    pieces, piece_slices = cut_pieces(known.calendar, components, known.book)
    prices = price_pieces(pieces, piece_slices, known.calendar, components, known.book)
    measured = _measured_parts(known, components, pieces, piece_slices)
    values = piece_values(known, components, pieces, piece_slices, idle, measured.select(*_GROUP, "tou"))
    parts = pl.concat(
        [
            measured,
            _found_parts(values, components, known),
            _day_parts(values, pieces, components, known),
            _amount_parts(values, pieces, components),
        ],
        how="diagonal",
        rechunk=True,
    )
    # Without a value for a price or an edge nothing can be shared over tiers: whoever lacks one is parked, and leaves.
    lost = pl.concat([no_parks(), *values.parks]).select("due_no").unique()
    placed = without_rows(_dated(parts, pieces, known), idle, on=["due_no", "version_id", "component_id"])
    texted, without_text = with_texts(without_rows(placed, lost, on=["due_no"]), components, known)
    priced, unpriced = _with_prices(texted, prices, components)
    small, large = _bounded(with_personal_prices(priced, values).select(_PRICED))
    filled, without_time = filled_in_time(small, piece_slices, components, known, given)
    tiered = _tiered(_packed(filled, components))
    fitting, too_large = within_bounds(tiered)
    lines, too_large_amounts = rounded(with_exact_amount(fitting), components)
    return _without_empty(lines, components), [
        *values.parks,
        without_text,
        unpriced,
        large,
        without_time,
        too_large,
        too_large_amounts,
    ]


def _measured_parts(
    known: Known, components: pl.DataFrame, pieces: pl.DataFrame, piece_slices: pl.DataFrame
) -> pl.DataFrame:
    """Return the measured quantity of each charge, piece and (for charges by period) time-of-use period."""
    is_cost = pl.col("agg") == "cost"
    measured = (
        known.book.quantities.filter(pl.col("kind") == "measured")
        .join(known.book.versions.select("version_id", "currency"), on="version_id", how="left", validate="m:1")
        .select(
            "version_id", "quantity_id", pl.when(is_cost).then("currency").otherwise("unit").alias("unit"),
            counted_size().alias("unit_size"), pl.col("round_mode").alias("quantity_mode"), "round_step",
        )
    )  # fmt: skip
    charges = components.filter((pl.col("kind") == "quantity") & (pl.col("level") == 1)).join(
        measured, on=["version_id", "quantity_id"], how="inner", validate="m:1"
    )
    charges = charges.select(
        "version_id", "component_id", "quantity_id", "by_tou", "schedule", "unit", "unit_size", "quantity_mode",
        "round_step",
    )  # fmt: skip
    # Charges are laid over calendars, which are few; agreements only look up what holds in a slice of theirs.
    laid = (
        piece_slices.join(pieces.select("piece_no", "version_id", *PIECE_KEYS), on=PIECE_KEYS, how="left",
                          validate="m:1")
        .join(charges, on=["version_id", "component_id"], how="inner", validate="m:1")
        .drop("component_id", "piece_start")
    )  # fmt: skip
    placed = known.determinants.join(
        known.due.select("due_no", "cal_no"), on="due_no", how="inner", validate="m:1"
    ).join(laid, on=["cal_no", "segment_no", "slice_no", "quantity_id"], how="inner", validate="m:m")
    of_charge = ["unit", "unit_size", "quantity_id", "quantity_mode", "round_step"]
    found = aggregate(_with_period_names(placed, known), [*_GROUP, "tou"], of_charge)
    stepped = rounded_to_step(wide("quantity"), wide("round_step"), pl.col("quantity_mode")).cast(pl.Int64)
    is_stepped = pl.col("quantity_mode").is_not_null()
    return found.with_columns(
        pl.when(is_stepped).then(stepped).otherwise("quantity").alias("quantity"),
        pl.col("quantity_id").alias("determinant"),
    ).select(_PART)


def _with_period_names(placed: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return determinant rows whose `tou` is the period by which their charge is priced; '' for charges by none."""
    plain = placed.filter(~pl.col("by_tou")).with_columns(pl.lit(ANY).alias("tou"))
    names = known.book.period_names.select(
        "version_id", "schedule", "season_part", pl.col("tou_part").alias("tou"), pl.col("tou").alias("tou_name")
    )
    named = (
        placed.filter("by_tou")
        .join(names, on=["version_id", "schedule", "season_part", "tou"], how="left", validate="m:1")
        .with_columns(pl.coalesce("tou_name", "tou").alias("tou"))
    )
    return pl.concat([plain, named.select(plain.columns)])


def _found_parts(values: PieceValues, components: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the quantities that are found by formula, in history or in a bank: 9 decimals of their printed unit."""
    free = known.book.quantities.filter(pl.col("kind") != "measured").select(
        "version_id", "quantity_id", "unit", "unit_size", "is_by_part"
    )
    charges = components.filter(pl.col("kind") == "quantity").select(
        "version_id", "component_id", "quantity_id", "is_peak", "price_share"
    )
    rows = values.scopes.join(
        charges.join(free, on=["version_id", "quantity_id"], how="inner", validate="m:1"),
        on=["version_id", "component_id"], how="inner", validate="m:1",
    ).join(
        values.quantities.rename({"name": "quantity_id"}), on=["scope_no", "quantity_id"], how="inner", validate="m:1"
    )  # fmt: skip
    # Of the whole bill, each piece has what its days add to the share of the days before it: the parts add up.
    whole, total = to_e9(pl.col("value")).cast(pl.Int128), wide("bill_days")
    until = whole * (wide("days_before") + wide("piece_days")) // total
    shared = (until - whole * wide("days_before") // total).cast(pl.Int64)
    # Shared once: where the price of a cycle is shared, the quantity is not.
    is_kept = pl.col("is_by_part") | pl.col("is_peak") | (pl.col("price_share") != "none")
    return rows.with_columns(
        pl.when(is_kept).then(to_e9(pl.col("value"))).otherwise(shared).alias("quantity"),
        pl.lit(ANY).alias("tou"),
        pl.col("quantity_id").alias("determinant"),
    ).select(_PART)


def to_e9(value: pl.Expr) -> pl.Expr:
    """Return a value x 10^12 as Int64 x 10^9, half away from zero, cut where no quantity is rated any more."""
    size = (value.abs() + 500) // 1000
    highest = pl.lit(2 * QUANTITY_MAX, dtype=pl.Int128)
    return (value.sign() * pl.min_horizontal(size, highest)).cast(pl.Int64)


def _day_parts(values: PieceValues, pieces: pl.DataFrame, components: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the days of charges by day, and one for charges by cycle, times what the charge is multiplied by."""
    kinds = components.filter(pl.col("kind").is_in(["daily", "cycle"])).select(
        "version_id", "component_id", "kind", "times_id"
    )
    daily = pl.col("kind") == "daily"
    parts = (
        pieces.join(kinds, on=["version_id", "component_id"], how="inner", validate="m:1")
        .select("cal_no", "piece_no", "piece_days", "kind", "times_id")
        .join(known.due.select("due_no", "cal_no"), on="cal_no", how="inner", validate="m:m")
        .join(values.of_formula("times_id", "times"), on=_GROUP, how="left", validate="1:1")
        .filter(pl.col("times_id").is_null() | pl.col("times").is_not_null())
    )
    count = pl.when(daily).then("piece_days").otherwise(pl.lit(1)).cast(pl.Int64)
    many = to_e9(pl.col("times") * count.cast(pl.Int128))
    is_many = pl.col("times").is_not_null()
    return parts.select(
        *_GROUP,
        pl.lit(ANY).alias("tou"),
        pl.when(daily).then(pl.lit("day")).otherwise(pl.lit("cycle")).alias("unit"),
        pl.when(is_many).then(10**9).otherwise(1).cast(pl.Int64).alias("unit_size"),
        pl.when(daily).then(pl.lit("days")).otherwise(pl.lit("cycle")).alias("determinant"),
        pl.when(is_many).then(many).otherwise(count).alias("quantity"),
        pl.lit(False).alias("is_estimated"),
        pl.lit(0, pl.Int64).alias("reads_seq"),
        pl.lit("none").alias("split_method"),
    )  # fmt: skip


def _amount_parts(values: PieceValues, pieces: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Return the amounts of charges that are a formula."""
    kinds = components.filter(pl.col("kind") == "amount").select("version_id", "component_id")
    rows = values.scopes.join(kinds, on=["version_id", "component_id"], how="semi").join(
        values.of_formula("amount_id", "formula"), on=_GROUP, how="inner", validate="1:1"
    )
    return rows.select(
        *_GROUP,
        pl.lit(ANY).alias("tou"),
        pl.lit("amount").alias("unit"),
        pl.lit(1, pl.Int64).alias("unit_size"),
        pl.col("amount_id").alias("determinant"),
        pl.lit(1, pl.Int64).alias("quantity"),
        "is_estimated", "reads_seq", "split_method",
        (pl.col("formula") * 1000).alias("formula_e15"),
    )  # fmt: skip


def _with_prices(
    parts: pl.DataFrame, prices: pl.DataFrame, components: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return parts x tiers with shares, and parks `no_price` for parts without a price. `parts` are dated."""
    rules = components.select(
        "version_id", "component_id", "kind", "tier_method", "is_peak", "by_tou", "price_share", "tiers_share",
        "tiers_round_mode", "tiers_round_step",
    )  # fmt: skip
    joined = (
        parts.with_columns(_column(parts, "formula_e15", pl.Int128()))
        .join(rules, on=["version_id", "component_id"], how="left", validate="m:1")
        .join(prices, on=["piece_no", "key", "tou"], how="left", validate="m:m")
    )
    # What is no measured quantity, and of which there is nothing, needs no price: a period that does not occur.
    is_priced = pl.col("price_e9").is_not_null() | pl.col("price_id").is_not_null() | (pl.col("kind") == "amount")
    found, unpriced = apart(joined, is_priced)
    of_text = pl.when(pl.col("key") == ANY).then(pl.lit("")).otherwise(pl.format(", text `{}`", "key"))
    detail = pl.format(
        "charge {} of version {} has no price for season `{}`, period `{}`{} from {}", "component_id", "version_id",
        "season", "tou", of_text, "piece_start",
    )  # fmt: skip
    is_shared = pl.col("kind") != "amount"
    priced = found.with_columns(
        pl.col("price_e9", "fixed_e9").fill_null(0),
        pl.col("tier").fill_null(0),
        pl.when(is_shared).then(_price_share("part", "piece_days")).alias("share_part"),
        pl.when(is_shared).then(_price_share("whole", "bill_days")).alias("share_whole"),
        _fixed_share("part", "piece_days"),
        _fixed_share("whole", "bill_days"),
        pl.col("piece_start").alias("period_start_date"),
        pl.col("piece_end").alias("period_end_date"),
    )
    return priced, park(unpriced, ParkReason.NO_PRICE, detail)


def _dated(parts: pl.DataFrame, pieces: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return parts with the dates and shares of their piece, and the days of their bill."""
    owners = known.due.select("due_no", "agreement_no").join(
        bill_days(known), on="agreement_no", how="left", validate="m:1"
    )
    placed = parts.hstack(pieces.drop("piece_no")[parts["piece_no"]])
    return placed.join(owners.select("due_no", "bill_days"), on="due_no", how="left", validate="m:1")


def _is_cut() -> pl.Expr:
    """Return whether the agreement is billed for more days than those of the piece."""
    return pl.col("piece_days") != pl.col("bill_days")


def _price_share(end: str, days: str) -> pl.Expr:
    """Return part or whole of the share of a price; what is owed in full, and once, is shared where a bill is cut."""
    is_once = (pl.col("price_share") == "none") & ((pl.col("kind") == "cycle") | pl.col("is_peak")) & _is_cut()
    return pl.when(is_once).then(pl.col(days).cast(pl.Int64)).otherwise(f"price_{end}")


def _fixed_share(end: str, days: str) -> pl.Expr:
    """Return part or whole of the share of what a tier owes: that of the thresholds, or of the price, or of the bill.

    Thresholds per day are as many as there are days, and share nothing.
    """
    by_tiers = (pl.col("tiers_share") != "day") & pl.col("tiers_part").is_not_null()
    own = pl.when(_is_cut()).then(pl.col(days).cast(pl.Int64))
    share = pl.when(by_tiers).then(f"tiers_{end}").otherwise(pl.coalesce(f"price_{end}", own))
    return share.alias(f"fixed_{end}")


def _column(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column, or nulls of its type when no part brought it."""
    return pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)


def _bounded(priced: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pieces whose total quantity is rated, and parks for the others."""
    if _largest(priced["quantity"]) * priced.height <= QUANTITY_MAX:  # as in every month that is not made up
        return priced, no_parks()
    total = pl.col("quantity").cast(pl.Int128).abs().sum().over(_GROUP)
    small, large = apart(priced, total <= QUANTITY_MAX)
    detail = pl.format("charge {}: quantity {} is beyond what is rated", "component_id", "quantity")
    return small, park(large, ParkReason.AMOUNT_TOO_LARGE, detail)


def _largest(quantities: pl.Series) -> int:
    """Return the largest size of any quantity, whatever its sign; 0 of none."""
    ends = (quantities.min(), quantities.max())
    return max((abs(end) for end in ends if isinstance(end, int)), default=0)


def _packed(priced: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with whole packages for charges on packages: what is begun counts, what is free does not."""
    sizes = components.filter(pl.col("tier_method") == "package").select(
        "version_id", "component_id", "package_size", "package_free"
    )
    if sizes.is_empty():
        return priced
    packed = priced.join(sizes, on=["version_id", "component_id"], how="left", validate="m:1")
    is_packed = pl.col("package_size").is_not_null()
    beyond = (pl.col("quantity") - pl.col("package_free")).clip(lower_bound=0)
    count = (beyond + pl.col("package_size") - 1) // pl.col("package_size")
    return packed.with_columns(
        pl.when(is_packed).then(count).otherwise("quantity").alias("quantity"),
        pl.when(is_packed).then(pl.lit(1, pl.Int64)).otherwise("unit_size").alias("unit_size"),
        pl.when(is_packed).then(pl.lit("package")).otherwise("unit").alias("unit"),
    ).drop("package_size", "package_free")


def tier_quantity(total: pl.Expr, tier: pl.Expr, lower: pl.Expr, upper: pl.Expr) -> pl.Expr:
    """Return the part of `total` above `lower` and up to `upper`, which is included; null `upper` is the rest.

    What is below zero (a net quantity) belongs to the first tier.
    """
    inside = (pl.min_horizontal(total, upper) - lower).clip(lower_bound=0)
    return pl.when((total < 0) & (tier == 1)).then(total).otherwise(inside)


def _tiered(priced: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the quantity of their tier; `tier` is 0 where the price has none."""
    method = pl.col("tier_method")
    untiered = priced.filter(method.is_in(["none", "package"])).with_columns(pl.lit(0, pl.Int32).alias("tier"))
    shared = (method == "pro_rata") & pl.col("by_tou")
    is_first, above = pl.col("tier") == 1, pl.col("quantity") > pl.col("lower")
    # Zero still owes what the first tier owes.
    entered = is_first | above
    graduated = priced.filter(method.is_in(["graduated", "pro_rata"]) & ~shared).with_columns(
        pl.when(entered).then("fixed_e9").otherwise(0).alias("fixed_e9"),
        tier_quantity(pl.col("quantity"), pl.col("tier"), pl.col("lower"), pl.col("upper")).alias("quantity"),
    )
    reached = entered & (pl.col("upper").is_null() | (pl.col("quantity") <= pl.col("upper")))
    volume = priced.filter((method == "volume") & reached)
    in_time = priced.filter(method == "chronological")
    parts = [untiered, graduated, volume, in_time, _apportioned(priced.filter(shared))]
    return pl.concat(parts, how="vertical", rechunk=True)


def _apportioned(priced: pl.DataFrame) -> pl.DataFrame:
    """Return pro rata tiers: the total of a piece fills the tiers, and each tier is shared over periods by use."""
    if priced.is_empty():
        return priced
    cells = priced.sort(*_GROUP, "tier", "tou")
    uses = cells.unique(subset=[*_GROUP, "tou"], keep="first").sort(*_GROUP, "tou")
    totals = uses.group_by(_GROUP).agg(pl.col("quantity").sum().alias("total"))
    tiers = (
        cells.unique(subset=[*_GROUP, "tier"], keep="first")
        .join(totals, on=_GROUP, how="left", validate="m:1")
        .with_columns(
            tier_quantity(pl.col("total"), pl.col("tier"), pl.col("lower"), pl.col("upper")).alias("tier_total")
        )
        .sort(*_GROUP, "tier")
    )
    quantities = apportion(uses["quantity"].to_numpy(), _starts(uses), tiers["tier_total"].to_numpy(), _starts(tiers))
    return cells.with_columns(pl.Series("quantity", quantities, dtype=pl.Int64))


def _starts(frame: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return where each group of a sorted frame begins, and the length of the frame."""
    counts = frame.group_by(_GROUP, maintain_order=True).len()["len"].cast(pl.Int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), counts.cum_sum().to_numpy()])


def _without_empty(lines: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Drop lines of no quantity and no amount; a charge on a measured quantity keeps its first line of each piece.

    What is not measured at all (no export channel, a period that does not occur) has no line. A charge that is
    printed when it is zero keeps its first line in any case; an amount of zero has none.
    """
    piece = ["due_no", "component_id", "period_start_date"]
    kinds = components.select("version_id", "component_id", "kind", pl.col("is_kept").alias("is_printed"))
    nothing = (pl.col("quantity") == 0) | (pl.col("kind") == "amount")
    # Few lines come to nothing: only pieces that have no other line are looked at.
    some, zero = apart(lines, pl.col("amount_minor") != 0)
    if zero.is_empty():
        return lines
    judged = zero.join(kinds, on=["version_id", "component_id"], how="left", validate="m:1")
    priced, hollow = apart(judged, ~nothing)
    full = pl.concat([some, priced.select(some.columns)])
    measured = (pl.col("split_method") != "none").any().over(piece) & (pl.col("kind") == "quantity")
    kept = (
        hollow.join(full, on=piece, how="anti")
        .sort(*piece, "season", "tou", "tier")
        .filter((pl.int_range(pl.len()).over(piece) == 0) & (measured | pl.col("is_printed")))
    )
    return pl.concat([full, kept.select(full.columns)])
