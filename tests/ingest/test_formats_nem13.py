from __future__ import annotations

import csv
import random
import re
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
from flow_files import read_soundly, readings, reasons, total
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import SHARED, shared_file

from ingest.formats.nem import nem13
from ingest.formats.records import Opening

HEAD = "100,NEM13,200401101030,MDA1,Ret1"
_FACT = re.compile(r"(?:quantity|sum) (\S+)/(\S+) over (\d+) (?:records|readings)")


def reading(
    current: str = "A,,",
    quantity: str = "1312.1",
    read_at: str = "20040107100333",
    suffix: str = "11",
    nmi: str = "NMI1",
) -> str:
    """Return a 250 record whose earlier reading was taken on 5 October 2003."""
    return (
        f"250,{nmi},11,1,{suffix},11,METSER123,E,006342.8,20031005093055,A,,,007654.9,{read_at},{current},{quantity},kWh,"
        "20040407, 20040108100333,20040108091133"
    )


def nem13_file(*records: str) -> str:
    return "\r\n".join([HEAD, *records, "900"]) + "\r\n"


def test_a_reading_states_both_readings_and_the_quantity_between() -> None:
    records = read_soundly(nem13.read, nem13_file(reading()))
    assert reasons(records) == []
    assert readings(records) == [
        (
            "NMI1",
            "11",
            "METSER123",
            datetime(2004, 1, 7, 10, 3, 33),
            "007654.9",
            "regular",
            "A",
            0,
            datetime(2003, 10, 5, 9, 30, 55),
            "006342.8",
            "1312.1",
        )
    ]
    assert records.series.select("unit", "file_minutes").rows() == [("kWh", 0)]
    assert records.readings["updated_at"].to_list() == [datetime(2004, 1, 8, 10, 3, 33)]  # written with a blank before


@pytest.mark.parametrize(
    ("current", "transaction", "kind", "code", "quality"),
    [
        ("A,,", "550,N,,N,", "regular", "A", 0),
        ("A,,", "550,N,,R,", "removal", "A", 0),
        ("E64,,", "550,N,,E,", "estimate", "E64", 4),
        ("E65,77,", "", "estimate", "E65/77", 4),
        ("S64,45,", "", "estimate", "S64/45", 2),
        ("F57,3,", "", "estimate", "F57/3", 3),
        ("A,75,", "", "customer", "A/75", 6),
        ("X,,", "", "regular", "X", None),
    ],
)
def test_each_flag_has_its_kind_and_quality(
    current: str, transaction: str, kind: str, code: str, quality: int | None
) -> None:
    records = read_soundly(nem13.read, nem13_file(reading(current), *([transaction] if transaction else [])))
    assert readings(records)[0][5:8] == (kind, code, quality)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (reading(nmi=""), "no_meter_point"),
        (reading(suffix=""), "no_meter_point"),
        (reading(read_at="20040230100333"), "bad_date"),
        (reading(read_at="20030107100333"), "bad_date"),  # before the reading before it
        (reading(read_at="200401071003"), "bad_date"),
        (reading(quantity=""), "no_quantity"),
        ("250,NMI1,11", "wrong_field_count"),
        ("300,20040101,1", "unknown_record"),
        ("550,N,,A,", "no_reading_record"),
    ],
)
def test_a_record_that_does_not_fit_is_rejected_alone(record: str, reason: str) -> None:
    records = read_soundly(nem13.read, nem13_file(record, reading()))
    assert reasons(records) == [(2, reason)]
    assert records.readings.height == 1


def test_a_file_without_end_says_so_and_one_without_readings_is_refused() -> None:
    assert reasons(read_soundly(nem13.read, f"{HEAD}\n{reading()}")) == [(2, "no_end_record")]
    assert reasons(read_soundly(nem13.read, f"{HEAD}\n900")) == [(0, "no_data")]
    assert reasons(read_soundly(nem13.read, reading())) == [(0, "no_header_record")]


