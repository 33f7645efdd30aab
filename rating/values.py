"""Values that formulas work on, for many scopes at once.

A scope is what a formula is asked about: a piece of a charge, an agreement's whole period, or all that a percentage
counts. Its members are slices. Quantities are taken over the members, formulas are evaluated shape by shape: tariffs
whose formulas differ only in names and numbers share one pass over columns.

Values are Int128 x 10^12 in printed units.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.formula import FORMULA_SCALE
from model.rating import DueAttributes
from model.tariff import RateBook
from rating.aggregates import aggregate
from rating.calendar import Calendar
from rating.determinants import worst_split
from rating.formulas import evaluate
from rating.parking import no_parks, park
from rating.pieces import months_e4
from rating.rounding import int128, rounded_to_step, wide
from rating.uses import component_quantities, reached_quantities

# What a scope must say of its dates; each is a name in formulas.
CALENDAR_VALUES = ("days", "cycle_days", "normal_days", "months", "month", "year_days")
_E3 = 1000  # from x 10^9 to x 10^12
_VALUE_SCHEMA = {"scope_no": pl.Int64(), "name": pl.String(), "value": pl.Int128()}
_FORMULA_SCHEMA = {"scope_no": pl.Int64(), "formula_id": pl.String(), "value": pl.Int128()}
_MARKS_SCHEMA = {
    "scope_no": pl.Int64(),
    "is_estimated": pl.Boolean(),
    "reads_seq": pl.Int64(),
    "split_method": pl.String(),
}


@dataclass(frozen=True)
class Known:
    """What is known of the due agreements when formulas are evaluated.

    `attributes`: due_no, name, number (Int128 x 10^12, null for texts), text. `carried`: due_no, version_id, name,
    value of what earlier cycles left (histories and banks). `determinants`: see `rating.determinants`.
    """

    book: RateBook
    calendar: Calendar
    due: pl.DataFrame
    determinants: pl.DataFrame
    attributes: pl.DataFrame
    carried: pl.DataFrame

    def determinants_of(self, members: pl.DataFrame) -> pl.DataFrame:
        """Return the determinants of the agreements that members of scopes have: mostly those of few."""
        return self.determinants.filter(pl.col("due_no").is_in(members["due_no"].unique().implode()))


@dataclass(frozen=True)
class Scopes:
    """What formulas are asked about.

    `frame`: scope_no, due_no (whose attributes count), version_id, start_date, cycle_days. `members`: scope_no,
    due_no, cal_no, segment_no, slice_no. `amounts`: scope_no, name, value of charges that formulas may name.
    """

    frame: pl.DataFrame
    members: pl.DataFrame
    amounts: pl.DataFrame

    def of(self, scope_nos: pl.Series) -> Scopes:
        """Return the scopes of these numbers."""
        kept = scope_nos.unique().implode()
        is_kept = pl.col("scope_no").is_in(kept)
        return Scopes(self.frame.filter(is_kept), self.members.filter(is_kept), self.amounts.filter(is_kept))


def no_amounts() -> pl.DataFrame:
    """Return the amounts of no charge."""
    return pl.DataFrame(schema=_VALUE_SCHEMA)


def quantity_values(scopes: Scopes, wanted: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the values of quantities (scope_no, name, value), and the parks.

    `wanted`: scope_no, name. What their formulas need is found on the way, and returned as well.
    """
    if wanted.is_empty():
        return no_amounts(), []
    versions = scopes.frame.select("scope_no", "version_id", "due_no")
    needed = wanted.select("scope_no", "name").unique().join(versions, on="scope_no", how="inner", validate="m:1")
    reach = reached_quantities(known.book)
    needed = (
        needed.join(reach, on=["version_id", "name"], how="inner", validate="m:m")
        .select("scope_no", "due_no", "version_id", pl.col("needed").alias("name"))
        .unique()
        .join(known.book.quantities.rename({"quantity_id": "name"}), on=["version_id", "name"], how="inner",
              validate="m:1")
    )  # fmt: skip
    values = pl.concat([_measured(scopes, needed, known), _carried(needed, known)])
    parks = [_without_history(needed, values)]
    for level in sorted(set(needed.filter(pl.col("kind") == "formula")["level"].to_list())):
        asked = needed.filter((pl.col("kind") == "formula") & (pl.col("level") == level))
        found, undefined = _evaluated(scopes, asked, values, known)
        values = pl.concat([values, _rounded(found, asked)])
        parks += undefined
    return values, parks


