"""What a reader needs at each stop of a route: meter, dials, last reading, and what to expect of the next one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from ingest.landing.write import REGISTER_TABLE
from ingest.routes.layout import RouteLayout
from ingest.routes.records import RouteFile, route_file
from ingest.versions import current_registers
from model.codes import Measure, Quality
from model.errors import ConfigError
from model.units import PRINTED_UNITS, SMALLEST_UNIT
from store.control import control, query
from store.facts import facts
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

SMALLEST_PER_DIAL_UNIT = 1_000
# The next reading is expected between half and twice the use of the time before. Source: V15 of the VEE rules.
LOW_HALVES, HIGH_TIMES = 2, 2
HISTORY = timedelta(days=400)  # a year and a late reading
_TABLES = ("service_points", "premises", "meters", "channels", "agreements", "accounts", "customers", "cycles")
_ROUTES_NAMED = 8  # a message names so many
_REGISTER = ["service_point_id", "suffix", "meter_id"]


def write_route(
    workspace: Workspace, layout: RouteLayout, *, day: date, route: str | None = None, cycle: str | None = None
) -> RouteFile:
    """Return the file of a route, or of what a cycle bills, to be read on a day; both narrow it down together.

    Raises:
        ConfigError: neither is named, there is no such route or cycle, or no register to read on that day.
        LockedError: another process works on the workspace.
    """
    if route is None and cycle is None:
        raise ConfigError("neither a route nor a cycle is named", hint="use --route or --cycle")
    with control(workspace, purpose="writing a route") as connection:
        known = {table: facts(connection, table) for table in _TABLES}
        numbers = query(connection, "SELECT channel_no, channel_id FROM channel_number ORDER BY channel_no")
        files = lake_files(connection, REGISTER_TABLE)
        readings = current_registers(scan_lake(workspace, files).collect()) if files else None
    rows = route_rows(known, _of_channels(readings, numbers), day=day, route=route, cycle=cycle)
    if rows.is_empty():
        hint = "check the day, and when meters and channels begin and end"
        raise ConfigError(f"expected registers to read on {day}, found none", hint=hint)
    return route_file(rows, layout, day)


def route_rows(
    known: Mapping[str, pl.DataFrame], readings: pl.DataFrame, *, day: date, route: str | None, cycle: str | None
) -> pl.DataFrame:
    """Return a row per register of the meters that hang on a day, in the order of the walk: the fields of a layout.

    `known` are the tables of the accounts; `readings` has channel_id, meter_id, read_date, reading (smallest units,
    before the multiplier) and quality.

    Raises:
        ConfigError: there is no such route or cycle.
    """
    points = known["service_points"]
    if route is not None:
        points = _of_route(points, route)
    supplied = _supplied(known, day)
    if cycle is not None:
        group = known["cycles"].filter(pl.col("cycle_id") == cycle)
        if group.is_empty():
            raise ConfigError(f"cycle `{cycle}` is not in the calendar", hint="see `billmill cycle list`")
        billed = supplied.join(group.select("bill_group"), on="bill_group", how="semi")
        points = points.join(billed, on="service_point_id", how="semi")
    who = supplied.unique("service_point_id", keep="first", maintain_order=True).drop("bill_group")
    stops = (
        points.join(
            known["premises"].select("premise_id", "address", "city"), on="premise_id", how="left", validate="m:1"
        )
        .join(_hanging(known["meters"], day), on="service_point_id", how="inner", validate="1:m")
        .join(_registers(known["channels"], day), on="service_point_id", how="inner", validate="m:m")
        .join(who, on="service_point_id", how="left", validate="m:1")
    )
    expected = stops.join(_past(readings, day), on=["channel_id", "meter_id"], how="left", validate="1:1")
    ordered = expected.sort("route", "route_sequence", *_REGISTER)
    return ordered.select(
        "route", pl.col("route_sequence").alias("sequence"), pl.col("service_point_id").alias("service_point"),
        pl.col("suffix").alias("channel"), pl.col("meter_id").alias("meter"), "unit",
        pl.col("account_id").alias("account"), "dials", *_limits(), "previous_date", "address", "city", "name",
        "commodity",
    )  # fmt: skip


def _of_route(points: pl.DataFrame, route: str) -> pl.DataFrame:
    found = points.filter(pl.col("route") == route)
    if found.is_empty():
        routes = points["route"].drop_nulls().unique().sort().to_list()
        more = f" and {len(routes) - _ROUTES_NAMED:,} more" if len(routes) > _ROUTES_NAMED else ""
        raise ConfigError(
            f"route `{route}`: expected a route of the service points, found none",
            hint=f"known are {', '.join(routes[:_ROUTES_NAMED]) or 'none'}{more}",
        )
    return found


def _supplied(known: Mapping[str, pl.DataFrame], day: date) -> pl.DataFrame:
    """Return who is supplied where on a day: service_point_id, account_id, bill_group, name."""
    runs = pl.col("end_date").is_null() | (pl.col("end_date") > day)
    return (
        known["agreements"]
        .filter((pl.col("start_date") <= day) & runs)
        .select("service_point_id", "account_id")
        .join(
            known["accounts"].select("account_id", "customer_id", "bill_group"),
            on="account_id",
            how="inner",
            validate="m:1",
        )
        .join(known["customers"].select("customer_id", "name"), on="customer_id", how="left", validate="m:1")
        .select("service_point_id", "account_id", "bill_group", "name")
        .sort("service_point_id", "account_id")
    )


def _hanging(meters: pl.DataFrame, day: date) -> pl.DataFrame:
    hangs = (pl.col("installed_date") <= day) & (pl.col("removed_date").is_null() | (pl.col("removed_date") > day))
    known = meters.filter(hangs).select("service_point_id", "meter_id", "dials")
    return known.unique(["service_point_id", "meter_id"], keep="first", maintain_order=True)


def _registers(channels: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the registers that are read on a day, with the unit that their dials count."""
    begun = pl.col("start_date").is_null() | (pl.col("start_date") <= day)
    ended = pl.col("end_date").is_not_null() & (pl.col("end_date") <= day)
    units = {measure.value: _dial_unit(smallest) for measure, smallest in SMALLEST_UNIT.items()}
    assert set(units) == {measure.value for measure in Measure}, "a measure has no smallest unit"
    return channels.filter((pl.col("interval_minutes") == 0) & begun & ~ended).select(
        "service_point_id", "channel_id", "suffix", pl.col("measure").replace_strict(units).alias("unit")
    )


