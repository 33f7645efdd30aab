"""Rows of a route as records of fixed columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from ingest.formats.tables.routes import HEADER, TRAILER
from ingest.routes.layout import DATES, KEYS, NUMBERS, Place, RouteLayout

ASIDE = pl.Schema(
    {"service_point_id": pl.String(), "channel": pl.String(), "reason": pl.String(), "detail": pl.String()}
)
_COMES_BACK = ("service_point", "channel", "meter", "unit")  # without these nobody could say what was read
_NOT_ASCII = r"[^\x20-\x7e]"


@dataclass(frozen=True)
class RouteFile:
    """A route for a handheld: its text, how many records it has, and what could not go out, with the reason."""

    text: str
    records: int
    aside: pl.DataFrame
    """service_point_id, channel, reason, detail."""


def route_file(rows: pl.DataFrame, layout: RouteLayout, day: date) -> RouteFile:
    """Return the file of a route of this date; `rows` are those of ingest.routes.sheet, in the order of the walk.

    Handhelds know letters without accents only. Texts lose theirs and are cut to their columns; a key or number that
    does not fit as it is keeps its register out, for nobody could tell what comes back.
    """
    dated = rows.with_columns(pl.lit(day).alias("route_date"))
    shown = dated.with_columns(_shown(place.field, dated) for place in _fields(layout))
    misfit = pl.coalesce(
        [_misfit(place) for place in layout.out if place.field in (*KEYS, *NUMBERS)] or [pl.lit(None, pl.String)]
    )
    judged = shown.with_columns(misfit.alias("misfit"), _record(layout).alias("record"))
    aside = judged.filter(pl.col("misfit").is_not_null()).select(
        pl.col("service_point").alias("service_point_id"),
        "channel",
        pl.lit("does_not_fit").alias("reason"),
        pl.col("misfit").alias("detail"),
    )
    records = judged.filter(pl.col("misfit").is_null())["record"].to_list()
    head = [f"{HEADER}{_routes(rows):<12.12}{day:%Y%m%d}"] if layout.framed else []
    tail = [f"{TRAILER}{len(records):06d}"] if layout.framed else []
    lines = [*head, *records, *tail]
    return RouteFile("".join(f"{line}\r\n" for line in lines), len(records), aside.cast(ASIDE))


def _routes(rows: pl.DataFrame) -> str:
    names = rows["route"].unique()
    return str(names[0]) if len(names) == 1 else "several"


def _fields(layout: RouteLayout) -> list[Place]:
    return [place for place in layout.out if place.field != "constant"]


def _shown(name: str, rows: pl.DataFrame) -> pl.Expr:
    """Return a field as text in ASCII, empty where nothing is known."""
    if name in DATES:
        return pl.col(name)
    text = pl.col(name).cast(pl.String).fill_null("")
    if rows.schema[name] == pl.String:
        text = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.replace_all(_NOT_ASCII, "?")
    return text.alias(name)


def _misfit(place: Place) -> pl.Expr:
    text = pl.col(place.field)
    is_too_long = text.str.len_chars() > place.length
    is_odd = text.str.contains("?", literal=True)
    is_lacking = (text == "") if place.field in _COMES_BACK else pl.lit(False)
    said = pl.format(
        "expected {} of at most {} plain letters or digits, found `{}`", pl.lit(place.field), pl.lit(place.length), text
    )
    return pl.when(is_too_long | is_odd | is_lacking).then(said)


def _record(layout: RouteLayout) -> pl.Expr:
    """Return the record: the fields in their columns, blanks between them."""
    parts: list[pl.Expr] = []
    at = 1
    for place in sorted(layout.out, key=lambda place: place.start):
        parts += [pl.lit(" " * (place.start - at)), _column(place)]
        at = place.end + 1
    return pl.concat_str([*parts, pl.lit(" " * (layout.out_width - at + 1))])


def _column(place: Place) -> pl.Expr:
    if place.field == "constant":
        return pl.lit(f"{place.text:<{place.length}.{place.length}}")
    text = pl.col(place.field)
    if place.field in DATES:
        text = text.dt.strftime(place.format).fill_null("")
    text = text.str.head(place.length)
    # A field of zeros would say that something is known: where nothing is, it stays blank.
    sign = pl.when(text == "").then(pl.lit(" ")).otherwise(pl.lit(place.fill))
    if place.align == "left":
        return text.str.pad_end(place.length)
    padded = text.str.pad_start(place.length, " ")
    return padded if place.fill == " " else pl.when(sign == " ").then(padded).otherwise(text.str.zfill(place.length))
