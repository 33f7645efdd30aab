"""Drafts of findings from rows that a rule speaks against."""

from __future__ import annotations

import polars as pl

from ingest.rules.catalogue import CHECKS
from ingest.rules.governing import Governing
from model.codes import Severity

DRAFT: dict[str, pl.DataType] = {
    "channel_no": pl.Int32(), "day": pl.Date(), "base_seq": pl.Int64(), "first_slot": pl.Int16(),
    "last_slot": pl.Int16(), "rule": pl.String(), "reason": pl.String(), "severity": pl.String(),
    "found": pl.Int64(), "used": pl.Int64(), "method": pl.String(), "detail": pl.String(), "subject": pl.String(),
}  # fmt: skip
REFUSING = (Severity.FAIL.value, Severity.TERMINATE.value)

# The order in which checks speak; after one that terminates, those that stand later are silent about the day.
_ORDER = {name: place for place, name in enumerate(CHECKS)}


def no_drafts() -> pl.DataFrame:
    """Return a frame of drafts without rows, with the check that each comes from."""
    return pl.DataFrame(schema={**DRAFT, "check": pl.String()})


def drafted(
    rows: pl.DataFrame,
    rules: Governing,
    *,
    found: pl.Expr,
    detail: pl.Expr,
    reason: str | pl.Expr | None = None,
    first_slot: pl.Expr | None = None,
    last_slot: pl.Expr | None = None,
    subject: str | pl.Expr = "",
) -> pl.DataFrame:
    """Return a draft for each row that a rule governs.

    Rows have channel_no, day, base_seq, measure, revenue_class; and severity, where it follows from another day than
    the one that the finding stands on. The reason is the check's name unless given.
    """
    if rows.is_empty():
        return no_drafts()
    said = pl.lit(rules.check) if reason is None else _text(reason)
    severity = pl.col("severity") if "severity" in rows.columns else rules.severity()
    drafts = rows.select(
        "channel_no", "day", "base_seq",
        first_slot=pl.lit(None) if first_slot is None else first_slot,
        last_slot=pl.lit(None) if last_slot is None else last_slot,
        rule=pl.lit(rules.rule), reason=said, severity=severity, found=found, used=pl.lit(None),
        method=pl.lit("none"), detail=detail, subject=_text(subject), check=pl.lit(rules.check),
    )  # fmt: skip
    kept = drafts.filter(pl.col("severity").is_not_null())
    return kept.select([pl.col(name).cast(dtype) for name, dtype in DRAFT.items()] + [pl.col("check")])


def without_silenced(drafts: pl.DataFrame) -> pl.DataFrame:
    """Leave out what checks say of a channel-day after one that terminates; the column `check` goes."""
    key = ["channel_no", "day"]
    order = pl.col("check").replace_strict(_ORDER, return_dtype=pl.Int32)
    ordered = drafts.with_columns(order=order)
    ending = (
        ordered.filter(pl.col("severity") == Severity.TERMINATE.value).group_by(key).agg(ends=pl.col("order").min())
    )
    joined = ordered.join(ending, how="left", on=key, validate="m:1", maintain_order="left")
    return joined.filter(pl.col("ends").is_null() | (pl.col("order") <= pl.col("ends"))).select(list(DRAFT))


def units(value: pl.Expr | str) -> pl.Expr:
    """Return whole numbers as text, thousands apart, as sentences print them."""
    text = (pl.col(value) if isinstance(value, str) else value).cast(pl.Int64).cast(pl.String)
    spaced = text.str.reverse().str.replace_all(r"(\d{3})", "${1},").str.reverse()
    return spaced.str.replace(r"^(-?),", "${1}")


def _text(value: str | pl.Expr) -> pl.Expr:
    return pl.lit(value) if isinstance(value, str) else value
