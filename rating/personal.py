"""What differs from agreement to agreement under one tariff: formulas, looked-up texts, scaled thresholds, conditions.

Prices and dates are worked out once for each calendar; here is what cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from model.codes import ParkReason
from model.formula import FORMULA_SCALE
from model.tariff import ANY
from rating.formulas import evaluate
from rating.parking import no_parks, park
from rating.pieces import PIECE_KEYS, edge_of_value
from rating.rounding import int128
from rating.uses import component_formulas, own_formulas, price_formulas
from rating.values import Known, Scopes, attribute_values, formula_values, marks, no_amounts, quantity_values

# `piece_no` stands for `rating.pieces.PIECE_KEYS`.
PIECE_GROUP = ["due_no", "piece_no"]


@dataclass(frozen=True)
class PieceValues:
    """Values of the pieces of charges with formulas or with quantities that are not measured.

    `scopes`: scope_no, PIECE_GROUP, component_id, version_id, amount_id, times_id, scale_id, is_estimated, reads_seq,
    split_method, days_before, piece_days, bill_days (see `_numbered_pieces`). `quantities`: scope_no, name, value.
    `formulas`: scope_no, formula_id, value.
    """

    scopes: pl.DataFrame
    quantities: pl.DataFrame
    formulas: pl.DataFrame
    parks: list[pl.DataFrame]

    def of_formula(self, role: str, name: str) -> pl.DataFrame:
        """Return the value of the formula that pieces have as `amount_id`, `times_id` or `scale_id`, as `name`."""
        asked = self.scopes.filter(pl.col(role).is_not_null())
        return asked.join(
            self.formulas, left_on=["scope_no", role], right_on=["scope_no", "formula_id"], how="inner", validate="1:1"
        ).select(*PIECE_GROUP, pl.col("value").alias(name))


def piece_values(
    known: Known,
    components: pl.DataFrame,
    pieces: pl.DataFrame,
    piece_slices: pl.DataFrame,
    idle: pl.DataFrame,
    periods: pl.DataFrame,
) -> PieceValues:
    """Return the values that charges of level 1 need; those in `idle` need none.

    A quantity whose parts add up is found over the slices of each piece, any other over the whole bill. Formulas of
    prices, thresholds and counts ask for the quantities of the whole bill, and for the factors and days of the piece;
    those of amounts for the quantities of the piece as well.
    `periods`: PIECE_GROUP, tou of the periods that occur; prices of others are not asked.
    """
    formulas = component_formulas(known.book)
    free = known.book.quantities.filter(pl.col("kind") != "measured").select("version_id", "quantity_id", "is_by_part")
    keys = ["version_id", "component_id"]
    level_one = components.filter(pl.col("level") == 1)
    priced = level_one.join(free, on=["version_id", "quantity_id"], how="inner", validate="m:1").select(
        *keys, pl.col("quantity_id").alias("name"), "is_by_part"
    )
    asking = pl.concat([priced.select(keys), formulas.join(level_one, on=keys, how="semi").select(keys)]).unique()
    roles = level_one.select(*keys, "amount_id", "times_id", "scale_id").join(asking, on=keys, how="semi")
    frame = _numbered_pieces(known, pieces, roles, idle)
    members = frame.select("scope_no", "due_no", *PIECE_KEYS).join(
        piece_slices, on=PIECE_KEYS, how="inner", validate="m:m"
    )
    scopes = Scopes(
        frame.select("scope_no", "due_no", "version_id", "start_date", "cycle_days"),
        members.select("scope_no", "due_no", "cal_no", "segment_no", "slice_no"),
        no_amounts(),
    )
    versioned = frame.select("scope_no", "due_no", *keys)
    wanted = versioned.join(priced, on=keys, how="inner", validate="m:1")
    asked = _asked(known, components, frame, periods).join(
        frame.select("scope_no", "due_no", *keys), on="scope_no", how="left", validate="m:1"
    )
    named = known.book.operands.filter(pl.col("kind") == "quantity").select("version_id", "formula_id", "name").unique()
    in_formulas = asked.join(named, on=["version_id", "formula_id"], how="inner", validate="m:m")
    # An amount of level 1 is found for each piece, and the pieces add up.
    amounts = frame.filter(pl.col("amount_id").is_not_null()).select("scope_no")
    of_amounts = in_formulas.join(amounts, on="scope_no", how="semi").select("scope_no", "name")
    of_others = in_formulas.join(amounts, on="scope_no", how="anti")
    own = pl.concat([wanted.filter("is_by_part").select("scope_no", "name"), of_amounts]).unique()
    of_parts, parks = quantity_values(scopes, own, known)
    whole = pl.concat([wanted.filter(~pl.col("is_by_part")).select([*versioned.columns, "name"]),
                       of_others.select([*versioned.columns, "name"])])  # fmt: skip
    of_bill, bill_parks = _bill_values(known, whole)
    given = pl.concat([of_bill, of_parts.join(amounts, on="scope_no", how="semi")])
    found, more_parks = formula_values(scopes, asked.select("scope_no", "formula_id").unique(), known, given)
    marked = _marked(known, frame, members, priced.filter(~pl.col("is_by_part")))
    once = of_bill.join(wanted.filter(~pl.col("is_by_part")), on=["scope_no", "name"], how="semi")
    part_names = of_parts.join(wanted.filter("is_by_part"), on=["scope_no", "name"], how="semi")
    return PieceValues(
        marked.select("scope_no", *PIECE_GROUP, "component_id", *roles.columns[2:], "version_id", "is_estimated",
                      "reads_seq", "split_method", "days_before", "piece_days", "bill_days"),
        pl.concat([part_names, once]), found, [*parks, *bill_parks, *more_parks],
    )  # fmt: skip


def _numbered_pieces(known: Known, pieces: pl.DataFrame, roles: pl.DataFrame, idle: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces that ask for values, with `scope_no`, and where they lie in the days of their bill.

    `days_before`: days of the charge's earlier pieces of `bill_days`, all that the agreement is billed for.
    """
    keys = ["version_id", "component_id"]
    charge = ["agreement_no", "component_id"]
    return (
        pieces.join(roles, on=keys, how="inner", validate="m:1")
        .join(known.due.select("due_no", "cal_no", "bill_id", "agreement_id", "agreement_no"), on="cal_no",
              how="inner", validate="m:m")
        .join(idle, on=["due_no", *keys], how="anti")
        .join(bill_days(known), on="agreement_no", how="left", validate="m:1")
        .sort(*charge, "piece_start", "due_no", "segment_no")
        .with_columns((pl.col("piece_days").cum_sum() - pl.col("piece_days")).over(charge).alias("days_before"))
        .sort(PIECE_GROUP)
        .with_row_index("scope_no")
        .with_columns(pl.col("scope_no").cast(pl.Int64), pl.col("piece_start").alias("start_date"))
    )  # fmt: skip