def _dial_unit(smallest: str) -> str:
    """Return the printed unit of a thousand smallest ones; of those that no unit counts by the thousand, empty."""
    return next((unit for unit, size in PRINTED_UNITS.items() if size == (smallest, SMALLEST_PER_DIAL_UNIT)), "")


def _of_channels(readings: pl.DataFrame | None, numbers: pl.DataFrame) -> pl.DataFrame:
    if readings is None:
        schema = {"channel_id": pl.String, "meter_id": pl.String, "read_date": pl.Date, "reading": pl.Int64}
        return pl.DataFrame(schema=schema | {"quality": pl.UInt8})
    named = readings.join(numbers, on="channel_no", how="inner", validate="m:1")
    return named.select("channel_id", "meter_id", "read_date", "reading", "quality")


def _past(readings: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return the last reading of each register up to a day, and the first of the year before it."""
    is_past = (pl.col("read_date") <= day) & (pl.col("quality") < int(Quality.SUSPECT))
    ordered = readings.filter(is_past).sort(
        "channel_id", "meter_id", "read_date", "quality", descending=[False] * 3 + [True]
    )
    key = ["channel_id", "meter_id"]
    last = ordered.group_by(key).agg(
        pl.col("read_date").last().alias("previous_date"), pl.col("reading").last().alias("previous")
    )
    year = ordered.join(last, on=key, how="inner", validate="m:1").filter(
        pl.col("read_date") >= pl.col("previous_date") - HISTORY
    )
    first = year.group_by(key).agg(
        pl.col("read_date").sort_by("read_date").first().alias("first_date"),
        pl.col("reading").sort_by("read_date").first().alias("first"),
    )
    days = (pl.col("previous_date") - pl.col("first_date")).dt.total_days()
    joined = last.join(first, on=key, how="left", validate="1:1")
    since = (pl.lit(day) - pl.col("previous_date")).dt.total_days()
    return joined.select(*key, "previous_date", "previous", "first", days.alias("days"), since.alias("since"))


def _limits() -> list[pl.Expr]:
    """Return previous_reading, low_limit and high_limit in whole dial units; without a past, all that the dials show.

    A use is that of the year before, day for day; a dial that went round counts on from its full scale.
    """
    scale = pl.lit(10, pl.Int64).pow(pl.col("dials")).cast(pl.Int64)
    full = (scale * SMALLEST_PER_DIAL_UNIT).cast(pl.Int128)
    rise = pl.col("previous").cast(pl.Int128) - pl.col("first")
    use = pl.when(rise < 0).then(rise + full).otherwise(rise)
    expected = use * pl.col("since") // pl.when(pl.col("days") > 0).then("days")
    low = (pl.col("previous") + expected // LOW_HALVES) // SMALLEST_PER_DIAL_UNIT
    high = (pl.col("previous") + expected * HIGH_TIMES + SMALLEST_PER_DIAL_UNIT - 1) // SMALLEST_PER_DIAL_UNIT
    wraps = expected * HIGH_TIMES >= full
    return [
        (pl.col("previous") // SMALLEST_PER_DIAL_UNIT).alias("previous_reading"),
        pl.when(wraps).then(0).otherwise(low % scale).fill_null(0).cast(pl.Int64).alias("low_limit"),
        pl.when(wraps).then(scale - 1).otherwise(high % scale).fill_null(scale - 1).cast(pl.Int64).alias("high_limit"),
    ]
