"""Tiers that fill in time: each slot's energy goes to the tier that is open when it is used, in its period.

Only the order of time says which period gets the cheap tier, so this walks the slots; other tiers are filled from
sums (see `rating.charges`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from model.codes import ParkReason, Quality
from model.rating import RatingInput
from model.tariff import RateBook
from rating.calendar import Calendar, Mask, build_masks
from rating.kernels import fill_tiers
from rating.made import MadeDays, make_days
from rating.parking import no_parks, park
from rating.ratebook import MEASURE_NO
from rating.sources import made_sources, with_sources
from rating.values import Known

# What a quantity rests on when each interval is known; `none` is no use at all.
_BY_INTERVALS = ["interval", "none"]
PIECE = ["due_no", "segment_no", "component_id", "piece_start"]
TIER_SCHEMA = {
    "due_no": pl.Int64(),
    "segment_no": pl.Int32(),
    "component_id": pl.String(),
    "piece_start": pl.Date(),
    "tou": pl.String(),
    "tier": pl.Int32(),
    "quantity": pl.Int64(),
}


def filled_in_time(
    priced: pl.DataFrame, piece_slices: pl.DataFrame, components: pl.DataFrame, known: Known, given: RatingInput
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return priced rows in which chronological tiers have the quantity of their tier and period, and the parks.

    `priced`: periods x tiers of each piece, with the quantity of the period, lower and upper. Parked is who has a
    quantity that does not come from intervals: given for a whole period, or read from registers.
    """
    is_asked = pl.col("tier_method") == "chronological"
    rows = priced.filter(is_asked)
    if rows.is_empty():
        return priced, no_parks()
    untimed = rows.filter(~pl.col("split_method").is_in(_BY_INTERVALS))
    detail = pl.format(
        "charge {} fills tiers in the order of time; expected intervals of {}, found a sum", "component_id",
        "determinant",
    )  # fmt: skip
    parks = park(untimed, ParkReason.NO_CHANNEL, detail).unique(maintain_order=True)
    timed = rows.join(parks, on="due_no", how="anti")
    quantities = components.select("version_id", "component_id", "quantity_id", "schedule")
    slices = (
        timed.select(*PIECE, "cal_no", "version_id")
        .unique()
        .join(piece_slices, on=["cal_no", *PIECE[1:]], how="inner", validate="m:m")
        .join(quantities, on=["version_id", "component_id"], how="left", validate="m:1")
    )
    edges = timed.select(*PIECE, "tier", "upper").unique([*PIECE, "tier"])
    due = known.due.join(timed, on="due_no", how="semi")
    found = chronological_tiers(
        due, known.calendar, given, slices.select(*PIECE, "slice_no", "version_id", "quantity_id"), edges
    )
    named = _named(found, slices.select(*PIECE, "version_id", "schedule").unique(), known.book)
    filled = timed.join(
        named.rename({"quantity": "filled"}), on=[*PIECE, "tou", "tier"], how="left", validate="1:1"
    ).with_columns(pl.col("filled").fill_null(0).alias("quantity")).drop("filled")  # fmt: skip
    assert filled["quantity"].sum() == named["quantity"].sum(), "use of a period without a price was lost"
    return pl.concat([priced.filter(~is_asked), filled.select(priced.columns)]), parks


