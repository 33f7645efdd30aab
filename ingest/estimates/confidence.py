"""How each estimate was made: method, what it rests on, and how far apart its references lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.estimates.estimate import DayGrid, Estimated
from ingest.vee.matrix import MISSING, DayKinds, Ints
from model.codes import Method
from model.reads import Estimates
from model.schema import arranged

_NAMES = {int(method): method.name.lower() for method in Method}
_NO_REFERENCE = -1


def estimates_of(grid: DayGrid, kinds: DayKinds, estimated: Estimated) -> DataFrame[Estimates]:
    """Return a row for each run of estimated slots with one method.

    The references' sums over the same clock times are its confidence: three like days that agree say more than three
    that lie far apart. After scaling the register bounds the whole span, so the references of the shape are kept.
    """
    rows = np.flatnonzero((estimated.methods != Method.NONE).any(axis=1))
    methods = estimated.methods[rows]
    code = np.where(methods == Method.NONE, np.int16(0), methods.astype(np.int16) * 256 + estimated.shapes[rows])
    first, last = _run_ends(code)
    at, slot = np.divmod(first, max(code.shape[1], 1))
    runs = grid.keys.select("channel_no", "day", base_seq="seq")[rows[at]].with_columns(
        pl.Series("first_slot", slot, dtype=pl.Int16),
        pl.Series("last_slot", last - at * max(code.shape[1], 1), dtype=pl.Int16),
        method=pl.Series(code.ravel()[first] // 256).replace_strict(_NAMES, return_dtype=pl.String),
        shape=pl.Series(code.ravel()[first] % 256).replace_strict(_NAMES, return_dtype=pl.String),
        quantity=pl.Series(_sums(np.where(code != 0, estimated.values[rows], 0), first, last)),
        row=pl.Series(rows[at], dtype=pl.Int64),
        seq=pl.lit(0, dtype=pl.Int64),
    )
    spread = _with_references(runs, grid, kinds, estimated)
    return arranged(Estimates, _with_spans(spread, estimated.scaled).sort("channel_no", "day", "first_slot"))


def _with_references(runs: pl.DataFrame, grid: DayGrid, kinds: DayKinds, estimated: Estimated) -> pl.DataFrame:
    """Add refs, low and high of the runs whose shape is a mean of days."""
    averaged = pl.col("shape").is_in([method.name.lower() for method in estimated.references])
    parts = [_with_line_ends(runs.filter(~averaged), estimated)]
    days = grid.keys["day"].dt.to_string()
    for method, (targets, references) in estimated.references.items():
        some = runs.filter(pl.col("shape") == method.name.lower())
        if some.is_empty():
            continue
        chosen = references[np.searchsorted(targets, some["row"].to_numpy())]
        sums = np.stack(
            [_reference_sums(some, chosen[:, place], grid, kinds) for place in range(chosen.shape[1])], axis=1
        )
        is_there = chosen != _NO_REFERENCE
        texts = pl.DataFrame(
            [days.gather(np.maximum(chosen[:, place], 0)).alias(str(place)) for place in range(chosen.shape[1])]
        ).select(
            pl.when(pl.Series(is_there[:, place])).then(pl.col(str(place))).alias(str(place))
            for place in range(chosen.shape[1])
        )
        low = np.where(is_there, sums, np.iinfo(np.int64).max).min(axis=1)
        high = np.where(is_there, sums, np.iinfo(np.int64).min).max(axis=1)
        parts.append(
            some.with_columns(
                texts.select(refs=pl.concat_str(pl.all(), separator=" ", ignore_nulls=True))["refs"],
                pl.Series("low", low, dtype=pl.Int64),
                pl.Series("high", high, dtype=pl.Int64),
            )
        )
    return pl.concat(parts)


def _with_line_ends(runs: pl.DataFrame, estimated: Estimated) -> pl.DataFrame:
    """Add refs, low and high of the other runs: a line lies between its first and its last estimate."""
    row = runs["row"].to_numpy()
    first, last = (
        estimated.values[row, runs[name].to_numpy()].astype(np.int64) for name in ("first_slot", "last_slot")
    )
    ends = pl.DataFrame({"first": first, "last": last}, schema={"first": pl.Int64, "last": pl.Int64})
    slots = (pl.col("last_slot") - pl.col("first_slot") + 1).cast(pl.Int64)
    is_line = pl.col("method") == Method.LINEAR.name.lower()
    both = pl.concat([runs, ends], how="horizontal").with_columns(
        refs=pl.lit(""),
        low=pl.when(is_line).then(pl.min_horizontal("first", "last") * slots),
        high=pl.when(is_line).then(pl.max_horizontal("first", "last") * slots),
    )
    return both.drop("first", "last")


def _with_spans(runs: pl.DataFrame, scaled: pl.DataFrame) -> pl.DataFrame:
    spans = scaled.select(
        "channel_no", "day", span=pl.format("register {}..{}: {}", "from_date", "to_date", "quantity")
    )
    joined = runs.join(spans, how="left", on=["channel_no", "day"], validate="m:1")
    is_scaled = pl.col("method") == Method.REGISTER_SCALED.name.lower()
    both = pl.concat_str(pl.col("span"), pl.col("refs"), separator=" ", ignore_nulls=True).str.strip_chars()
    return joined.with_columns(refs=pl.when(is_scaled).then(both).otherwise("refs"))


def _reference_sums(runs: pl.DataFrame, references: Ints, grid: DayGrid, kinds: DayKinds) -> Ints:
    """Return, for each run, the sum of one reference day at the clock times of the run's slots."""
    rows = runs["row"].to_numpy()
    kind = grid.keys["kind"].to_numpy()
    width = grid.values.shape[1]
    clocks = kinds.clock_of_slot[kind[rows]][:, :width]
    there = kinds.slot_of_clock[kind[np.maximum(references, 0)]]
    slots = np.take_along_axis(there, np.maximum(clocks, 0), axis=1)
    values = grid.values[np.maximum(references, 0)[:, None], np.maximum(slots, 0)]
    place = np.arange(width)[None, :]
    inside = (place >= runs["first_slot"].to_numpy()[:, None]) & (place <= runs["last_slot"].to_numpy()[:, None])
    is_there = inside & (clocks >= 0) & (slots >= 0) & (values != MISSING)
    sums: Ints = np.where(is_there, values, 0).sum(axis=1, dtype=np.int64)
    return sums


def _run_ends(code: npt.NDArray[np.int16]) -> tuple[Ints, Ints]:
    """Return the flat places at which runs of one code other than 0 begin and end (included)."""
    before = np.pad(code[:, :-1], ((0, 0), (1, 0)))
    after = np.pad(code[:, 1:], ((0, 0), (0, 1)))
    return np.flatnonzero((code != 0) & (code != before)), np.flatnonzero((code != 0) & (code != after))


def _sums(values: npt.NDArray[np.int32], first: Ints, last: Ints) -> Ints:
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(values.ravel(), dtype=np.int64)])
    sums: Ints = total[last + 1] - total[first]
    return sums
