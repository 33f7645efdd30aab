"""Mapping files: the examples of their page, every key, the days the clock changes, carried fractions, errors."""

from __future__ import annotations

import gzip
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from csv_sources import days_of, named_series, reasons, starts_of, total_of
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import shared_file

from ingest.formats.mapped.mapped import read_mapped
from ingest.formats.mapped.mapping import Coded, Csv, FileMapping, Habits, Stamp, Value, parse_mapping
from ingest.formats.parsed import Source
from ingest.formats.precision import carry_fractions
from ingest.formats.records import FileRecords
from model.codes import Quality
from model.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)

LONG = """
minutes = 60
meter_point = { column = "point" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { column = "value" }
stamp = { column = "at", format = "%Y-%m-%d %H:%M" }
"""


def mapping(text: str, **changes: str) -> FileMapping:
    """Return a mapping; a change replaces the line of its key, or adds one."""
    lines = [line for line in text.strip().splitlines() if line.split(" = ")[0] not in changes]
    return parse_mapping("\n".join([*(f"{key} = {value}" for key, value in changes.items()), *lines]), "acme.toml")


def read(text: str | bytes, mapped: FileMapping) -> FileRecords:
    data = text if isinstance(text, bytes) else text.encode()
    no_lines = pl.DataFrame(schema={"line": pl.Int64, "text": pl.String})
    return read_mapped(Source("usage.csv", "0" * 64, no_lines, data), mapped)


def long_file(*rows: tuple[str, str]) -> str:
    return "\n".join(["point,at,value", *(f"P1,{at},{value}" for at, value in rows)]) + "\n"


def examples() -> list[list[tuple[str, str]]]:
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    return [BLOCK.findall(part) for part in parts if part.startswith("Example")]


def test_the_first_example_of_the_page() -> None:
    (_, data), (_, toml), (_, expected) = examples()[0]
    records = read(data, parse_mapping(toml, "first.toml"))
    assert reasons(records) == []
    ((point, suffix, unit),) = named_series(records)
    levels = [Quality(level).name.lower() for level in records.intervals["quality"]]
    shown = [f"{point},{suffix},{unit}: {records.intervals.height} intervals, total {total_of(records)}"] + [
        f"{start:%Y-%m-%dT%H:%M} {value or '-'} {level}"
        for (start, value), level in zip(starts_of(records), levels, strict=True)
    ]
    assert shown == expected.splitlines()


def test_the_second_example_of_the_page() -> None:
    (_, data), (_, toml), (_, expected) = examples()[1]
    records = read(data, parse_mapping(toml, "second.toml"))
    ((point, suffix, unit),) = named_series(records)
    shown = [f"{point},{suffix},{unit}: {len(days_of(records))} days, total {total_of(records)}"] + [
        f"{day} {' '.join(value or '-' for value in values)}" for day, values in days_of(records).items()
    ]
    assert shown == expected.splitlines()


@pytest.mark.parametrize(
    ("name", "unit", "hours", "total"),
    [
        ("il-electricity-cdd-hdd-hourly", "kWh", 19417, "21927.13"),
        ("il-gas-hdd-only-hourly", "therm", 19417, "2426.82"),
    ],
)
def test_the_third_example_reads_real_files(name: str, unit: str, hours: int, total: str) -> None:
    ((_, toml),) = examples()[2]
    mapped = parse_mapping(toml.replace("kWh", unit), "third.toml")
    records = read(gzip.decompress(shared_file(f"opendsm/{name}.csv.gz").read_bytes()), mapped)
    assert (records.intervals.height, total_of(records), reasons(records)) == (hours, Decimal(total), [])
    # 2015-11-22T00:00:00-06:00 and 2018-02-08T00:00:00-06:00
    starts = records.intervals["start_utc"]
    assert (starts[0], starts[-1]) == (datetime(2015, 11, 22, 6, tzinfo=UTC), datetime(2018, 2, 8, 6, tzinfo=UTC))


