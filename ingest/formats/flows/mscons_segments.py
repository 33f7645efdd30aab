"""Segments of MSCONS messages as columns: quantities, and what the segments above and below say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ingest.formats.flows.edifact import Interchange
from ingest.formats.flows.mscons_codes import REPORTED_METER, SUMS
from ingest.formats.flows.mscons_times import with_times

_TEXT = pl.col("text")
_STEP_MINUTES = {"806": 1, "805": 60, "804": 24 * 60}  # format of DTM+672. Source: UN/EDIFACT code list 2379


@dataclass(frozen=True)
class Segments:
    """`quantities`: a row per QTY with message, line, meter_point, meter_id, suffix, qualifier, value, unit, times."""

    quantities: pl.DataFrame
    notes: Mapping[str, str]


def read_segments(interchange: Interchange, inside: pl.DataFrame) -> Segments:
    """Return the quantities of sound messages with all that their neighbours say."""
    owned = _with_owners(interchange, inside)
    quantities = _quantities(interchange, owned)
    dates = _dates(interchange, owned)
    rows = (
        quantities.join(_locations(interchange, owned), on="loc", how="left", validate="m:1", maintain_order="left")
        .join(_channels(interchange, owned), on="pia", how="left", validate="m:1", maintain_order="left")
        .join(_reasons(interchange, owned), on="line", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.col("meter_point", "meter_id", "suffix").fill_null(""))
    )
    updated = _update_times(dates)
    timed = _with_own_times(rows, dates).join(updated, on="message", how="left", validate="m:1", maintain_order="left")
    sums = int(quantities["qualifier"].is_in(SUMS).sum())
    notes = {"sums": f"{sums} quantities are sums ({', '.join(SUMS)}), not readings"} if sums else {}
    return Segments(_with_implied_times(timed, dates), notes)


def _with_owners(interchange: Interchange, inside: pl.DataFrame) -> pl.DataFrame:
    """Add the lines of the segments that each one stands below: `loc`, `lin`, `pia`, `qty`; 0 is none."""
    tag, line = pl.col("tag"), pl.col("line")
    is_point = _TEXT.str.starts_with(f"LOC{interchange.element}172")
    is_channel = _TEXT.str.starts_with(f"PIA{interchange.element}5")
    first = tag == "UNH"
    new_point = first | tag.is_in(["LOC", "NAD"])
    new_item = new_point | (tag == "LIN")

    def last(opens: pl.Expr, ends: pl.Expr) -> pl.Expr:
        return pl.when(opens).then(line).when(ends).then(0).forward_fill().fill_null(0)

    return inside.with_columns(
        last((tag == "LOC") & is_point, new_point).alias("loc"),
        last(tag == "LIN", new_point).alias("lin"),
        last((tag == "PIA") & is_channel, new_item).alias("pia"),
        last(tag == "QTY", new_item | tag.is_in(["PIA", "UNT"])).alias("qty"),
    )


def _quantities(interchange: Interchange, owned: pl.DataFrame) -> pl.DataFrame:
    stated = owned.filter(pl.col("tag") == "QTY")
    parts = _components(interchange, stated["text"])
    value = parts.struct.field("field_1").fill_null("")
    if interchange.decimal == ",":
        value = value.str.replace(",", ".", literal=True)
    return stated.select(
        "message",
        "line",
        "loc",
        "lin",
        "pia",
        parts.struct.field("field_0").fill_null("").alias("qualifier"),
        value.str.strip_chars().alias("value"),
        parts.struct.field("field_2").fill_null("").str.strip_chars().alias("unit"),
    )


def _components(interchange: Interchange, text: pl.Series) -> pl.Expr:
    """Return the first three components of the first element after a tag of three letters."""
    body = _TEXT.str.slice(4)
    if text.str.slice(4).str.contains(interchange.element, literal=True).any():
        body = body.str.split_exact(interchange.element, 1).struct.field("field_0")
    return body.str.split_exact(interchange.component, 2)


def _dates(interchange: Interchange, owned: pl.DataFrame) -> pl.DataFrame:
    """Return the DTM segments: qualifier, value, format, `local`, `utc`, and what they stand below.

    The times of a file repeat from channel to channel: each distinct segment is read once.
    """
    found = owned.filter(pl.col("tag") == "DTM").select("message", "line", "loc", "qty", "text")
    told = found.select("text").unique()
    parts = _components(interchange, told["text"])
    read = with_times(
        told.select(
            "text",
            parts.struct.field("field_0").fill_null("").alias("qualifier"),
            interchange.plain(parts.struct.field("field_1").fill_null("")).alias("value"),
            parts.struct.field("field_2").fill_null("").alias("format"),
        )
    )
    return found.join(read, on="text", how="left", validate="m:1", maintain_order="left").drop("text")


def _locations(interchange: Interchange, owned: pl.DataFrame) -> pl.DataFrame:
    """Return `loc`, `meter_point` and `meter_id`; older messages write the point as 4th component."""
    place = interchange.element_at(_TEXT, 2)
    named = owned.filter((pl.col("tag") == "LOC") & (pl.col("loc") == pl.col("line"))).select(
        "loc", interchange.components(place, 0).alias("first"), interchange.components(place, 3).alias("fourth")
    )
    element = interchange.element_at(_TEXT, 1)
    meters = owned.filter((pl.col("tag") == "RFF") & (pl.col("loc") > 0)).select(
        "loc",
        interchange.components(element, 0).alias("kind"),
        interchange.components(element, 1).alias("meter_id"),
    )
    first_meters = meters.filter(pl.col("kind") == REPORTED_METER).unique("loc", keep="first", maintain_order=True)
    point = pl.when(pl.col("first") == "").then("fourth").otherwise("first").alias("meter_point")
    return named.select("loc", point).join(
        first_meters.select("loc", "meter_id"), on="loc", how="left", validate="1:1", maintain_order="left"
    )


def _channels(interchange: Interchange, owned: pl.DataFrame) -> pl.DataFrame:
    """Return `pia` and `suffix`; an OBIS code whose colon nobody protected falls into two components."""
    item = interchange.element_at(_TEXT, 2)
    first, second = interchange.components(item, 0), interchange.components(item, 1)
    is_halved = first.str.contains(r"^\d+-\d+$") & second.str.contains(r"^\d+\.\d+")
    suffix = pl.when(is_halved).then(pl.concat_str(first, second, separator=":")).otherwise(first)
    channels = owned.filter((pl.col("tag") == "PIA") & (pl.col("pia") == pl.col("line")))
    return channels.select("pia", suffix.alias("suffix"))


def _reasons(interchange: Interchange, owned: pl.DataFrame) -> pl.DataFrame:
    """Return the reasons (third element of STS) below each quantity, in their order."""
    stated = owned.filter((pl.col("tag") == "STS") & (pl.col("qty") > 0)).select(
        pl.col("qty").alias("line"), interchange.elements(_TEXT, 3).alias("reason")
    )
    return (
        stated.filter(pl.col("reason") != "")
        .group_by("line", maintain_order=True)
        .agg(pl.col("reason").str.join("/").alias("reasons"))
    )


def _update_times(dates: pl.DataFrame) -> pl.DataFrame:
    """Return when each message was made: the version of its values (DTM+293), else its own date (DTM+137)."""
    made = dates.filter(pl.col("qualifier").is_in(["293", "137"]) & (pl.col("qty") == 0))
    instant = pl.col("utc").dt.replace_time_zone(None).fill_null(pl.col("local")).alias("updated_at")
    ordered = made.sort(pl.col("qualifier") == "137", "line")
    return ordered.unique("message", keep="first", maintain_order=True).select("message", instant)


def _with_own_times(rows: pl.DataFrame, dates: pl.DataFrame) -> pl.DataFrame:
    """Add start, end and time of reading, as the DTM segments below each quantity state them."""
    own = dates.filter(pl.col("qty") > 0)
    repeated = [pl.Series("qty", [], dtype=pl.Int64)]
    for name, qualifiers in (("start", ["163"]), ("end", ["164"]), ("read", ["9", "7"])):
        stated = own.filter(pl.col("qualifier").is_in(qualifiers))
        is_first = stated["qty"].is_first_distinct()
        repeated.append(stated.filter(~is_first)["qty"])
        named = stated.filter(is_first).select(
            pl.col("qty").alias("line"),
            pl.col("local").alias(f"{name}_local"),
            pl.col("utc").alias(f"{name}_utc"),
            pl.col("clock").alias(f"{name}_clock"),
            pl.lit(True).alias(f"has_{name}"),
        )
        rows = rows.join(named, on="line", how="left", validate="m:1", maintain_order="left")
    has_own = pl.any_horizontal(pl.col("has_start", "has_end", "has_read").fill_null(False))
    return rows.with_columns(
        pl.col("line").is_in(pl.concat(repeated).implode()).alias("is_stated_twice"),
        has_own.alias("has_own_date"),
        pl.col("read_clock").alias("read_at"),
        _span_edge("start"),
        _span_edge("end"),
    )


def _span_edge(name: str) -> pl.Expr:
    """Return one edge of the period for its length: the instant, or the time on the wall as if it were one."""
    return pl.col(f"{name}_utc").fill_null(pl.col(f"{name}_local").dt.replace_time_zone("UTC")).alias(name)


def _with_implied_times(rows: pl.DataFrame, dates: pl.DataFrame) -> pl.DataFrame:
    """Give the quantities without any date their place: one after the other from the start of the period."""
    bare = ~pl.col("has_own_date")
    if not rows.select(bare.any()).item():
        return rows
    above = dates.filter((pl.col("qty") == 0) & (pl.col("loc") > 0))
    unit_minutes = pl.col("format").replace_strict(_STEP_MINUTES, default=None, return_dtype=pl.Int64)
    step = pl.col("value").cast(pl.Int32, strict=False).cast(pl.Int64) * unit_minutes
    steps = above.filter(pl.col("qualifier") == "672").select("loc", step.alias("step"))
    starts = above.filter(pl.col("qualifier") == "163").select(
        "loc", pl.col("utc").alias("first_utc"), pl.col("local").alias("first_local")
    )
    placed = rows.join(
        starts.unique("loc", keep="first", maintain_order=True),
        on="loc",
        how="left",
        validate="m:1",
        maintain_order="left",
    ).join(
        steps.unique("loc", keep="first", maintain_order=True),
        on="loc",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    is_sum = pl.col("qualifier").is_in(SUMS)
    position = (bare & ~is_sum).cum_sum().over("loc", "lin", order_by="line") - 1
    shift = pl.duration(minutes=position * pl.col("step"))
    shifted = placed.with_columns(
        pl.when(bare).then(pl.col("first_utc") + shift).otherwise("start_utc").alias("start_utc"),
        pl.when(bare).then(pl.col("first_local") + shift).otherwise("start_local").alias("start_local"),
    ).with_columns(pl.when(bare).then(_span_edge("start")).otherwise("start").alias("start"))
    end = pl.when(bare).then(pl.col("start") + pl.duration(minutes=pl.col("step"))).otherwise("end")
    return shifted.with_columns(end.alias("end"))
