"""EDIFACT (ISO 9735): an interchange of messages, cut into segments in columns, its envelope checked.

An interchange has no lines that mean anything: it is one text, cut by a segment terminator, with or without line ends
after it. So `line` is the number of the segment, UNA counted as the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source, reject_rows
from model.errors import InputError
from model.reads import Rejects
from model.schema import checked

# What a release character protects stands for itself. Until the text is cut, a protected delimiter is one of these
# control characters, which no EDIFACT character set has.
_MARKS = "\x01\x02\x03\x04"
_STANDARD = ":+.? '"  # in the order of UNA: component, element, decimal mark, release, reserved, terminator


@dataclass(frozen=True)
class Interchange:
    """Segments of an interchange: line, tag, text (without terminator, protected delimiters still marked).

    `source` has a line per segment, marked as well: see `readable`.
    """

    source: Source
    segments: pl.DataFrame
    component: str
    element: str
    decimal: str
    release: str
    terminator: str

    def elements(self, text: pl.Expr, number: int, component: int = 0) -> pl.Expr:
        """Return one component of an element of the segment (0 is the tag), "" where there is none."""
        return self.components(self.element_at(text, number), component)

    def element_at(self, text: pl.Expr, number: int) -> pl.Expr:
        """Return an element of the segment, components and marks in it, "" where there is none."""
        return text.str.split(self.element).list.get(number, null_on_oob=True).fill_null("")

    def components(self, element: pl.Expr, number: int) -> pl.Expr:
        """Return one component of an element, "" where there is none."""
        found = element.str.split(self.component).list.get(number, null_on_oob=True).fill_null("")
        return self.plain(found)

    def plain(self, text: pl.Expr) -> pl.Expr:
        """Return the text that was written, delimiters that a release character protected included."""
        return text.str.replace_many(
            list(_MARKS), [self.release, self.element, self.component, self.terminator]
        ).str.strip_chars()

    def readable_lines(self) -> pl.DataFrame:
        """Return the segments as they were written: line (the number of the segment), text."""
        return self.source.lines.with_columns(self.plain(pl.col("text")))

    def readable(self, rejects: DataFrame[Rejects]) -> DataFrame[Rejects]:
        """Return rejects with the text that was written."""
        return checked(Rejects, rejects.with_columns(self.plain(pl.col("text"))))


def cut_segments(source: Source) -> Interchange:
    """Return the interchange of a file, by the delimiters of its UNA or the standard ones.

    Raises:
        InputError: the delimiters are no delimiters, or the text has characters that no EDIFACT has.
    """
    lines = source.lines["text"]
    first = lines[0].lstrip()
    is_stated = first.startswith("UNA")
    stated = first[3:9] if is_stated else _STANDARD
    if is_stated and len(stated) == 5:
        stated += "\n"  # the line end itself is the terminator
    _check_delimiters(stated)
    text = ("\n" if stated[5] == "\n" else "").join(lines.to_list()).lstrip()
    if any(mark in text for mark in _MARKS):
        raise InputError("expected EDIFACT, found control characters")
    component, element, decimal, release, _, terminator = tuple(stated)
    marked = _marked(text[9:] if is_stated else text, release, element, component, terminator)
    parts = pl.Series("text", [marked]).str.split(terminator).explode(empty_as_null=False, keep_nulls=False)
    offset = 2 if is_stated else 1
    frame = pl.DataFrame({"text": parts.str.strip_chars_start(" \n\t")}).with_row_index("line", offset=offset)
    kept = frame.filter(pl.col("text") != "")
    # What stands after the last terminator was never finished.
    is_whole = pl.col("line") < frame.height + offset - 1
    tag = pl.when(is_whole).then(pl.col("text").str.split(element).list.first().str.strip_chars()).otherwise(pl.lit(""))
    segments = kept.select(pl.col("line").cast(pl.Int64), tag.alias("tag"), "text")
    cut = replace(source, lines=segments.select("line", "text"))
    return Interchange(cut, segments, component, element, decimal, release, terminator)


def _check_delimiters(stated: str) -> None:
    used = [mark for number, mark in enumerate(stated) if number not in (2, 4)]
    is_sound = len(stated) == 6 and len(set(used)) == 4 and not any(mark.isalnum() for mark in used)
    if not is_sound or stated[2] not in ".,":
        raise InputError(
            f"expected six delimiters after UNA, all different and a decimal mark of `.` or `,`; found `{stated}`"
        )


def _marked(text: str, release: str, element: str, component: str, terminator: str) -> str:
    """Return the text with each protected delimiter as one mark; a released ordinary character stands for itself."""
    if release == " " or release not in text:
        return text
    for mark, delimiter in zip(_MARKS, (release, element, component, terminator), strict=True):
        text = text.replace(release + delimiter, mark)
    return text.replace(release, "") if release in text else text


def check_envelope(interchange: Interchange, message_type: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the segments of the sound messages, with `message` (the line of their UNH), and rejects.

    A message is taken whole or not at all. Rejects: unterminated_segment, no_message (segments outside of one),
    unsupported_message, no_message_end (no UNT: the file may be cut off), segment_count, message_reference (UNT does
    not name its UNH); for the interchange, whose good messages are kept: no_interchange (no UNB), no_end_record (no
    UNZ), message_count (unless the messages stand in groups, UNG), interchange_reference.
    """
    source, text = interchange.source, pl.col("text")
    open_line = pl.when(pl.col("tag") == "UNH").then("line").when(pl.col("tag").is_in(["UNB", "UNZ"])).then(0)
    placed = interchange.segments.with_columns(open_line.forward_fill().fill_null(0).alias("message"))
    inside = placed.filter((pl.col("message") > 0) & (pl.col("tag") != ""))
    messages = inside.group_by("message", maintain_order=True).agg(
        pl.len().alias("found"),
        text.first().alias("opened"),
        text.last().alias("closed"),
        pl.col("tag").last().alias("last_tag"),
        (pl.col("tag") == "QTY").sum().alias("quantities"),
    )
    judged = messages.select(
        pl.col("message").alias("line"),
        "quantities",
        "last_tag",
        "found",
        interchange.elements(pl.col("opened"), 1).alias("reference"),
        interchange.elements(pl.col("opened"), 2).alias("type"),
        interchange.elements(pl.col("closed"), 1).alias("count"),
        interchange.elements(pl.col("closed"), 2).alias("end_reference"),
    ).with_columns(_message_reason(message_type).alias("reason"))
    bad = judged.filter(pl.col("reason").is_not_null())
    sound = judged.filter(pl.col("reason").is_null())["line"]
    rejects = [
        reject_rows(source, bad, pl.col("reason"), _message_detail(message_type)),
        *_stray(interchange, placed),
        *_interchange_rejects(interchange, messages.height),
    ]
    return inside.filter(pl.col("message").is_in(sound.implode())) if bad.height else inside, rejects


