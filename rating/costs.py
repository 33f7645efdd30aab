"""Costs: energy of each slot at the price of its slot, from price series that change by the hour or faster.

Prices of slots have 18 decimals (a series x 10^9 times a factor x 10^9) and amounts more digits than an int64 holds,
so both are kept as four limbs of base 10^8, and their sum as Int128. A cost is rounded once for each slice and
period, half away from zero, to 10^-9 major units of the currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from model.codes import ParkReason
from model.tariff import RateBook
from model.zones import day_slots
from rating.calendar import Calendar, Mask
from rating.kernels import LIMB, price_slots
from rating.parking import no_parks, park
from rating.powers import SLICE_KEYS, Reading, slots_by_period
from rating.rounding import int128, wide

COST_SCHEMA = {
    "due_no": pl.Int64(),
    "segment_no": pl.Int32(),
    "slice_no": pl.Int32(),
    "measure_no": pl.Int32(),
    "tou": pl.String(),
    "price_no": pl.Int32(),
    "amount": pl.Int128(),
}
COST_MAX = 2**62
# Highest limb of a day's cost that is kept as it is: a thousand of them still add up inside Int128, and one alone is
# beyond COST_MAX in every unit.
_LIMB_MAX = 10**11
# Days of channels priced at once: their slots of 15 minutes as int64 take 40 MB.
ROWS_AT_ONCE = 50_000
_LIMBS = 4
_RULE = ["series_id", "price_floor_e9", "price_cap_e9", "price_factor_e9", "price_adder_e9"]
_SHORTEST_MINUTES = 5


@dataclass(frozen=True)
class SlotPrices:
    """Prices of slots. `wanted`: cal_no, measure_no, price_no, tz_name. `rows`: price_no, tz_name, day, count (slots of
    the day) and price_row, the place of the day in `limbs` (day, slot, limb; from the lowest limb up)."""

    wanted: pl.DataFrame
    rows: pl.DataFrame
    limbs: npt.NDArray[np.int64]


def with_price_no(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the quantities with `price_no`, which numbers the distinct rules that make prices of slots."""
    return quantities.join(price_rules(quantities), on=_RULE, how="left", validate="m:1", nulls_equal=True)


