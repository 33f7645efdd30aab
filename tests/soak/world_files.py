"""What a drawn world writes down for Billmill: reference data, tariffs, and files of reads with when they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from world_truth import (
    BOOKS,
    BRANCHES,
    COMMODITY,
    DIALS,
    END,
    FIRST,
    Meter,
    Point,
    Price,
    Truth,
    days_between,
    slots_of,
)

MEASURE = {"E": "import_energy", "W": "water_volume", "G": "gas_volume"}
UNIT = {"E": "kWh", "W": "m3", "G": "m3"}
LONG_HEADER = "meter_point,channel,unit,start,value,quality,updated_at\n"
REGISTER_HEADER = "meter_point,channel,meter,unit,read_date,reading,kind,quality,updated_at\n"
EARLY = 10
"""Days after the end of a period on which all but the late reads are there."""
WINDOW = 60
"""Days that a cycle can be billed in; after the last day of the world all are opened again."""


@dataclass(frozen=True)
class Delivery:
    """Lines of a file that arrives on a day."""

    on: date
    name: str
    is_register: bool
    lines: tuple[str, ...]


def calendar(truth: Truth, days_open: int) -> list[str]:
    """Return the lines of cycles.csv; each window is open so many days after its period."""
    head = "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date"
    rows = [f"{name},all,{start},{end},{end},{end + timedelta(days_open)}" for name, start, end in truth.cycles]
    return [head, *rows]


def reference_data(truth: Truth) -> dict[str, str]:
    """Return the tables of `accounts import`; every account of the world is there from the start."""
    accounts = [(f"A{branch}-{number}", branch) for branch in BRANCHES for number in (1, 2, 3, 4)]
    points = list(truth.points.values())
    tables = {
        "branches": ["branch_id,name", *(f"B{branch},Branch {branch}" for branch in BRANCHES)],
        "cycles": calendar(truth, WINDOW),
        "customers": ["customer_id,name", *(f"K{account},Customer {account}" for account, _ in accounts)],
        "accounts": ["account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days",
                     *(f"{account},K{account},B{branch},all,{_currency(branch)},residential,14"
                       for account, branch in accounts)],
        "premises": ["premise_id,branch_id,address,city,postcode",
                     *(f"H{branch},B{branch},{branch} Street,Town,1000" for branch in BRANCHES)],
        "service_points": ["service_point_id,premise_id,commodity,tz_name,route,route_sequence",
                           *(f"{p.point_id},H{p.branch},{COMMODITY[p.letter]},{p.zone},R{p.branch},1" for p in points)],
        "meters": ["meter_id,service_point_id,installed_date,removed_date,dials,multiplier",
                   *(f"{m.meter_id},{p.point_id},{m.installed},,{DIALS},1" for p in points for m in p.meters)],
        "channels": ["channel_id,service_point_id,suffix,measure,interval_minutes,start_date,end_date",
                     *(f"{p.point_id}/1,{p.point_id},1,{MEASURE[p.letter]},{p.minutes},," for p in points)],
        "agreements": ["agreement_id,account_id,service_point_id,tariff_id,start_date,end_date",
                       *(f"{a.agreement_id},{a.account_id},{a.point_id},{a.kind}-{truth.points[a.point_id].book},"
                         f"{a.start}," for a in truth.agreements.values())],
    }  # fmt: skip
    return {f"{name}.csv": "\n".join(rows) + "\n" for name, rows in tables.items()}


def _currency(branch: int) -> str:
    return "CHF" if branch == 9 else "AUD" if branch >= 7 else "EUR"


def tariff_text(name: str, versions: list[Price]) -> str:
    """Return a tariff file."""
    kind, book = name.split("-")
    zone, currency, percent = BOOKS[book]
    letter = {"water": "W", "gas": "G"}.get(kind, "E")
    head = (
        f'tariff = "{name}"\ntitle = "{name}"\ncommodity = "{COMMODITY[letter]}"\ncurrency = "{currency}"\n'
        f'timezone = "{zone}"\nrounding = {{ line = "half_up 0.01" }}\n'
        '[attributes]\nsocial = { values = ["yes", "no"], default = "no" }\n'
        f'[quantities]\nuse = {{ measure = "{MEASURE[letter]}", agg = "sum", unit = "{UNIT[letter]}" }}\n'
    )
    if kind == "tou":
        head += (
            '[windows]\npeak = { days = "mon-fri", from = 07:00:00, to = 21:00:00 }\noff_peak = { else = ["peak"] }\n'
        )
    return head + "".join(_version_text(version, percent) for version in versions)


def _version_text(price: Price, percent: object) -> str:
    if "" in price.of_use:
        of_use = f"price = {price.of_use['']}"
    else:
        of_use = 'by = ["tou"]\nprice = { ' + ", ".join(f"{tou} = {rate}" for tou, rate in price.of_use.items()) + " }"
    return (
        f'[[versions]]\nvalid_from = {price.valid_from}\nsource = "the world"\n'
        f'[versions.charges.energy]\nof = "use"\n{of_use}\n'
        f'[versions.charges.supply]\nper = "day"\nprice = {price.supply}\n'
        f'[versions.charges.levy]\nper = "day"\nprice = {price.levy}\nwhen = "social == \'no\'"\n'
        f'[versions.charges.vat]\npercent = {percent}\nof = ["energy", "supply", "levy"]\ntax = "VAT"\n'
    )


def interval_lines(point: Point, days: list[date], updated: date, percent: int = 100) -> tuple[str, ...]:
    """Return lines of a long CSV; other than 100 percent is what a faulty meter told."""
    found = []
    for day in days:
        for (stamp, _), value in zip(slots_of(point.zone, day, point.minutes), point.use[day], strict=True):
            told = value * percent // 100
            found.append(f"{point.point_id},1,kWh,{stamp},{told // 1000}.{told % 1000:03},A,{updated}T06:00:00")
    return tuple(found)


def reading_line(point: Point, meter: Meter, day: date, updated: date, *, kind: str = "regular", apart: int = 0) -> str:
    """Return a line of a register file; `apart` litres is by how much it was misread."""
    told = (point.shows(meter, day) + apart) % 10 ** (DIALS + 3)
    value = f"{told // 1000}.{told % 1000:03}"
    return f"{point.point_id},1,{meter.meter_id},m3,{day},{value},{kind},A,{updated}T06:00:00"


def first_readings(truth: Truth) -> Delivery:
    """Return what the registers showed on the first day."""
    registers = [point for point in truth.points.values() if not point.minutes]
    lines = [reading_line(point, point.meters[0], FIRST, FIRST) for point in registers]
    return Delivery(FIRST, "first", True, tuple(lines))


def draw_reads(truth: Truth, start: date, end: date) -> list[Delivery]:
    """Draw how the reads of a period arrive: in time, late, twice, wrong and corrected, or never."""
    found = []
    for point in truth.points.values():
        made = _intervals(truth, point, start, end) if point.minutes else _reading(truth, point, end)
        found += made
    return found


def _intervals(truth: Truth, point: Point, start: date, end: date) -> list[Delivery]:
    draw, name = truth.draw, f"{point.point_id}-{start}"
    days, on, later = days_between(start, end), end + timedelta(days=1), end + timedelta(days=draw.randint(20, 150))
    chance, day = draw.random(), draw.choice(days[2:-2])
    rest = [some for some in days if some != day]
    if chance < 0.12:
        truth.log.append(f"{point.point_id}: {day} comes on {later}")
        return [Delivery(on, name, False, interval_lines(point, rest, on)),
                Delivery(later, f"{name}-late", False, interval_lines(point, [day], later))]  # fmt: skip
    if chance < 0.2:
        lines = interval_lines(point, days, on)
        return [Delivery(on, name, False, lines + lines[:50]), Delivery(on, f"{name}-again", False, lines[::-1])]
    if chance < 0.32:
        truth.log.append(f"{point.point_id}: {day} is wrong until {later}")
        wrong = interval_lines(point, rest, on) + interval_lines(point, [day], on, 130)
        right = interval_lines(point, [day], later)
        return [Delivery(on, name, False, wrong), Delivery(later, f"{name}-right", False, right)]
    if chance < 0.36:
        truth.log.append(f"{point.point_id}: {day} never comes")
        point.never_read.add(day)
        return [Delivery(on, name, False, interval_lines(point, rest, on))]
    return [Delivery(on, name, False, interval_lines(point, days, on))]


def _reading(truth: Truth, point: Point, end: date) -> list[Delivery]:
    draw, name = truth.draw, f"{point.point_id}-to-{end}"
    meter, on, later = point.meters[-1], end + timedelta(days=1), end + timedelta(days=draw.randint(20, 150))
    chance = draw.random() if end < END else 1.0
    if chance < 0.12:
        truth.log.append(f"{point.point_id}: reading of {end} comes on {later}")
        return [Delivery(later, name, True, (reading_line(point, meter, end, later),))]
    if chance < 0.22:
        read_on = end + timedelta(days=draw.randint(1, 5))
        truth.log.append(f"{point.point_id}: read on {read_on}, not on {end}")
        point.never_read.add(end)
        return [Delivery(end + timedelta(days=6), name, True, (reading_line(point, meter, read_on, on),))]
    if chance < 0.34:
        truth.log.append(f"{point.point_id}: reading of {end} is wrong until {later}")
        wrong, right = reading_line(point, meter, end, on, apart=2500), reading_line(point, meter, end, later)
        return [Delivery(on, name, True, (wrong,)), Delivery(later, f"{name}-right", True, (right,))]
    if chance < 0.38:
        truth.log.append(f"{point.point_id}: nobody reads on {end}")
        point.never_read.add(end)
        return []
    line = reading_line(point, meter, end, on)
    return [Delivery(on, name, True, (line, line) if chance < 0.44 else (line,))]
