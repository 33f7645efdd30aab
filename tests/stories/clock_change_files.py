"""Days on which the clock changes, as the formats write them: the same hours in UTC, each told in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Usage = Mapping[datetime, int]
"""Wh by the instant at which an interval starts, in order of time."""

NEM_TIME = timedelta(hours=10)
READING_TYPE = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"  # 15 minutes, delta, forward, electricity, energy, kWh
BERLIN, DUBLIN, LONDON = "Europe/Berlin", "Europe/Dublin", "Europe/London"
NEW_YORK, SYDNEY = "America/New_York", "Australia/Sydney"
# The days of 23 and of 25 hours, by the rules of each zone for 2026.
CHANGES = {
    BERLIN: (date(2026, 3, 29), date(2026, 10, 25)),
    DUBLIN: (date(2026, 3, 29), date(2026, 10, 25)),
    LONDON: (date(2026, 3, 29), date(2026, 10, 25)),
    NEW_YORK: (date(2026, 3, 8), date(2026, 11, 1)),
    SYDNEY: (date(2026, 10, 4), date(2026, 4, 5)),
}
MAPPING = """
minutes = 60
meter_point = { column = "Punkt" }
channel = { constant = "1.8.0" }
unit = { constant = "kWh" }
stamp = { column = "Ende", format = "%d.%m.%Y %H:%M", marks = "end", clock = "Europe/Berlin" }
value = { column = "Wert", decimal_comma = true }
csv = { separator = ";" }
"""


@dataclass(frozen=True)
class Told:
    """A format: who writes it, where, its interval, its meter point (`{}` is a digit) and its channel."""

    name: str
    write: Callable[[str, ZoneInfo, int, Usage], str]
    tz_name: str
    minutes: int
    point: str
    suffix: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz_name)


def kwh(wh: int) -> str:
    """Return Wh as text in kWh."""
    return f"{wh // 1000}.{wh % 1000:03d}"


def usage_of(zone: ZoneInfo, first: date, days: int, minutes: int) -> dict[datetime, int]:
    """Return a use for each interval of the civil days from `first`; no two are the same."""
    start = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    after = first + timedelta(days=days)
    end = datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)
    count = int((end - start) / timedelta(minutes=minutes))
    return {start + timedelta(minutes=minutes * n): 1_000 + 37 * n for n in range(count)}


def by_day(zone: ZoneInfo, usage: Usage) -> dict[date, list[int]]:
    """Return the values of each civil day, in order of time."""
    days: dict[date, list[int]] = {}
    for start, wh in usage.items():
        days.setdefault(start.astimezone(zone).date(), []).append(wh)
    return days


def nem12(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Market days of UTC+10; before and after the span there is no data (quality N)."""
    at_market = {(start + NEM_TIME).replace(tzinfo=None): wh for start, wh in usage.items()}
    count = 24 * 60 // minutes
    lines = ["100,NEM12,202612010000,MDP,RET", f"200,{point},E1,E1,E1,N1,METER1,kWh,{minutes},"]
    for day in sorted({start.date() for start in at_market}):
        midnight = datetime(day.year, day.month, day.day)
        found = [at_market.get(midnight + timedelta(minutes=minutes * n)) for n in range(count)]
        values = ",".join("0" if wh is None else kwh(wh) for wh in found)
        lines.append(f"300,{day:%Y%m%d},{values},V,,,20261201000000,")
        lines += [f"400,{n},{n},{'N' if wh is None else 'A'},," for n, wh in enumerate(found, start=1)]
    return "\n".join([*lines, "900", ""])


