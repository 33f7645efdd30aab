"""A meter file as numbered lines, and the lines of it that are not taken.

Nothing is lost in silence: each line that does not land is a reject with a stable reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from model.reads import Rejects
from model.schema import arranged, checked, empty, polars_schema

TEXT_MAX = 120  # characters of a rejected line that are kept: enough to find it, not the whole day of values


@dataclass(frozen=True)
class Source:
    """One meter file as text: `lines` has `line` (from 1) and `text`, without blank lines; `data` are its bytes."""

    name: str
    sha256: str
    lines: pl.DataFrame
    data: bytes = b""


def no_lines() -> pl.DataFrame:
    """Return the lines of a file that has none."""
    return pl.DataFrame(schema={"line": pl.Int64, "text": pl.String})


def reject_rows(source: Source, rows: pl.DataFrame, reason: str | pl.Expr, detail: str | pl.Expr) -> pl.DataFrame:
    """Return a reject for each of `rows` (which have a `line`); an expression may use the columns of `rows`."""
    if rows.is_empty():
        return pl.DataFrame(schema=polars_schema(Rejects))
    named = rows.select(
        pl.lit(source.name).alias("file_name"),
        pl.lit(source.sha256).alias("file_sha256"),
        pl.col("line").cast(pl.Int64),
        (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
        (pl.lit(detail) if isinstance(detail, str) else detail).alias("detail"),
    )
    texts = source.lines.select("line", pl.col("text").str.head(TEXT_MAX))
    return named.join(texts, on="line", how="left", validate="m:1")


def reject_file(name: str, sha256: str, reason: str, detail: str, text: str | None = None) -> DataFrame[Rejects]:
    """Return the one reject, at line 0, of a file that cannot be used at all."""
    row = {"file_name": name, "file_sha256": sha256, "line": 0, "reason": reason, "detail": detail}
    return arranged(Rejects, pl.DataFrame([{**row, "text": text}], schema_overrides={"text": pl.String}))


def gather_rejects(frames: Iterable[pl.DataFrame]) -> DataFrame[Rejects]:
    """Return all rejects in order of file and line, one per line and reason."""
    found = [frame for frame in frames if frame.height]
    if not found:
        return empty(Rejects)
    rejects = pl.concat(found, how="vertical_relaxed").sort("file_name", "file_sha256", "line", "reason", "detail")
    return checked(Rejects, rejects.unique(["file_sha256", "line", "reason"], keep="first", maintain_order=True))


def split_by_reason(
    source: Source, rows: pl.DataFrame, reason: pl.Expr, detail: pl.Expr
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows for which `reason` is null, and rejects of the others."""
    judged = rows.with_columns(reason.alias("reason"))
    bad = judged.filter(pl.col("reason").is_not_null())
    good = judged.filter(pl.col("reason").is_null()).drop("reason")
    return good, reject_rows(source, bad, pl.col("reason"), detail)
