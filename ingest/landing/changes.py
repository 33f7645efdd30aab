"""What a file brings that is new: versions that repeat what already counts are not landed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

Current = Callable[[pl.DataFrame], pl.DataFrame]
Merge = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def as_it_came(load: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """Return a load as it came: what it says does not depend on what was known."""
    return load


def without_repeats(
    past: pl.DataFrame,
    incoming: pl.DataFrame,
    *,
    key: Sequence[str],
    compared: Sequence[str],
    current: Current,
    merge: Merge = as_it_came,
) -> pl.DataFrame:
    """Return the rows of `incoming` that say something new, load by load in order of `seq`.

    `merge` may complete the rows of a load from the versions that count at that time, by `current`.
    A row repeats when the version that counts at that time, by `current`, has equal `compared` columns and no earlier
    update time: a later update time is news, since it decides between versions that arrive out of order.
    """
    names = list(key)
    seen = pl.concat([past.select(names), incoming.select(names)])
    repeated = seen.select(pl.struct(names).is_duplicated()).to_series().tail(incoming.height)
    contested, plain = incoming.filter(repeated), incoming.filter(~repeated)
    if contested.is_empty():
        return incoming
    known = past.join(contested.select(names).unique(), on=names, how="semi").select(incoming.columns)
    loads = contested.partition_by("seq", as_dict=True, maintain_order=True)
    fresh = [plain]
    for _, load in sorted(loads.items()):  # a step per file that touches something known
        counting = current(known).select(incoming.columns)
        news = _news(merge(load, counting), counting, names, compared)
        known = pl.concat([known, news])
        fresh.append(news)
    return pl.concat(fresh)


def not_overtaken(
    past: pl.DataFrame, incoming: pl.DataFrame, *, key: Sequence[str], first_seqs: Mapping[int, int]
) -> pl.DataFrame:
    """Return the rows of `incoming` but those of a file that lands again and that were overtaken meanwhile.

    `first_seqs` maps the load of such a file to the load that brought it first. A row that is taken only now is as
    old as its file: where the same or a later load has landed the same key, that one stands.
    """
    if not first_seqs:
        return incoming
    names = list(key)
    landed = past.group_by(names).agg(pl.col("seq").max().alias("landed_seq"))
    aged = incoming.join(landed, on=names, how="left", validate="m:1", maintain_order="left").with_columns(
        pl.col("seq").replace_strict(first_seqs, default=None, return_dtype=pl.Int64).alias("first_seq")
    )
    is_overtaken = (pl.col("landed_seq") >= pl.col("first_seq")).fill_null(False)
    return aged.filter(~is_overtaken).select(incoming.columns)


def _news(load: pl.DataFrame, known: pl.DataFrame, key: list[str], compared: Sequence[str]) -> pl.DataFrame:
    said = [*key, *compared]
    told = known.select(*said, pl.col("updated_at").alias("updated_at_known"), pl.lit(True).alias("is_known"))
    paired = load.join(told, on=said, how="left", validate="1:1", nulls_equal=True, maintain_order="left")
    later = pl.col("updated_at") > pl.col("updated_at_known")
    is_later = later.fill_null(pl.col("updated_at").is_not_null() & pl.col("updated_at_known").is_null())
    repeats = pl.col("is_known").fill_null(False) & ~is_later
    return paired.filter(~repeats).select(load.columns)
