"""Random quantities of every kind on random days of one to three agreements, around days on which the clock changes."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import strategies as st
from rating_rows import Row, book, channel, component, day_row, due, price, quantity, rating_input, season_days, windows
from rating_strategies import STARTS

from model.rating import RatingInput
from model.zones import day_slots

MEASURES = ["import_energy", "export_energy", "reactive_energy"]


def _quantity(random: Random, number: int, has_periods: bool) -> Row:
    agg = random.choice(["sum", "max", "min", "nth", "mean_of_n", "mean", "cost"])
    row = quantity(f"q{number}", agg=agg, unit="kWh" if agg in ("sum", "cost") else "kW")
    row |= {"n": random.randrange(1, 5), "distinct_days": random.random() < 0.5}
    row["tou"] = random.choice(["", "peak", "event"]) if has_periods and random.random() < 0.4 else ""
    row |= {"is_optional": random.random() < 0.3, "is_less_optional": random.random() < 0.9}
    kind = random.choice(["plain", "plain", "less", "apparent"])
    if kind == "less":
        measure, less = random.sample(MEASURES[:2], 2)
        nettings = ["none", "interval"] + (["hour"] if agg in ("sum", "cost") else [])
        nettings += ["day"] if agg == "sum" and not has_periods else []
        row |= {"measure": measure, "less_measure": less, "netting": random.choice(nettings)}
    elif kind == "apparent":
        row["measure"] = "apparent_energy"
    if agg in ("max", "min", "nth", "mean_of_n") and random.random() < 0.7:
        row |= {"interval_minutes": random.choice([60, 60, 180, 30]), "is_rolling": random.random() < 0.5}
    if agg in ("sum", "cost") and random.random() < 0.4:
        over, up_to = random.choice([(2, None), (None, 500), (100, 700), (0, 10**9)])
        row |= {"over_quantity": over, "up_to_quantity": up_to}
        if kind != "less" and random.random() < 0.4:
            row["netting"] = "hour"
    if agg == "cost":
        low = random.randrange(-(10**8), 10**8)
        row |= {
            "series_id": random.choice(["spot", "fine"]), "price_adder_e9": random.randrange(-(10**8), 10**8),
            "price_factor_e9": random.choice([10**9, 1_037_600_001]), "price_floor_e9": random.choice([None, low]),
            "price_cap_e9": random.choice([None, low + 10**8]),
        }  # fmt: skip
    return row


def _series(random: Random, start: date, end: date, tz_name: str) -> list[Row]:
    return [
        {"series_id": series_id, "tz_name": zone, "day": day, "interval_minutes": minutes,
         "values_e9": [random.randrange(-(10**9), 10**9) for _ in range(day_slots(zone, day, minutes))]}
        for zone in (tz_name, "Asia/Kathmandu")
        for series_id, minutes in (("spot", 60), ("fine", random.choice([15, 30])))
        for day in (start + timedelta(days=number) for number in range((end - start).days))
        if random.random() > 0.01
    ]  # fmt: skip


def make_quantity_case(random: Random) -> RatingInput:
    tz_name, start = random.choice(STARTS)
    end = start + timedelta(days=random.randrange(2, 7))
    has_periods = random.random() < 0.7
    turn = start + timedelta(days=random.randrange(0, 6))
    spans = [(0, 420, "off"), (420, 1050 + random.choice([0, 15, 30]), "peak"), (1050 + 30, 1440, "off")]
    spans[1] = (420, spans[2][0], "peak")
    seasons = ["dry", "wet"] if random.random() < 0.5 else [""]

    def season(month: int, day: int) -> str:
        return seasons[(month, day) >= (turn.month, turn.day)] if len(seasons) == 2 else ""

    events = [
        {"event_series": series, "tz_name": zone, "day": start + timedelta(days=random.randrange(0, 6)),
         "from_minute": begin, "to_minute": begin + random.choice([20, 120])}
        for zone in (tz_name, "Asia/Kathmandu")
        for series, begin in (("op", 60), ("op", 1000), ("grid", 60), ("grid", 1030))
        if random.random() < 0.7
    ]  # fmt: skip
    has_events = has_periods and random.random() < 0.6
    called = [("event", "op", 2), ("peak", "grid", 1)] if has_events else []
    rate_book = book(
        quantities=[_quantity(random, number, has_periods) for number in range(4)],
        components=[component(quantity_id="q0")],
        prices=[price()],
        season_days=season_days(season=season),
        tou_windows=windows(
            seasons=seasons,
            spans=lambda season, day_class: spans if has_periods and day_class < 7 else [(0, 1440, "off")]
            if has_periods else [(0, 1440, "")],
        ),
        events=events,
        event_windows=[
            {"version_id": "t@1", "tou": tou, "event_series": name, "position": place} for tou, name, place in called
        ],
        series_days=_series(random, start, end, tz_name),
    )  # fmt: skip
    dues, channels, days = [], [], {15: [], 30: [], 60: []}  # type: ignore[var-annotated]
    for number in range(random.randrange(1, 4)):
        agreement_id, minutes = f"A{number}-1", random.choice([15, 15, 30, 60])
        dues.append(due(start, end, account_id=f"A{number}", agreement_id=agreement_id, tz_name=tz_name))
        wanted = [m for m in MEASURES if random.random() < 0.9] + (["import_energy"] if random.random() < 0.2 else [])
        for place, measure in enumerate(wanted):
            channel_no = number * 10 + place + 1
            dates = {"from_date": start + timedelta(days=1)} if random.random() < 0.1 else {}
            channels.append(channel(channel_no, agreement_id, measure=measure, interval_minutes=minutes, **dates))
            top = random.choice([3, 1000, 2**31 - 1])
            for offset in range((end - start).days):
                values = [random.randrange(0, top) for _ in range(100)]
                row = day_row(
                    channel_no, start + timedelta(offset), values.__getitem__, minutes=minutes, tz_name=tz_name
                )
                if random.random() > 0.005:
                    days[minutes].append(row)
    return rating_input(rate_book, dues, channels, days)


def quantity_cases() -> st.SearchStrategy[RatingInput]:
    """Random inputs, from a seed so that a failing one can be drawn again."""
    return st.integers(min_value=0, max_value=2**32).map(lambda seed: make_quantity_case(Random(seed)))
