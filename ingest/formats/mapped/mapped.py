"""A vendor's file read by a mapping file: long, wide, a column per meter point, or register readings."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ingest.formats.decimal_texts import multiplied_texts
from ingest.formats.mapped.mapping import FileMapping, Text, Value
from ingest.formats.mapped.table import MappedTable, read_table, span, stamp_format, text_of
from ingest.formats.mapped.times import parsed_stamps, with_starts
from ingest.formats.mapped.wide import day_blocks, melted_days
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.precision import carry_fractions
from ingest.formats.quality import quality_of
from ingest.formats.records import DayBlock, FileRecords, IntervalRecords, ReadingRecords, refused
from ingest.formats.series import named_series
from ingest.formats.tables.csv_table import no_data
from model.codes import Quality
from model.errors import InputError
from model.schema import arranged, empty

FORMAT = "mapped"
_NAMED = ["meter_point", "suffix", "unit", "file_minutes"]


def read_mapped(source: Source, mapping: FileMapping) -> FileRecords:
    """Return what a mapping makes of a file; its bytes are read, whatever lines `source` has. It never raises.

    A file that does not fit its mapping (a column is not there, another encoding, no rows) is refused as a whole:
    `bad_mapping`, `no_data`. Rejects lines as wrong_field_count, bad_quotes, no_meter_point, bad_time, bad_quality,
    bad_kind, no_such_time, wrong_slot_count.
    """
    try:
        table = read_table(source, mapping)
        if table.rows.is_empty() and not any(frame.height for frame in table.rejects):
            return no_data(source, FORMAT)
        return _records(table, mapping)
    except InputError as error:
        return refused(source.name, source.sha256, FORMAT, "bad_mapping", error.message)


def _records(table: MappedTable, mapping: FileMapping) -> FileRecords:
    rows, bad = split_by_reason(table.source, _named_rows(table, mapping), _reason(), _detail())
    rejects = [*table.rejects, bad]
    intervals, readings, blocks = empty(IntervalRecords), empty(ReadingRecords), list[DayBlock]()
    if mapping.layout == "meters":
        rows = _of_meters(table, rows, mapping)
    numbered, series = named_series(rows)
    if mapping.kind == "registers":
        readings = arranged(ReadingRecords, _valued(table, numbered, mapping).with_columns(_read_at()))
    elif mapping.layout == "wide" and mapping.slots == "sequence" and mapping.stamp.clock == "local":
        blocks = day_blocks(numbered, _texts(table, numbered, mapping.value))
    else:
        if mapping.layout == "wide":
            slots, misfits = melted_days(table.source, numbered, _texts(table, numbered, mapping.value), mapping)
        else:
            slots, misfits = with_starts(table.source, _valued(table, numbered, mapping), mapping)
        intervals = arranged(IntervalRecords, slots.with_columns(_quality()))
        rejects.append(misfits)
    found = FileRecords(
        table.source.name, table.source.sha256, FORMAT, series, gather_rejects(rejects), intervals, readings,
        tuple(blocks), lines=table.source.lines,
    )  # fmt: skip
    if mapping.precision == "refuse":
        return found
    zones = pl.Series([mapping.stamp.tz_name] * series.height, dtype=pl.String)
    return carry_fractions(found, zones)


def _named_rows(table: MappedTable, mapping: FileMapping) -> pl.DataFrame:
    """Return the rows with what they are about, when (`at`), quality and kind; the columns of the file stay."""
    form = stamp_format(table, mapping.stamp)
    stamp = pl.concat_str([text_of(table.place(column)) for column in mapping.stamp.parts], separator=" ")
    point = mapping.meter_point
    code = pl.lit("") if mapping.quality is None else text_of(table.place(mapping.quality.column))
    kind = mapping.read_kind
    kinds = {text.casefold(): value.value for text, value in kind.codes.items()}
    read_kind = pl.lit(kind.constant.value) if kind.column is None else text_of(table.place(kind.column))
    told = read_kind.str.to_lowercase()
    rows = table.rows.with_columns(
        stamp.alias("found"),
        (pl.lit("-") if point is None else _text(table, point)).str.strip_chars("'").alias("meter_point"),
        _text(table, mapping.channel).alias("suffix"),
        _text(table, mapping.unit).alias("unit"),
        (pl.lit("") if mapping.meter is None else _text(table, mapping.meter)).alias("meter_id"),
        code.alias("code"),
        _level(code, mapping).alias("quality"),
        (told.replace_strict(kinds, default=None, return_dtype=pl.String) if kinds else told).alias("kind"),
        pl.lit(0 if mapping.kind == "registers" else mapping.minutes, pl.Int32).alias("file_minutes"),
    )
    return rows.with_columns(parsed_stamps(rows["found"], form).alias("at"))


def _text(table: MappedTable, text: Text) -> pl.Expr:
    return pl.lit(text.constant) if text.column is None else text_of(table.place(text.column))


def _level(code: pl.Expr, mapping: FileMapping) -> pl.Expr:
    if mapping.quality is None:
        return pl.lit(int(Quality.ACTUAL), pl.UInt8)
    codes = {text.casefold(): int(Quality[name.upper()]) for text, name in mapping.quality.codes.items()}
    return quality_of(code.str.to_lowercase(), codes)


def _reason() -> pl.Expr:
    kinds = ["regular", "install", "removal", "customer", "estimate"]
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("at").is_null())
        .then(pl.lit("bad_time"))
        .when(pl.col("quality").is_null())
        .then(pl.lit("bad_quality"))
        .when(~pl.col("kind").is_in(kinds).fill_null(False))
        .then(pl.lit("bad_kind"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected a meter point, a time as the mapping writes it, a quality and a kind of reading that it lists; "
        "found `{}`, `{}`, `{}`, `{}`",
        pl.col("meter_point").str.head(40),
        pl.col("found").str.head(40),
        pl.col("code").str.head(20),
        pl.col("kind").fill_null(""),
    )


def _of_meters(table: MappedTable, rows: pl.DataFrame, mapping: FileMapping) -> pl.DataFrame:
    """Return a row per time and meter point of a file that has a column for each meter point."""
    assert mapping.value.first is not None and mapping.value.last is not None, "the mapping was checked"
    places = span(table, mapping.value.first, mapping.value.last)
    names = pl.DataFrame({"column": [f"c{place}" for place in places], "point": [table.header[p] for p in places]})
    kept = [name for name in rows.columns if not name.startswith("c") or name == "code"]
    long = rows.unpivot([f"c{place}" for place in places], index=kept, variable_name="column", value_name="raw")
    told = long.join(names, on="column", how="left", validate="m:1", maintain_order="left")
    return told.with_columns(pl.col("point").alias("meter_point")).drop("point", "column")


def _valued(table: MappedTable, rows: pl.DataFrame, mapping: FileMapping) -> pl.DataFrame:
    """Add `value`: the text of the value, with a decimal point."""
    raw = pl.col("raw") if mapping.value.column is None else text_of(table.place(mapping.value.column))
    return rows.with_columns(_written(rows.select(raw).to_series(), mapping.value).alias("value"))


def _texts(table: MappedTable, rows: pl.DataFrame, value: Value) -> pl.DataFrame:
    """Return the columns of values of a wide file, as texts with a decimal point."""
    assert value.first is not None and value.last is not None, "the mapping was checked"
    columns = [f"c{place}" for place in span(table, value.first, value.last)]
    return pl.DataFrame([_written(rows[name], value) for name in columns])


def _written(text: pl.Series, value: Value) -> pl.Series:
    """Return values as decimal text: what the mapping calls missing is empty, the factor multiplied exactly."""
    if value.missing:
        missing = [word.casefold() for word in value.missing]
        frame = pl.DataFrame({"text": text})
        is_missing = pl.col("text").str.to_lowercase().is_in(missing)
        text = frame.select(pl.when(is_missing).then(pl.lit("")).otherwise("text").alias(text.name)).to_series()
    if value.decimal_comma:
        # A point would be a mark between thousands: such a text is no number here, and is refused later.
        text = text.str.replace(r"^([+-]?\d*),(\d*)$", "${1}.${2}")
    return text if value.factor == Decimal(1) else multiplied_texts(text, value.factor).rename(text.name)


def _read_at() -> list[pl.Expr]:
    return [pl.col("at").dt.replace_time_zone(None).alias("read_at"), _quality()]


def _quality() -> pl.Expr:
    missing = pl.when(pl.col("value") == "").then(int(Quality.MISSING)).otherwise("quality")
    return missing.cast(pl.UInt8).alias("quality")
