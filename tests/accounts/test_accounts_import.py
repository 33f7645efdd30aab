"""Reference data: bad rows are named with file, line and reason; the good ones are kept, or none, as asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from accounts.importing import ImportReport, import_files
from accounts.numbering import channel_numbers, number_channels
from accounts.selection import SELECTED_FROM, Cycle, cut_partitions, select_due
from model.accounts import IMPORTED
from model.errors import InputError
from model.events import EVENTS
from store.control import control
from store.facts import facts
from store.workspace import Workspace, create_workspace

AT = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {
    "branches": "branch_id,name\nTX,Texas\n",
    "cycles": "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date\n"
    "2022-11,monthly,2022-11-01,2022-12-01,2022-12-01,2022-12-10\n",
    "customers": "customer_id,name\nC1,Jo Doe\n",
    "accounts": "account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days\n"
    "A1,C1,TX,monthly,USD,residential,21\n",
    "premises": "premise_id,branch_id,address,city,postcode\nP1,TX,1 Main St,Austin,78701\n",
    "service_points": "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
    "S1,P1,electricity,America/Chicago,R1,1\n",
    "meters": "meter_id,service_point_id,installed_date,removed_date,dials,multiplier\nM1,S1,2020-01-01,,6,1\n",
    "channels": "channel_id,service_point_id,suffix,measure,interval_minutes\nS1/E1,S1,E1,import_energy,15\n",
    "agreements": "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\nG1,A1,S1,flat,2022-03-01,\n",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "books", name="x")


def write(folder: Path, **changed: str) -> Path:
    folder.mkdir(exist_ok=True)
    for table, text in (GOOD | changed).items():
        (folder / f"{table}.csv").write_text(text)
    return folder


def load(workspace: Workspace, folder: Path, *, all_or_nothing: bool = False) -> ImportReport:
    return import_files(workspace, [folder], all_or_nothing=all_or_nothing, recorded_at=AT, actor="ana")


@pytest.mark.parametrize(
    ("table", "row", "reason", "detail"),
    [
        ("customers", "C2,", "value_missing", "column name: expected a text, found ``"),
        ("customers", "C1,Jo Again", "key_doubled", "customer_id stands already in customers.csv line 2"),
        ("accounts", "A2,C9,TX,monthly,USD,res,21", "unknown_reference", "customer_id `C9` is not among the customers"),
        ("accounts", "A2,C1,TX,monthly,XYZ,res,21", "value_not_allowed",
         "column currency: expected a currency of ISO 4217 that Billmill knows, found `XYZ`"),
        ("accounts", "A2,C1,TX,monthly,USD,res,x", "bad_value",
         "column payment_days: expected a whole number, found `x`"),
        ("accounts", "A2,C1,TX,monthly,USD,res,-1", "value_not_allowed",
         "column payment_days: expected at least 0, found `-1`"),
        ("service_points", "S2,P1,steam,America/Chicago,R1,2", "value_not_allowed",
         "column commodity: expected one of electricity, gas, water, heat, found `steam`"),
        ("service_points", "S2,P1,gas,Texas,R1,2", "value_not_allowed",
         "column tz_name: expected an IANA zone like Australia/Sydney, or Europe/Berlin@06:00, found `Texas`"),
        ("meters", "M2,S1,01/02/2020,,6,1", "bad_value",
         "column installed_date: expected a date like 2026-10-01, found `01/02/2020`"),
        ("meters", "M2,S1,2020-01-02,2020-01-02,6,1", "dates_reversed",
         "removed_date 2020-01-02 is not after installed_date 2020-01-02"),
        ("channels", "S1/E2,S1,E2,import_energy,7", "value_not_allowed",
         "column interval_minutes: expected one of 0, 5, 10, 15, 30, 60, found `7`"),
        ("cycles", "2022/12,monthly,2022-12-01,2023-01-01,2023-01-01,2023-01-10", "value_not_allowed",
         "column cycle_id: expected letters, digits and . _ - (at most 100 bytes, a run's folder is named after it), "
         "found `2022/12`"),
        ("cycles", "../../x,monthly,2022-12-01,2023-01-01,2023-01-01,2023-01-10", "value_not_allowed",
         "column cycle_id: expected letters, digits and . _ - (at most 100 bytes, a run's folder is named after it), "
         "found `../../x`"),
        ("cycles", "é" * 51 + ",monthly,2022-12-01,2023-01-01,2023-01-01,2023-01-10", "value_not_allowed",
         "column cycle_id: expected letters, digits and . _ - (at most 100 bytes, a run's folder is named after it), "
         "found `" + "é" * 51 + "`"),
        ("cycles", "2022-11b,monthly,2022-11-30,2023-01-01,2023-01-01,2023-01-10", "periods_overlap",
         "cycle `2022-11` of group `monthly` has days from 2022-11-01 to 2022-12-01 already"),
        ("channels", "S1/W,S1,W,water_volume,0", "measure_mismatch",
         "column measure: expected one of import_energy, export_energy, reactive_energy, reactive_export, "
         "apparent_energy at service point `S1` of electricity, found `water_volume`"),
        ("channels", "S1/X,S1,E1,export_energy,15", "suffix_doubled",
         "column suffix: `E1` stands at service point `S1` for channel `S1/E1` of 15 minutes already; files could not "
         "tell them apart"),
        ("meters", "M2,S1,2020-01-02,,6,1000000001", "value_not_allowed",
         "column multiplier: expected at most 1000000000, found `1000000001`"),
        ("agreements", "G2,A1,S1,flat,2022-05-01,", "supplied_twice",
         "service point `S1` is under agreement `G1` on these days"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_rest_is_recorded(
    workspace: Workspace, tmp_path: Path, table: str, row: str, reason: str, detail: str
) -> None:
    report = load(workspace, write(tmp_path / "in", **{table: GOOD[table] + row + "\n"}))
    assert report.rejects.rows() == [(f"{table}.csv", 3, reason, detail)]
    assert report.is_recorded and report.counts[table].new == 1


def test_a_row_that_refers_to_a_rejected_row_is_rejected_too(workspace: Workspace, tmp_path: Path) -> None:
    report = load(workspace, write(tmp_path / "in", customers="customer_id,name\nC1,\n"))
    found = report.rejects.select("file", "reason").rows()
    assert found == [
        ("accounts.csv", "unknown_reference"),
        ("agreements.csv", "unknown_reference"),
        ("customers.csv", "value_missing"),
    ]


def test_all_or_nothing_records_nothing_when_one_row_is_bad(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", customers=GOOD["customers"] + "C2,\n")
    report = load(workspace, folder, all_or_nothing=True)
    assert not report.is_recorded
    with control(workspace, purpose="test") as connection:
        assert all(facts(connection, table).is_empty() for table in IMPORTED)


def test_importing_again_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    load(workspace, folder)
    again = load(workspace, folder)
    assert {(c.new, c.changed, c.same) for c in again.counts.values()} == {(0, 0, 1)}


def test_an_agreement_may_follow_another_on_the_same_day(workspace: Workspace, tmp_path: Path) -> None:
    header = GOOD["agreements"].splitlines()[0]
    rows = "G1,A1,S1,flat,2022-03-01,2022-05-01\nG2,A1,S1,flat,2022-05-01,\n"
    report = load(workspace, write(tmp_path / "in", agreements=f"{header}\n{rows}"))
    assert report.rejects.is_empty()


def test_parquet_is_taken_like_csv(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    pl.read_csv(folder / "meters.csv", try_parse_dates=True).write_parquet(folder / "meters.parquet")
    (folder / "meters.csv").unlink()
    assert load(workspace, folder).counts["meters"].new == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("people.csv", "a\n1\n", "its name says no table"),
        ("customers.csv", "customer_id,nam\nC1,x\n", "missing name; unknown nam"),
        ("customers.csv", "", "is not readable as csv"),
        ("customers.parquet", "PAR1 not really", "is not readable as parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    workspace: Workspace, tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        import_files(workspace, [path], all_or_nothing=False, recorded_at=AT, actor="ana")


def test_channels_are_numbered_by_branch_route_and_place_and_keep_their_numbers(
    workspace: Workspace, tmp_path: Path
) -> None:
    places = pl.DataFrame({
        "channel_id": ["c1", "c2", "c3"], "service_point_id": ["s1", "s2", "s3"], "suffix": ["E1"] * 3,
        "measure": ["import_energy"] * 3, "interval_minutes": [15] * 3, "tz_name": ["UTC"] * 3,
        "commodity": ["electricity"] * 3, "branch_id": ["b2", "b1", "b1"], "route": ["r1", "r2", "r2"],
        "route_sequence": [1, 2, 1],
    })  # fmt: skip
    none = pl.DataFrame(schema={"channel_no": pl.Int32, "channel_id": pl.String})
    first = number_channels(places, none)
    assert dict(first.select("channel_id", "channel_no").iter_rows()) == {"c3": 1, "c2": 2, "c1": 3}
    new = pl.concat([places, places.head(1).with_columns(channel_id=pl.lit("c0"), branch_id=pl.lit("b0"))])
    again = number_channels(new, first.select("channel_no", "channel_id"))
    assert dict(again.select("channel_id", "channel_no").iter_rows()) == {"c3": 1, "c2": 2, "c1": 3, "c0": 4}


CYCLE = Cycle("2022-11", "monthly", date(2022, 11, 1), date(2022, 12, 1), date(2022, 12, 1), date(2022, 12, 10))
NOTHING_BILLED = pl.DataFrame(
    schema={
        "agreement_id": pl.String,
        "period_start_date": pl.Date,
        "period_end_date": pl.Date,
        "bill_id": pl.String,
    }
)


def due_of(workspace: Workspace, billed: pl.DataFrame = NOTHING_BILLED) -> pl.DataFrame:
    with control(workspace, purpose="test") as connection:
        known = {table: facts(connection, table) for table in (*IMPORTED, *EVENTS)}
    return select_due(CYCLE, known, billed, ())


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2022-03-01", "", (date(2022, 11, 1), date(2022, 12, 1))),
        ("2022-11-30", "", (date(2022, 11, 30), date(2022, 12, 1))),
        ("2022-12-01", "", None),
        ("2022-03-01", "2022-11-02", (date(2022, 11, 1), date(2022, 11, 2))),
        ("2022-03-01", "2022-11-01", None),
    ],
)
def test_an_agreement_is_due_for_its_days_in_the_cycle(
    workspace: Workspace, tmp_path: Path, start: str, end: str, expected: tuple[date, date] | None
) -> None:
    header = GOOD["agreements"].splitlines()[0]
    load(workspace, write(tmp_path / "in", agreements=f"{header}\nG1,A1,S1,flat,{start},{end}\n"))
    found = due_of(workspace).select("start_date", "end_date").rows()
    assert found == ([] if expected is None else [expected])


def test_what_is_billed_is_not_due_again(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, write(tmp_path / "in"))
    billed = pl.DataFrame(
        [("G1", date(2022, 11, 1), date(2022, 12, 1), "A1.2022-11.r0")], schema=NOTHING_BILLED.schema, orient="row"
    )
    assert due_of(workspace, billed).is_empty()
    elsewhere = billed.with_columns(agreement_id=pl.lit("G0"))
    assert due_of(workspace, elsewhere)["bill_id"].to_list() == ["A1.2022-11.r1"]


@pytest.mark.parametrize(
    ("billed_from", "billed_to", "expected"),
    [
        ((2022, 11, 1), (2022, 11, 21), (date(2022, 11, 21), date(2022, 12, 1))),  # its end was lifted
        ((2022, 11, 5), (2022, 12, 1), (date(2022, 11, 1), date(2022, 11, 5))),  # its start was put earlier
        ((2022, 11, 5), (2022, 11, 21), (date(2022, 11, 1), date(2022, 11, 5))),  # both: the rest is due afterwards
        ((2022, 10, 1), (2022, 11, 1), (date(2022, 11, 1), date(2022, 12, 1))),
        ((2022, 10, 1), (2022, 12, 1), None),
        ((2022, 10, 15), (2022, 11, 15), (date(2022, 11, 15), date(2022, 12, 1))),  # a cycle of another bill group
    ],
)
def test_days_that_are_not_billed_yet_stay_due(
    workspace: Workspace,
    tmp_path: Path,
    billed_from: tuple[int, int, int],
    billed_to: tuple[int, int, int],
    expected: tuple[date, date] | None,
) -> None:
    load(workspace, write(tmp_path / "in"))
    row = ("G1", date(*billed_from), date(*billed_to), "A1.2022-11.r0")
    found = due_of(workspace, pl.DataFrame([row], schema=NOTHING_BILLED.schema, orient="row"))
    assert found.select("start_date", "end_date").rows() == ([] if expected is None else [expected])


@pytest.mark.parametrize("partitions", [1, 2, 3, 7])
def test_partitions_never_split_an_account_and_number_without_gaps(
    workspace: Workspace, tmp_path: Path, partitions: int
) -> None:
    load(workspace, write(tmp_path / "in"))
    due = due_of(workspace)
    many = pl.concat([
        due.with_columns(account_id=pl.lit(f"A{no // 2}"), agreement_id=pl.lit(f"G{no}")) for no in range(10)
    ])  # fmt: skip
    with control(workspace, purpose="test") as connection:
        numbers = channel_numbers(connection)
    cut, channels = cut_partitions(many, numbers, cost_each=10**9, partitions=partitions)
    assert cut.group_by("account_id").agg(pl.col("partition").n_unique())["partition"].to_list() == [1] * 5
    found = cut["partition"].unique().sort().to_list()
    assert found == list(range(len(found))) and len(found) == min(partitions, 5)
    assert channels["partition"].unique().sort().to_list() == found


AGREEMENTS = "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"


def spans(workspace: Workspace) -> list[tuple[str, str, date, date | None]]:
    with control(workspace, purpose="test") as connection:
        found = facts(connection, "agreements")
    return found.select("agreement_id", "service_point_id", "start_date", "end_date").rows()


def test_an_agreement_cannot_be_extended_over_the_next_one(workspace: Workspace, tmp_path: Path) -> None:
    both = AGREEMENTS + "G1,A1,S1,flat,2022-03-01,2022-06-01\nG2,A1,S1,flat,2022-06-01,\n"
    assert load(workspace, write(tmp_path / "in", agreements=both)).rejects.is_empty()
    longer = write(tmp_path / "again", agreements=AGREEMENTS + "G1,A1,S1,flat,2022-03-01,\n")
    rejects = load(workspace, longer).rejects
    assert rejects.rows() == [
        ("agreements.csv", 2, "supplied_twice", "service point `S1` is under agreement `G2` on these days")
    ]
    assert spans(workspace)[0] == ("G1", "S1", date(2022, 3, 1), date(2022, 6, 1))


def test_a_rejected_end_makes_no_room_for_the_next_agreement(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, write(tmp_path / "in"))
    moved = AGREEMENTS + "G1,A9,S1,flat,2022-03-01,2022-06-01\nG2,A1,S1,flat,2022-06-01,\n"
    rejects = load(workspace, write(tmp_path / "moved", agreements=moved)).rejects
    assert rejects.select("line", "reason").rows() == [(2, "unknown_reference"), (3, "supplied_twice")]
    assert spans(workspace) == [("G1", "S1", date(2022, 3, 1), None)]


def test_a_move_in_one_file_is_taken_whole(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, write(tmp_path / "in"))
    moved = AGREEMENTS + "G1,A1,S1,flat,2022-03-01,2022-06-01\nG2,A1,S1,flat,2022-06-01,\n"
    assert load(workspace, write(tmp_path / "moved", agreements=moved)).rejects.is_empty()
    assert [row[0] for row in spans(workspace)] == ["G1", "G2"]


POINTS = "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
CHANNELS = "channel_id,service_point_id,suffix,measure,interval_minutes\n"
UNEVEN = (
    "column interval_minutes: expected a length that divides every day of Australia/Lord_Howe, found 60; "
    "2020-04-05 is no multiple of it"
)


def test_an_hourly_channel_is_refused_where_the_clock_changes_by_half_an_hour(
    workspace: Workspace, tmp_path: Path
) -> None:
    points = POINTS + "S1,P1,electricity,Australia/Lord_Howe,R1,1\nS2,P1,electricity,Australia/Adelaide,R1,2\n"
    channels = CHANNELS + (
        "S1/E1,S1,E1,import_energy,30\nS1/E2,S1,E2,import_energy,60\nS1/E3,S1,E3,import_energy,0\n"
        "S2/E1,S2,E1,import_energy,60\n"
    )
    rejects = load(workspace, write(tmp_path / "in", service_points=points, channels=channels)).rejects
    assert rejects.rows() == [("channels.csv", 3, "slots_not_whole", UNEVEN)]


def test_a_service_point_with_hourly_channels_cannot_come_to_such_a_zone(workspace: Workspace, tmp_path: Path) -> None:
    hourly = CHANNELS + "S1/E1,S1,E1,import_energy,60\nS1/E2,S1,E2,import_energy,15\n"
    assert load(workspace, write(tmp_path / "in", channels=hourly)).rejects.is_empty()
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "service_points.csv").write_text(POINTS + "S1,P1,electricity,Australia/Lord_Howe,R1,1\n")
    assert load(workspace, moved).rejects.rows() == [("service_points.csv", 2, "slots_not_whole", UNEVEN)]


METERING = {
    "outages": "service_point_id,start_utc,end_utc,reason\nS1,2022-11-06T05:30:00Z,2022-11-06T09:00:00Z,storm 17\n",
    "channel_links": "channel_id,other_channel_id,role\nS1/E1,S1/E2,check\n",
    "quality_gates": "tariff_id,measure,quality,share_percent_max\n*,*,estimated,12.5\n",
}
TWO = GOOD["channels"] + "S1/E2,S1,E2,import_energy,15\n"


def test_what_is_known_beside_reads_is_imported(workspace: Workspace, tmp_path: Path) -> None:
    report = load(workspace, write(tmp_path / "in", channels=TWO, **METERING))
    assert report.rejects.is_empty()
    with control(workspace, purpose="test") as connection:
        (outage,) = facts(connection, "outages").rows(named=True)
    assert (outage["start_utc"], outage["end_utc"]) == (
        datetime(2022, 11, 6, 5, 30, tzinfo=UTC), datetime(2022, 11, 6, 9, tzinfo=UTC),
    )  # fmt: skip
    again = load(workspace, write(tmp_path / "in", channels=TWO, **METERING))
    assert [again.counts[table].same for table in METERING] == [1, 1, 1]


def test_times_of_parquet_are_taken_as_well(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    outage = {"service_point_id": "S1", "start_utc": datetime(2022, 11, 6, 5, 30, tzinfo=UTC),
              "end_utc": datetime(2022, 11, 6, 9, tzinfo=UTC), "reason": "storm"}  # fmt: skip
    pl.DataFrame([outage]).write_parquet(folder / "outages.parquet")
    assert load(workspace, folder).counts["outages"].new == 1


@pytest.mark.parametrize(
    ("table", "row", "detail"),
    [
        ("outages", "S1,2022-11-06 05:30,2022-11-06T09:00:00Z,x",
         "column start_utc: expected a time in UTC like 2026-10-01T03:12:00Z, found `2022-11-06 05:30`"),
        ("outages", "S1,2022-11-07T05:30:00Z,2022-11-07T05:30:00Z,x", "is not after start_utc"),
        ("outages", "S9,2022-11-07T05:30:00Z,2022-11-07T06:30:00Z,x", "service_point_id `S9` is not among"),
        ("channel_links", "S1/E1,S1/E9,check", "other_channel_id `S1/E9` is not among the channels"),
        ("channel_links", "S1/E2,S1/E1,twin", "column role: expected one of check, plus, minus, found `twin`"),
        ("quality_gates", "*,*,missing,0", "column quality: expected one of edited, substituted,"),
        ("quality_gates", "*,*,edited,100.001", "column share_percent_max: expected at "),
        ("quality_gates", "*,steam,edited,1", "column measure: expected one of *, import_energy,"),
    ],
)  # fmt: skip
def test_what_is_said_wrongly_beside_reads_is_rejected(
    workspace: Workspace, tmp_path: Path, table: str, row: str, detail: str
) -> None:
    tables = METERING | {table: METERING[table] + row + "\n"}
    report = load(workspace, write(tmp_path / "in", channels=TWO, **tables))
    assert report.rejects.select("file", "line").rows() == [(f"{table}.csv", 3)]
    assert detail in report.rejects["detail"][0]


def test_days_between_bills_that_stand_are_due_and_an_id_is_given_once(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, write(tmp_path / "in"))
    stands = [
        ("G1", date(2022, 11, 1), date(2022, 11, 11), "A1.2022-11.r0"),
        ("G1", date(2022, 11, 21), date(2022, 12, 1), "A1.2022-11.r2"),
    ]
    billed = pl.DataFrame(stands, schema=NOTHING_BILLED.schema, orient="row")
    with control(workspace, purpose="test") as connection:
        known = {table: facts(connection, table) for table in SELECTED_FROM}
    made = pl.Series([*billed["bill_id"], "A1.2022-11.r1"])  # taken back
    due = select_due(CYCLE, known, billed, (), made=made)
    assert due.select("start_date", "end_date", "bill_id").rows() == [
        (date(2022, 11, 11), date(2022, 11, 21), "A1.2022-11.r3")
    ]


def test_cycles_of_a_group_share_no_days_unless_they_are_of_different_branches(
    workspace: Workspace, tmp_path: Path
) -> None:
    header = "cycle_id,bill_group,branch_id,period_start_date,period_end_date,window_open_date,window_close_date\n"
    dates = "2022-12-01,2023-01-01,2023-01-01,2023-01-10\n"
    folder = write(tmp_path / "in", branches="branch_id,name\nTX,Texas\nNM,New Mexico\n")
    (folder / "cycles.csv").write_text(header + f"a,g,TX,{dates}b,g,NM,{dates}c,h,TX,{dates}d,g,,{dates}")
    rejects = load(workspace, folder).rejects
    assert rejects.select("line", "reason").rows() == [(5, "periods_overlap")]  # `d` is every branch's
    # What is recorded stays; a cycle may change its own dates.
    (folder / "cycles.csv").write_text(header + f"a,g,TX,2022-12-02{dates[10:]}e,h,,{dates}")
    rejects = load(workspace, folder).rejects
    assert rejects.select("line", "reason").rows() == [(3, "periods_overlap")]


def test_a_point_does_not_come_to_supply_what_its_channels_do_not_measure(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    load(workspace, folder)
    (folder / "service_points.csv").write_text(GOOD["service_points"].replace("electricity", "water"))
    rejects = import_files(workspace, [folder / "service_points.csv"], all_or_nothing=False, recorded_at=AT, actor="a")
    assert rejects.rejects["reason"].to_list() == ["measure_mismatch"]


def test_one_suffix_may_stand_for_channels_of_several_lengths(workspace: Workspace, tmp_path: Path) -> None:
    more = GOOD["channels"] + "S1/E1-30,S1,E1,import_energy,30\nS1/E1-r,S1,E1,import_energy,0\n"
    assert load(workspace, write(tmp_path / "in", channels=more)).rejects.is_empty()
    again = load(workspace, write(tmp_path / "in", channels=more))
    assert again.rejects.is_empty() and again.counts["channels"].same == 3
