"""Routes that come back from handhelds: fixed columns, a record per register, dates without a year.

The layout says which field stands where: see ingest.routes.layout. Files of our own layout begin with a header that
names the date of the route, so that they are known by content; other layouts are named by who lands the file, with that
date. A date without year is the one nearest to the date of the route.

What was not read gives no reading: it is a reject `not_read` with the skip code and what it means, so that it can be
read again or estimated by rule.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from ingest.formats.dates import FIRST_DAY, LAST_DAY, of_full_width
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import KIND_QUALITY, quality_of
from ingest.formats.records import FileRecords, Opening, ReadingRecords, refused
from ingest.formats.series import named_series
from ingest.routes.builtin import builtin_layout
from ingest.routes.layout import Place, RouteLayout
from model.codes import ReadKind
from model.schema import arranged

FORMAT = "route"
HEADER = "HDRBILLMILL1"
TRAILER = "TRL"
_HALF_YEAR = 183
_DAY = "%Y%m%d"


def matches(opening: Opening) -> bool:
    """Return whether the file begins as a route of our own layout."""
    return opening.first.startswith(HEADER)


def read(source: Source) -> FileRecords:
    """Return the readings of a route in our own layout."""
    return read_route(source, builtin_layout("billmill"))


def read_route(source: Source, layout: RouteLayout, route_date: date | None = None) -> FileRecords:
    """Return the readings of a route that came back.

    `route_date` is the date of the route; the header of a framed file says it itself. The file is refused as a whole
    where neither does and dates have no year (`no_route_date`). Rejects lines as wrong_length, no_meter_point,
    bad_time, bad_read_code, not_read, wrong_count.
    """
    day = _date_of(source, route_date) if layout.framed else route_date
    day = day if day is not None and FIRST_DAY <= day <= LAST_DAY else None
    place: dict[str, Place] = {place.field: place for place in layout.back}
    if day is None and "%y" not in place["read_date"].format.lower():
        detail = "expected the date of the route, from which the year of its readings follows; found none"
        return refused(source.name, source.sha256, FORMAT, "no_route_date", detail)
    records, strange = _records(source, layout)
    rows = _fields(records, place, day)
    good, bad = split_by_reason(source, _coded(rows, layout), _reason(), _detail(place["read_date"]))
    taken = good.filter(pl.col("reading") != "")
    numbered, series = named_series(taken.with_columns(pl.lit(0, pl.Int32).alias("file_minutes")))
    counted = _count(source, records.height) if layout.framed else []
    return FileRecords(
        source.name, source.sha256, FORMAT, series, gather_rejects([strange, bad, _not_read(source, good), *counted]),
        readings=arranged(ReadingRecords, numbered.with_columns(pl.col("reading").alias("value"))),
        notes={"route": f"{records.height} records, {taken.height} read"},
    )  # fmt: skip


def _date_of(source: Source, stated: date | None) -> date | None:
    first = pl.DataFrame({"text": [source.lines["text"][0] if source.lines.height else ""]})
    text = pl.col("text").str.slice(len(HEADER) + 12, 8)
    found = first.select(of_full_width(text, _DAY).str.to_date(_DAY, strict=False)).to_series()[0]
    return found if isinstance(found, date) else stated


def _records(source: Source, layout: RouteLayout) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines that are records, filled up to their width, and rejects of those of another length."""
    lines = source.lines
    if layout.framed:
        lines = lines.filter(~pl.col("text").str.starts_with(HEADER) & ~pl.col("text").str.starts_with(TRAILER))
    behind = pl.col("text").str.slice(layout.back_width).str.strip_chars()
    padded = lines.with_columns(pl.col("text").str.pad_end(layout.back_width))
    marks = [place for place in layout.back if place.field == "constant"]
    is_marked = [_slice(place) == place.text for place in marks]
    is_record = pl.all_horizontal(behind == "", *is_marked)
    detail = pl.format(
        "expected a record of {} columns, found {}", pl.lit(layout.back_width), pl.col("text").str.len_chars()
    )
    wrong = reject_rows(source, padded.filter(~is_record), "wrong_length", detail)
    return padded.filter(is_record), wrong


def _slice(place: Place) -> pl.Expr:
    return pl.col("text").str.slice(place.start - 1, place.length).str.strip_chars()


def _fields(records: pl.DataFrame, place: dict[str, Place], day: date | None) -> pl.DataFrame:
    def text(name: str) -> pl.Expr:
        return _slice(place[name]) if name in place else pl.lit("")

    form = place["read_time"].format if "read_time" in place else "%H%M"
    time = pl.concat_str(pl.lit("19700101 "), of_full_width(text("read_time"), form))
    since = time.str.to_datetime(f"%Y%m%d {form}", time_unit="us", strict=False) - pl.datetime(1970, 1, 1)
    rows = records.select(
        "line",
        text("service_point").alias("meter_point"),
        text("channel").alias("suffix"),
        text("unit").alias("unit"),
        text("meter").alias("meter_id"),
        _decimal(text("reading"), place["reading"].decimals).alias("reading"),
        text("read_date").alias("found"),
        text("read_code").alias("read_code"),
        text("note_code").alias("note_code"),
        pl.when(text("read_time") == "").then(pl.duration(days=0)).otherwise(since).alias("since"),
    )
    dates = _dated(rows["found"], place["read_date"].format, day)
    return rows.with_columns((dates.cast(pl.Datetime("us")) + rows["since"]).alias("read_at"))