def _message_reason(message_type: str) -> pl.Expr:
    count, found = pl.col("count").cast(pl.Int64, strict=False), pl.col("found").cast(pl.Int64)
    # Swiss systems count a quantity and the two dates of its period as one segment, and UNT not at all.
    grouped = found - 1 - 2 * pl.col("quantities").cast(pl.Int64)
    is_counted = (count.eq(found) | count.eq(grouped)).fill_null(False)
    return (
        pl.when(pl.col("type") != message_type)
        .then(pl.lit("unsupported_message"))
        .when(pl.col("last_tag") != "UNT")
        .then(pl.lit("no_message_end"))
        .when(~is_counted)
        .then(pl.lit("segment_count"))
        .when(pl.col("end_reference") != pl.col("reference"))
        .then(pl.lit("message_reference"))
    )


def _message_detail(message_type: str) -> pl.Expr:
    return pl.format(
        "expected a message {} that ends with UNT, its segments ({}) and its reference (`{}`); found {} and "
        "`{}`, `{}`, `{}`: none of its {} quantities is taken",
        pl.lit(message_type),
        "found",
        "reference",
        "type",
        "last_tag",
        "count",
        "end_reference",
        "quantities",
    )


def _stray(interchange: Interchange, placed: pl.DataFrame) -> list[pl.DataFrame]:
    cut = placed.filter(pl.col("tag") == "")
    outside = placed.filter((pl.col("message") == 0) & ~pl.col("tag").is_in(["", "UNB", "UNZ", "UNG", "UNE"]))
    return [
        reject_rows(interchange.source, cut, "unterminated_segment", "expected a terminator after the last segment"),
        reject_rows(interchange.source, outside.head(1), "no_message", "expected UNH before the segments of a message"),
    ]


def _interchange_rejects(interchange: Interchange, messages: int) -> list[pl.DataFrame]:
    source, segments = interchange.source, interchange.segments
    edges = segments.filter(pl.col("tag").is_in(["UNB", "UNZ"])).with_columns(
        interchange.elements(pl.col("text"), 1).alias("count"),
        interchange.elements(pl.col("text"), 2).alias("end_reference"),
        interchange.elements(pl.col("text"), 5).alias("reference"),
    )
    opened, closed = edges.filter(pl.col("tag") == "UNB"), edges.filter(pl.col("tag") == "UNZ")
    if opened.is_empty():
        return [reject_rows(source, segments.head(1), "no_interchange", "expected UNB before the first message")]
    if closed.is_empty():
        detail = "expected UNZ last: the file may be cut off"
        return [reject_rows(source, segments.tail(1), "no_end_record", detail)]
    last, reference = closed.tail(1), opened["reference"][0]
    count, named = last["count"][0], last["end_reference"][0]
    rejects = []
    is_grouped = (segments["tag"] == "UNG").any()
    if closed.height == opened.height == 1 and not is_grouped and count.lstrip("0") != str(messages):
        detail = f"expected UNZ to count the messages, which are {messages}; found `{count}`"
        rejects.append(reject_rows(source, last, "message_count", detail))
    if closed.height == opened.height == 1 and named != reference:
        detail = f"expected UNZ to name the interchange `{reference}`, found `{named}`"
        rejects.append(reject_rows(source, last, "interchange_reference", detail))
    return rejects