def test_british_samples_without_and_with_offset_are_read() -> None:
    stamp = '{ column = "start", format = "%Y-%m-%d %H:%M:%S%z", clock = "offset" }'
    gas = mapping(LONG, meter_point='{ constant = "G" }', stamp=stamp, value='{ column = "value" }')
    records = read(gzip.decompress(shared_file("opendsm/uk-gas-hdd-only-hourly-sample-0.csv.gz").read_bytes()), gas)
    assert (records.intervals.height, reasons(records)) == (23508, [])
    assert records.intervals["start_utc"][0] == datetime(2020, 4, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("local", datetime(2026, 7, 1, 12)),
        ("utc", datetime(2026, 7, 1, 12)),
        ("+02:00", datetime(2026, 7, 1, 10)),
        ("-05:30", datetime(2026, 7, 1, 17, 30)),
        ("Europe/Lisbon", datetime(2026, 7, 1, 11)),
    ],
)
def test_a_stamp_stands_on_the_clock_that_the_mapping_names(clock: str, expected: datetime) -> None:
    stamp = f'{{ column = "at", format = "%Y-%m-%d %H:%M", clock = "{clock}" }}'
    assert starts_of(read(long_file(("2026-07-01 12:00", "1")), mapping(LONG, stamp=stamp))) == [(expected, "1")]


def test_midnight_may_be_2400_of_the_day_that_ends() -> None:
    stamp = '{ column = "at", format = "%Y-%m-%d %H:%M", marks = "end", clock = "utc" }'
    records = read(long_file(("2026-02-28 24:00", "1")), mapping(LONG, stamp=stamp))
    assert starts_of(records) == [(datetime(2026, 2, 28, 23), "1")]


@pytest.mark.parametrize("clock", ["12:24:00", "00:24:00", "23:24:00"])
def test_minutes_of_24_are_no_midnight(clock: str) -> None:
    stamp = '{ column = "at", format = "%Y-%m-%d %H:%M:%S", clock = "utc" }'
    records = read(long_file((f"2026-02-28 {clock}", "1")), mapping(LONG, stamp=stamp))
    assert starts_of(records) == [(datetime.fromisoformat(f"2026-02-28T{clock}"), "1")]


# Lisbon, 2014: 23 hours on 30 March (01:00 is skipped), 25 on 26 October (01:00 comes twice).
def quarters(day: datetime) -> list[str]:
    return [f"{day + timedelta(minutes=15 * n):%Y-%m-%d %H:%M:%S}" for n in range(1, 97)]


UCI = """
layout = "meters"
minutes = 15
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { first = 2, last = "MT_002", decimal_comma = true, factor = 0.25 }
stamp = { column = 1, format = "%Y-%m-%d %H:%M:%S", marks = "end", clock = "Europe/Lisbon" }
csv = { separator = ";" }
habits = { spring = "zero", autumn = "summed" }
"""


def uci_file(day: datetime, *, zero_hour: bool) -> str:
    """Loads in kW as the diagrams of 370 clients give them: always 96 quarters a day."""
    rows = []
    for number, label in enumerate(quarters(day)):
        load = "0" if zero_hour and 4 <= number < 8 else f"{number + 1},5"
        rows.append(f'"{label}";{load};2')
    return "\n".join(['"";"MT_001";"MT_002"', *rows]) + "\n"


def test_the_spring_hour_of_zeros_is_no_interval() -> None:
    records = read(uci_file(datetime(2014, 3, 30), zero_hour=True).replace(";2\n", ";0\n"), mapping(UCI))
    # The second meter has nothing but zeros: those of the skipped hour are left out, the other 92 are measured.
    starts = [start for start, _ in starts_of(records)]
    assert starts == [datetime(2014, 3, 30) + timedelta(minutes=15 * n) for n in range(92)]
    assert [len(starts_of(records, number)) for number in (0, 1)] == [92, 92]
    assert reasons(records) == []


def test_a_load_in_the_skipped_hour_is_refused() -> None:
    records = read(uci_file(datetime(2014, 3, 30), zero_hour=False), mapping(UCI))
    assert reasons(records) == [(line, "no_such_time") for line in (6, 7, 8, 9)]