def formula_values(
    scopes: Scopes, wanted: pl.DataFrame, known: Known, given: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the values of formulas (scope_no, formula_id, value), and the parks. `wanted`: scope_no, formula_id.

    `given`: values of the quantities that they name, when these are not those of the scope (scope_no, name, value).
    """
    if wanted.is_empty():
        return pl.DataFrame(schema=_FORMULA_SCHEMA), []
    asked = wanted.select("scope_no", "formula_id").unique().join(
        scopes.frame.select("scope_no", "due_no", "version_id"), on="scope_no", how="inner", validate="m:1"
    )  # fmt: skip
    values, parks = (given, list[pl.DataFrame]()) if given is not None else _named_quantities(scopes, asked, known)
    found, undefined = _evaluated(scopes, asked.with_columns(pl.col("formula_id").alias("name")), values, known)
    return found.select("scope_no", "formula_id", "value"), [*parks, *undefined]


def _named_quantities(scopes: Scopes, asked: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    named = known.book.operands.filter(pl.col("kind") == "quantity").select("version_id", "formula_id", "name").unique()
    return quantity_values(
        scopes, asked.join(named, on=["version_id", "formula_id"], how="inner", validate="m:m"), known
    )


def marks(known: Known, frame: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return what the measured quantities behind charges rest on: scope_no, is_estimated, reads_seq, split_method.

    `frame`: scope_no, version_id, component_id. `members`: scope_no, due_no, segment_no, slice_no.
    """
    if frame.is_empty():
        return pl.DataFrame(schema=_MARKS_SCHEMA)
    measured = known.book.quantities.filter(pl.col("kind") == "measured").select("version_id", "quantity_id")
    needed = component_quantities(known.book).join(measured, on=["version_id", "quantity_id"], how="semi")
    behind = frame.select("scope_no", "version_id", "component_id").join(
        needed, on=["version_id", "component_id"], how="inner", validate="m:m"
    )
    rows = (
        members.select("scope_no", "due_no", "segment_no", "slice_no")
        .join(behind.select("scope_no", "quantity_id"), on="scope_no", how="inner", validate="m:m")
        .join(
            known.determinants_of(members),
            on=["due_no", "segment_no", "slice_no", "quantity_id"],
            how="inner",
            validate="m:m",
        )
    )
    return rows.group_by("scope_no").agg(pl.col("is_estimated").any(), pl.col("reads_seq").max(), worst_split())


def _measured(scopes: Scopes, needed: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return what was measured, over the members of each scope, rounded as the quantity says."""
    asked = needed.filter(pl.col("kind") == "measured")
    if asked.is_empty():
        return no_amounts()
    members = scopes.members.join(asked.select("scope_no").unique(), on="scope_no", how="semi")
    rows = members.join(
        known.determinants_of(members), on=["due_no", "segment_no", "slice_no"], how="inner", validate="m:m"
    ).join(
        asked.select("scope_no", pl.col("name").alias("quantity_id")), on=["scope_no", "quantity_id"], how="semi"
    )  # fmt: skip
    found = aggregate(rows, ["scope_no", "quantity_id"]).rename({"quantity_id": "name"})
    sized = asked.join(found.select("scope_no", "name", "quantity"), on=["scope_no", "name"], how="left",
                       validate="1:1").with_columns(pl.col("quantity").fill_null(0))  # fmt: skip
    scale = int128(FORMULA_SCALE) // counted_size().cast(pl.Int128)
    stepped = rounded_to_step(wide("quantity"), wide("round_step"), pl.col("round_mode"))
    exact = pl.when(pl.col("round_mode").is_null()).then(wide("quantity")).otherwise(stepped)
    return sized.select("scope_no", "name", (exact * scale).alias("value"))


def counted_size() -> pl.Expr:
    """Return how many of what a quantity is counted in are one printed unit; a cost is counted in 10^-9."""
    return pl.when(pl.col("agg") == "cost").then(pl.lit(10**9, pl.Int64)).otherwise("unit_size")


def _carried(needed: pl.DataFrame, known: Known) -> pl.DataFrame:
    asked = needed.filter(pl.col("kind").is_in(["history", "bank"]))
    found = asked.join(known.carried, on=["due_no", "version_id", "name"], how="left", validate="m:1")
    default = pl.col("if_missing_e12").cast(pl.Int128)
    valued = found.select("scope_no", "name", pl.coalesce("value", default).alias("value"))
    return _rounded(valued.filter(pl.col("value").is_not_null()), asked)


def _without_history(needed: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    missing = needed.filter(pl.col("kind") == "history").join(values, on=["scope_no", "name"], how="anti")
    detail = pl.format(
        "quantity {} needs earlier values of {}, found none, and the tariff says no `if_missing`", "name", "history_of"
    )
    return park(missing, ParkReason.HISTORY_MISSING, detail)


def _rounded(found: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return values rounded by the rule of their quantity; without one they keep all decimals of formulas."""
    rules = asked.select("scope_no", "name", "round_mode", "round_step")
    ruled = found.join(rules, on=["scope_no", "name"], how="left", validate="1:1")
    step = wide("round_step") * int128(_E3)  # what is not measured is counted in 10^-9
    stepped = rounded_to_step(wide("value"), step, pl.col("round_mode"))
    exact = pl.when(pl.col("round_mode").is_null()).then("value").otherwise(stepped)
    return ruled.select("scope_no", "name", exact.alias("value"))


def _evaluated(
    scopes: Scopes, asked: pl.DataFrame, values: pl.DataFrame, known: Known
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the values of formulas (scope_no, name, formula_id, value). `asked`: also due_no, version_id, name."""
    shapes = known.book.formulas.select("version_id", "formula_id", "shape")
    rows = asked.select("scope_no", "due_no", "version_id", "name", "formula_id").join(
        shapes, on=["version_id", "formula_id"], how="inner", validate="m:1"
    )
    operands, parks = _operands(scopes, rows, values, known)
    if parks.height:
        lost = rows.join(parks.select("due_no").unique(), on="due_no", how="semi").select("scope_no").unique()
        rows = rows.join(lost, on="scope_no", how="anti")
        operands = operands.join(lost, on="scope_no", how="anti")
    found = [_of_shape(rows, operands, shape) for (shape,) in rows.select("shape").unique().sort("shape").iter_rows()]
    if not found:
        schema = {"scope_no": pl.Int64(), "name": pl.String(), "formula_id": pl.String(), "value": pl.Int128()}
        return pl.DataFrame(schema=schema), [parks]
    together = pl.concat(found)
    undefined = together.filter("is_undefined")
    detail = pl.format(
        "formula {} of version {} has no value here: it divides by zero, takes the root of a negative, or grows beyond "
        "10^24", "formula_id", "version_id",
    )  # fmt: skip
    parks = pl.concat([parks, park(undefined, ParkReason.FORMULA_UNDEFINED, detail)])
    defined = together.filter(~pl.col("is_undefined"))
    return defined.select("scope_no", "name", "formula_id", "value"), [parks]


def _of_shape(rows: pl.DataFrame, operands: pl.DataFrame, shape: str) -> pl.DataFrame:
    mine = rows.filter(pl.col("shape") == shape)
    keys = ["scope_no", "formula_id"]
    own = operands.join(mine.select(keys), on=keys, how="semi")
    names: list[str] = []
    for place in sorted(set(own["place"].to_list())):
        names.append(f"operand_{place}")
        values = own.filter(pl.col("place") == place).select(*keys, pl.col("value").alias(names[-1]))
        mine = mine.join(values, on=keys, how="left", validate="m:1")
    return pl.concat([mine.drop(names), evaluate(mine, shape, names)], how="horizontal")


def _operands(
    scopes: Scopes, rows: pl.DataFrame, values: pl.DataFrame, known: Known
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the operands of formulas (scope_no, formula_id, place, value), and parks for those without a value."""
    asked = rows.select("scope_no", "due_no", "version_id", "formula_id").unique().join(
        known.book.operands, on=["version_id", "formula_id"], how="inner", validate="m:m"
    )  # fmt: skip
    of_kind = {kind: asked.filter(pl.col("kind") == kind) for kind in asked["kind"].unique().sort().to_list()}
    sources = {
        "quantity": values,
        "charge": scopes.amounts,
        "calendar": _calendar_values(scopes, known) if "calendar" in of_kind else no_amounts(),
        "factor": _factor_values(scopes, known) if "factor" in of_kind else no_amounts(),
    }
    found = []
    for kind, part in of_kind.items():
        if kind == "number":
            valued = part.with_columns(pl.col("number_e12").cast(pl.Int128).alias("value"))
        elif kind in {"attribute", "text"}:
            valued = _attribute_operands(part, known)
        else:
            valued = part.join(sources[kind], on=["scope_no", "name"], how="left", validate="m:1")
        if kind == "charge":
            valued = valued.with_columns(pl.col("value").fill_null(0))
        found.append(valued.select("scope_no", "due_no", "formula_id", "place", "kind", "name", "value"))
    if not found:
        return pl.DataFrame(schema={"scope_no": pl.Int64(), "formula_id": pl.String(), "place": pl.Int32(),
                                    "value": pl.Int128()}), no_parks()  # fmt: skip
    operands = pl.concat(found)
    return operands.select("scope_no", "formula_id", "place", "value"), _missing(operands)


def _missing(operands: pl.DataFrame) -> pl.DataFrame:
    missing = operands.filter(pl.col("value").is_null())
    if missing.is_empty():
        return no_parks()
    is_factor = pl.col("kind") == "factor"
    is_attribute = pl.col("kind").is_in(["attribute", "text"])
    detail = pl.format("formula {} needs {} `{}`, found none", "formula_id", "kind", "name")
    return pl.concat(
        [
            park(missing.filter(is_factor), ParkReason.NO_FACTOR, detail),
            park(missing.filter(is_attribute), ParkReason.ATTRIBUTE_MISSING, detail),
            park(missing.filter(~is_factor & ~is_attribute), ParkReason.FORMULA_UNDEFINED, detail),
        ]
    )


def _attribute_operands(part: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return numbers of the contract, and 1 or 0 for a text that is compared."""
    stated = part.join(
        attribute_values(known.book, known.due, known.attributes), on=["due_no", "version_id", "name"], how="left",
        validate="m:1",
    )  # fmt: skip
    is_met = (pl.col("text_right") == pl.col("text")) != pl.col("is_negated")
    tested = is_met.cast(pl.Int128) * int128(FORMULA_SCALE)
    return stated.with_columns(pl.when(pl.col("kind") == "text").then(tested).otherwise("number").alias("value"))


def stated_attributes(due: pl.DataFrame, attributes: DataFrame[DueAttributes]) -> pl.DataFrame:
    """Return what contracts say: due_no, name, number (Int128 x 10^12; null for texts), text."""
    named = attributes.join(
        due.select("due_no", "agreement_id", "start_date"), on=["agreement_id", "start_date"], how="inner",
        validate="m:1",
    )  # fmt: skip
    return named.select("due_no", "name", pl.col("number").to_physical().cast(pl.Int128).alias("number"), "text")


def attribute_values(book: RateBook, due: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """Return due_no, version_id, name, number, text: what the contract says, or else the version's default."""
    versions = book.versions.select("version_id", "tariff_id")
    declared = book.attributes.join(versions, on="version_id", how="left", validate="m:1")
    asked = due.select("due_no", "tariff_id").join(declared, on="tariff_id", how="inner", validate="m:m")
    stated = asked.join(attributes, on=["due_no", "name"], how="left", validate="m:1")
    number = pl.when(~pl.col("is_text")).then(pl.coalesce("number", pl.col("default_e12").cast(pl.Int128)))
    text = pl.when("is_text").then(pl.coalesce("text", "default_text"))
    return stated.select("due_no", "version_id", "name", number.alias("number"), text.alias("text"))


def _calendar_values(scopes: Scopes, known: Known) -> pl.DataFrame:
    """Return the days and months of each scope under the names that formulas know."""
    months = months_e4(scopes.members, known.calendar, ["scope_no"])
    slices = known.calendar.slices.select("cal_no", "segment_no", "slice_no", "days")
    days = scopes.members.join(slices, on=["cal_no", "segment_no", "slice_no"], how="left", validate="m:1")
    counted = months.join(
        days.group_by("scope_no").agg(pl.col("days").sum()), on="scope_no", how="left", validate="1:1"
    )
    versions = known.book.versions.select("version_id", "normal_days")
    dated = scopes.frame.join(counted, on="scope_no", how="left", validate="1:1").join(
        versions, on="version_id", how="left", validate="m:1"
    )
    one = int128(FORMULA_SCALE)
    named = dated.select(
        "scope_no",
        (wide("days") * one).alias("days"),
        (wide("cycle_days") * one).alias("cycle_days"),
        (wide("normal_days") * one).alias("normal_days"),
        (wide("months_e4") * int128(FORMULA_SCALE // 10**4)).alias("months"),
        (pl.col("start_date").dt.month().cast(pl.Int128) * one).alias("month"),
        (pl.when(pl.col("start_date").dt.is_leap_year()).then(366).otherwise(365).cast(pl.Int128) * one).alias(
            "year_days"
        ),
    )
    assert set(named.columns) == {"scope_no", *CALENDAR_VALUES}, "every calendar name has a value"
    return named.unpivot(index="scope_no", variable_name="name", value_name="value")


def _factor_values(scopes: Scopes, known: Known) -> pl.DataFrame:
    """Return the factors of each scope; where one changes inside, the mean over its days, half up at 10^-12.

    Charges on quantities are cut where their factors change; what counts a whole bill is not, so a tax of 6 % that
    becomes 6.5 % in the middle counts both by days (Oracle Utilities prorates factors so).
    """
    keys = ["cal_no", "segment_no", "slice_no"]
    days = known.calendar.slices.select(*keys, "days")
    valued = scopes.members.join(known.calendar.factors, on=keys, how="inner", validate="m:m").join(
        days, on=keys, how="left", validate="m:1"
    )
    total = (wide("value_e9") * wide("days")).sum() * int128(_E3)
    return (
        valued.group_by("scope_no", pl.col("factor_id").alias("name"))
        .agg(total.alias("total"), wide("days").sum().alias("days"))
        .with_columns((pl.col("total").abs() * 2 + pl.col("days")) // (pl.col("days") * 2) * pl.col("total").sign())
        .select("scope_no", "name", pl.col("total").alias("value"))
    )