def price_rules(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct rules of costs: series, floor, cap, factor, adder and price_no."""
    rules = quantities.filter(pl.col("agg") == "cost").select(_RULE).unique().sort(_RULE)
    return rules.with_columns(pl.int_range(pl.len()).cast(pl.Int32).alias("price_no"))


def has_costs(quantities: pl.DataFrame) -> bool:
    """Return whether any quantity is a cost."""
    return bool((quantities["agg"] == "cost").any())


@cache
def no_prices() -> SlotPrices:
    """Return the prices of quantities of which none is a cost."""
    wanted = {"cal_no": pl.Int64(), "measure_no": pl.Int32(), "price_no": pl.Int32(), "tz_name": pl.String()}
    rows = {"price_no": pl.Int32(), "tz_name": pl.String(), "day": pl.Date(), "count": pl.Int64(),
            "price_row": pl.Int64()}  # fmt: skip
    return SlotPrices(pl.DataFrame(schema=wanted), pl.DataFrame(schema=rows), np.zeros((0, 0, _LIMBS), np.int64))


def slot_prices(
    calendar: Calendar, quantities: pl.DataFrame, book: RateBook, channels: pl.DataFrame, slot_minutes: int
) -> SlotPrices:
    """Return the prices of slots of this length on the days of `channels`; a longer price holds for all its slots.

    The price of a slot is series x factor + adder, not below the floor and not above the cap.
    """
    if not has_costs(quantities):
        return no_prices()
    wanted = wanted_costs(calendar, quantities).join(channels, on=["cal_no", "measure_no"], how="semi")
    days = calendar.days.join(wanted, on="cal_no", how="semi").select("tz_name", "day").unique()
    priced = (
        price_rules(quantities)
        .join(wanted, on="price_no", how="semi")
        .join(
            book.series_days.join(days, on=["tz_name", "day"], how="semi"), on="series_id", how="inner", validate="m:m"
        )
        .filter(pl.col("interval_minutes") % slot_minutes == 0)
        .with_columns((pl.col("interval_minutes") // slot_minutes).cast(pl.Int64).alias("repeats"))
        .with_columns((pl.col("values_e9").list.len().cast(pl.Int64) * pl.col("repeats")).alias("count"))
        .sort("price_no", "tz_name", "day")
        .with_columns(pl.int_range(pl.len()).cast(pl.Int64).alias("price_row"))
    )
    rows = priced.select("price_no", "tz_name", "day", "count", "price_row")
    return SlotPrices(wanted, rows, _limbs(priced))


def wanted_costs(calendar: Calendar, quantities: pl.DataFrame) -> pl.DataFrame:
    """Return which calendars price which sources by which rule: cal_no, measure_no, price_no, tz_name."""
    zones = calendar.days.select("cal_no", "tz_name").unique()
    return (
        calendar.segments.select("cal_no", "version_id")
        .join(quantities.filter(pl.col("agg") == "cost"), on="version_id", how="inner", validate="m:m")
        .select("cal_no", "measure_no", "price_no")
        .unique()
        .join(zones, on="cal_no", how="inner", validate="m:1")
    )


def _limbs(priced: pl.DataFrame) -> npt.NDArray[np.int64]:
    width = int(priced["count"].max() or 0)  # type: ignore[arg-type]  # counts are whole numbers
    slots = (
        priced.explode("values_e9")
        .select("price_row", *_RULE[1:], "values_e9", "repeats")
        .with_columns(_price_e18().alias("price"))
        .select("price_row", pl.col("price").repeat_by("repeats"))
        .explode("price")
        .with_columns(pl.int_range(pl.len()).over("price_row").alias("slot"))
    )
    limbs = np.zeros((priced.height, width, _LIMBS), dtype=np.int64)
    places = slots["price_row"].to_numpy(), slots["slot"].to_numpy()
    rest = pl.col("price")
    for limb in range(_LIMBS):
        part = rest % int128(LIMB) if limb < _LIMBS - 1 else rest
        limbs[(*places, limb)] = slots.select(part.cast(pl.Int64)).to_series().to_numpy()
        rest = rest // int128(LIMB)
    return limbs


def _price_e18() -> pl.Expr:
    """Return the price of a slot x 10^18. A null price is zero here: its day is parked."""
    billion = int128(10**9)
    price = wide("values_e9").fill_null(0) * wide("price_factor_e9") + wide("price_adder_e9") * billion
    return pl.min_horizontal(pl.max_horizontal(price, wide("price_floor_e9") * billion), wide("price_cap_e9") * billion)


def costs_by_slice(
    rows: pl.DataFrame, days: pl.DataFrame, mask: Mask, reading: Reading, prices: SlotPrices
) -> pl.DataFrame:
    """Return the exact costs of the rows of one mask (COST_SCHEMA): smallest units x 10^-18 major units per printed.

    Costs of the channels of a measure add up, so they are not added slot by slot first.
    """
    if prices.rows.is_empty():
        return pl.DataFrame(schema=COST_SCHEMA)
    priced = (
        rows.select(*SLICE_KEYS, "cal_no", "measure_no", "row", "day")
        .join(prices.wanted, on=["cal_no", "measure_no"], how="inner", validate="m:m")
        .join(
            prices.rows.filter(pl.col("count") == mask.n),
            on=["price_no", "tz_name", "day"],
            how="inner",
            validate="m:1",
        )
    )
    if priced.is_empty():
        return pl.DataFrame(schema=COST_SCHEMA)
    names = reading.names[: mask.n]
    found = []
    for start in range(0, priced.height, ROWS_AT_ONCE):
        some = priced[start : start + ROWS_AT_ONCE]
        energy = days.select(names)[some["row"]].to_numpy().astype(np.int64, copy=False)
        found.append(_of_rows(some, energy, mask, prices))
    return added_costs(pl.concat(found))


def _of_rows(rows: pl.DataFrame, energy: npt.NDArray[np.int64], mask: Mask, prices: SlotPrices) -> pl.DataFrame:
    periods = slots_by_period(mask)
    period_of = np.zeros(mask.n, dtype=np.int64)
    for place, (_, _, slots) in enumerate(periods):
        period_of[slots] = place
    sums = price_slots(energy, rows["price_row"].to_numpy(), prices.limbs, period_of, len(periods))
    sums[:, :, -1] = sums[:, :, -1].clip(-_LIMB_MAX, _LIMB_MAX)
    amount = pl.sum_horizontal(wide(f"limb_{limb}") * int128(LIMB**limb) for limb in range(_LIMBS))
    found = []
    for place, (_, tou, _) in enumerate(periods):
        limbs = [pl.Series(f"limb_{limb}", sums[:, place, limb]) for limb in range(_LIMBS)]
        costs = rows.with_columns(pl.lit(tou).alias("tou"), *limbs).with_columns(amount.alias("amount"))
        found.append(costs.select(list(COST_SCHEMA)))
    return pl.concat(found)


def added_costs(costs: pl.DataFrame) -> pl.DataFrame:
    """Return exact costs by slice, measure, period and price rule."""
    keys = [name for name in COST_SCHEMA if name != "amount"]
    return costs.group_by(keys).agg(pl.col("amount").sum()).select(list(COST_SCHEMA))


def rounded_costs(costs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return named costs with `quantity` in 10^-9 major units, and parks for those beyond what is rated."""
    unit = wide("unit_size") * int128(10**9)
    size = (wide("amount").abs() * 2 + unit) // (unit * 2)
    found = costs.with_columns((wide("amount").sign() * size).alias("quantity"))
    large = found.filter(pl.col("quantity").abs() > int128(COST_MAX))
    detail = pl.format("quantity {}: a cost of {} x 10^-9 is beyond what is rated", "quantity_id", "quantity")
    small = found.filter(pl.col("quantity").abs() <= int128(COST_MAX)).with_columns(pl.col("quantity").cast(pl.Int64))
    return small, park(large, ParkReason.AMOUNT_TOO_LARGE, detail)


def days_without_series(
    due: pl.DataFrame, calendar: Calendar, quantities: pl.DataFrame, book: RateBook
) -> pl.DataFrame:
    """Return parks for days on which a price series has not a price for every minute of the civil day."""
    if not has_costs(quantities):
        return no_parks()
    asked = quantities.filter(pl.col("agg") == "cost").select("version_id", "series_id").unique()
    needed = calendar.days.join(asked, on="version_id", how="inner", validate="m:m")
    zones = needed.select("tz_name", "day").unique().sort("tz_name", "day")
    minutes = [day_slots(tz_name, day, _SHORTEST_MINUTES) * _SHORTEST_MINUTES for tz_name, day in zones.iter_rows()]
    given = book.series_days.select(
        "series_id", "tz_name", "day",
        (pl.col("values_e9").list.drop_nulls().list.len() * pl.col("interval_minutes")).cast(pl.Int64).alias("given"),
        (pl.col("values_e9").list.len() * pl.col("interval_minutes")).cast(pl.Int64).alias("told"),
    )  # fmt: skip
    gaps = (
        needed.join(zones.with_columns(pl.Series("minutes", minutes, dtype=pl.Int64)), on=["tz_name", "day"],
                    how="left", validate="m:1")
        .join(given, on=["series_id", "tz_name", "day"], how="left", validate="m:1")
        .filter(~((pl.col("given") == pl.col("minutes")) & (pl.col("told") == pl.col("minutes"))).fill_null(False))
        .group_by("cal_no", "series_id")
        .agg(pl.col("day").min().alias("first_day"), pl.len().alias("day_count"))
    )  # fmt: skip
    found = due.join(gaps, on="cal_no", how="inner", validate="m:m")
    detail = pl.format(
        "price series {} is not whole on {} days, the first is {}", "series_id", "day_count", "first_day"
    )
    return park(found, ParkReason.NO_FACTOR, detail)


def of_short_prices(
    channels: pl.DataFrame, calendar: Calendar, parts: pl.DataFrame, quantities: pl.DataFrame, book: RateBook
) -> pl.DataFrame:
    """Return parks for channels whose intervals are no part of those of the price series."""
    if not has_costs(quantities):
        return no_parks()
    in_use = book.series_days.join(calendar.days, on=["tz_name", "day"], how="semi")
    lengths = in_use.select("series_id", pl.col("interval_minutes").alias("price_minutes")).unique()
    asked = (
        quantities.filter(pl.col("agg") == "cost")
        .select("version_id", "quantity_id", "series_id", (pl.col("netting") == "hour").alias("is_hourly"))
        .join(lengths, on="series_id", how="inner", validate="m:m")
        .join(parts.select("version_id", "quantity_id", "measure_no"), on=["version_id", "quantity_id"], how="inner",
              validate="m:m")
    )  # fmt: skip
    if asked.is_empty():
        return no_parks()
    slot_minutes = pl.when("is_hourly").then(pl.lit(60)).otherwise("interval_minutes")
    found = (
        channels.filter(pl.col("interval_minutes") > 0)
        .join(calendar.segments.select("cal_no", "version_id"), on="cal_no", how="inner", validate="m:m")
        .join(asked, on=["version_id", "measure_no"], how="inner", validate="m:m")
        .filter(pl.col("price_minutes") % slot_minutes != 0)
    )
    detail = pl.format(
        "quantity {} has prices of {} minutes; expected intervals that divide them, channel {} has {} minutes",
        "quantity_id", "price_minutes", "channel_id", "interval_minutes",
    )  # fmt: skip
    return park(found, ParkReason.NO_CHANNEL, detail)
