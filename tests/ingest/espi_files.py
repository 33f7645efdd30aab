"""Green Button feeds written for tests, resource by resource, and what the real ones are known to hold."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from meter_files import SHARED

from ingest.formats.records import FileRecords
from ingest.formats.text import read_source
from ingest.formats.xml import espi

ROOT = "/espi/1_1/resource/"
POINT = "RetailCustomer/7/UsagePoint/1"


def records(text: str | bytes) -> FileRecords:
    """Return what a feed says."""
    data = text if isinstance(text, bytes) else text.encode()
    return espi.read(read_source("feed.xml", "0" * 64, data))


def entry(content: str, address: str = "", related: Sequence[str] = (), up: str | None = None, title: str = "") -> str:
    """Return an entry; `up` is the collection of its own address unless given."""
    collection = address.rpartition("/")[0] if up is None else up
    links = [("self", address), ("up", collection), *(("related", one) for one in related)]
    linked = "\n".join(f'<link rel="{rel}" href="{escape(ROOT + href)}"/>' for rel, href in links if href)
    return f"<entry>\n{linked}\n<title>{escape(title)}</title>\n<content>\n{content}\n</content>\n</entry>"


def usage_point(point: str = POINT, related: Sequence[str] | None = None) -> str:
    """Return a usage point that lists its meter readings, its summaries and the clock 1."""
    listed = (f"{point}/MeterReading", f"{point}/UsageSummary", "LocalTimeParameters/1") if related is None else related
    return entry(
        "<UsagePoint><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>", point, listed, title="House"
    )


def meter_reading(number: str = "1", reading_type: str = "1", point: str = POINT) -> str:
    """Return a meter reading that lists its blocks and its reading type."""
    address = f"{point}/MeterReading/{number}"
    return entry("<MeterReading/>", address, [f"{address}/IntervalBlock", f"ReadingType/{reading_type}"])


def reading_type(number: str = "1", **fields: str | int) -> str:
    """Return a reading type: Wh by the hour, delivered, unless `fields` say otherwise."""
    stated = {
        "accumulationBehaviour": 4,
        "flowDirection": 1,
        "intervalLength": 3600,
        "powerOfTenMultiplier": 0,
        "uom": 72,
    }
    inner = "".join(f"<{name}>{value}</{name}>\n" for name, value in {**stated, **fields}.items() if value != "")
    return entry(f"<ReadingType>\n{inner}</ReadingType>", f"ReadingType/{number}")


def clock(start: str = "360E2000", end: str = "B40E2000", offset: int = -18000, saving: int = 3600) -> str:
    """Return the clock 1: New York unless told otherwise."""
    inner = (
        f"<dstEndRule>{end}</dstEndRule><dstOffset>{saving}</dstOffset>"
        f"<dstStartRule>{start}</dstStartRule><tzOffset>{offset}</tzOffset>"
    )
    return entry(f"<LocalTimeParameters>{inner}</LocalTimeParameters>", "LocalTimeParameters/1")


def reading(
    start: int | str | None, value: int | str, seconds: int | None = 3600, qualities: Sequence[str] = (), cost: str = ""
) -> str:
    """Return an interval reading; no start or length: none is stated."""
    length = "" if seconds is None else f"<duration>{seconds}</duration>"
    at = "" if start is None else f"<start>{start}</start>"
    period = f"<timePeriod>{length}{at}</timePeriod>" if length or at else ""
    marks = "".join(f"<ReadingQuality><quality>{code}</quality></ReadingQuality>" for code in qualities)
    money = f"<cost>{cost}</cost>" if cost else ""
    return f"<IntervalReading>{money}{marks}{period}<value>{value}</value></IntervalReading>"


def block(
    readings: Sequence[str], number: str = "1", of: str = f"{POINT}/MeterReading/1", start: int = 0, seconds: int = 0
) -> str:
    """Return an entry with one block of readings."""
    interval = f"<interval><duration>{seconds}</duration><start>{start}</start></interval>"
    inner = "\n".join([interval, *readings])
    return entry(f"<IntervalBlock>\n{inner}\n</IntervalBlock>", f"{of}/IntervalBlock/{number}")


def summary(*measured: str, period: tuple[int, int] | None = None, point: str = POINT) -> str:
    """Return a usage summary; `period` is the billing period's start and length."""
    billed = (
        f"<billingPeriod><duration>{period[1]}</duration><start>{period[0]}</start></billingPeriod>" if period else ""
    )
    inner = "\n".join([billed, *measured])
    return entry(f"<UsageSummary>\n{inner}\n</UsageSummary>", f"{point}/UsageSummary/1")


def total(name: str, value: int, stamp: int | None = None, power: int = 0, uom: int = 72) -> str:
    """Return one total of a summary."""
    at = "" if stamp is None else f"<timeStamp>{stamp}</timeStamp>"
    inner = f"<powerOfTenMultiplier>{power}</powerOfTenMultiplier>{at}<uom>{uom}</uom><value>{value}</value>"
    return f"<{name}>{inner}</{name}>"


def feed(*entries: str) -> str:
    """Return a feed of entries; resources are in the namespace of ESPI."""
    body = "\n".join(entries).replace("<content>\n<", "<content>\n<").replace("<content>", '<content type="xml">')
    for kind in ("UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters", "IntervalBlock", "UsageSummary"):
        body = body.replace(f"<{kind}>", f'<{kind} xmlns="http://naesb.org/espi">')
        body = body.replace(f"<{kind}/>", f'<{kind} xmlns="http://naesb.org/espi"/>')
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    return f"{head}\n<updated>2024-07-01T00:00:00Z</updated>\n{body}\n</feed>\n"


def house(*entries: str) -> str:
    """Return a feed of one usage point with one meter reading and a clock, and these entries beside."""
    return feed(usage_point(), clock(), meter_reading(), *entries)


def expected_facts(folder: str = "greenbutton/") -> list[tuple[str, str, str]]:
    """Return (file, what, expected) of the real files; nothing when they are not there."""
    table = SHARED / "expected.csv"
    if not table.is_file():
        return []
    with table.open(newline="") as lines:
        return [
            (row["file"].removeprefix(folder), row["what"], row["expected"])
            for row in csv.DictReader(lines)
            if row["file"].startswith(folder)
        ]


def real_feeds() -> list[Path]:
    """Return the real feeds; none when they are not there."""
    return sorted((SHARED / "greenbutton").glob("*.xml"))
