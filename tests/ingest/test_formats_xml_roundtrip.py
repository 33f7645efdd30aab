"""What is written as XML is read again, in any order and shape; damage is refused, never a crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import espi_files as green
import iec_files as iec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.records import FileRecords, IntervalRecords, ReadingRecords, Series
from ingest.formats.text import read_source
from ingest.formats.xml import espi, iec61968
from ingest.formats.xml.elements import read_elements
from model.errors import InputError
from model.reads import Rejects
from model.schema import checked

VALUES = st.one_of(st.integers(-(10**12), 10**15).map(str), st.decimals(-1000, 10**6, places=3).map(str), st.just(""))
MINUTES = st.sampled_from([5, 15, 30, 60])
STARTS = st.datetimes(datetime(1980, 1, 1), datetime(2190, 1, 1)).map(
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12
)


def told(found: FileRecords) -> list[tuple[object, ...]]:
    """Return the intervals with their meter points, in order of time, without lines."""
    rows = found.intervals.join(found.series, on="series_no", how="left", validate="m:1")
    return sorted(rows.select("meter_point", "suffix", "unit", "power", "start_utc", "value", "code").rows())


@given(
    start=STARTS,
    minutes=MINUTES,
    values=st.lists(VALUES, min_size=1, max_size=30),
    power=st.integers(-12, 12),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_green_button_feeds_come_back(
    start: datetime, minutes: int, values: list[str], power: int, data: st.DataObject
) -> None:
    codes = [data.draw(st.sampled_from(["", "0", "8", "19"])) for _ in values]
    times = [start + timedelta(minutes=minutes * at) for at in range(len(values))]
    rows = [
        green.reading(int(at.timestamp()), value, 60 * minutes, [code] if code else [])
        for at, value, code in zip(times, values, codes, strict=True)
    ]
    kind = green.reading_type(intervalLength=60 * minutes, powerOfTenMultiplier=power)
    cut = data.draw(st.integers(0, len(rows)))
    blocks = [green.block(part, str(number)) for number, part in enumerate([rows[:cut], rows[cut:]])]
    entries = data.draw(st.permutations([green.usage_point(), green.clock(), green.meter_reading(), kind, *blocks]))
    text = green.feed(*entries)
    expected = sorted(
        (green.POINT, "delivered", "Wh", power, at, value, code)
        for at, value, code in zip(times, values, codes, strict=True)
    )
    for one in (text, text.replace("\n", ""), text.replace("\n", "\r\n"), text.encode("utf-16")):
        found = green.records(one)
        assert told(found) == expected
        assert found.rejects.is_empty()


@given(start=STARTS, values=st.lists(VALUES, min_size=1, max_size=30), point=NAMES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_messages_come_back(start: datetime, values: list[str], point: str, data: st.DataObject) -> None:
    times = [start + timedelta(minutes=15 * at) for at in range(len(values))]
    codes = [data.draw(st.sampled_from(["", "3.0.0", "3.7.0"])) for _ in values]
    rows = [
        iec.interval((at + timedelta(minutes=15)).isoformat(), value, [code] if code else [])
        for at, value, code in zip(times, values, codes, strict=True)
    ]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    meters = [iec.meter(iec.block(part), point=point) for part in (shuffled[:cut], shuffled[cut:])]
    text = iec.message(*meters)
    expected = sorted(
        (point, iec.QUARTER_HOURS, "Wh", 3, at, value, code)
        for at, value, code in zip(times, values, codes, strict=True)
    )
    for one in (text, text.replace("\n", ""), text.encode("utf-16")):
        found = iec.records(one)
        assert told(found) == expected
        assert found.rejects.is_empty()


NOON = 1_720_000_800
STAMPS = [f"2024-03-10T0{hour}:15:00-05:00" for hour in range(5)]
INTERVALS = [iec.interval(stamp, codes=["3.0.0", "1.2.32"]) for stamp in STAMPS]
SAMPLES: dict[str, tuple[str, Callable[..., FileRecords]]] = {
    "feed": (
        green.house(
            green.reading_type(),
            green.block([green.reading(NOON + 3600 * at, at, qualities=["8"], cost="7") for at in range(5)]),
            green.summary(green.total("overallConsumptionLastPeriod", 10), period=(NOON, 3600 * 5)),
        ),
        espi.read,
    ),
    "message": (
        iec.message(
            iec.meter(
                iec.block([iec.interval(stamp, codes=["3.0.0", "1.2.32"]) for stamp in STAMPS]), iec.register(STAMPS[0])
            )
        ),
        iec61968.read,
    ),
}
MARKS = """
< > / " ' & &amp; <!-- --> <![CDATA[ ]]> <? ?> <value/> </value> <start>1</start> <duration> é - 1e9 NaN
<IntervalBlock> </entry> 9999999999999999999999999999999999999999
"""
PIECES = [*MARKS.split(), "", "\n", "\r"]
WORDS = """
feed entry content link updated UsagePoint MeterReading ReadingType LocalTimeParameters UsageSummary billingPeriod
IntervalBlock interval IntervalReading timePeriod start duration value cost ReadingQuality quality
MeterReadings Header Timestamp Meter mRID Names name IntervalBlocks IntervalReadings Readings timeStamp
ReadingQualities ReadingQualityType
"""
TAGS = WORDS.split()


def read_whatever(data: bytes, read: Callable[..., FileRecords]) -> FileRecords | None:
    """Return what a reader makes of bytes, its tables checked; None for bytes that are no text."""
    try:
        source = read_source("file.xml", "0" * 64, data)
    except InputError:
        return None
    found = read(source)
    checked(Series, found.series)
    checked(IntervalRecords, found.intervals)
    checked(ReadingRecords, found.readings)
    checked(Rejects, found.rejects)
    assert not found.intervals.select("line", "series_no").is_duplicated().any()
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_anywhere_never_raises(name: str) -> None:
    sample, read = SAMPLES[name]
    draw = random.Random(f"damage {name}")
    for _ in range(150):
        text = sample
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(PIECES) + text[at + draw.choice([0, 1, 5, 60]) :]
        read_whatever(text.encode(), read)


@pytest.mark.parametrize("name", SAMPLES)
def test_cutting_a_file_anywhere_refuses_it_as_a_whole(name: str) -> None:
    sample, read = SAMPLES[name]
    draw = random.Random(f"cut {name}")
    for _ in range(60):
        found = read_whatever(sample[: draw.randrange(len(sample.rstrip()))].encode(), read)
        assert found is not None
        assert found.rejects.select("line", "reason").rows() == [(0, "bad_xml")]


@st.composite
def trees(draw: st.DrawFn, depth: int = 5) -> str:
    """Draw sound XML out of the words of both formats, in any order."""
    tag = draw(st.sampled_from(TAGS))
    attributes = draw(st.sampled_from(["", ' rel="self" href="/a"', ' ref="1.2"', " x='>'", ' y="&lt;"']))
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return f"<{tag}{attributes}>{draw(st.sampled_from(['', '1', '900', 'x', '1330578000', '72', '-3']))}</{tag}>"
    inner = "".join(draw(st.lists(trees(depth=depth - 1), max_size=4)))
    return f"<{tag}{attributes}>{inner}</{tag}>"


@given(text=trees())
@settings(max_examples=100, deadline=None)
def test_the_words_of_the_formats_in_any_order_never_raise(text: str) -> None:
    for read in (espi.read, iec61968.read):
        read_whatever(text.encode(), read)


@given(text=trees())
@settings(max_examples=100, deadline=None)
def test_elements_are_those_of_a_tree_parser(text: str) -> None:
    from xml.etree import ElementTree

    elements = read_elements(text.encode())
    nodes = list(ElementTree.fromstring(text).iter())
    parents = {child: parent for parent in nodes for child in parent}
    order = {node: number for number, node in enumerate(nodes)}
    assert [elements.name_of(row) for row in range(len(nodes))] == [node.tag for node in nodes]
    assert elements.parent.tolist() == [order[parents[node]] if node in parents else -1 for node in nodes]
    rows = elements.of(*elements.names)
    assert elements.texts(rows).to_list() == [None if len(node) else (node.text or "").strip() for node in nodes]
    for name in ("href", "ref", "x", "y"):
        assert elements.attributes(rows, name).to_list() == [node.get(name) for node in nodes]
