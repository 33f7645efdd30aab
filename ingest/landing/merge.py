"""Days that arrive in parts: slot by slot with the version that counts, so that a part never hides the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.landing.days import SlotMatrix, assemble_days
from ingest.versions import DAY_KEY
from model.codes import Quality
from model.reads import slot_columns

_WHOLE, _ESTIMATED, _MISSING = 0, 1, 2  # ranks of a slot, as of a day: see ingest.versions.rank_of


def merged_days(incoming: pl.DataFrame, current: pl.DataFrame, interval_minutes: int) -> tuple[pl.DataFrame, int]:
    """Return the incoming days, with slots of the current version where those count more, and how many are so mixed.

    `current` has at most one row per channel and day. Slot by slot the better rank counts, then the later update time,
    then what comes in: a hole never replaces a value, an estimate never one that was read or finally set. A day that
    would give nothing, or that replaces all, stays as it came.
    """
    rows = incoming.with_row_index("at")
    told = current.select(
        *DAY_KEY, "n", pl.col("updated_at").alias("updated_at_known"), pl.col("raw_code").alias("raw_code_known")
    ).with_row_index("known_at")
    pairs = rows.select("at", *DAY_KEY, "n", "updated_at", "raw_code").join(
        told, on=[*DAY_KEY, "n"], how="inner", validate="m:1"
    )
    if pairs.is_empty():
        return incoming, 0
    new = slot_matrix(incoming[pairs["at"]], interval_minutes)
    known = slot_matrix(current[pairs["known_at"]], interval_minutes)
    taken = _taken(new, known, _is_older(pairs))
    kept = ~taken & (_ranks(known) < _MISSING)
    is_mixed = pl.Series(np.atleast_1d(taken.any(axis=1) & kept.any(axis=1)))
    if not is_mixed.any():
        return incoming, 0
    mixed = pairs.filter(is_mixed)
    chosen = is_mixed.to_numpy()
    slots = SlotMatrix(
        np.where(taken, new.values, known.values)[chosen],
        np.where(taken, new.missing, known.missing)[chosen],
        np.where(taken, new.quality, known.quality)[chosen],
    )
    days = _assembled(mixed, incoming[mixed["at"]], slots, interval_minutes)
    untouched = rows.join(mixed.select("at"), on="at", how="anti", maintain_order="left").select(incoming.columns)
    return pl.concat([untouched, days.select(incoming.columns)]), mixed.height


def slot_matrix(days: pl.DataFrame, interval_minutes: int) -> SlotMatrix:
    """Return the slots of wide days as a matrix over all slot columns; those that a day has not are missing."""
    names = slot_columns(interval_minutes)
    values = days.select(pl.col(names).fill_null(0)).to_numpy()
    missing = days.select(pl.col(names).is_null()).to_numpy()
    quality = np.repeat(days["worst"].to_numpy()[:, None], len(names), axis=1)
    for at, flags in enumerate(days["flags"].to_list()):  # a step per day that arrives a second time
        if flags is not None:
            quality[at, : len(flags)] = np.frombuffer(flags, dtype=np.uint8)
    return SlotMatrix(values, missing, np.where(missing, np.uint8(Quality.MISSING), quality))


def _taken(new: SlotMatrix, known: SlotMatrix, is_older: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rank, rank_known = _ranks(new), _ranks(known)
    same = (rank == rank_known) & (rank < _MISSING) & ~is_older[:, None]
    return np.asarray((rank < rank_known) | same, dtype=np.bool_)


def _ranks(slots: SlotMatrix) -> npt.NDArray[np.uint8]:
    estimated = np.where(slots.quality < Quality.MISSING, np.uint8(_ESTIMATED), np.uint8(_MISSING))
    return np.where(slots.quality <= Quality.FINAL_SUBSTITUTED, np.uint8(_WHOLE), estimated)


def _is_older(pairs: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return where the provider's update time is before that of the version that counts; none is the earliest."""
    older = (pl.col("updated_at") < pl.col("updated_at_known")).fill_null(
        pl.col("updated_at").is_null() & pl.col("updated_at_known").is_not_null()
    )
    return pairs.select(older).to_series().to_numpy()


def _assembled(mixed: pl.DataFrame, incoming: pl.DataFrame, slots: SlotMatrix, minutes: int) -> pl.DataFrame:
    """Return the mixed days with the codes of both versions and the later of their update times."""
    codes = pl.concat_list(pl.col("raw_code_known").fill_null(""), pl.col("raw_code").fill_null(""))
    keys = mixed.select(
        *DAY_KEY,
        codes.list.unique(maintain_order=True).list.join(",").alias("raw_code"),
        pl.max_horizontal("updated_at", "updated_at_known").alias("updated_at"),
        "n",
        pl.lit(0, dtype=pl.Int64).alias("line"),
        incoming["seq"].alias("load"),
        pl.int_range(pl.len()).alias("place"),
    )
    parts = []
    for (n,), group in keys.partition_by("n", as_dict=True, include_key=False, maintain_order=True).items():
        part = slots.rows(group["place"].to_numpy()).first(int(str(n)))
        days = assemble_days(group.drop("load", "place"), part, minutes)
        parts.append(days.with_columns(group["load"].alias("seq")))
    return pl.concat(parts)