def test_the_autumn_hour_that_holds_two_is_shared_and_its_energy_kept() -> None:
    records = read(uci_file(datetime(2014, 10, 26), zero_hour=False), mapping(UCI))
    found = starts_of(records, 0)
    assert sorted(start for start, _ in found) == [
        datetime(2014, 10, 25, 23) + timedelta(minutes=15 * n) for n in range(100)
    ]
    # 1.5, 2.5 ... 96.5 kW over a quarter of an hour each: (1 + 96) * 96 / 2 + 48 = 4704 kW, a fourth of it in kWh.
    assert total_of(records, 0) == Decimal(4704) / 4
    # 01:15 is the end of the quarter from 01:00: 5.5 kW are 1.375 kWh, 1375 Wh: 688 and 687.
    passes = [value for start, value in found if start in {datetime(2014, 10, 26, 0), datetime(2014, 10, 26, 1)}]
    assert [Decimal(value) for value in passes] == [Decimal("0.688"), Decimal("0.687")]
    shared = records.intervals.filter(pl.col("code") == "summed")
    assert (shared.height, set(shared["quality"])) == (16, {int(Quality.SUBSTITUTED)})


def test_a_sum_that_is_no_number_or_too_fine_is_not_made_up() -> None:
    summed = mapping(UCI, value='{ first = 2, last = "MT_002" }', habits='{ autumn = "summed" }')
    text = 'at;MT_001;MT_002\n"2014-10-26 01:15:00";x;0.00000000011\n'
    records = read(text, summed)
    assert [value for _, value in starts_of(records, 0)] == ["x"]
    assert [Decimal(value) for _, value in starts_of(records, 1)] == [Decimal("0.000000000055")] * 2


def berlin_labels(first: datetime, count: int, *, shift: int) -> list[str]:
    hours = pl.Series([first + timedelta(hours=n + shift) for n in range(count)])
    local = hours.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    return local.dt.strftime("%Y-%m-%d %H:%M").to_list()


