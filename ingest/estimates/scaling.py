"""Estimates scaled to registers: all intervals between two readings add up to what the register counted, exactly."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.estimates.estimate import Gaps
from ingest.estimates.methods_given import SHAPES_ONLY, span_rows
from ingest.vee.kernels import GAP, PENDING
from ingest.vee.matrix import MISSING
from ingest.vee.slot_kernels import LARGEST
from model.codes import Method, Severity

_SPAN = ["channel_no", "from_date"]
SCALED_SCHEMA = {
    "channel_no": pl.Int32(),
    "day": pl.Date(),
    "from_date": pl.Date(),
    "to_date": pl.Date(),
    "quantity": pl.Int64(),
}


def scale_to_registers(gaps: Gaps) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Scale the estimates of each register span in place; return its days (SCALED_SCHEMA) and drafts of refusals.

    A span is scaled when each of its days is in the grid and each slot is measured or estimated. What was measured
    above the register refuses the estimates, unless it is no more than the register's resolution.
    """
    scaled, drafts = pl.DataFrame(schema=SCALED_SCHEMA), list[pl.DataFrame]()
    if gaps.rules.scale_to_register and gaps.beside.spans.height:
        rows = _with_sums(gaps)
        spans = _judge_spans(rows)
        _withdraw(gaps, rows, spans.filter(pl.col("verdict") == "refused"))
        drafts.append(_refusals(spans.filter(pl.col("verdict").is_in(["refused", "tolerated"]))))
        wanted = rows.join(spans.filter(pl.col("verdict") == "scaled"), how="semi", on=_SPAN, maintain_order="left")
        if wanted.height:
            large = _scale(gaps, wanted)
            _withdraw(gaps, wanted, large)
            scaled = wanted.join(large, how="anti", on=_SPAN, maintain_order="left").select(list(SCALED_SCHEMA))
    # A shape has the size of a mean slot, but no register said how much energy there was.
    is_shape = np.isin(gaps.methods, SHAPES_ONLY)
    gaps.values[is_shape] = MISSING
    gaps.methods[is_shape] = PENDING
    return scaled, drafts


def share_exactly(parts: pl.DataFrame, key: list[str]) -> pl.Series:
    """Return `total` shared by `weight` within each `key`, in whole units that add up to `total`.

    Largest remainder: each part gets its share cut off, and what is left goes, one each, to the largest remainders;
    of equal ones to the earlier `place`. Where no weight is above zero all parts weigh the same. `weight` is below
    2^31 and `total` below 2^53, so that products and their sums stay far below 2^127.
    """
    weight = pl.when(pl.col("weight").sum().over(key) > 0).then(pl.col("weight")).otherwise(1).cast(pl.Int128)
    weighed = parts.select(*key, "place", "total", weight=weight).with_row_index("row")
    product = pl.col("weight") * pl.col("total").cast(pl.Int128)
    whole = pl.col("weight").sum().over(key)
    cut = weighed.with_columns(share=product // whole, remainder=product % whole).sort(
        *key, "remainder", "place", descending=[*(False for _ in key), True, False]
    )
    left = pl.col("total") - pl.col("share").sum().over(key)
    rank = pl.int_range(pl.len()).over(key)
    given = cut.with_columns(share=pl.col("share") + (rank < left).cast(pl.Int128))
    return given.sort("row")["share"].cast(pl.Int64)


def _with_sums(gaps: Gaps) -> pl.DataFrame:
    """Return the rows in spans with what was measured, what was estimated, and how many slots are neither."""
    rows = span_rows(gaps)
    place = rows["row"].to_numpy()
    values, methods, states = gaps.values[place], gaps.methods[place], gaps.states[place]
    is_estimate = (methods != Method.NONE) & (methods != PENDING)
    is_real = ~gaps.beyond[place]
    is_measured = is_real & (states != GAP) & (values != MISSING)
    measured = np.where(is_measured, values, 0).sum(axis=1, dtype=np.int64)
    return rows.with_columns(
        pl.Series("measured", measured),
        pl.Series("estimates", is_estimate.sum(axis=1), dtype=pl.Int64),
        pl.Series("empty", (is_real & ~is_measured & ~is_estimate).sum(axis=1), dtype=pl.Int64),
    )


