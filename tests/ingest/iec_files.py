"""IEC 61968-9 messages written for tests, in the shape of the standard."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from ingest.formats.records import FileRecords
from ingest.formats.text import read_source
from ingest.formats.xml import iec61968

QUARTER_HOURS = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"  # 15 minutes, delta, forward, electricity, energy, kWh
EXPORT = "0.0.2.4.19.1.12.0.0.0.0.0.0.0.0.0.72.0"  # the same backward, in Wh
REGISTER = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"  # bulk quantity, kWh


def records(text: str | bytes, *, is_end_stamped: bool = True) -> FileRecords:
    """Return what a message says."""
    data = text if isinstance(text, bytes) else text.encode()
    return iec61968.read(read_source("message.xml", "0" * 64, data), is_end_stamped=is_end_stamped)


def qualities(codes: Sequence[str]) -> str:
    """Return the qualities of a reading."""
    return "".join(f'<ReadingQualities><ReadingQualityType ref="{code}"/></ReadingQualities>' for code in codes)


def interval(
    stamp: str, value: str | None = "1", codes: Sequence[str] = (), period: tuple[str, str] | None = None
) -> str:
    """Return an interval reading; without value when it is None."""
    inner = "" if value is None else f"<value>{value}</value>"
    spans = f"<timePeriod><end>{period[1]}</end><start>{period[0]}</start></timePeriod>" if period else ""
    at = f"<timeStamp>{stamp}</timeStamp>" if stamp else ""
    return f"<IntervalReadings>{at}{inner}{spans}{qualities(codes)}</IntervalReadings>"


def block(readings: Sequence[str], code: str = QUARTER_HOURS) -> str:
    """Return a block of intervals of one reading type, which stands behind them."""
    inner = "\n".join(readings)
    return f'<IntervalBlocks>\n{inner}\n<ReadingType ref="{code}"/>\n</IntervalBlocks>'


def register(stamp: str, value: str = "1", code: str = REGISTER, codes: Sequence[str] = ()) -> str:
    """Return a reading outside of blocks."""
    return (
        f"<Readings><timeStamp>{stamp}</timeStamp><value>{value}</value>{qualities(codes)}"
        f'<ReadingType ref="{code}"/></Readings>'
    )


def meter(*parts: str, point: str = "UP1", serial: str = "M1") -> str:
    """Return the readings of a meter at a usage point; an empty name leaves the element out."""
    at = f"<UsagePoint><mRID>{escape(point)}</mRID></UsagePoint>" if point else ""
    by = f"<Meter><Names><name>{escape(serial)}</name></Names></Meter>" if serial else ""
    inner = "\n".join([*parts, by, at])
    return f"<MeterReading>\n{inner}\n</MeterReading>"


def message(*meters: str) -> str:
    """Return an event message of these."""
    body = "\n".join(meters)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<m:EventMessage xmlns:m="http://iec.ch/TC57/2011/schema/message">\n'
        "<m:Header><m:Verb>created</m:Verb><m:Noun>MeterReadings</m:Noun>"
        "<m:Timestamp>2024-03-11T04:00:00Z</m:Timestamp></m:Header>\n"
        '<m:Payload>\n<MeterReadings xmlns="http://iec.ch/TC57/2011/MeterReadings#">\n'
        f"{body}\n</MeterReadings>\n</m:Payload>\n</m:EventMessage>\n"
    )
