"""Random bills on random tariffs: many agreements at once, their quantities given, or read from registers and slots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import polars as pl
from rating_rows import SYDNEY, Row, channel, day_row, due, factor, rating_input, usage_row
from tariff_strategies import PERIODS, make_tariff

from model.rating import BankBalances, DueAttributes, History, RatingInput
from model.schema import arranged, polars_schema
from model.tariff import Events, Quantities, RateBook
from rating.given import GivenQuantities
from tariffs.compile import compile_tariffs, with_factors

STARTS = [date(2026, 6, 1), date(2026, 4, 1), date(2024, 2, 26), date(2026, 12, 20), date(2026, 3, 17)]
TEXTS = ["north", "south"]


@dataclass(frozen=True)
class Bills:
    """An input, and quantities when they are given instead of measured."""

    given: RatingInput
    quantities: pl.DataFrame | None = None


def table(kind: type, rows: list[Row]) -> pl.DataFrame:
    return arranged(kind, pl.DataFrame(rows, schema=polars_schema(kind), orient="row"))  # type: ignore[arg-type]


def drawn_book(random: Random, start: date, count: int, *, is_given: bool) -> RateBook:
    files = [make_tariff(random, f"t{number}", start, is_given=is_given) for number in range(count)]
    change = start + timedelta(days=random.randrange(2, 20))
    rows = []
    for series in ("fca", "hs.north", "hs.south"):
        for day in (date(2000, 1, 1), change)[: random.randrange(1, 3)]:
            rows.append(factor(series, random.randrange(-(10**8), 3 * 10**8), day))
    events = [
        {"event_series": "op", "tz_name": SYDNEY, "day": start + timedelta(days=random.randrange(0, 6)),
         "from_minute": 900,
         "to_minute": random.choice([990, 1080])}
        for _ in range(1)
    ]  # fmt: skip
    book = with_factors(compile_tariffs(files), pl.DataFrame(rows, schema=polars_schema(_factors())))
    return replace(book, quantities=drawn_parts(random, book), events=table(Events, events))


def drawn_parts(random: Random, book: RateBook) -> pl.DataFrame:
    """Return the quantities, some formulas found by part that the compiler would find once, and the other way round."""
    rows = [
        row | {"is_by_part": row["is_by_part"] != (row["kind"] == "formula" and random.random() < 0.2)}
        for row in book.quantities.to_dicts()
    ]
    return table(Quantities, rows)


def _factors() -> type:
    from model.tariff import Factors

    return Factors


def drawn_attributes(random: Random, agreement_id: str, start: date) -> list[Row]:
    said: dict[str, tuple[Decimal | None, str | None]] = {}
    if random.random() < 0.99:
        said["load"] = (Decimal(random.choice(["0", "3.5", "12", "41.25"])), None)
    if random.random() < 0.99:
        said["size"] = (None, random.choice(["5/8", "1"]))
    if random.random() < 0.6:
        said["units"] = (Decimal(random.choice(["0", "1", "2", "3.5", "-1"])), None)
    if random.random() < 0.6:
        said["care"] = (Decimal(random.choice(["0", "1"])), None)
    if random.random() < 0.6:
        said["area"] = (None, random.choice(TEXTS))
    return [
        {"agreement_id": agreement_id, "start_date": start, "name": name, "number": value, "text": text}
        for name, (value, text) in said.items()
    ]


def drawn_banks(random: Random, agreement_id: str, start: date) -> list[Row]:
    return [
        {"agreement_id": agreement_id, "bank_id": bank_id, "tou": "", "balance": random.randrange(0, 10**11),
         "as_of_date": start}
        for bank_id in ("bank", "credit")
        if random.random() < 0.5
    ]  # fmt: skip


def drawn_use(random: Random, unit_size: int) -> int:
    """Draw a quantity in smallest units: none, at an edge, of a home, of a factory."""
    return random.choice(
        [0, 100 * unit_size, random.randrange(0, 400) * unit_size, random.randrange(0, 500_000),
         random.randrange(0, 500_000), random.randrange(0, 10**7)]
    )  # fmt: skip


def drawn_dates(random: Random, start: date, *, longest: int) -> tuple[date, date, date, date]:
    """Draw the due period and its cycle: mostly the whole of it."""
    end = start + timedelta(days=random.choice([7, longest - 3, longest - 1, longest]))
    first = start + timedelta(days=random.randrange(1, 4)) if random.random() < 0.2 else start
    last = end - timedelta(days=1) if random.random() < 0.1 else end
    return first, last, start, end


def make_given_bills(random: Random, tariffs: int, agreements: int) -> Bills:
    """Draw agreements whose quantities are given for their whole period."""
    start = random.choice(STARTS)
    book = drawn_book(random, start, tariffs, is_given=True)
    periods = [drawn_dates(random, start, longest=31) for _ in range(4)]
    dues, attributes, banks, quantities = [], [], [], []
    asked = {
        (f"t{number}", *period[:2]): _asked(book, f"t{number}", *period[:2])
        for number in range(tariffs)
        for period in periods
    }
    for number in range(agreements):
        agreement_id, tariff_id = f"A{number}", f"t{number % tariffs}"
        first, last, cycle_start, cycle_end = random.choice(periods)
        dues.append(
            due(first, last, account_id=f"A{number // 2}" if random.random() < 0.1 else f"A{number}x",
                agreement_id=agreement_id, tariff_id=tariff_id, service_point_id=f"S{number}",
                cycle_start_date=cycle_start, cycle_end_date=cycle_end)
        )  # fmt: skip
        attributes += drawn_attributes(random, agreement_id, first)
        banks += drawn_banks(random, agreement_id, first)
        for name, kind, unit_size, tous in asked[tariff_id, first, last]:
            share = 0.5 if kind == "history" else 0.0 if kind == "bank" else 0.999
            if kind == "formula" or random.random() > share:
                continue
            quantities += [
                {
                    "agreement_id": agreement_id,
                    "quantity_id": name,
                    "tou": tou,
                    "quantity": drawn_use(random, unit_size),
                }
                for tou in tous
            ]
    given = replace(
        rating_input(book, dues, []), attributes=table(DueAttributes, attributes), banks=table(BankBalances, banks)
    )
    return Bills(given, table(GivenQuantities, quantities))


def _asked(book: RateBook, tariff_id: str, first: date, last: date) -> list[tuple[str, str, int, list[str]]]:
    """Return the quantities of a tariff in a period: name, kind, unit size, and the periods by which they are given."""
    versions = book.versions.filter(pl.col("tariff_id") == tariff_id).sort("valid_from").to_dicts()
    starts = [row["valid_from"] for row in versions] + [date.max]
    held = [
        row["version_id"] for place, row in enumerate(versions) if starts[place] < last and first < starts[place + 1]
    ]
    by_tou = set(book.components.filter("by_tou").select("version_id", "quantity_id").iter_rows())
    found: dict[str, tuple[str, str, int, list[str]]] = {}
    for row in book.quantities.filter(pl.col("version_id").is_in(held)).to_dicts():
        name = row["quantity_id"]
        before = found.get(name, (name, row["kind"], row["unit_size"], [""]))
        is_split = (row["version_id"], name) in by_tou
        found[name] = (*before[:3], PERIODS[row["schedule"]] if is_split else before[3])
    return list(found.values())


def _slotted(book: RateBook) -> set[str]:
    """Return the tariffs that registers cannot measure: those with powers, or with use by period."""
    powers = book.quantities.filter((pl.col("kind") == "measured") & ((pl.col("agg") != "sum") | (pl.col("tou") != "")))
    by_tou = book.components.filter("by_tou")
    needing = pl.concat([powers.select("version_id"), by_tou.select("version_id")])
    return set(book.versions.join(needing, on="version_id", how="semi")["tariff_id"])


def make_read_bills(random: Random, tariffs: int, agreements: int) -> Bills:
    """Draw agreements with registers or hourly intervals, history and banks; some are due for two periods."""
    start = random.choice(STARTS)
    book = drawn_book(random, start, tariffs, is_given=False)
    slotted = _slotted(book)
    dues: list[Row] = []
    attributes: list[Row] = []
    banks: list[Row] = []
    channels: list[Row] = []
    usage: list[Row] = []
    history: list[Row] = []
    days: list[Row] = []
    for number in range(agreements):
        agreement_id = f"A{number}"
        tariff_id = f"t{number % tariffs}"
        is_read = tariff_id in slotted or random.random() < 0.2
        first, last, cycle_start, cycle_end = drawn_dates(random, start, longest=9 if is_read else 31)
        turns = [first, last]
        if random.random() < 0.3:
            turns = [first, first + timedelta(days=random.randrange(1, (last - first).days)), last]
        for begins, ends in pairwise(turns):
            dues.append(
                due(begins, ends, account_id=agreement_id, agreement_id=agreement_id, service_point_id=f"S{number}",
                    tariff_id=tariff_id, cycle_start_date=cycle_start, cycle_end_date=cycle_end)
            )  # fmt: skip
            attributes += drawn_attributes(random, agreement_id, begins)
        banks += drawn_banks(random, agreement_id, first if random.random() < 0.97 else cycle_start)
        history += _history(random, f"S{number}", cycle_start)
        for place, measure in enumerate(["import_energy", "export_energy"][: random.randrange(1, 3)]):
            channel_no = number * 10 + place
            channels.append(channel(channel_no, agreement_id, measure=measure, interval_minutes=60 if is_read else 0))
            if is_read:
                top = random.choice([2, 900, 40_000])
                days += [
                    day_row(channel_no, first + timedelta(step), lambda _, top=top: random.randrange(top), minutes=60,
                            tz_name=SYDNEY, worst=random.choice([0, 0, 0, 2]), seq=random.randrange(1, 9))
                    for step in range((last - first).days)
                ]  # fmt: skip
            else:
                begins = first - timedelta(days=random.choice([0, 0, 5]))
                ends = last + timedelta(days=random.choice([0, 0, 3]))
                usage.append(
                    usage_row(channel_no, begins, ends, drawn_use(random, 1000), quality=random.choice([0, 0, 4]),
                              seq=random.randrange(1, 9))
                )  # fmt: skip
    given = replace(
        rating_input(book, dues, channels, {60: days}, usage), attributes=table(DueAttributes, attributes),
        banks=table(BankBalances, banks), history=table(History, history),
    )  # fmt: skip
    return Bills(given)


def _history(random: Random, service_point_id: str, cycle_start: date) -> list[Row]:
    """Draw up to 26 earlier months of some quantities; now and then one that has not ended before the cycle."""
    rows = []
    for quantity_id, unit_size in (("kw", 1000), ("kwh", 1000), ("free", 10**9)):
        end = cycle_start + timedelta(days=random.choice([0, 0, 0, 3]))
        for _ in range(random.choice([0, 2, 14, 26])):
            begin = end - timedelta(days=random.choice([28, 30, 31]))
            value = random.randrange(-5 if quantity_id == "free" else 0, 99) * unit_size + random.randrange(3)
            rows.append(
                {"service_point_id": service_point_id, "quantity_id": quantity_id, "period_start_date": begin,
                 "period_end_date": end, "quantity": value, "unit_size": unit_size, "is_estimated": False,
                 "source": "bill"}
            )  # fmt: skip
            end = begin
    return rows