def _judge_spans(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each span with an estimate and without an empty slot, and its `verdict`."""
    spans = rows.group_by(*_SPAN, maintain_order=True).agg(
        pl.col("to_date").first(),
        pl.col("quantity").first(),
        pl.col("tolerance").first(),
        pl.col("measured", "estimates", "empty").sum(),
        days=pl.len(),
        base_seq=pl.lit(0, dtype=pl.Int64),
    )
    length = (pl.col("to_date") - pl.col("from_date")).dt.total_days()
    whole = spans.filter((pl.col("days") == length) & (pl.col("empty") == 0) & (pl.col("estimates") > 0))
    over = pl.col("measured") - pl.col("quantity")
    verdict = pl.when(over <= 0).then(pl.lit("scaled")).when(over <= pl.col("tolerance")).then(pl.lit("tolerated"))
    return whole.with_columns(verdict=verdict.otherwise(pl.lit("refused")))


def _scale(gaps: Gaps, rows: pl.DataFrame) -> pl.DataFrame:
    """Scale the estimates of the spans in `rows`; return those that would not fit into a slot."""
    place = rows["row"].to_numpy()
    methods = gaps.methods[place]
    at, slot = np.nonzero((methods != Method.NONE) & (methods != PENDING))
    of_span = rows.with_columns(total=pl.col("quantity") - pl.col("measured").sum().over(_SPAN))
    parts = of_span.select(*_SPAN, "total")[at].with_columns(
        pl.Series("weight", gaps.values[place[at], slot], dtype=pl.Int64), place=pl.int_range(pl.len())
    )
    shares = parts.with_columns(share=share_exactly(parts, _SPAN))
    large = shares.filter(pl.col("share") > int(LARGEST)).select(_SPAN).unique()
    gaps.values[place[at], slot] = shares["share"].clip(upper_bound=int(LARGEST)).to_numpy()
    gaps.methods[place[at], slot] = Method.REGISTER_SCALED
    return large


def _withdraw(gaps: Gaps, rows: pl.DataFrame, spans: pl.DataFrame) -> None:
    """Empty the estimates of some spans again."""
    place = rows.join(spans, how="semi", on=_SPAN)["row"].to_numpy()
    is_estimate = (gaps.methods[place] != Method.NONE) & (gaps.methods[place] != PENDING)
    at, slot = np.nonzero(is_estimate)
    gaps.values[place[at], slot] = MISSING
    gaps.methods[place[at], slot] = PENDING


def _refusals(spans: pl.DataFrame) -> pl.DataFrame:
    is_refused = pl.col("verdict") == "refused"
    what = pl.when(is_refused).then(pl.lit("no estimate stands")).otherwise(pl.lit("estimates stand as they are"))
    detail = pl.format(
        "intervals measured from {} to {} add up to {}, the register counted {}; {}",
        "from_date", "to_date", "measured", "quantity", what,
    )  # fmt: skip
    return spans.select(
        "channel_no",
        pl.col("from_date").alias("day"),
        "base_seq",
        first_slot=pl.lit(None, dtype=pl.Int16),
        last_slot=pl.lit(None, dtype=pl.Int16),
        rule=pl.lit("V17"),
        reason=pl.lit("register_below_intervals"),
        severity=pl.when(is_refused).then(pl.lit(Severity.FAIL.value)).otherwise(pl.lit(Severity.WARN.value)),
        found="measured",
        used="quantity",
        method=pl.lit("register_scaled"),
        detail=detail,
        subject=pl.format("{}..{}/{}", "from_date", "to_date", "quantity"),
    )
