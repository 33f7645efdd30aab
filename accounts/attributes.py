"""Attributes of contracts and places: dated facts that tariffs ask for. Where one changes, a due period is cut."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.reading import DETAIL, LINE, REASON
from model.accounts import IMPORTED
from model.rating import DueAttributes
from model.schema import arranged, column_names, grain

# Table of attributes -> whose they are. What an agreement says wins over what its service point says.
ATTRIBUTE_OWNER = {"agreement_attributes": "agreement_id", "service_point_attributes": "service_point_id"}
# The names that tariff files may give.
_NAME = r"^[a-z][a-z0-9_]*$"
# A number that DECIMAL(38, 12) holds without loss.
_NUMBER = r"^-?[0-9]{1,26}(\.[0-9]{1,12})?$"
_PERIOD = ["agreement_id", "start_date"]


def unfit_attributes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of rows whose name no tariff can give."""
    return rows.filter(~pl.col("name").str.contains(_NAME)).select(
        LINE,
        pl.lit("value_not_allowed").alias(REASON),
        pl.format("column name: expected small letters, digits and `_`, found `{}`", "name").alias(DETAIL),
    )


def overlapping_attributes(table: str, rows: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Return line, reason and detail of rows whose days another value of the attribute has.

    A value without an end holds until the next one, so it never overlaps that. A row that says what is recorded
    already is not judged; of two new rows that overlap, both are named.
    """
    columns, keys = column_names(IMPORTED[table]), grain(IMPORTED[table])
    fresh = rows.join(recorded, on=columns, how="anti", nulls_equal=True).select(*columns, LINE)
    kept = recorded.join(fresh, on=keys, how="anti").with_columns(pl.lit(None, pl.Int64).alias(LINE))
    series = pl.concat([kept.select(fresh.columns), fresh]).sort(keys)
    of_one = keys[:-1]
    stated_end = pl.coalesce("valid_to", "valid_from")
    is_inside = pl.col("valid_from") < stated_end.cum_max().shift(1).over(of_one)
    reaches_beyond = pl.col("valid_to") > pl.col("valid_from").shift(-1).over(of_one)
    overlaps = is_inside.fill_null(False) | reaches_beyond.fill_null(False)
    return series.filter(pl.col(LINE).is_not_null() & overlaps).select(
        LINE,
        pl.lit("overlap").alias(REASON),
        pl.format("expected days on which `{}` has no other value, found {} to {}", "name", "valid_from",
                  pl.col("valid_to").cast(pl.String).fill_null("the next")).alias(DETAIL),
    )  # fmt: skip


def cut_at_attributes(
    due: pl.DataFrame, of_agreements: pl.DataFrame, of_points: pl.DataFrame, asked: pl.DataFrame
) -> tuple[pl.DataFrame, DataFrame[DueAttributes]]:
    """Cut due periods where an attribute that their tariff asks for changes; return them, and those attributes.

    `asked`: tariff_id, name. What another tariff asks for neither cuts nor is returned. A period is cut only where
    what holds becomes another: a value that is written again for the next days, or one of the service point that the
    agreement's own hides, cuts nothing. An attribute that has no value is simply absent.
    """
    periods = due.select(*_PERIOD, "service_point_id", "end_date", "tariff_id")
    own = _held(periods, of_agreements, "agreement_id", asked)
    of_place = _held(periods, of_points, "service_point_id", asked)
    changes = pl.concat([frame.filter(_begins_or_ends_inside()).select(_PERIOD) for frame in (own, of_place)]).unique()
    still = [frame.join(changes, on=_PERIOD, how="anti") for frame in (own, of_place)]
    hidden = still[1].join(still[0], on=[*_PERIOD, "name"], how="anti")
    steady = pl.concat([still[0], hidden]).select("agreement_id", "start_date", "name", "value")
    # Few periods change: only they are taken apart.
    ranked = [frame.join(changes, on=_PERIOD, how="semi") for frame in (own, of_place)]
    cut, changing = _cut(due.join(changes, on=_PERIOD, how="semi"), ranked)
    uncut = due.join(changes, on=_PERIOD, how="anti").select(cut.columns)
    return pl.concat([uncut, cut]).sort(_PERIOD), _due_attributes(pl.concat([steady, changing]))


def _begins_or_ends_inside() -> pl.Expr:
    begins = pl.col("held_from") > pl.col("start_date")
    return begins | (pl.col("held_to") < pl.col("end_date")).fill_null(False)


def _cut(due: pl.DataFrame, held: list[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the parts of due periods, and their values: agreement_id, start_date, name, value.

    `held` are the values of agreements and those of places, in the order in which they win.
    """
    periods = due.select(*_PERIOD, "end_date")
    ranked = pl.concat([frame.with_columns(rank=pl.lit(place)) for place, frame in enumerate(held)])
    pieces = _pieces(periods, ranked)
    valued = _values(pieces, ranked)
    pieces = _joined_where_equal(pieces, valued)
    first = pieces.select("agreement_id", "piece_date")
    values = valued.join(first, on=["agreement_id", "piece_date"], how="semi").rename({"piece_date": "start_date"})
    cut = (
        due.drop("end_date")
        .join(pieces, on=_PERIOD, how="inner", validate="1:m")
        .with_columns(start_date=pl.col("piece_date"), end_date=pl.col("piece_end_date"))
        .drop("piece_date", "piece_end_date")
    )
    return cut.select(due.columns), values


def _held(periods: pl.DataFrame, facts: pl.DataFrame, owner: str, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the values that hold on some day of a period: the period's keys, name, value, held_from, held_to.

    Only those that the tariff of the period asks for.
    """
    ordered = facts.sort(owner, "name", "valid_from")
    is_followed = (pl.col(owner) == pl.col(owner).shift(-1)) & (pl.col("name") == pl.col("name").shift(-1))
    dated = ordered.select(
        owner, "name", "value",
        pl.col("valid_from").alias("held_from"),
        pl.coalesce("valid_to", pl.when(is_followed).then(pl.col("valid_from").shift(-1))).alias("held_to"),
    )  # fmt: skip
    return (
        periods.join(dated, on=owner, how="inner", validate="m:m")
        .join(asked, on=["tariff_id", "name"], how="semi")
        .filter(
            pl.col("held_from") < pl.col("end_date"),
            pl.col("held_to").is_null() | (pl.col("held_to") > pl.col("start_date")),
        )
        .select(*_PERIOD, "end_date", "name", "value", "held_from", "held_to")
    )


def _pieces(periods: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return the parts of each period between the days on which some value begins or ends, by `piece_date`."""
    bounds = [
        periods.select(*_PERIOD, "end_date", pl.col("start_date").alias("piece_date")),
        *(held.select(*_PERIOD, "end_date", pl.col(name).alias("piece_date")) for name in ("held_from", "held_to")),
    ]
    inside = pl.col("piece_date").is_between("start_date", "end_date", closed="left")
    return (
        pl.concat(bounds)
        .filter(inside)
        .unique()
        .sort(*_PERIOD, "piece_date")
        .with_columns(piece_end_date=pl.col("piece_date").shift(-1).over(_PERIOD).fill_null(pl.col("end_date")))
        .drop("end_date")
    )


def _values(pieces: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return what holds in each piece: agreement_id, piece_date, name, value."""
    in_force = pl.col("held_from") <= pl.col("piece_date")
    still = pl.col("held_to").is_null() | (pl.col("held_to") > pl.col("piece_date"))
    return (
        pieces.select(*_PERIOD, "piece_date")
        .join(held, on=_PERIOD, how="inner", validate="m:m")
        .filter(in_force & still)
        .sort("agreement_id", "piece_date", "name", "rank")
        .unique(["agreement_id", "piece_date", "name"], keep="first", maintain_order=True)
        .select("agreement_id", "piece_date", "name", "value")
    )


def _joined_where_equal(pieces: pl.DataFrame, valued: pl.DataFrame) -> pl.DataFrame:
    """Put neighbouring pieces of a period together where the same values hold; `piece_date` is the first of them."""
    signed = valued.group_by("agreement_id", "piece_date", maintain_order=True).agg(
        pl.concat_str("name", "value", separator="\0").str.join("\0").alias("signature")
    )
    changes = (pl.col("signature") != pl.col("signature").shift(1)).over(_PERIOD).fill_null(False)
    return (
        pieces.join(signed, on=["agreement_id", "piece_date"], how="left", validate="1:1")
        .with_columns(pl.col("signature").fill_null(""))
        .sort(*_PERIOD, "piece_date")
        .with_columns(changes.cast(pl.Int32).alias("changes"))
        .with_columns(pl.col("changes").cum_sum().over(_PERIOD).alias("part"))
        .group_by(*_PERIOD, "part", maintain_order=True)
        .agg(pl.col("piece_date").min(), pl.col("piece_end_date").max())
        .drop("part")
    )


def _due_attributes(valued: pl.DataFrame) -> DataFrame[DueAttributes]:
    is_number = pl.col("value").str.contains(_NUMBER)
    frame = valued.select(
        "agreement_id", "start_date", "name",
        pl.when(is_number).then("value").cast(pl.Decimal(38, 12)).alias("number"),
        pl.col("value").alias("text"),
    )  # fmt: skip
    return arranged(DueAttributes, frame.sort("agreement_id", "start_date", "name"))
