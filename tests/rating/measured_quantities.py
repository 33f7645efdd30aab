"""Quantities of a few days, measured: what a test gives are the slots that are not zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from rating_rows import (
    SYDNEY,
    Row,
    book,
    channel,
    component,
    day_row,
    due,
    find_quantities,
    price,
    quantity,
    rating_input,
)

MONDAY = date(2026, 6, 8)
Slots = Mapping[int, int]
CENT = 10**7
# One hour with 1,000 Wh in and 800 Wh out in different quarters, one with 600 Wh out, one with 50 Wh in at noon.
SUNNY = [{"import_energy": {0: 1_000, 48: 50}, "export_energy": {3: 800, 4: 600}}]


def measured(
    quantities: Sequence[Row], days: Sequence[Mapping[str, Slots]], *, minutes: int = 15, start: date = MONDAY,
    **given: Any,
) -> dict[Any, Any]:  # fmt: skip
    """Every quantity over the whole period, or the reason why it cannot be measured.

    `days`: for each day, by measure, the slots that are not zero. Other keys are tables of the rate book, and tz_name.
    """
    tz = {"tz_name": given.pop("tz_name")} if "tz_name" in given else {}
    measures = sorted({measure for day in days for measure in day})
    rows = [
        day_row(place, start + timedelta(number), partial(_slot, day.get(measure, {})), minutes=minutes, **tz)
        for number, day in enumerate(days)
        for place, measure in enumerate(measures, start=1)
    ]
    channels = [
        channel(place, measure=measure, interval_minutes=minutes) for place, measure in enumerate(measures, start=1)
    ]
    rate_book = book(
        quantities=list(quantities), components=[component(quantity_id=quantities[0]["quantity_id"])],
        prices=[price()], **given,
    )  # fmt: skip
    dues = [due(start, start + timedelta(len(days)), **tz)]
    values, parks = find_quantities(rating_input(rate_book, dues, channels, {minutes: rows}))
    found: dict[Any, Any] = {key[3] if key[4] is None else key[3:]: value for key, value in values.items()}
    return found | dict.fromkeys(["parked"], *parks.values()) if parks else found


def _slot(values: Slots, slot: int) -> int:
    return values.get(slot, 0)


def power(quantity_id: str, agg: str = "max", **given: Any) -> Row:
    return quantity(quantity_id, agg=agg, unit="kW", **given)


def imported(*days: Slots) -> list[Mapping[str, Slots]]:
    return [{"import_energy": day} for day in days]


def event(day: date, start: int, end: int, series: str = "op", tz_name: str = SYDNEY) -> Row:
    return {"event_series": series, "tz_name": tz_name, "day": day, "from_minute": start, "to_minute": end}


def called(tou: str = "critical", series: str = "op", position: int = 1) -> Row:
    return {"version_id": "t@1", "tou": tou, "event_series": series, "position": position}


def cost(**given: Any) -> Row:
    return quantity("cost", agg="cost", series_id="spot", **given)


def spot(
    values_e9: Sequence[int | None], day: date = MONDAY, minutes: int = 60, tz_name: str = SYDNEY
) -> Row:  # fmt: skip
    return {
        "series_id": "spot", "tz_name": tz_name, "day": day, "interval_minutes": minutes, "values_e9": list(values_e9),
    }  # fmt: skip
