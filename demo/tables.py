"""The tables of the utility, made from its roster in columns."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from demo.names import customer_name, pick, street_address
from demo.places import BRANCHES, CURRENCY, UTILITY_NAME
from demo.roster import REVENUE_CLASS

BILL_GROUP = "monthly"
WINDOW_DAYS = 10

# Channels of a point: suffix, measure, interval length, and the roster's condition for it.
INTERVAL_MINUTES = 15
DIALS = {"E": 6, "G": 5, "W": 5, "H": 6}
REGISTER_SUFFIX = {"G": "G1", "W": "W1", "H": "H1"}
REGISTER_MEASURE = {"G": "gas_volume", "W": "water_volume", "H": "heat_energy"}
REGISTER_TARIFF = {"G": "gas-home", "W": "water-home", "H": "heat-home"}
LARGE_GAS_MULTIPLIER = 10


def padded(number: pl.Expr, width: int = 7) -> pl.Expr:
    """Return a number as text with leading zeros."""
    return number.cast(pl.String).str.zfill(width)


def point_id() -> pl.Expr:
    """Return the service point's id, ten characters as an NMI has: `WTE0000123`."""
    return pl.concat_str(pl.lit("WT"), pl.col("letter"), padded(pl.col("point_no")))


def meter_id(generation: int) -> pl.Expr:
    """Return the serial number of a point's first or second meter: `E0000123-1`."""
    return pl.concat_str(pl.col("letter"), padded(pl.col("point_no")), pl.lit(f"-{generation}"))


def account_id(kind: pl.Expr) -> pl.Expr:
    """Return an account's id: the premise and 1 first customer, 2 who moves in, 3 owner who pays for water."""
    return pl.concat_str(pl.lit("A"), padded(pl.col("premise_no")), kind.cast(pl.String))


def _place(field: str) -> dict[int, str]:
    return {index: str(getattr(branch, field)) for index, branch in enumerate(BRANCHES)}


def branches() -> pl.DataFrame:
    """Return the nine branches."""
    return pl.DataFrame(
        {
            "branch_id": [branch.branch_id for branch in BRANCHES],
            "name": [f"{UTILITY_NAME} {branch.name}" for branch in BRANCHES],
        }
    )


def cycle_id(period_start_date: date) -> str:
    """Return the id of the cycle that bills the period: its month."""
    return f"{period_start_date:%Y-%m}"