def _named(found: pl.DataFrame, pieces: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return filled tiers by the periods of the schedule that each charge is priced by."""
    names = book.period_names.select(
        "version_id", "schedule", pl.col("tou_part").alias("tou"), pl.col("tou").alias("period")
    ).unique()
    return (
        found.join(pieces, on=PIECE, how="left", validate="m:1")
        .join(names, on=["version_id", "schedule", "tou"], how="left", validate="m:1")
        .group_by(*PIECE, pl.coalesce("period", "tou").alias("tou"), "tier")
        .agg(pl.col("quantity").sum())
    )


def chronological_tiers(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, slices: pl.DataFrame, edges: pl.DataFrame
) -> pl.DataFrame:
    """Return the quantity of each tier and period of some pieces, filled in the order of time (TIER_SCHEMA).

    `due`: numbered agreements, of which none lacks a day of what it is priced on. `slices`: PIECE, slice_no, version_id
    and quantity_id of the pieces asked for; a piece prices one quantity, a sum that is never negative. `edges`: PIECE,
    tier (from 1 on) and upper, in smallest units and included; null for the last tier. A slot in which a tier is
    filled is parted between it and the next. Tiers and periods without use have no row.
    """
    quantities = with_sources(given.book.quantities.filter(pl.col("kind") == "measured"))
    named = slices.join(
        quantities.select("version_id", "quantity_id", "kind", "measure_no", pl.col("tou").alias("only_tou")),
        on=["version_id", "quantity_id"], how="left", validate="m:1",
    )  # fmt: skip
    assert named.filter(pl.col("kind") == "sums").is_empty(), "a difference of sums may be negative and fills no tiers"
    wanted = (
        named.join(due.select("due_no", "cal_no"), on="due_no", how="inner", validate="m:1")
        .select("cal_no", "measure_no", pl.lit(False).alias("needs_power"))
        .unique()
    )
    channels = _channels(due, given)
    found = [pl.DataFrame(schema=TIER_SCHEMA)]
    for days in make_days(_by_slot(quantities), wanted, channels, _days_read(channels, calendar, given), given.days):
        found.append(_of_days(days, calendar, given, named, edges))
    return pl.concat(found).group_by(*PIECE, "tou", "tier").agg(pl.col("quantity").sum()).sort(*PIECE, "tier", "tou")


def _by_slot(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return all sources as ones that are made slot by slot, also the plain ones: their channels are added up."""
    made = made_sources(quantities)
    plain = pl.DataFrame({"measure_no": list(MEASURE_NO.values())}, schema={"measure_no": pl.Int32}).select(
        "measure_no", pl.lit("slots").alias("kind"),
        pl.lit(False).alias("is_apparent"), pl.lit("none").alias("netting"),
        pl.lit(0, pl.Int32).alias("block_minutes"), pl.lit(False).alias("is_rolling"),
        pl.lit(None, pl.Int64).alias("over_quantity"), pl.lit(None, pl.Int64).alias("up_to_quantity"),
        pl.col("measure_no").alias("first_no"), pl.lit(None, pl.Int32).alias("second_no"),
    )  # fmt: skip
    return pl.concat([plain, made.select(plain.columns)])


def _channels(due: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    return (
        due.select("due_no", "cal_no", "agreement_id")
        .join(given.channels, on="agreement_id", how="inner", validate="m:m")
        .with_columns(
            pl.col("measure").replace_strict(MEASURE_NO, return_dtype=pl.Int32).alias("measure_no"),
            pl.lit(False).alias("needs_power"),
        )
    )


def _days_read(channels: pl.DataFrame, calendar: Calendar, given: RatingInput) -> pl.DataFrame:
    """Return the days of the due periods on which each channel was read: due_no, channel_no, day."""
    days = calendar.days.select("cal_no", "day")
    schema = {"due_no": pl.Int64(), "channel_no": pl.Int32(), "day": pl.Date()}
    found = [pl.DataFrame(schema=schema)]
    for wide in given.days.values():
        rows = (
            wide.filter(pl.col("worst") != Quality.MISSING)
            .select("channel_no", "day")
            .join(channels, on="channel_no", how="inner", validate="m:m")
            .join(days, on=["cal_no", "day"], how="semi")
            .filter(
                (pl.col("day") >= pl.col("from_date")).fill_null(True),
                (pl.col("day") < pl.col("to_date")).fill_null(True),
            )
        )
        found.append(rows.select(list(schema)))
    return pl.concat(found)


def _of_days(
    made: MadeDays, calendar: Calendar, given: RatingInput, slices: pl.DataFrame, edges: pl.DataFrame
) -> pl.DataFrame:
    """Return the filled tiers of the pieces whose quantity is measured on these days."""
    mine = made.channels.select("due_no", "cal_no", "channel_no", "measure_no")
    days = calendar.days.join(mine.select("cal_no").unique(), on="cal_no", how="semi")
    masked, masks = build_masks(days, given.book, made.minutes, made.step)
    rows = (
        made.wide.select("channel_no", "day")
        .with_row_index("row")
        .join(mine, on="channel_no", how="inner", validate="m:1")
        .join(masked, on=["cal_no", "day"], how="inner", validate="m:1")
        .join(slices, on=["due_no", "measure_no", "segment_no", "slice_no"], how="inner", validate="m:m")
        .sort(*PIECE, "day")
    )
    if rows.is_empty():
        return pl.DataFrame(schema=TIER_SCHEMA)
    pieces = rows.group_by(PIECE, maintain_order=True).agg(pl.len().alias("days"), pl.col("only_tou").first())
    upper = (
        pieces.select(PIECE)
        .join(edges.filter(pl.col("upper").is_not_null()), on=PIECE, how="left", validate="1:m")
        .sort(*PIECE, "tier")
    )
    counts = upper.group_by(PIECE, maintain_order=True).agg(pl.col("upper").count().alias("edges"))
    names = made.reading.names
    energy = made.wide.select(names)[rows["row"]].to_numpy().astype(np.int64, copy=False)
    tous, period = _periods(rows, masks, len(names))
    cells = fill_tiers(
        energy, period, _starts(pieces["days"]), upper["upper"].drop_nulls().to_numpy(), _starts(counts["edges"])
    )
    return _rows(pieces, tous, cells)


def _periods(rows: pl.DataFrame, masks: list[Mask], width: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the names of the periods, and the period of each row's slots; -1 where the quantity does not count it."""
    tous = sorted({tou for mask in masks for tou in mask.slots})
    kinds = rows.select("mask_no", "only_tou").unique(maintain_order=True)
    period = np.full((kinds.height, width), -1, dtype=np.int64)
    for place, (mask_no, only_tou) in enumerate(kinds.iter_rows()):
        for tou, slots in masks[mask_no].slots.items():
            if only_tou in ("", tou):
                period[place, list(slots)] = tous.index(tou)
    places = rows.join(
        kinds.with_columns(pl.int_range(pl.len()).alias("place")), on=["mask_no", "only_tou"], how="left",
        validate="m:1", maintain_order="left",
    )  # fmt: skip
    return tous, period[places["place"].to_numpy()]


def _starts(counts: pl.Series) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, dtype=np.int64), counts.cast(pl.Int64).cum_sum().to_numpy()])


def _rows(pieces: pl.DataFrame, tous: list[str], cells: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Return a row for each piece, tier and period that is used. `cells`: piece, tier, period."""
    piece, tier, place = np.nonzero(cells)
    return pieces[piece].select(
        *PIECE,
        pl.Series("tou", [tous[number] for number in place.tolist()], dtype=pl.String),
        pl.Series("tier", tier + 1).cast(pl.Int32),
        pl.Series("quantity", cells[piece, tier, place]),
    )