@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("first", "count"),
    [(datetime(2026, 3, 28, 23), 23), (datetime(2026, 10, 24, 22), 25), (datetime(2024, 2, 28, 23), 24)],
    ids=["23 hours", "25 hours", "leap day"],
)
def test_no_hour_is_lost_when_the_clock_changes(marks: str, newest_first: bool, first: datetime, count: int) -> None:
    labels = berlin_labels(first, count, shift=1 if marks == "end" else 0)
    rows = [(label, str(number)) for number, label in enumerate(labels)]
    stamp = (
        f'{{ column = "at", format = "%Y-%m-%d %H:%M", marks = "{marks}", clock = "Europe/Berlin", '
        f"newest_first = {str(newest_first).lower()} }}"
    )
    records = read(long_file(*(rows[::-1] if newest_first else rows)), mapping(LONG, stamp=stamp))
    assert sorted(starts_of(records)) == [(first + timedelta(hours=n), str(n)) for n in range(count)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_local_end_stamps_of_the_repeated_hour_begin_where_the_one_before_ended(newest_first: bool) -> None:
    # The first four hours of Berlin on 2026-10-25 by their ends; the third ends when 03:00 has become 02:00.
    rows = [("2026-10-25 01:00", "1"), ("2026-10-25 02:00", "2"), ("2026-10-25 02:00", "3"), ("2026-10-25 03:00", "4")]
    stamp = f'{{ column = "at", format = "%Y-%m-%d %H:%M", marks = "end", newest_first = {str(newest_first).lower()} }}'
    records = read(long_file(*(rows[::-1] if newest_first else rows)), mapping(LONG, stamp=stamp))
    starts = records.intervals.sort("value").select(pl.col("start_local").dt.hour()).to_series().to_list()
    assert starts == [0, 1, 2, 2]
    folds = records.intervals.sort("value")["fold"].to_list()
    assert folds == ([None, None, 0, 1] if newest_first else [None] * 4)


WIDE = """
layout = "wide"
minutes = 60
meter_point = { column = "point" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { first = "h1", last = "h25" }
stamp = { column = "day", format = "%Y-%m-%d", clock = "Europe/Berlin" }
"""


def wide_file(*rows: tuple[str, list[str]]) -> str:
    head = ",".join(["point", "day", *(f"h{n}" for n in range(1, 26))])
    return "\n".join([head, *(",".join(["P1", day, *values]) for day, values in rows)]) + "\n"


@pytest.mark.parametrize(
    ("day", "hours", "midnight"),
    [
        ("2026-03-29", 23, datetime(2026, 3, 28, 23)),
        ("2026-10-25", 25, datetime(2026, 10, 24, 22)),
        ("2026-07-01", 24, datetime(2026, 6, 30, 22)),
    ],
)
def test_columns_in_sequence_follow_the_day_as_it_ran(day: str, hours: int, midnight: datetime) -> None:
    values = [str(n) for n in range(hours)] + [""] * (25 - hours)
    records = read(wide_file((day, values)), mapping(WIDE))
    assert starts_of(records) == [(midnight + timedelta(hours=n), str(n)) for n in range(hours)]


def test_values_behind_the_day_are_refused() -> None:
    records = read(wide_file(("2026-03-29", ["1"] * 24 + [""]), ("2026-07-01", ["1"] * 24 + ["0"])), mapping(WIDE))
    assert reasons(records) == [(2, "wrong_slot_count")]
    assert len(starts_of(records)) == 24


def test_columns_on_the_clock_leave_the_skipped_hour_out() -> None:
    by_clock = mapping(WIDE, slots='"clock"', value='{ first = "h1", last = "h24" }')
    values = [str(n) for n in range(24)] + [""]
    values[2] = ""  # 02:00 is skipped
    records = read(wide_file(("2026-03-29", values)), by_clock)
    first = datetime(2026, 3, 28, 23)
    assert [start for start, _ in starts_of(records)] == [first + timedelta(hours=n) for n in range(23)]


def test_wide_days_of_the_service_point_stay_days() -> None:
    local = mapping(WIDE, stamp='{ column = "day", format = "%Y-%m-%d" }')
    records = read(wide_file(("2026-03-29", ["1"] * 23 + ["", ""])), local)
    assert days_of(records) == {date(2026, 3, 29): ["1"] * 23 + ["", ""]}
    assert records.days[0].quality.tolist() == [[0] * 23 + [8, 8]]


def test_parquet_is_read_by_its_types() -> None:
    frame = pl.DataFrame(
        {
            "point": ["P1", "P1", "P1"],
            "at": pl.Series([datetime(2026, 7, 1, n) for n in range(3)]).dt.replace_time_zone("Europe/Lisbon"),
            "value": [0.1, 1e-7, None],
        }
    )
    data = io.BytesIO()
    frame.write_parquet(data)
    records = read(data.getvalue(), mapping(LONG, form='"parquet"', stamp='{ column = "at", clock = "offset" }'))
    expected = [(datetime(2026, 6, 30, 23), "0.1"), (datetime(2026, 7, 1, 0), "0.000000100000000000")]
    assert starts_of(records) == [*expected, (datetime(2026, 7, 1, 1), "")]
    assert records.intervals["quality"].to_list() == [0, 0, 8]


def test_parquet_days_and_decimals() -> None:
    frame = pl.DataFrame({"point": ["P1"], "day": [date(2026, 7, 1)]}).with_columns(
        pl.lit(Decimal(f"{n}.5")).alias(f"h{n}") for n in range(1, 26)
    )
    data = io.BytesIO()
    frame.write_parquet(data)
    records = read(
        data.getvalue(),
        mapping(WIDE, form='"parquet"', stamp='{ column = "day" }', value='{ first = "h1", last = "h24" }'),
    )
    assert total_of(records) == sum(Decimal(f"{n}.5") for n in range(1, 25))


def test_what_is_not_parquet_is_refused_as_a_whole() -> None:
    parquet = mapping(LONG, form='"parquet"')
    for data in (b"point,at,value\n", b"PAR1 and nothing", b""):
        assert reasons(read(data, parquet)) == [(0, "bad_mapping")]


def test_registers_are_readings() -> None:
    registers = mapping(
        LONG,
        kind='"registers"',
        meter='{ column = "meter" }',
        stamp='{ column = "at", format = "%Y-%m-%d" }',
        read_kind='{ column = "why", codes = { N = "regular", X = "removal" } }',
    )
    text = "point,meter,at,value,why\nP1,M1,2026-07-01,100,N\nP1,M1,2026-08-01,150,X\nP1,M1,2026-08-02,151,?\n"
    records = read(text, registers)
    assert reasons(records) == [(4, "bad_kind")]
    assert records.series["file_minutes"].to_list() == [0]
    assert records.readings.select("meter_id", "read_at", "value", "kind").rows() == [
        ("M1", datetime(2026, 7, 1), "100", "regular"),
        ("M1", datetime(2026, 8, 1), "150", "removal"),
    ]


def test_codes_missing_words_and_other_encodings() -> None:
    text = "Zähler;at;value;ok\nP1;2026-07-01 00:00;n/a;j\nP1;2026-07-01 01:00;1.000,5;J\nP1;2026-07-01 02:00;2,5;?\n"
    mapped = mapping(
        LONG,
        meter_point='{ column = "ZÄHLER" }',
        value='{ column = "value", decimal_comma = true, missing = ["N/A"] }',
        quality='{ column = "ok", codes = { J = "actual" } }',
        csv='{ separator = ";", encoding = "cp1252" }',
    )
    records = read(text.encode("cp1252"), mapped)
    assert reasons(records) == [(4, "bad_quality")]
    # A mark between thousands stays as it is, and is no number where the channel's unit is known.
    assert [value for _, value in starts_of(records)] == ["", "1.000,5"]
    assert reasons(read(text.encode("utf-16-le")[1:], mapping(LONG, csv='{ encoding = "utf-8" }'))) == [
        (0, "bad_mapping")
    ]


def test_a_column_that_is_not_there_refuses_the_file_and_names_those_that_are() -> None:
    records = read("a,b\n1,2\n", mapping(LONG))
    assert reasons(records) == [(0, "bad_mapping")]
    assert "names column `at`; the file has `a`, `b`" in records.rejects["detail"][0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"foo": "1"}, "key `foo`: expected no such key, found one"),
        ({"minutes": "7"}, "expected `minutes` one of 5, 10, 15, 30, 60, found 7"),
        ({"unit": "{ }"}, "key `unit`: expected either `column` or `constant`, found neither"),
        ({"layout": '"tall"'}, "key `layout`: expected `long`, `wide` or `meters`, found `tall`"),
        ({"habits": '{ spring = "zero" }'}, "expected a zone in `stamp.clock` for these habits"),
        ({"stamp": '{ column = "at" }'}, "expected `stamp.format`, such as %d/%m/%Y %H:%M, found none"),
        (
            {"stamp": '{ column = "at", format = "%Y", clock = "Mars/Olympus" }'},
            "key `stamp.clock`: expected local, utc, offset, an offset such as +01:00, or a zone such as "
            "Europe/Lisbon, found `Mars/Olympus`",
        ),
        ({"stamp": '{ column = "at", format = "%Y%z" }'}, "expected `%z` in `format` where, and only where, `clock`"),
        ({"value": '{ column = "v", factor = 0.0000001 }'}, "key `value.factor`: expected a number above 0"),
        ({"value": '{ first = "a", last = "b" }'}, "expected `value.column` for a value in each row"),
        ({"quality": '{ column = "q", codes = { A = "fine" } }'}, "key `quality.codes.A`: expected `actual`"),
        ({"kind": '"registers"'}, "expected `meter`, the serial number, for registers, found none"),
        ({"csv": '{ separator = ";;" }'}, "key `csv.separator`: string should have at most 1 character"),
        ({"csv": '{ encoding = "klingon" }'}, "key `csv.encoding`: expected an encoding such as utf-8"),
    ],
)
def test_a_mapping_that_does_not_hold_together_is_refused_with_file_and_key(
    changes: dict[str, str], expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        mapping(LONG, **changes)
    assert caught.value.message.startswith("mapping `acme.toml`: ")
    assert expected in caught.value.message


def test_the_page_lists_every_key() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## The keys")[1]
    listed = set(
        re.findall(r"`([a-z_.]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    parts = {"stamp": Stamp, "value": Value, "quality": Coded, "csv": Csv, "habits": Habits}
    keys = {name for name in FileMapping.model_fields if name not in parts}
    keys |= {f"{part}.{name}" for part, model in parts.items() for name in model.model_fields}
    assert listed - {"key"} == keys


def test_a_mapping_that_is_no_toml_is_refused() -> None:
    with pytest.raises(InputError, match="expected TOML"):
        parse_mapping("minutes 60", "acme.toml")


def carried_by_hand(values: list[str]) -> list[Fraction]:
    """The slow twin: running totals rounded half up to thousandths, and their differences."""
    running, before, found = Fraction(0), 0, []
    for value in values:
        running += Fraction(value)
        rounded = (2 * running * 1000 + 1) // 2
        found.append(Fraction(rounded - before, 1000))
        before = rounded
    return found


DECIMALS = st.decimals("-999", "99999", places=9).map(lambda value: f"{value:f}")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(DECIMALS, min_size=1, max_size=24), min_size=1, max_size=3))
def test_carried_values_keep_the_total_of_each_day(days: list[list[str]]) -> None:
    rows = [
        (f"2026-07-{day + 1:02d} {hour:02d}:00", value)
        for day, values in enumerate(days)
        for hour, value in enumerate(values)
    ]
    utc = '{ column = "at", format = "%Y-%m-%d %H:%M", clock = "utc" }'
    shuffled = sorted(rows, key=lambda row: row[1])
    records = read(long_file(*shuffled), mapping(LONG, precision='"carry"', stamp=utc))
    found = [Fraction(value) for _, value in sorted(starts_of(records))]
    assert found == [value for values in days for value in carried_by_hand(values)]
    assert carry_fractions(records).intervals.equals(records.intervals)


def test_days_are_carried_on_the_clock_that_the_mapping_names() -> None:
    rows = [(f"2026-07-01 {hour:02d}:00", "0.0004") for hour in range(24)]
    stamp = '{ column = "at", format = "%Y-%m-%d %H:%M", clock = "Australia/Sydney" }'
    records = read(long_file(*rows), mapping(LONG, precision='"carry"', stamp=stamp))
    assert total_of(records) == Decimal("0.010")  # 24 times 0.4 Wh are 9.6 Wh


def test_a_real_file_of_six_decimals_keeps_the_total_of_its_day() -> None:
    wide = mapping(
        WIDE,
        minutes="30",
        precision='"carry"',
        meter_point='{ column = "Meter Number" }',
        value='{ first = "00:00", last = "23:30" }',
        stamp='{ column = "Reading Date", format = "%d/%m/%y" }',
    )
    records = read(shared_file("uk_amr_csv/amr_data__row-per-day__valid.csv").read_bytes(), wide)
    assert total_of(records) == Decimal("901.889")  # the day states 901.889218 kWh
    assert days_of(records)[date(2018, 11, 12)][:4] == ["9.9", "4.466", "0.0", "3.349"]


def test_an_unknown_unit_and_a_text_are_left_to_landing() -> None:
    carried = mapping(LONG, precision='"carry"', unit='{ constant = "volts" }')
    assert starts_of(read(long_file(("2026-07-01 00:00", "0.00001")), carried))[0][1] == "0.00001"
    records = read(
        long_file(("2026-07-01 00:00", "x"), ("2026-07-01 01:00", "0.0006")), mapping(LONG, precision='"carry"')
    )
    assert [value for _, value in starts_of(records)] == ["x", "0.001"]


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([LONG, WIDE, UCI]))
def test_no_bytes_stop_a_mapping(data: bytes, toml: str) -> None:
    read(data, mapping(toml))
    read(b"point,at,value,day,MT_002,h1,h25\n" + data, mapping(toml))