def cycles(period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Return the one cycle: the window opens as the period ends and is ten days long."""
    return pl.DataFrame(
        {
            "cycle_id": [cycle_id(period_start_date)],
            "bill_group": [BILL_GROUP],
            "period_start_date": [period_start_date],
            "period_end_date": [period_end_date],
            "window_open_date": [period_end_date],
            "window_close_date": [period_end_date + timedelta(days=WINDOW_DAYS)],
        }
    )


def _is_split_water() -> pl.Expr:
    """Tell points whose water the owner of the house pays while somebody else pays the rest."""
    return (pl.col("letter") == "W") & pl.col("owner_pays_water") & (pl.col("letter") != "W").any().over("premise_no")


def agreements(roster: pl.DataFrame) -> pl.DataFrame:
    """Return who pays for what and when; a move is two agreements on the same point that share the day."""
    price = pl.col("price_draw")
    power = (
        pl.when(pl.col("is_large")).then(pl.lit("biz-demand"))
        .when(pl.col("has_solar")).then(pl.lit("res-flat"))  # the tariff that pays for what they send back
        .when(pl.col("archetype") != "home").then(pl.lit("res-tou"))
        .when(price < 0.35).then(pl.lit("res-flat"))
        .when(price < 0.75).then(pl.lit("res-tou"))
        .otherwise(pl.lit("res-block"))
    )  # fmt: skip
    tariff = (
        pl.when(pl.col("letter") == "E")
        .then(power)
        .otherwise(pl.col("letter").replace_strict(REGISTER_TARIFF, default=None, return_dtype=pl.String))
    )
    is_owner = _is_split_water()
    began = pl.col("installed_before") - pl.duration(days=pl.col("start_age_days"))
    first = roster.with_columns(
        tariff_id=tariff,
        kind=pl.when(is_owner).then(3).otherwise(1),
        start_date=pl.when(pl.col("event") == "connection").then(pl.col("event_date")).otherwise(began),
        end_date=pl.when(pl.col("event").is_in(["move", "move_out"]) & ~is_owner).then(pl.col("event_date")),
    )
    moved = (pl.col("event") == "move") & (pl.col("kind") == 1)
    second = first.filter(moved).with_columns(
        kind=pl.lit(2), start_date=pl.col("event_date"), end_date=pl.lit(None, dtype=pl.Date)
    )
    return (
        pl.concat([first, second])
        .sort("point_no", "kind")
        .with_columns(
            agreement_id=pl.concat_str(pl.lit("S"), padded(pl.col("point_no")), pl.col("kind").cast(pl.String)),
            account_id=account_id(pl.col("kind")),
            service_point_id=point_id(),
        )
    )


def accounts(agreed: pl.DataFrame) -> pl.DataFrame:
    """Return the accounts of the agreements, with the customers' columns beside them."""
    firsts = agreed.sort("premise_no", "kind", "point_no").unique(
        ["premise_no", "kind"], keep="first", maintain_order=True
    )
    # Another customer at the same premise has another name: the number is moved on.
    number = pl.col("number") + pl.when(pl.col("kind") == 1).then(0).otherwise(pl.col("kind") * 7_368_787)
    return firsts.with_columns(
        customer_id=pl.concat_str(pl.lit("C"), padded(pl.col("premise_no")), pl.col("kind").cast(pl.String)),
        name=customer_name(pl.col("archetype"), number),
        bill_group=pl.lit(BILL_GROUP),
        currency=pl.lit(CURRENCY),
        revenue_class=pl.col("archetype").replace_strict(REVENUE_CLASS, return_dtype=pl.String),
    )


def premises(roster: pl.DataFrame) -> pl.DataFrame:
    """Return the premises of the points."""
    towns = pl.lit(None, dtype=pl.String)
    for index, branch in enumerate(BRANCHES):
        towns = pl.when(pl.col("branch") == index).then(pick(branch.towns, pl.col("number") // 31)).otherwise(towns)
    first_code = pl.col("branch").replace_strict(_place("postcode_first"), return_dtype=pl.String).cast(pl.Int64)
    return roster.unique("premise_no", keep="first", maintain_order=True).with_columns(
        premise_id=pl.concat_str(pl.lit("P"), padded(pl.col("premise_no"))),
        address=street_address(pl.col("number")),
        city=towns,
        postcode=(first_code + pl.col("number") // 31 % 3).cast(pl.String),
    )


def service_points(roster: pl.DataFrame) -> pl.DataFrame:
    """Return the service points; a route passes the premises of its branch in order."""
    return roster.with_columns(
        service_point_id=point_id(),
        premise_id=pl.concat_str(pl.lit("P"), padded(pl.col("premise_no"))),
        route=pl.concat_str(pl.col("branch_id"), pl.lit("-R"), padded(pl.col("route"), 2)),
        route_sequence=(pl.col("premise_no") * 4 + pl.int_range(pl.len()).over("premise_no")).cast(pl.Int32),
    )


def multiplier() -> pl.Expr:
    """Return the factor of the register: gas of large customers is read through a corrector, times ten."""
    return pl.when((pl.col("letter") == "G") & pl.col("is_large")).then(LARGE_GAS_MULTIPLIER).otherwise(1)


def meters(roster: pl.DataFrame) -> pl.DataFrame:
    """Return the meters; an exchange is two rows that share the day."""
    exchanged = pl.col("event").is_in(["meter_exchange", "register_exchange"]).fill_null(value=False)
    before = pl.col("installed_before") - pl.duration(days=pl.col("start_age_days") + pl.col("meter_age_days"))
    common = roster.with_columns(
        service_point_id=point_id(),
        dials=pl.col("letter").replace_strict(DIALS, return_dtype=pl.Int32),
        multiplier=multiplier().cast(pl.Int64),
    )
    first = common.with_columns(
        meter_id=meter_id(1),
        installed_date=pl.when(pl.col("event") == "connection").then(pl.col("event_date")).otherwise(before),
        removed_date=pl.when(exchanged).then(pl.col("event_date")),
    )
    second = common.filter(exchanged).with_columns(
        meter_id=meter_id(2), installed_date=pl.col("event_date"), removed_date=pl.lit(None, dtype=pl.Date)
    )
    return pl.concat([first, second]).sort("point_no", "meter_id")


def channels(roster: pl.DataFrame) -> pl.DataFrame:
    """Return the channels: E1, B1 and Q1 on 15 minutes for electricity, one register for the rest."""
    power = roster.filter(pl.col("letter") == "E")
    minutes = pl.lit(INTERVAL_MINUTES, dtype=pl.Int32)
    parts = [
        power.with_columns(suffix=pl.lit("E1"), measure=pl.lit("import_energy"), interval_minutes=minutes),
        power.filter(pl.col("has_solar")).with_columns(
            suffix=pl.lit("B1"), measure=pl.lit("export_energy"), interval_minutes=minutes
        ),
        power.filter(pl.col("is_large")).with_columns(
            suffix=pl.lit("Q1"), measure=pl.lit("reactive_energy"), interval_minutes=minutes
        ),
        roster.filter(pl.col("letter") != "E").with_columns(
            suffix=pl.col("letter").replace_strict(REGISTER_SUFFIX, return_dtype=pl.String),
            measure=pl.col("letter").replace_strict(REGISTER_MEASURE, return_dtype=pl.String),
            interval_minutes=pl.lit(0, dtype=pl.Int32),
        ),
    ]
    rank = pl.col("suffix").replace_strict({"E1": 0, "B1": 1, "Q1": 2}, default=0, return_dtype=pl.Int8)
    listed = pl.concat(parts).with_columns(service_point_id=point_id(), rank=rank).sort("point_no", "rank")
    return listed.with_columns(channel_id=pl.concat_str("service_point_id", "suffix", separator="/"))
