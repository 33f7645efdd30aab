"""Small rate books and reads for tests of rating: rows with defaults, turned into the tables of `model`."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from model.accounts import Commodity
from model.rating import DueAgreements, DueChannels, Rated, RatingInput
from model.reads import RegisterUsage, read_days_schema, slot_columns
from model.schema import arranged, polars_schema
from model.tariff import RATE_BOOK_TABLES, RateBook
from model.zones import day_slots
from rating.aggregates import aggregate
from rating.calendar import lay_out
from rating.determinants import find_determinants
from rating.parking import first_parks
from rating.ratebook import check_book
from rating.segments import calendars, cut_segments, number_due
from rating.stages import rate

Row = dict[str, Any]
JUNE = (date(2026, 6, 1), date(2026, 7, 1))
SYDNEY = "Australia/Sydney"
CHICAGO = "America/Chicago"


def version(version_id: str = "t@1", **given: Any) -> Row:
    return {
        "version_id": version_id, "tariff_id": "t", "title": "Test", "commodity": Commodity.ELECTRICITY.value,
        "currency": "AUD", "currency_exponent": 2, "tz_name": SYDNEY, "valid_from": date(2000, 1, 1),
        "valid_to": None, "normal_days": None, "source": "written for a test",
    } | given  # fmt: skip


def quantity(quantity_id: str = "kwh", version_id: str = "t@1", **given: Any) -> Row:
    return {
        "version_id": version_id, "quantity_id": quantity_id, "kind": "measured", "measure": "import_energy",
        "agg": "sum", "n": 1,
        "distinct_days": True, "interval_minutes": 0, "is_rolling": False, "less_measure": None, "netting": "none",
        "over_quantity": None, "up_to_quantity": None,
        "tou": "", "is_optional": False, "is_less_optional": False, "split_factor": None,
        "split_by": None, "series_id": None, "price_floor_e9": None,
        "price_cap_e9": None, "price_factor_e9": 10**9, "price_adder_e9": 0, "unit": "kWh", "unit_size": 1000,
        "schedule": "", "level": 0, "formula_id": None, "is_by_part": True, "round_mode": None,
        "round_step": None, "history_of": None,
        "history_agg": None, "history_months": None, "history_back": None, "known_from": None, "if_missing_e12": None,
    } | given  # fmt: skip


def component(component_id: str = "energy", version_id: str = "t@1", **given: Any) -> Row:
    kind = given.get("kind", "quantity")
    is_shared = kind in ("cycle", "minimum", "maximum") or given.get("is_peak", False)
    return {
        "version_id": version_id, "component_id": component_id, "position": 1,
        "level": 2 if kind in ("percent", "minimum", "maximum", "rounding") else 1, "kind": kind,
        "quantity_id": "kwh" if kind == "quantity" else None, "by_season": False, "by_tou": False,
        "has_factor": False, "tier_method": "none", "tiers_share": "none" if given.get("is_peak") else "cycle",
        "tiers_whole_e4": 10**4, "price_share": "cycle" if is_shared else "none", "price_whole_e4": 10**4,
        "tolerance_min": None, "tolerance_max": None, "tiers_round_mode": None, "tiers_round_step": None,
        "package_size": None, "package_free": None, "is_peak": False, "schedule": "", "lookup": None, "when_id": None,
        "amount_id": None, "scale_id": None, "times_id": None, "is_gross": False, "is_included": False,
        "is_exact": False, "is_kept": False, "is_rounded_once": False, "party": None,
        "round_mode": "half_up", "round_step_minor": 1,
        "category": "charge", "tax_code": None,
        "line_text": component_id, "clause": None,
        "gl_account": "440",
    } | given  # fmt: skip


def price(
    component_id: str = "energy", price_e9: int | None = 300_000_000, version_id: str = "t@1", **given: Any
) -> Row:
    return {
        "version_id": version_id, "component_id": component_id, "key": "", "season": "", "tou": "", "tier": 1,
        "from_quantity": 0, "to_quantity": None, "price_e9": price_e9, "factor_id": None, "price_id": None,
        "edge_id": None, "fixed_e9": 0,
    } | given  # fmt: skip


def base(component_id: str, base_component_id: str, version_id: str = "t@1") -> Row:
    return {"version_id": version_id, "component_id": component_id, "base_component_id": base_component_id}


def factor(factor_id: str, value_e9: int, valid_from: date, valid_to: date | None = None) -> Row:
    return {
        "factor_id": factor_id, "valid_from": valid_from, "valid_to": valid_to, "value_e9": value_e9, "source": "test",
    }  # fmt: skip


def season_days(version_id: str = "t@1", season: Callable[[int, int], str] = lambda month, day: "") -> list[Row]:
    return [
        {"version_id": version_id, "month": month, "day_of_month": day, "season": season(month, day)}
        for month in range(1, 13)
        for day in range(1, monthrange(2024, month)[1] + 1)
    ]


def windows(
    version_id: str = "t@1",
    seasons: Sequence[str] = ("",),
    spans: Callable[[str, int], Sequence[tuple[int, int, str]]] = lambda season, day_class: [(0, 1440, "")],
) -> list[Row]:
    return [
        {"version_id": version_id, "season": season, "day_class": day_class, "from_minute": start, "to_minute": end,
         "tou": tou}
        for season in seasons
        for day_class in range(1, 9)
        for start, end, tou in spans(season, day_class)
    ]  # fmt: skip


def peak_hours(season: str, day_class: int) -> list[tuple[int, int, str]]:
    """Peak from 16:00 to 20:00 on working days."""
    if day_class > 5:
        return [(0, 1440, "off")]
    return [(0, 960, "off"), (960, 1200, "peak"), (1200, 1440, "off")]


def own_periods(tou_windows: Sequence[Row], event_windows: Sequence[Row]) -> list[Row]:
    """Return the names of a tariff with one schedule: every part is the period that it is called."""
    found = {(row["version_id"], row["season"], row["tou"]): None for row in tou_windows}
    seasons = {(version_id, season) for version_id, season, _ in found}
    called = {(row["version_id"], row["tou"]): None for row in event_windows}
    found |= {
        (version_id, season, tou): None
        for version_id, tou in called
        for of, season in sorted(seasons)
        if of == version_id
    }
    return [
        {"version_id": version_id, "schedule": "", "season_part": season, "tou_part": tou, "season": season, "tou": tou}
        for version_id, season, tou in found
    ]


def book(**tables: list[Row]) -> RateBook:
    rows: dict[str, list[Row]] = {name: [] for name in RATE_BOOK_TABLES}
    rows |= {
        "versions": [version()],
        "quantities": [quantity()],
        "season_days": season_days(),
        "tou_windows": windows(),
    }
    rows |= tables
    rows["period_names"] = rows["period_names"] or own_periods(rows["tou_windows"], rows["event_windows"])
    return RateBook(
        **{
            name: arranged(table, pl.DataFrame(rows[name], schema=polars_schema(table), orient="row"))
            for name, table in RATE_BOOK_TABLES.items()
        }  # type: ignore[arg-type]
    )


def due(start: date = JUNE[0], end: date = JUNE[1], **given: Any) -> Row:
    account = given.get("account_id", "A1")
    return {
        "bill_id": f"{account}.c.r0", "account_id": account, "customer_id": "C1", "branch_id": "B1",
        "revenue_class": "residential", "payment_days": 14, "currency": "AUD", "agreement_id": f"{account}-1",
        "service_point_id": "S1", "premise_id": "P1", "commodity": "electricity", "tz_name": SYDNEY,
        "tariff_id": "t", "start_date": start, "end_date": end, "cycle_id": "c", "cycle_start_date": start,
        "cycle_end_date": end, "partition": 0,
    } | given  # fmt: skip


def channel(channel_no: int = 1, agreement_id: str = "A1-1", **given: Any) -> Row:
    return {
        "agreement_id": agreement_id, "channel_no": channel_no, "channel_id": str(channel_no),
        "measure": "import_energy", "interval_minutes": 15,
        "from_date": None, "to_date": None, "partition": 0,
    } | given  # fmt: skip


def day_row(
    channel_no: int, day: date, slot: Callable[[int], int | None] | int, *, minutes: int = 15, tz_name: str = SYDNEY,
    **given: Any,
) -> Row:  # fmt: skip
    """One wide day whose slots are `slot(i)`, or all the same number."""
    names = slot_columns(minutes)
    count = day_slots(tz_name, day, minutes)
    values = [slot(i) if callable(slot) else slot for i in range(count)] + [None] * (len(names) - count)
    row = {
        "channel_no": channel_no, "day": day, "n": count, "worst": 0, "flags": None, "raw_code": "A", "seq": 1,
        "updated_at": None,
    }  # fmt: skip
    return row | dict(zip(names, values, strict=True)) | given


def day_rows(
    channel_no: int, start: date, end: date, slot: Callable[[int], int | None] | int, **given: Any
) -> list[Row]:
    return [day_row(channel_no, start + timedelta(n), slot, **given) for n in range((end - start).days)]


def wide(rows: list[Row], minutes: int = 15) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=read_days_schema(minutes), orient="row")


def usage_row(channel_no: int, from_date: date, to_date: date, used: int, **given: Any) -> Row:
    return {
        "channel_no": channel_no, "meter_id": "M1", "from_date": from_date, "to_date": to_date, "quantity": used,
        "quality": 0, "is_rejected": False, "seq": 1,
    } | given  # fmt: skip


def rating_input(
    rate_book: RateBook,
    dues: list[Row],
    channels: list[Row],
    days: Mapping[int, list[Row]] | None = None,
    usage: list[Row] | None = None,
) -> RatingInput:
    return RatingInput(
        arranged(DueAgreements, pl.DataFrame(dues, schema=polars_schema(DueAgreements), orient="row")),
        arranged(DueChannels, pl.DataFrame(channels, schema=polars_schema(DueChannels), orient="row")),
        {minutes: wide(rows, minutes) for minutes, rows in (days or {}).items()},
        pl.DataFrame(usage or [], schema=polars_schema(RegisterUsage), orient="row"),
        rate_book,
    )


def rate_flat_days(rate_book: RateBook, slot: Callable[[int], int | None] | int, **given: Any) -> Rated:
    """Rate one agreement whose 15-minute days are all alike."""
    row = due(**given)
    rows = day_rows(1, row["start_date"], row["end_date"], slot, tz_name=row["tz_name"])
    return rate(rating_input(rate_book, [row], [channel()], {15: rows}))


def amounts(rated: Rated) -> list[tuple[Any, ...]]:
    """Component, period, tier, quantity and amount of every line, in the order of the bill."""
    return rated.lines.select("component_id", "tou", "tier", "quantity", "amount_minor").rows()


def reasons(rated: Rated) -> dict[str, str]:
    return dict(rated.parked.select("agreement_id", "reason").iter_rows())


def find_quantities(given: RatingInput) -> tuple[dict[tuple[Any, ...], int], dict[tuple[str, date], str]]:
    """Every quantity of a version's part of the due period, by period and (None) over all, and why some are parked.

    Keys: agreement, start of the due period, version, quantity, period; agreement and start.
    """
    check_book(given.book)
    due = number_due(given.due, given.attributes, given.book)
    segments = cut_segments(calendars(due), given.book.versions)
    calendar, _ = lay_out(segments, given.book)
    rows, parks = find_determinants(due, calendar, given)
    named = rows.join(
        due.select("due_no", "cal_no", "agreement_id", "start_date"), on="due_no", how="left", validate="m:1"
    ).join(segments.select("cal_no", "segment_no", "version_id"), on=["cal_no", "segment_no"], how="left",
           validate="m:1")  # fmt: skip
    keys = ["agreement_id", "start_date", "version_id", "quantity_id"]
    values = {(*row[:4], None): row[4] for row in aggregate(named, keys).select(*keys, "quantity").rows()}
    by_tou = aggregate(named, [*keys, "tou"]).select(*keys, "tou", "quantity").rows()
    parked = first_parks(parks).join(due, on="due_no", how="left", validate="1:1")
    return values | {row[:5]: row[5] for row in by_tou}, {
        (row[0], row[1]): row[2] for row in parked.select("agreement_id", "start_date", "reason").rows()
    }
