"""NEM12 files as text in columns: 100 head, 200 channel, 300 day, 400 ranges of quality, 900 end.

Layout: AEMO, Meter Data File Format Specification NEM12 and NEM13, version 2.6, sections 4.2 to 4.6.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from demo.deliveries import Deliveries
from model.codes import Quality

NEM_SLOTS = 96
INTERVAL_MINUTES = 15
# Flag, method and reason code: estimates and substitutes name their method; a substitute also gives its reason
# (76: no communication). N is no data.
FLAG = {
    int(Quality.ACTUAL): "A",
    int(Quality.SUBSTITUTED): "S14",
    int(Quality.ESTIMATED): "E52",
    int(Quality.MISSING): "N",
}
REASON = {"S14": "76"}
VARIABLE = "V"


def _flag_ranges(given: Deliveries, varied: pl.Series) -> pl.DataFrame:
    """Return the ranges of equal quality of the days that have several: row, first and last interval, flag."""
    rows = np.flatnonzero(varied.to_numpy())
    quality = given.quality[rows, :NEM_SLOTS]
    starts = np.ones(quality.shape, dtype=np.bool_)
    starts[:, 1:] = quality[:, 1:] != quality[:, :-1]
    row, first = np.nonzero(starts)
    following = np.where(
        np.append(row[1:] == row[:-1], [False] if len(row) else []), np.append(first[1:], 0)[: len(first)], NEM_SLOTS
    )
    flags = pl.Series(quality[row, first]).replace_strict(FLAG, return_dtype=pl.String)
    return pl.DataFrame({"row": rows[row], "first": first + 1, "last": following, "flag": flags})


def _day_records(given: Deliveries, channel: pl.DataFrame) -> pl.DataFrame:
    """Return the 300 and 400 records: order keys and the line."""
    uniform = pl.Series((given.quality[:, :NEM_SLOTS] == given.quality[:, :1]).all(axis=1))
    first_flag = pl.Series(given.quality[:, 0]).replace_strict(FLAG, return_dtype=pl.String)
    values = given.printed_values().select(pl.nth(range(NEM_SLOTS)).fill_null("0"))
    keyed = channel.with_columns(
        flag=pl.select(pl.when(uniform).then(first_flag).otherwise(pl.lit(VARIABLE))).to_series(),
        values=values.select(pl.concat_str(pl.all(), separator=",")).to_series(),
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    reason = pl.col("flag").replace_strict(REASON, default="", return_dtype=pl.String)
    days = keyed.select(
        "block", "day", pl.lit(0, dtype=pl.Int64).alias("first"),
        line=pl.concat_str(
            pl.lit("300"), pl.col("day").dt.strftime("%Y%m%d"), "values", "flag", reason, pl.lit(""),
            pl.col("updated_at").dt.strftime("%Y%m%d%H%M%S"), pl.lit(""), separator=",",
        ),
    )  # fmt: skip
    ranges = _flag_ranges(given, ~uniform).join(
        keyed.select("row", "block", "day"), how="left", on="row", validate="m:1"
    )
    fours = ranges.select(
        "block", "day", "first",
        line=pl.concat_str(pl.lit("400"), "first", "last", "flag", reason, pl.lit(""), separator=","),
    )  # fmt: skip
    return pl.concat([days, fours.cast({"first": pl.Int64})])


def nem12_lines(given: Deliveries, written_at: datetime, participant: str) -> pl.Series:
    """Return a NEM12 file's lines: a 200 record for each channel and meter, its days below it.

    Missing slots are written as 0 with flag N. Days are those of the market's clock: the rows' zone is UTC+10.
    """
    rows = given.rows
    assert not (rows["slots"] != NEM_SLOTS).any(), "NEM12 days have 96 slots of 15 minutes"
    configuration = pl.col("suffix").unique(maintain_order=True).str.join("").over("service_point_id")
    channel = rows.with_columns(
        configuration=configuration,
        block=(pl.struct("service_point_id", "suffix", "meter_id").rle_id()).cast(pl.Int64),
    )
    heads = channel.unique("block", keep="first", maintain_order=True).select(
        "block", pl.lit(None, dtype=pl.Date).alias("day"), pl.lit(-1, dtype=pl.Int64).alias("first"),
        line=pl.concat_str(
            pl.lit("200"), "service_point_id", "configuration", "suffix", "suffix",
            pl.concat_str(pl.lit("N"), pl.col("suffix").str.tail(1)), "meter_id", pl.col("unit").str.to_uppercase(),
            pl.lit(str(INTERVAL_MINUTES)), pl.lit(""), separator=",",
        ),
    )  # fmt: skip
    body = pl.concat([heads, _day_records(given, channel)]).sort("block", "day", "first", nulls_last=False)
    start = pl.Series("line", [f"100,NEM12,{written_at:%Y%m%d%H%M},{participant},BILLMILL"])
    return pl.concat([start, body["line"], pl.Series("line", ["900"])])
