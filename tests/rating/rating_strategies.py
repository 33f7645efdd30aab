"""Small random rate books with reads to rate: every kind of charge, version, season, period, tier and factor."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random

from hypothesis import strategies as st
from rating_rows import (
    CHICAGO,
    SYDNEY,
    Row,
    base,
    book,
    channel,
    component,
    day_row,
    due,
    factor,
    price,
    quantity,
    rating_input,
    season_days,
    usage_row,
    version,
    windows,
)

from model.rating import RatingInput

# Cycles around days on which the clock changes, a leap day, and a plain one.
STARTS = [
    (SYDNEY, date(2026, 10, 1)), (SYDNEY, date(2026, 4, 1)), (CHICAGO, date(2022, 3, 9)), (CHICAGO, date(2022, 11, 2)),
    (SYDNEY, date(2024, 2, 26)), (SYDNEY, date(2026, 6, 1)),
]  # fmt: skip
MODES = ["half_up", "half_even", "down", "up"]
PERIODS = ["off", "peak", "shoulder"]


def _price_e9(random: Random) -> int:
    return random.choice([random.randrange(-(10**9), 3 * 10**9), random.randrange(0, 40) * 5 * 10**6, 0])


def _spans(random: Random, names: list[str]):
    """Windows that partition each kind of day, drawn once for each season and kind of day."""
    drawn: dict[tuple[str, int], list[tuple[int, int, str]]] = {}

    def spans(season: str, day_class: int) -> list[tuple[int, int, str]]:
        if (season, day_class) not in drawn:
            edges = sorted(random.sample(range(1, 24), random.randrange(0, 3)))
            hours = [0, *edges, 24]
            drawn[season, day_class] = [(start * 60, end * 60, random.choice(names)) for start, end in pairwise(hours)]
        return drawn[season, day_class]

    return spans


def _price_rows(random: Random, row: Row, seasons: list[str], names: list[str], factor_id: str | None) -> list[Row]:
    count = 1 if row["tier_method"] == "none" else random.randrange(1, 4)
    edges = sorted(random.sample(range(1, 90), count - 1))
    unit = 200 if row["tiers_share"] == "day" else 3000
    limits = [0, *(edge * unit + random.choice([0, 1]) for edge in edges), None]
    return [
        price(row["component_id"], None if factor_id else _price_e9(random), row["version_id"], season=season, tou=tou,
              tier=tier, from_quantity=limits[tier - 1], to_quantity=limits[tier], factor_id=factor_id)
        for season in (seasons if row["by_season"] else [""])
        for tou in (names if row["by_tou"] else [""])
        for tier in range(1, count + 1)
    ]  # fmt: skip


def _charges(
    random: Random, version_id: str, seasons: list[str], names: list[str], measured: str
) -> dict[str, list[Row]]:
    """Quantities, components, prices and bases of one version."""
    optional = random.random() < 0.9
    quantities = [quantity("kwh", version_id, measure=measured, unit_size=random.choice([1000, 10**6]))]
    wanted = ["kwh"]
    if measured == "import_energy":
        tou = random.choice(["", *names])
        quantities.append(quantity("kw", version_id, agg="max", tou=tou, unit="kW"))
        quantities.append(quantity("kvarh", version_id, measure="reactive_energy", is_optional=optional))
        wanted += random.sample(["kw", "kvarh"], random.randrange(0, 3))
    rows: dict[str, list[Row]] = {"components": [], "prices": [], "bases": []}
    rounding = {"round_mode": random.choice(MODES), "round_step_minor": random.choice([1, 1, 5, 100])}
    for place, quantity_id in enumerate([*wanted, *random.sample(["kwh", "daily", "cycle"], random.randrange(0, 3))]):
        kind = quantity_id if quantity_id in ("daily", "cycle") else "quantity"
        is_plain = kind != "quantity" or measured == "gas_volume"
        by_tou = not is_plain and random.random() < 0.5 and quantity_id != "kw"
        factor_id = random.choice(["fuel", "levy"]) if random.random() < 0.2 else None
        row = component(
            f"c{place}", version_id, kind=kind, quantity_id=quantity_id if kind == "quantity" else None,
            position=place + 1, by_season=random.random() < 0.4, by_tou=by_tou, has_factor=factor_id is not None,
            tier_method=random.choice(["none", "graduated", "pro_rata"]) if kind == "quantity" else "none",
            tiers_share="none" if quantity_id == "kw" else random.choice(["cycle", "day"]),
            is_peak=quantity_id == "kw", **rounding,
        )  # fmt: skip
        rows["components"].append(row)
        rows["prices"] += _price_rows(random, row, seasons, names, factor_id)
    used = {row["quantity_id"] for row in rows["components"]}
    rows["quantities"] = [row for row in quantities if row["quantity_id"] in used]
    names_so_far = [row["component_id"] for row in rows["components"]]
    for level, kind in enumerate(random.choices(["percent", "minimum"], k=random.randrange(0, 4)), start=2):
        component_id = f"l{level}"
        rows["components"].append(
            component(component_id, version_id, kind=kind, level=level, position=level + 20,
                      price_share=random.choice(["cycle", "day"]), **rounding)
        )  # fmt: skip
        number = random.choice([10, 5, 2]) * 10**9 if kind == "percent" else random.randrange(1, 50) * 10**9
        rows["prices"].append(price(component_id, number, version_id))
        counted = random.sample(names_so_far, random.randrange(1, len(names_so_far) + 1))
        rows["bases"] += [base(component_id, name, version_id) for name in counted]
        names_so_far.append(component_id)
    return rows


def _tariff(random: Random, tariff_id: str, change: date, measured: str, currency: str) -> dict[str, list[Row]]:
    """One or two versions of a tariff; now and then a day without one."""
    tables: dict[str, list[Row]] = {}
    begins = [date(2000, 1, 1), change][: random.randrange(1, 3)]
    has_seasons, names = random.random() < 0.5, random.choice([[""], PERIODS[:2], PERIODS])
    for number, begin in enumerate(begins):
        version_id = f"{tariff_id}@{number}"
        seasons = ["summer", "winter"] if has_seasons else [""]
        ends = change - timedelta(days=random.random() < 0.05) if number == 0 and len(begins) == 2 else None
        rows = _charges(random, version_id, seasons, names, measured)
        turn = random.randrange(1, 29)

        def season(month: int, day: int, turn: int = turn) -> str:
            return "summer" if has_seasons and (month + day // turn) % 2 else "winter" if has_seasons else ""

        rows["versions"] = [
            version(version_id, tariff_id=tariff_id, valid_from=begin, valid_to=ends, currency=currency,
                    currency_exponent=2 if currency == "AUD" else 0)
        ]  # fmt: skip
        rows["season_days"] = season_days(version_id, season)
        rows["tou_windows"] = windows(version_id, seasons, _spans(random, names))
        rows["holidays"] = [{"version_id": version_id, "day": change}] if random.random() < 0.3 else []
        for name, added in rows.items():
            tables.setdefault(name, []).extend(added)
    return tables


def _usage(random: Random, channel_no: int, start: date, end: date) -> list[Row]:
    """Readings around a period, at times too late or too early."""
    day = start - timedelta(days=random.choice([0, 3, 40, -1 if random.random() < 0.1 else 5]))
    rows = []
    while day < end and (random.random() > 0.05 or not rows):
        following = min(day + timedelta(days=random.randrange(1, 30)), max(end, day + timedelta(days=1)))
        following += timedelta(days=random.choice([0, 0, 4]))
        rows.append(
            usage_row(channel_no, day, following, random.randrange(0, 10**6), quality=random.choice([0, 0, 2, 4]),
                      is_rejected=random.random() < 0.03, seq=random.randrange(1, 9))
        )  # fmt: skip
        day = following
    return rows


def _days(random: Random, channel_no: int, start: date, end: date, tz_name: str, minutes: int) -> list[Row]:
    top = random.choice([2, 1000, 10**6])
    rows = []
    for number in range(-1, (end - start).days + 1):
        if random.random() < 0.004:
            continue
        values = [random.randrange(0, top) for _ in range(110)]
        if random.random() < 0.004:
            values[random.randrange(0, 20)] = None  # type: ignore[call-overload]
        worst = random.choice([0, 0, 0, 1, 2, 4, 8 if random.random() < 0.02 else 7])
        rows.append(
            day_row(channel_no, start + timedelta(days=number), values.__getitem__, minutes=minutes, tz_name=tz_name,
                    worst=worst, seq=random.randrange(1, 9))
        )  # fmt: skip
    return rows


def make_case(random: Random) -> RatingInput:
    """One to four agreements on one or two tariffs, with their reads."""
    tz_name, start = random.choice(STARTS)
    end = start + timedelta(days=random.randrange(3, 12))
    change = start + timedelta(days=random.randrange(1, 8))
    currency = random.choice(["AUD", "AUD", "JPY"])
    kinds = {"ta": "import_energy", "tb": random.choice(["import_energy", "gas_volume"])}
    tables: dict[str, list[Row]] = {}
    for tariff_id, measured in kinds.items():
        for name, rows in _tariff(random, tariff_id, change, measured, currency).items():
            tables.setdefault(name, []).extend(rows)
    later = start + timedelta(days=random.randrange(1, 10))
    tables["factors"] = [factor("fuel", _price_e9(random), date(2000, 1, 1)), factor("fuel", _price_e9(random), later)]
    tables["factors"].append(
        factor("levy", _price_e9(random), date(2001, 1, 1), end if random.random() < 0.9 else later)
    )
    dues, channels, usage = [], [], []
    days: dict[int, list[Row]] = {15: [], 60: []}
    for number in range(random.randrange(1, 5)):
        account, tariff_id = random.choice(["A1", "A2", "A3"]), random.choice(["ta", "ta", "tb"])
        moved_in = start + timedelta(days=random.choice([0, 0, 1]))
        agreement_id = f"{account}-{number}"
        dues.append(
            due(moved_in, end, account_id=account, agreement_id=agreement_id, tariff_id=tariff_id, tz_name=tz_name,
                currency=currency if random.random() < 0.97 else "USD", cycle_start_date=start,
                cycle_end_date=end + timedelta(days=random.choice([0, 0, 2])))
        )  # fmt: skip
        for place in range(random.choice([1, 1, 2]) if random.random() < 0.97 else 0):
            channel_no = number * 10 + place + 1
            measured = kinds[tariff_id] if place == 0 else random.choice(["import_energy", "reactive_energy"])
            minutes = 0 if measured == "gas_volume" or random.random() < 0.05 else random.choice([60] * 7 + [15])
            dates = {"from_date": later} if random.random() < 0.1 else {}
            dates |= {"to_date": start + timedelta(days=random.randrange(1, 10))} if random.random() < 0.1 else {}
            channels.append(channel(channel_no, agreement_id, measure=measured, interval_minutes=minutes, **dates))
            if minutes:
                days[minutes] += _days(random, channel_no, start, end, tz_name, minutes)
            else:
                usage += _usage(random, channel_no, start, end)
    for rows in days.values():
        random.shuffle(rows)
    return rating_input(book(**tables), dues, channels, days, usage)


def cases() -> st.SearchStrategy[RatingInput]:
    """Random inputs of rating, from a seed so that a failing one can be drawn again."""
    return st.integers(min_value=0, max_value=2**32).map(lambda seed: make_case(Random(seed)))
