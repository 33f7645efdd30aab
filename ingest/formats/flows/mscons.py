"""MSCONS: metered values of the German, Swiss and Austrian markets, in EDIFACT.

A message names a meter point (LOC+172), a channel (PIA+5, an OBIS code) and its quantities (QTY), each with its period
(DTM+163 and +164) or, for a register, the time it was read (DTM+7 or +9). Messages of D.99A state no times with the
quantities: they follow each other from the start of the period, DTM+672 apart. A message is taken whole or not at all.
Source: EDI@Energy, MSCONS message implementation guides 2.2e to 2.4c; UN/EDIFACT D.99A and D.04B.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.flows.edifact import Interchange, check_envelope, cut_segments
from ingest.formats.flows.mscons_codes import CANCELLATION, MISSING, MSCONS_QUALITY, SUMS, kind_of, unit_of
from ingest.formats.flows.mscons_segments import Segments, read_segments
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, ReadingRecords, Series, refused
from ingest.formats.series import number_series
from model.errors import InputError
from model.schema import arranged, empty

FORMAT = "mscons"
# A quantity over a day or more (23 hours: the short day) is use between two readings, not an interval of a load curve.
_PERIOD_MINUTES = 23 * 60


def matches(opening: Opening) -> bool:
    """Return whether the file begins as an EDIFACT interchange does: UNA or UNB, then a delimiter."""
    first = opening.first.lstrip()
    return first[:3] in {"UNA", "UNB"} and not first[3:4].isalnum()


def read(source: Source) -> FileRecords:
    """Return what an MSCONS interchange says.

    Refused as a whole: bad_interchange, no_data. Rejects of messages: see `check_envelope`, and cancellation (the
    message takes another one back: that is a person's decision); of a channel, once: no_meter_point, no_channel; of a
    quantity: bad_date (its times are missing, stated twice, unreadable, or end before they start).
    """
    try:
        interchange = cut_segments(source)
    except InputError as error:
        return refused(source.name, source.sha256, FORMAT, "bad_interchange", error.message)
    inside, rejects = check_envelope(interchange, "MSCONS")
    kept, cancelled = _without_cancellations(interchange, inside)
    every = [*rejects, cancelled]
    if not (kept["tag"] == "QTY").any():
        if not any(frame.height for frame in every):
            return refused(source.name, source.sha256, FORMAT, "no_data", "expected quantities (QTY), found none")
        return FileRecords(
            source.name, source.sha256, FORMAT, empty(Series), interchange.readable(gather_rejects(every))
        )
    segments = read_segments(interchange, kept)
    timed, untimed = _placed(interchange, segments)
    series, rows = number_series(timed)
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        series,
        interchange.readable(gather_rejects([*every, *untimed])),
        intervals=arranged(IntervalRecords, rows.filter(~pl.col("is_register"))),
        readings=arranged(ReadingRecords, _readings(rows)),
        notes=segments.notes,
        lines=interchange.readable_lines(),
    )


def _without_cancellations(interchange: Interchange, inside: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    begins = inside.filter(pl.col("tag") == "BGM").select(
        pl.col("message").alias("line"), interchange.elements(pl.col("text"), 3).alias("function")
    )
    cancelling = begins.filter(pl.col("function") == CANCELLATION)
    detail = "expected readings, found a message that cancels an earlier one: take its readings back by hand"
    kept = inside.filter(~pl.col("message").is_in(cancelling["line"].implode()))
    return kept, reject_rows(interchange.source, cancelling, "cancellation", detail)


def _placed(interchange: Interchange, segments: Segments) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the quantities that have a channel and a time; rejects of the others, by message or one by one."""
    judged = _described(segments.quantities).with_columns(_homeless_reason().alias("reason"))
    homeless = judged.filter(pl.col("reason").is_not_null())
    once = homeless.group_by("message", "reason").agg(pl.col("line").min(), pl.len().alias("quantities"))
    detail = pl.format(
        "expected LOC+172 with a meter point and PIA+5 with a channel above the quantity; {} quantities are not taken",
        "quantities",
    )
    at_home = judged.filter(pl.col("reason").is_null() & ~pl.col("qualifier").is_in(SUMS)).drop("reason")
    timed, untimed = split_by_reason(
        interchange.source,
        at_home,
        pl.when(pl.col("is_untimed")).then(pl.lit("bad_date")),
        pl.lit(
            "expected the start and end (DTM+163, DTM+164) or the time of reading (DTM+7, DTM+9) of the quantity, "
            "in format 102, 203, 204, 303 or 304"
        ),
    )
    return timed, [reject_rows(interchange.source, once, pl.col("reason"), detail), untimed]


def _homeless_reason() -> pl.Expr:
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("suffix") == "")
        .then(pl.lit("no_channel"))
    )


def _described(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the quantities with unit, code, quality and `minutes`, and whether their time cannot be told."""
    own_unit = pl.when(pl.col("unit") == "").then(unit_of(pl.col("suffix"))).otherwise(pl.col("unit"))
    length = pl.col("end") - pl.col("start")
    minutes = length.dt.total_minutes()
    is_period = ((minutes > 0) & (length == pl.duration(minutes=minutes))).fill_null(False)
    code = pl.concat_str("qualifier", pl.col("reasons").fill_null(""), separator="/").str.strip_chars_end("/")
    return quantities.with_columns(
        own_unit.alias("unit"),
        pl.lit(0, dtype=pl.Int8).alias("power"),
        quality_of(pl.col("qualifier"), MSCONS_QUALITY).alias("quality"),
        code.alias("code"),
        pl.when(pl.col("qualifier") == MISSING).then(pl.lit("")).otherwise(pl.col("value")).alias("value"),
        pl.when(is_period & (minutes < _PERIOD_MINUTES)).then(minutes).alias("minutes"),
        (~(is_period | pl.col("read_at").is_not_null()) | pl.col("is_stated_twice")).alias("is_untimed"),
    )


def _readings(rows: pl.DataFrame) -> pl.DataFrame:
    """Return readings of registers, and quantities of longer periods as use between two readings."""
    found = rows.filter(pl.col("is_register"))
    is_use = pl.col("read_at").is_null()
    return found.with_columns(
        pl.when(is_use).then("end_clock").otherwise("read_at").alias("read_at"),
        pl.when(is_use).then("start_clock").alias("from_at"),
        pl.when(is_use).then("value").alias("quantity"),
        pl.when(is_use).then(pl.lit("")).otherwise("value").alias("value"),
        kind_of(pl.col("code"), pl.col("quality")).alias("kind"),
    )