def _decimal(text: pl.Expr, decimals: int) -> pl.Expr:
    """Return a reading with the decimals that its digits imply: 12345 of one decimal is 1234.5."""
    if decimals == 0:
        return text
    digits = text.str.zfill(decimals + 1)
    pointed = pl.concat_str(digits.str.head(-decimals), pl.lit("."), digits.str.tail(decimals))
    return pl.when(text.str.contains(r"^\d+$")).then(pointed).otherwise(text)


def _dated(text: pl.Series, form: str, day: date | None) -> pl.Series:
    """Return the dates; without a year, the one that lies nearest to the date of the route."""
    frame = pl.DataFrame({"text": text})
    whole = of_full_width(pl.col("text"), form)
    if "%y" in form.lower():
        return frame.select(whole.str.to_date(form, strict=False)).to_series()
    assert day is not None, "a date without year was refused before"
    low, high = day - timedelta(days=_HALF_YEAR), day + timedelta(days=_HALF_YEAR)
    tries = [
        pl.concat_str(pl.lit(f"{year}|"), whole).str.to_date(f"%Y|{form}", strict=False)
        for year in sorted({low.year, day.year, high.year})
    ]
    near = [pl.when(candidate.is_between(low, high)).then(candidate) for candidate in tries]
    return frame.select(pl.coalesce(near)).to_series()


def _coded(rows: pl.DataFrame, layout: RouteLayout) -> pl.DataFrame:
    """Add kind, quality, what a skip code means, and the code that is kept: read code and note."""
    kinds = {"": ReadKind.REGULAR.value} | {code: str(kind) for code, kind in layout.read_codes.items()}
    note = pl.col("note_code")
    read_code = pl.col("read_code")
    skipped = pl.coalesce(
        note.replace_strict(layout.skip_codes, default=None, return_dtype=pl.String),
        read_code.replace_strict(layout.skip_codes, default=None, return_dtype=pl.String),
    )
    kind = read_code.replace_strict(kinds, default=None, return_dtype=pl.String)
    known = pl.when(kind.is_null() & (pl.col("reading") == "")).then(pl.lit(ReadKind.REGULAR.value)).otherwise(kind)
    return rows.with_columns(
        known.alias("kind"),
        quality_of(known, KIND_QUALITY).alias("quality"),
        skipped.alias("skipped"),
        pl.concat_str(read_code, note, separator="/").str.strip_chars("/").alias("code"),
    )


def _reason() -> pl.Expr:
    is_read = pl.col("reading") != ""
    return (
        pl.when((pl.col("meter_point") == "") | (pl.col("suffix") == ""))
        .then(pl.lit("no_meter_point"))
        .when(is_read & pl.col("read_at").is_null())
        .then(pl.lit("bad_time"))
        .when(is_read & pl.col("kind").is_null())
        .then(pl.lit("bad_read_code"))
    )


def _detail(dated: Place) -> pl.Expr:
    return pl.format(
        "expected a service point and channel, a date written as {} and a read code of the layout; "
        "found `{}`, `{}`, `{}`, `{}`",
        pl.lit(dated.format),
        "meter_point",
        "suffix",
        "found",
        "read_code",
    )


def _not_read(source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a reject for each register without a reading, with its skip code."""
    unread = rows.filter(pl.col("reading") == "")
    said = pl.when(pl.col("code") == "").then(pl.lit("no code")).otherwise(
        pl.format("code {}: {}", "code", pl.col("skipped").fill_null("not in the layout"))
    )  # fmt: skip
    detail = pl.format("expected a reading of meter `{}` at `{}`, found none; {}", "meter_id", "meter_point", said)
    return reject_rows(source, unread, "not_read", detail)


def _count(source: Source, records: int) -> list[pl.DataFrame]:
    """Return a reject where the count at the end is another one, or is not there: a part of the file may be lost."""
    ends = source.lines.filter(pl.col("text").str.starts_with(TRAILER))
    if ends.is_empty():
        detail = "expected a last line with the count of records, found none"
        return [reject_rows(source, source.lines.tail(1), "wrong_count", detail)]
    stated = pl.col("text").str.slice(len(TRAILER)).str.strip_chars()
    wrong = ends.filter(stated.cast(pl.Int64, strict=False).ne_missing(records))
    detail_of = pl.format("expected a count of {}, found `{}`", pl.lit(records), stated)
    return [reject_rows(source, wrong, "wrong_count", detail_of)]