def _marked(known: Known, frame: pl.DataFrame, members: pl.DataFrame, once: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces with what they rest on: their own reads, or all of the bill's for charges of `once`."""
    found_once = frame.join(once, on=["version_id", "component_id"], how="semi")
    columns = ["scope_no", "due_no", "segment_no", "slice_no"]
    own = members.join(found_once, on="scope_no", how="anti")
    behind = pl.concat([own.select(columns), _bill_members(known, found_once).select(columns)])
    return frame.join(marks(known, frame, behind), on="scope_no", how="left", validate="1:1").with_columns(
        pl.col("is_estimated").fill_null(False),
        pl.col("reads_seq").fill_null(0),
        pl.col("split_method").fill_null("none"),
    )


def _asked(known: Known, components: pl.DataFrame, frame: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Return the formulas that pieces need (scope_no, formula_id): of prices those of its season, text and periods."""
    keys = ["version_id", "component_id"]
    texts = looked_up(components, known).select("due_no", *keys, "text")
    own = frame.join(own_formulas(known.book), on=keys, how="inner", validate="m:m")
    of_price = (
        frame.join(price_formulas(known.book), on=[*keys, "season"], how="inner", validate="m:m")
        .join(texts, on=["due_no", *keys], how="left", validate="m:1")
        .filter((pl.col("key") == ANY) | (pl.col("key") == pl.col("text")))
    )
    occurring = of_price.join(periods, on=[*PIECE_GROUP, "tou"], how="semi")
    of_price = pl.concat([of_price.filter(pl.col("tou") == ANY), occurring.filter(pl.col("tou") != ANY)])
    return pl.concat([own.select("scope_no", "formula_id"), of_price.select("scope_no", "formula_id")]).unique()


def bill_days(known: Known) -> pl.DataFrame:
    """Return the days that each agreement of a bill is billed for: agreement_no, bill_days."""
    days = known.calendar.segments.group_by("cal_no").agg(pl.col("days").sum().alias("bill_days"))
    return (
        known.due.select("cal_no", "agreement_no")
        .join(days, on="cal_no", how="inner", validate="m:1")
        .group_by("agreement_no")
        .agg(pl.col("bill_days").sum())
    )


def _bill_values(known: Known, wanted: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return values of quantities over the whole bill, for pieces: scope_no (of the piece), name, value.

    `wanted`: scope_no, due_no, version_id, name.
    """
    if wanted.is_empty():
        return no_amounts(), []
    scopes = bill_scopes(known, wanted.select("due_no", "version_id").unique())
    numbers = scopes.frame.select(pl.col("scope_no").alias("bill_no"), "due_no", "version_id")
    asked = wanted.unique(["scope_no", "name"]).join(numbers, on=["due_no", "version_id"], how="inner", validate="m:1")
    values, parks = quantity_values(scopes, asked.select(pl.col("bill_no").alias("scope_no"), "name").unique(), known)
    placed = asked.join(values.rename({"scope_no": "bill_no"}), on=["bill_no", "name"], how="inner", validate="m:1")
    return placed.select("scope_no", "name", "value"), parks


def bill_scopes(known: Known, asked: pl.DataFrame) -> Scopes:
    """Return a scope for each due agreement and version of `asked` (due_no, version_id), over all days of its bill.

    It has the attributes of that due period, and the slices of every period of the agreement on the bill.
    """
    segments = known.calendar.segments.select("cal_no", "version_id", "cycle_days").unique(["cal_no", "version_id"])
    owners = known.due.select("due_no", "cal_no", "bill_id", "agreement_id", "start_date")
    frame = (
        owners.join(segments, on="cal_no", how="inner", validate="m:m")
        .join(asked, on=["due_no", "version_id"], how="semi")
        .sort("due_no", "version_id")
        .with_row_index("scope_no")
        .with_columns(pl.col("scope_no").cast(pl.Int64))
    )
    members = _bill_members(known, frame)
    first = members.join(owners.select("due_no", "start_date"), on="due_no", how="left", validate="m:1")
    starts = first.group_by("scope_no").agg(pl.col("start_date").min())
    dated = frame.drop("start_date").join(starts, on="scope_no", how="left", validate="1:1")
    return Scopes(dated.select("scope_no", "due_no", "version_id", "start_date", "cycle_days"), members, no_amounts())


def _bill_members(known: Known, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the slices of every period of the agreement on the bill, for scopes with bill_id and agreement_id."""
    owners = known.due.select("due_no", "cal_no", "bill_id", "agreement_id")
    slices = known.calendar.slices.select("cal_no", "segment_no", "slice_no")
    return (
        frame.select("scope_no", "bill_id", "agreement_id")
        .join(owners, on=["bill_id", "agreement_id"], how="inner", validate="m:m")
        .join(slices, on="cal_no", how="inner", validate="m:m")
        .select("scope_no", "due_no", "cal_no", "segment_no", "slice_no")
    )


def looked_up(components: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the text that chooses the prices of a component: due_no, version_id, component_id, name, text."""
    looked = components.filter(pl.col("lookup").is_not_null()).select(
        "version_id", "component_id", pl.col("lookup").alias("name")
    )
    texts = attribute_values(known.book, known.due, known.attributes).select("due_no", "version_id", "name", "text")
    return looked.join(texts, on=["version_id", "name"], how="inner", validate="m:m")


def with_texts(parts: pl.DataFrame, components: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return parts with `key`, the text of the contract that chooses their prices, and parks where it is missing."""
    if components["lookup"].null_count() == len(components):
        return parts.with_columns(pl.lit(ANY).alias("key")), no_parks()
    texts = looked_up(components, known)
    found = parts.join(texts, on=["due_no", "version_id", "component_id"], how="left", validate="m:1")
    missing = found.filter(pl.col("name").is_not_null() & pl.col("text").is_null())
    detail = pl.format("charge {} is priced by attribute `{}`, found none", "component_id", "name")
    kept = found.filter(pl.col("name").is_null() | pl.col("text").is_not_null())
    key = pl.col("text").fill_null(ANY).alias("key")
    return kept.with_columns(key).drop("name", "text"), park(missing, ParkReason.ATTRIBUTE_MISSING, detail)


def with_personal_prices(priced: pl.DataFrame, values: PieceValues) -> pl.DataFrame:
    """Return rows whose prices and tier edges by formula, and scaled thresholds, are those of the agreement.

    An edge by formula is never below the one before it: a tier that would end before it begins is empty.
    """
    has_scale = values.scopes.filter(pl.col("scale_id").is_not_null()).select(PIECE_GROUP)
    by_formula = priced.filter(pl.col("price_id").is_not_null() | pl.col("edge_id").is_not_null()).select(PIECE_GROUP)
    # All tiers of a price go together: each begins where the one before it ends.
    own = pl.concat([has_scale, by_formula]).unique()
    mine = priced.clear() if own.is_empty() else priced.join(own, on=PIECE_GROUP, how="semi")
    if mine.is_empty():
        return priced
    plain = priced.join(own, on=PIECE_GROUP, how="anti")
    numbers = values.scopes.select("scope_no", *PIECE_GROUP)
    mine = mine.join(numbers, on=PIECE_GROUP, how="left", validate="m:1")
    for role in ("price_id", "edge_id"):
        named = values.formulas.rename({"formula_id": role, "value": f"{role}_value"})
        mine = mine.join(named, on=["scope_no", role], how="left", validate="m:1")
    mine = mine.join(values.of_formula("scale_id", "scale"), on=PIECE_GROUP, how="left", validate="m:1").with_columns(
        pl.col("scale").fill_null(int128(10**12))
    )
    # Edges as values of formulas, so that they are scaled before they are rounded.
    stated = (pl.col("edge").cast(pl.Int128) * int128(FORMULA_SCALE)) // pl.col("unit_size").cast(pl.Int128)
    edge = pl.coalesce("edge_id_value", stated)
    mine = mine.with_columns(pl.when(edge.is_not_null()).then(pl.max_horizontal(edge, int128(0))).alias("edge_e12"))
    known_edge = pl.col("edge_e12").is_not_null()
    scaled = evaluate(mine.select(pl.col("edge_e12").fill_null(0), "scale"), "(* 0 1)", ["edge_e12", "scale"])
    mine = mine.with_columns(
        pl.when(known_edge & ~scaled["is_undefined"]).then(scaled["value"]).alias("edge_e12"),
        (known_edge & scaled["is_undefined"]).alias("is_far"),
        pl.when(pl.col("price_id").is_not_null())
        .then(_price_e9(pl.col("price_id_value")))
        .otherwise("price_e9")
        .alias("price_e9"),
    ).with_columns(edge_of_value("edge_e12", "is_far").clip(lower_bound=0).alias("upper"))
    of_price = [*PIECE_GROUP, "key", "tou"]
    mine = mine.sort(*of_price, "tier").with_columns(
        pl.when(pl.col("upper").is_not_null()).then(pl.col("upper").cum_max().over(of_price)).alias("upper")
    )
    mine = mine.with_columns(pl.col("upper").shift(1).over(of_price).fill_null(0).alias("lower"))
    return pl.concat([plain, mine.select(plain.columns)])


def _price_e9(value: pl.Expr) -> pl.Expr:
    """Return a price by formula with 9 decimals, half away from zero; one beyond 10^9 is too large for any line."""
    size = pl.min_horizontal((value.abs() + 500) // 1000, pl.lit(10**18, dtype=pl.Int128))
    return (value.sign() * size).cast(pl.Int64)


def conditions(known: Known, components: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return which conditional components do not apply (due_no, version_id, component_id), and the parks.

    A condition is asked of the whole bill of the agreement, under each of its versions.
    """
    asked = components.filter(pl.col("when_id").is_not_null()).select("version_id", "component_id", "when_id")
    nothing = pl.DataFrame(schema={"due_no": pl.Int64, "version_id": pl.String, "component_id": pl.String})
    if asked.is_empty():
        return nothing, []
    segments = known.calendar.segments.select("cal_no", "version_id").unique()
    held = known.due.select("due_no", "cal_no").join(segments, on="cal_no", how="inner", validate="m:m")
    scopes = bill_scopes(known, held.join(asked.select("version_id").unique(), on="version_id", how="semi"))
    wanted = scopes.frame.select("scope_no", "due_no", "version_id").join(
        asked, on="version_id", how="inner", validate="m:m"
    )
    found, parks = formula_values(scopes, wanted.select("scope_no", pl.col("when_id").alias("formula_id")), known)
    judged = wanted.join(
        found, left_on=["scope_no", "when_id"], right_on=["scope_no", "formula_id"], how="inner", validate="m:1"
    )
    return judged.filter(pl.col("value") == 0).select("due_no", "version_id", "component_id"), parks
