"""IEC 61968-9 meter readings (CIM): messages with readings of meters at usage points.

The meter point of a series is the usage point's mRID, else its name, else the meter's mRID or name; its suffix is the
reading type as written, all eighteen parts. By the standard the time stamp of an interval reading is the END of its
interval, whose length is part 3 of the reading type; a time period of its own says it outright. Cumulative values are
register readings, on the clock in which they are written. Only stamps with an offset from UTC are taken.
Source: IEC 61968-9, MeterReadings.
"""

from __future__ import annotations

from ingest.formats.parsed import Source, gather_rejects
from ingest.formats.records import FileRecords, Opening, refused
from ingest.formats.xml.elements import Elements, opening_root, read_elements, with_own_lines
from ingest.formats.xml.iec61968_readings import (
    READINGS,
    interval_table,
    read_readings,
    reading_table,
    series_table,
    sound_rows,
)
from ingest.formats.xml.iec61968_types import read_type
from model.errors import InputError

FORMAT = "iec61968"
_ROOTS = frozenset({"EventMessage", "RequestMessage", "ResponseMessage", "MeterReadings", "MeterReadingsEventMessage"})
_NAMESPACE = b"iec.ch/TC57"


def matches(opening: Opening) -> bool:
    """Return whether the file is a message of IEC 61968, in an envelope or not, or the readings of one."""
    root = opening_root(opening.start)
    return root in _ROOTS or (root == "Envelope" and _NAMESPACE in opening.start)


def read(source: Source, *, is_end_stamped: bool = True) -> FileRecords:
    """Return what a message says; it never raises for bad input. `is_end_stamped` False: stamps are starts.

    Refuses the file as bad_xml or no_data. Rejects readings as bad_reading, bad_reading_type, bad_date, no_offset,
    bad_duration or no_local_time.
    """
    try:
        elements = read_elements(source.data)
    except InputError as error:
        return refused(source.name, source.sha256, FORMAT, "bad_xml", error.message)
    source, elements, counted = with_own_lines(source, elements, elements.of(*READINGS))
    rows = read_readings(elements)
    if rows.is_empty():
        return refused(
            source.name,
            source.sha256,
            FORMAT,
            "no_data",
            f"expected readings in MeterReading, found none in `{elements.root}`",
        )
    sound, rejects = sound_rows(source, rows, is_end_stamped=is_end_stamped)
    series = series_table(sound)
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        series,
        gather_rejects([rejects]),
        intervals=interval_table(sound, series),
        readings=reading_table(sound, series),
        lines=source.lines,
        notes={**counted, **_notes(elements, series["suffix"].unique(maintain_order=True).to_list(), is_end_stamped)},
    )


def _notes(elements: Elements, codes: list[str], is_end_stamped: bool) -> dict[str, str]:
    """Return the reading types in words, how stamps were taken, and when the message was made."""
    notes = {"stamps": "end of the interval" if is_end_stamped else "start of the interval"}
    for code in codes:
        kind = read_type(code)
        assert kind is not None, "series have readable types"
        notes[f"reading type {code}"] = kind.text()
    created = elements.children("Timestamp", "Header")
    if len(created):
        notes["created"] = elements.texts(created[:1])[0] or ""
    return notes
