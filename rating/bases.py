"""What charges over other charges count: their groups, bases, shares, and the values of their formulas."""

from __future__ import annotations

import polars as pl

from model.tariff import RateBook
from rating.groups import counted_charges
from rating.once import once_per_book
from rating.parking import apart, without_rows
from rating.pieces import months_e4, share_columns
from rating.rounding import power_of_ten
from rating.segments import number_of
from rating.values import Known, Scopes, formula_values, marks

GROUP = ["group_no"]
_NAMED = ["bill_id", "agreement_id", "component_id", "group_key"]
_FROM_LAST = [
    "due_no", "version_id", "kind", "cycle_days", "currency_exponent", "is_exact", "is_included",
    "is_gross", "base_key", "amount_id", "price_share", "price_whole_e4", "tolerance_min", "tolerance_max",
    "round_mode", "round_step_minor",
]  # fmt: skip
# What is needed of a charge: the rest of its columns would only be moved.
_OF_CHARGE = [
    "version_id", "component_id", "group_key", "single_price_e9",
    *(name for name in _FROM_LAST if name not in {"due_no", "version_id", "cycle_days"}),
]  # fmt: skip


def grouped(
    known: Known, at_level: pl.DataFrame, idle: pl.DataFrame, unmet: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return where the components of a level stand, and their groups.

    Standing: a row for each agreement, segment and component, with the number of its group. Groups: GROUP, bill_id,
    agreement_id, component_id, due_no, version_id (the last in which the component stands), kind, price_e9 (null when
    it is a formula), dates, shares, and what the amount needs.
    `idle_key` of `rating.groups.idle_keys` makes the groups of the bill's parts in which other charges apply.
    """
    # Segments and charges meet on the calendars, which are few; agreements take what holds on theirs.
    laid = known.calendar.segments.select("cal_no", "segment_no", "version_id", "start_date", "end_date", "days",
                                          "cycle_days").join(
        at_level.select(_OF_CHARGE), on="version_id", how="inner", validate="m:m"
    )  # fmt: skip
    owners = known.due.select("due_no", "cal_no", "bill_id", "agreement_id", "agreement_no")
    placed = without_rows(
        owners.join(laid, on="cal_no", how="inner", validate="m:m"), idle, on=["due_no", "version_id", "component_id"]
    )
    standing = (
        _with_unmet(placed, unmet)
        .sort("agreement_no", "component_id", "group_key", "start_date")
        .with_columns(number_of("agreement_no", "component_id", "group_key").alias("group_no"))
    )
    groups = _groups(standing)
    shared = _with_months(known, standing, groups).with_columns(share_columns("price"))
    return standing, shared.drop("months_e4").rename({"price_part": "share_part", "price_whole": "share_whole"})


def _with_unmet(placed: pl.DataFrame, unmet: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the group they are in: of the same charge, and of parts in which the same others apply."""
    if unmet.is_empty():
        return placed
    joined = placed.join(unmet, on=["due_no", "version_id", "component_id"], how="left", validate="m:1")
    key = pl.format("{}|{}", "group_key", pl.col("idle_key").fill_null(""))
    return joined.with_columns(key.alias("group_key")).drop("idle_key")


def _groups(standing: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each group: dates and days of all of it, the rest of where it stands last."""
    # Most groups stand in one segment, and are what that row says.
    alone, several = apart(standing, ~pl.col("group_no").is_duplicated())
    ends = [pl.col("start_date").alias("period_start_date"), pl.col("end_date").alias("period_end_date"),
            pl.col("days").alias("piece_days"), pl.col("single_price_e9").alias("price_e9")]  # fmt: skip
    groups = alone.select(*GROUP, *_NAMED, *_FROM_LAST, *ends)
    if several.is_empty():
        return groups
    merged = several.group_by(GROUP, maintain_order=True).agg(
        pl.col(_NAMED).first(),
        pl.col(_FROM_LAST).last(),
        pl.col("start_date").min().alias("period_start_date"),
        pl.col("end_date").max().alias("period_end_date"),
        pl.col("days").sum().alias("piece_days"),
        pl.col("single_price_e9").last().alias("price_e9"),
    )
    return pl.concat([groups, merged])


def _with_months(known: Known, standing: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Return the groups with `months_e4` of those that share a price by months; null for others."""
    by_month = standing.filter(pl.col("price_share") == "months").select(*GROUP, "cal_no", "segment_no")
    if by_month.is_empty():
        return groups.with_columns(pl.lit(None, pl.Int64).alias("months_e4"))
    slices = known.calendar.slices.select("cal_no", "segment_no", "slice_no")
    members = by_month.join(slices, on=["cal_no", "segment_no"], how="inner", validate="m:m")
    months = months_e4(members, known.calendar, GROUP)
    return groups.join(months, on=GROUP, how="left", validate="1:1")


@once_per_book
def _counted(book: RateBook) -> pl.DataFrame:
    """Return what charges count (`rating.groups.counted_charges`), and `is_base`: it is part of their base."""
    named = counted_charges(book)
    of_base = book.bases.select(named.columns).unique().with_columns(pl.lit(True).alias("is_base"))
    return named.join(of_base, on=named.columns, how="left", validate="1:1")


def counted_lines(
    known: Known, standing: pl.DataFrame, groups: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame
) -> pl.DataFrame:
    """Return the groups with the sum of their base: quantity (minor units), base_e15, and what it rests on.

    The base of the rounding of the sum is every line of the agreement that is part of the bill. Others count the lines
    of the periods and versions in which they stand. Charges that a formula names add nothing to the base.
    """
    counted = _lines_of(standing, _counted(known.book), _owned(lines), components).with_columns(
        pl.when("is_base").then("amount_minor").otherwise(0).alias("amount_minor"),
        pl.when("is_base").then("amount_e15").otherwise(0).alias("amount_e15"),
    )
    columns = [*GROUP, "amount_minor", "amount_e15", "is_estimated", "reads_seq"]
    sums = (
        pl.concat([counted.select(columns), _of_whole_bills(known, groups, lines, components).select(columns)])
        .group_by(GROUP)
        .agg(
            pl.col("amount_minor").sum().alias("quantity"),
            pl.col("amount_e15").sum().alias("base_e15"),
            pl.col("is_estimated").any(),
            pl.col("reads_seq").max(),
        )
    )
    return (
        groups.join(sums, on=GROUP, how="left", validate="1:1")
        .join(_base_names(standing, known.book), on=GROUP, how="left", validate="1:1")
        .with_columns(
            pl.col("quantity").fill_null(0),
            pl.col("base_e15").fill_null(0),
            pl.col("is_estimated").fill_null(False),
            pl.col("reads_seq").fill_null(0),
            pl.coalesce("determinant", "amount_id", pl.lit("")).alias("determinant"),
        )
    )


def _of_whole_bills(known: Known, groups: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Return the lines that roundings of the sum count: all of the agreement that are part of the bill."""
    roundings = groups.filter(pl.col("kind") == "rounding").select(*GROUP, "bill_id", "agreement_id")
    if roundings.is_empty():
        return _owned(lines.clear()).with_columns(pl.lit(None, pl.Int64).alias(*GROUP))
    paid = components.filter(pl.col("category") != "memo").select(
        "version_id", pl.col("component_id").alias("base_component_id")
    )
    owners = known.due.join(roundings, on=["bill_id", "agreement_id"], how="semi")
    return (
        _with_owner(known, lines.join(owners, on="due_no", how="semi"))
        .join(paid, on=["version_id", "base_component_id"], how="semi")
        .join(roundings, on=["bill_id", "agreement_id"], how="inner", validate="m:m")
    )


def _lines_of(
    standing: pl.DataFrame, pairs: pl.DataFrame, owned: pl.DataFrame, components: pl.DataFrame
) -> pl.DataFrame:
    """Return the lines that groups count. `pairs`: version_id, component_id, base_component_id, is_base."""
    # Numbers of charges are compared, not their names: there are many lines and few charges.
    base = ["version_id", "base_component_id"]
    numbers = components.select("version_id", pl.col("component_id").alias("base_component_id")).with_row_index(
        "base_no"
    )
    numbered = pairs.join(numbers, on=base, how="inner", validate="m:1").drop("base_component_id")
    members = (
        standing.select(*GROUP, "due_no", "version_id", "component_id")
        .join(numbered, on=["version_id", "component_id"], how="inner", validate="m:m")
        .select(*GROUP, "due_no", "base_no", "is_base")
    )
    known = owned.rechunk().join(numbers, on=base, how="left", validate="m:1").drop(base)
    return known.join(members, on=["due_no", "base_no"], how="inner", validate="m:m")


def _owned(lines: pl.DataFrame) -> pl.DataFrame:
    """Return what a base counts of lines; their charge is its `base_component_id`."""
    return lines.select(
        "due_no", "version_id", pl.col("component_id").alias("base_component_id"), "amount_minor", "amount_e15",
        "is_estimated", "reads_seq",
    )  # fmt: skip


def _with_owner(known: Known, lines: pl.DataFrame) -> pl.DataFrame:
    owners = known.due.select("due_no", "bill_id", "agreement_id")
    return _owned(lines).join(owners, on="due_no", how="left", validate="m:1")


def group_values(
    known: Known, standing: pl.DataFrame, groups: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the groups with `value` of their formula (x 10^12), which is `price_e9` where a number is asked.

    Groups whose formula has no value are left out, and parked.
    """
    plain = groups.filter(pl.col("amount_id").is_null()).with_columns(pl.lit(None, pl.Int128).alias("value"))
    if plain.height == groups.height:
        return plain, []
    asked = (
        groups.filter(pl.col("amount_id").is_not_null())
        .with_row_index("scope_no")
        .with_columns(pl.col("scope_no").cast(pl.Int64), pl.col("period_start_date").alias("start_date"))
    )
    scopes = Scopes(
        asked.select("scope_no", "due_no", "version_id", "start_date", "cycle_days"),
        _members(known, standing, asked),
        _amounts(known, standing, asked, lines, components),
    )
    wanted = asked.select("scope_no", pl.col("amount_id").alias("formula_id"))
    found, parks = formula_values(scopes, wanted, known)
    valued = asked.join(found.select("scope_no", "value"), on="scope_no", how="inner", validate="1:1")
    valued = _marked(known, valued, scopes.members)
    number = pl.col("value").sign() * pl.min_horizontal(
        (pl.col("value").abs() + 500) // 1000, pl.lit(10**18, dtype=pl.Int128)
    )
    is_number = pl.col("kind") != "amount"
    valued = valued.with_columns(pl.when(is_number).then(number.cast(pl.Int64)).otherwise("price_e9").alias("price_e9"))
    return pl.concat([plain, valued.select(plain.columns)]), parks


def _marked(known: Known, valued: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return the groups with what the measured quantities of their formulas rest on, beside what their base does."""
    behind = marks(known, valued, members).rename({"is_estimated": "of_estimates", "reads_seq": "of_reads"})
    joined = valued.join(behind, on="scope_no", how="left", validate="1:1")
    return joined.with_columns(
        pl.col("is_estimated") | pl.col("of_estimates").fill_null(False),
        pl.max_horizontal("reads_seq", "of_reads").alias("reads_seq"),
    )


def _members(known: Known, standing: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    slices = known.calendar.slices.select("cal_no", "segment_no", "slice_no")
    return (
        standing.select(*GROUP, "due_no", "cal_no", "segment_no")
        .join(asked.select(*GROUP, "scope_no"), on=GROUP, how="inner", validate="m:1")
        .join(slices, on=["cal_no", "segment_no"], how="inner", validate="m:m")
        .select("scope_no", "due_no", "cal_no", "segment_no", "slice_no")
    )


def _amounts(
    known: Known, standing: pl.DataFrame, asked: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame
) -> pl.DataFrame:
    """Return what charges came to, for formulas that name them: rounded as billed; a memo, which is not, exact."""
    named = known.book.operands.filter(pl.col("kind") == "charge").select(
        "version_id", pl.col("formula_id").alias("amount_id"), pl.col("name").alias("base_component_id")
    ).unique()  # fmt: skip
    members = (
        asked.select(*GROUP, "scope_no", "amount_id")
        .join(standing.select(*GROUP, "due_no", "version_id"), on=GROUP, how="inner", validate="1:m")
        .join(named, on=["version_id", "amount_id"], how="inner", validate="m:m")
    )
    owned = _owned(lines).join(members, on=["due_no", "version_id", "base_component_id"], how="inner", validate="m:m")
    return _named_amounts(owned, components)


def agreement_amounts(
    known: Known, agreements: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame
) -> pl.DataFrame:
    """Return what every charge of an agreement came to: scope_no, name, value. `agreements`: scope_no, agreement_id."""
    owned = _with_owner(known, lines).join(
        agreements.select("agreement_id", "scope_no"), on="agreement_id", how="inner", validate="m:1"
    )
    return _named_amounts(owned, components)


def _named_amounts(owned: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    rules = components.select(
        "version_id", pl.col("component_id").alias("base_component_id"), "category", "currency_exponent"
    )
    minor = power_of_ten(12 - pl.col("currency_exponent").cast(pl.Int64))
    exact = (pl.col("amount_e15").abs() + 500) // 1000 * pl.col("amount_e15").sign()
    value = pl.when(pl.col("category") == "memo").then(exact).otherwise(pl.col("amount_minor").cast(pl.Int128) * minor)
    return (
        owned.join(rules, on=["version_id", "base_component_id"], how="left", validate="m:1")
        .group_by("scope_no", pl.col("base_component_id").alias("name"))
        .agg(value.sum().alias("value"))
    )


def _base_names(standing: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return the names of the components that each group counts, in the order of the bill.

    They follow from the versions of a group, so they are listed once for each of the few sets of versions.
    """
    # Most groups stand in one version; where there are several, the names of all of them are told.
    alone, several = apart(standing, ~pl.col("group_no").is_duplicated())
    keys = ["version_id", "component_id"]
    told = alone.select(*GROUP, *keys).join(_names_of_versions(book), on=keys, how="left", validate="m:1")
    named = told.select(*GROUP, "determinant")
    if several.is_empty():
        return named
    versions = several.group_by(GROUP, maintain_order=True).agg(
        pl.col("component_id").first(), pl.col("version_id").unique().sort().str.join("|").alias("version_set")
    )
    kinds = versions.select("component_id", "version_set").unique()
    listed = kinds.with_columns(pl.col("version_set").str.split("|").alias("version_id")).explode("version_id")
    names = _names(listed, book)
    sets = versions.join(names, on=["component_id", "version_set"], how="left", validate="m:1")
    return pl.concat([named, sets.select(*GROUP, "determinant")])


@once_per_book
def _names_of_versions(book: RateBook) -> pl.DataFrame:
    """Return the names of what each charge counts in a version: version_id, component_id, determinant."""
    charges = book.bases.select("version_id", "component_id").unique()
    names = _names(charges.with_columns(pl.col("version_id").alias("version_set")), book)
    return names.rename({"version_set": "version_id"})


def _names(listed: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return what charges count in sets of versions, in the order of the bill: component_id, version_set, determinant.

    `listed`: component_id, version_set, version_id.
    """
    places = book.components.select("version_id", pl.col("component_id").alias("base_component_id"), "position")
    return (
        listed.join(book.bases, on=["version_id", "component_id"], how="inner", validate="m:m")
        .join(places, on=["version_id", "base_component_id"], how="left", validate="m:1")
        .group_by("component_id", "version_set", "base_component_id")
        .agg(pl.col("position").min())
        .sort("component_id", "version_set", "position", "base_component_id")
        .group_by("component_id", "version_set", maintain_order=True)
        .agg(pl.col("base_component_id").str.join(",").alias("determinant"))
    )