def green_button(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Seconds from 1970 in UTC."""
    reading = f"{point}/MeterReading/1"
    readings = "".join(
        f"<IntervalReading><timePeriod><duration>{minutes * 60}</duration><start>{int(start.timestamp())}</start>"
        f"</timePeriod><value>{wh}</value></IntervalReading>\n"
        for start, wh in usage.items()
    )
    kind = (
        "<accumulationBehaviour>4</accumulationBehaviour><flowDirection>1</flowDirection>"
        f"<intervalLength>{minutes * 60}</intervalLength><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom>"
    )
    entries = [
        _entry("UsagePoint", "", point, [f"{point}/MeterReading"]),
        _entry("MeterReading", "", reading, [f"{reading}/IntervalBlock", "ReadingType/1"]),
        _entry("ReadingType", kind, "ReadingType/1", []),
        _entry("IntervalBlock", readings, f"{reading}/IntervalBlock/1", []),
    ]
    return f'<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n{"".join(entries)}</feed>\n'


def _entry(resource: str, inner: str, address: str, related: Sequence[str]) -> str:
    links = [("self", address), ("up", address.rpartition("/")[0]), *(("related", one) for one in related)]
    linked = "".join(f'<link rel="{rel}" href="/espi/1_1/resource/{href}"/>' for rel, href in links)
    content = f'<{resource} xmlns="http://naesb.org/espi">{inner}</{resource}>'
    return f'<entry>{linked}<content type="xml">{content}</content></entry>\n'


def iec61968(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Ends, with their offset from UTC."""
    ends = ((start + timedelta(minutes=minutes)).astimezone(zone).isoformat() for start in usage)
    readings = "".join(
        f"<IntervalReadings><timeStamp>{end}</timeStamp><value>{kwh(wh)}</value></IntervalReadings>\n"
        for end, wh in zip(ends, usage.values(), strict=True)
    )
    return (
        '<?xml version="1.0"?>\n<MeterReadings xmlns="http://iec.ch/TC57/2011/MeterReadings#"><MeterReading>\n'
        f'<IntervalBlocks>{readings}<ReadingType ref="{READING_TYPE}"/></IntervalBlocks>\n'
        f"<UsagePoint><mRID>{point}</mRID></UsagePoint></MeterReading></MeterReadings>\n"
    )


def mscons(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Starts and ends in UTC."""
    body = [f"LOC+172+{point}", "LIN+1", "PIA+5+1-1?:1.29.0:SRW"]
    for start, wh in usage.items():
        end = start + timedelta(minutes=minutes)
        times = [f"DTM+163:{start:%Y%m%d%H%M}?+00:303", f"DTM+164:{end:%Y%m%d%H%M}?+00:303"]
        body += [f"QTY+220:{kwh(wh)}:KWH", *times]
    head = ["UNH+M1+MSCONS:D:04B:UN:2.4c", "BGM+7+B1+9", "DTM+137:202612010815?+00:303"]
    message = [*head, *body, f"UNT+{len(head) + len(body) + 1}+M1"]
    return "UNA:+.? '" + "'".join(["UNB+UNOC:3+99:500+98:500+261201:0815+I1", *message, "UNZ+1+I1", ""])


def british_days(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """A row for a day; the short day leaves the last of 50 columns empty."""
    lines = ["MPAN,Date," + ",".join(f"HH{n}" for n in range(1, 51))]
    for day, values in by_day(zone, usage).items():
        lines.append(",".join([point, f"{day:%d/%m/%Y}", *map(kwh, values), *[""] * (50 - len(values))]))
    return "\n".join([*lines, ""])


def british_readings(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """A row for a half hour, its start on the clock: in autumn each label of the hour comes twice."""
    rows = [f"{point},{start.astimezone(zone):%d/%m/%Y %H:%M},{kwh(wh)}" for start, wh in usage.items()]
    return "\n".join(["MPAN,Datetime,kWh", *rows, ""])


def irish(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Ends on the clock, newest first."""
    step = timedelta(minutes=minutes)
    rows = [
        f"{point},S1,{kwh(wh)},Active Import Interval (kWh),{(start + step).astimezone(zone):%d-%m-%Y %H:%M}"
        for start, wh in reversed(usage.items())
    ]
    return "\n".join(["MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time", *rows, ""])


def cmep(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """A line for a day; ends on the clock."""
    lines: list[str] = []
    days = by_day(zone, usage)
    starts = iter(usage)
    for values in days.values():
        ends = [(next(starts) + timedelta(minutes=minutes)).astimezone(zone) for _ in values]
        triples = ",".join(f"{end:%Y%m%d%H%M},R0,{kwh(wh)}" for end, wh in zip(ends, values, strict=True))
        head = f"MEPMD01,20080501,SENSUS,U:1,7,{point},202612011515,{point},OK,E,KWH,1.0,00000100,{len(values)}"
        lines.append(f"{head},{triples}")
    return "\n".join([*lines, ""])


def long(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Starts with their offset."""
    rows = [f"{point},E1,kWh,{start.astimezone(zone).isoformat()},{kwh(wh)},A" for start, wh in usage.items()]
    return "\n".join(["meter_point,channel,unit,start,value,quality", *rows, ""])


def wide(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """A row for a civil day, its intervals in order."""
    width = 25 * 60 // minutes
    lines = ["meter_point,channel,unit,date,quality," + ",".join(f"v{n}" for n in range(1, width + 1))]
    for day, values in by_day(zone, usage).items():
        lines.append(",".join([point, "E1", "kWh", f"{day}", "A", *map(kwh, values), *[""] * (width - len(values))]))
    return "\n".join([*lines, ""])


def vendor(point: str, zone: ZoneInfo, minutes: int, usage: Usage) -> str:
    """Ends on the clock, as `MAPPING` reads them."""
    ends = ((start + timedelta(minutes=minutes)).astimezone(zone) for start in usage)
    rows = [
        f"{point};{end:%d.%m.%Y %H:%M};{kwh(wh).replace('.', ',')}"
        for end, wh in zip(ends, usage.values(), strict=True)
    ]
    return "\n".join(["Punkt;Ende;Wert", *rows, ""])


FORMATS = (
    Told("nem12", nem12, SYDNEY, 30, "431000000{}", "E1"),
    Told("espi", green_button, NEW_YORK, 60, "RetailCustomer/{}/UsagePoint/1", "delivered"),
    Told("iec61968", iec61968, BERLIN, 15, "UP{}", READING_TYPE),
    Told("mscons", mscons, BERLIN, 15, "DE00713731634000000000000000000{}", "1-1:1.29.0"),
    Told("uk_half_hourly", british_days, LONDON, 30, "220000000000{}", "kWh"),
    Told("uk_readings", british_readings, LONDON, 30, "220000000000{}", "kWh"),
    Told("esb_hdf", irish, DUBLIN, 30, "1000000000{}", "Active Import Interval (kWh)"),
    Told("cmep", cmep, NEW_YORK, 60, "M{}", "KWH"),
    Told("long", long, NEW_YORK, 15, "E{}", "E1"),
    Told("wide", wide, SYDNEY, 30, "E{}", "E1"),
    Told("mapped", vendor, BERLIN, 60, "E{}", "1.8.0"),
)