def facts() -> list[tuple[str, str, str, int, str]]:
    """Return file, NMI, suffix, records and quantity of each NEM13 fact of expected.csv."""
    if not SHARED.is_dir():
        return []
    with (SHARED / "expected.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if "NEM13" in row["file"].upper()]
    found = ((row, _FACT.match(row["what"])) for row in rows)
    return [(row["file"], match[1], match[2], int(match[3]), row["expected"]) for row, match in found if match]


@pytest.mark.parametrize(("file", "nmi", "suffix", "count", "quantity"), facts())
def test_each_stated_fact_holds(file: str, nmi: str, suffix: str, count: int, quantity: str) -> None:
    records = read_soundly(nem13.read, shared_file(file).read_bytes())
    assert records.rejects.is_empty()
    named = records.readings.join(records.series, on="series_no", how="left", validate="m:1")
    own = named.filter((pl.col("meter_point") == nmi) & (pl.col("suffix") == suffix))
    assert (own.height, total(own["quantity"])) == (count, Decimal(quantity))


def test_the_forward_estimate_keeps_its_method() -> None:
    file = shared_file("nem12_plain/Example_NEM13_forward_estimate.csv")
    records = read_soundly(nem13.read, file.read_bytes())
    assert [row[6] for row in readings(records)] == ["E64", "E64"]


@pytest.mark.parametrize("reader", ["nemreader", "aemo_mdff_reader"])
def test_quantities_are_those_of_other_readers(reader: str) -> None:
    library = import_module(reader)
    path = shared_file("nem13/NEM13_Scenario18_POWERMDP_NEMMCO.csv")
    records = read_soundly(nem13.read, path.read_bytes())
    ours = {
        suffix: [Decimal(value) for value in values]
        for suffix, values in records.readings.join(records.series, on="series_no", how="left", validate="m:1")
        .group_by("suffix")
        .agg("quantity")
        .iter_rows()
    }
    assert ours == found_by(library, path)


def found_by(library: object, path: Path) -> dict[str, list[Decimal]]:
    """Return the quantities of each suffix that another reader finds."""
    if library.__name__ == "nemreader":  # type: ignore[attr-defined]
        nmis = library.read_nem_file(str(path)).readings  # type: ignore[attr-defined]
        channels = next(iter(nmis.values()))
        return {suffix: [Decimal(str(row.read_value)) for row in rows] for suffix, rows in channels.items()}
    found: dict[str, list[Decimal]] = {}
    for row in library.parse_accumulations(str(path)):  # type: ignore[attr-defined]
        found.setdefault(row.nmi_suffix, []).append(Decimal(str(row.quantity)))
    return found


QUANTITIES = st.decimals(min_value=-(10**6), max_value=10**9, places=3).map(str)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["11", "41"]), st.integers(0, 10**6), QUANTITIES),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 9999),
)
def test_what_is_written_comes_back_whatever_the_order(rows: list[tuple[str, str, int, str]], seed: int) -> None:
    moments = [datetime(2004, 1, 1) + timedelta(minutes=minutes) for _, _, minutes, _ in rows]
    records = [
        reading(quantity=quantity, read_at=f"{moment:%Y%m%d%H%M%S}", suffix=suffix, nmi=nmi)
        for (nmi, suffix, _, quantity), moment in zip(rows, moments, strict=True)
    ]
    random.Random(seed).shuffle(records)
    found = readings(read_soundly(nem13.read, nem13_file(*records)))
    expected = [
        (nmi, suffix, moment, quantity) for (nmi, suffix, _, quantity), moment in zip(rows, moments, strict=True)
    ]
    assert sorted((row[0], row[1], row[3], row[10]) for row in found) == sorted(expected)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damage_anywhere_never_raises(data: st.DataObject) -> None:
    text = nem13_file(reading(), "550,N,,N,", reading("E64,,"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(st.sampled_from([",", "\n", "", "250,", "550", "9" * 20, "é", '"', "-"]))
        text = text[:at] + piece + text[at + data.draw(st.sampled_from([0, 1, 9, 80])) :] or "x"
    records = read_soundly(nem13.read, text if text.strip(" ,\t\r\n") else "100")
    assert records.readings.height <= 5


def test_a_file_is_told_by_its_head() -> None:
    for first, expected in ((HEAD, True), ("100,NEM12,2004", False), ("250,NMI", False), ('"100","NEM13"', True)):
        assert nem13.matches(Opening(first, (), first.encode())) is expected
