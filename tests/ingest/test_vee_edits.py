"""Edits: proposed by one person, approved by another, above what landed; and what the workspace knows beside reads.

Channels 1 to 3 are read by the hour, channel 4 is the register beside channel 3.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from test_vee_run import NOVEMBER, NOW, OCTOBER, after, lake, land, run
from vee_frames import Slots, channel_numbers, steady

from ingest.edits.approvals import approve_edits, listed_edits, refuse_edits
from ingest.edits.edits import Proposed, propose_edits
from ingest.edits.rows import EditRow, read_edit_file
from ingest.vee.run import run_vee
from ingest.versions import current_days, current_registers
from model.accounts import Agreements, ChannelNumbers, Meters
from model.codes import Method, Quality
from model.errors import BillmillError, ControlError, InputError
from model.metering import ChannelLinks, Outages
from model.reads import RegisterReads
from model.schema import arranged
from store.control import control, insert, query, transaction
from store.facts import facts, record_facts
from store.lake import lake_files, register_files, scan_lake, write_lake_file
from store.workspace import Workspace, create_workspace

Days = dict[tuple[int, date], Slots]


@pytest.fixture
def books(tmp_path: Path) -> Workspace:
    made = create_workspace(tmp_path / "utility", name="test")
    channels = channel_numbers((1, 2, 3, 4)).with_columns(
        interval_minutes=pl.when(pl.col("channel_no") == 4).then(0).otherwise(60).cast(pl.Int32),
        service_point_id=pl.when(pl.col("channel_no") == 4).then(pl.lit("SP3")).otherwise("service_point_id"),
    )
    points = pl.DataFrame({"service_point_id": ["SP1", "SP2", "SP3"]})
    meters = points.with_columns(
        meter_id=pl.lit("M") + pl.col("service_point_id"),
        installed_date=date(2026, 9, 1),
        removed_date=None,
        dials=5,
        multiplier=1,
    )
    agreements = points.with_columns(
        agreement_id=pl.lit("A") + pl.col("service_point_id"),
        account_id=pl.lit("ACC"),
        tariff_id=pl.lit("T"),
        start_date=OCTOBER,
        end_date=None,
    )
    with control(made, purpose="test") as connection, transaction(connection):
        insert(connection, "channel_number", arranged(ChannelNumbers, channels))
        record_facts(connection, "meters", arranged(Meters, meters), recorded_at=NOW)
        record_facts(connection, "agreements", arranged(Agreements, agreements), recorded_at=NOW)
    return made


def row(channel: int = 1, start: str = "2026-10-05", end: str = "2026-10-06", **said: str) -> EditRow:
    return EditRow(f"SP{channel}/E1", start, end, **{"kind": "value", "reason": "read on site"} | said)


def propose(books: Workspace, *rows: EditRow) -> Proposed:
    (done,) = propose_edits(books, rows, at=NOW, actor="tom")
    return done


def approve(books: Workspace, edit_id: str, at: datetime = NOW) -> None:
    approve_edits(books, [edit_id], at=at, actor="mira")


def days_now(books: Workspace, channel: int = 1) -> dict[date, list[int | None]]:
    with control(books, purpose="test") as connection:
        landed, vee = lake_files(connection, "reads_day_60"), lake_files(connection, "vee_day_60")
    frame = current_days(scan_lake(books, landed), scan_lake(books, vee) if vee else None, 60)
    some = frame.filter(pl.col("channel_no") == channel)
    return {one["day"]: [one[f"v{slot:02d}"] for slot in range(one["n"])] for one in some.iter_rows(named=True)}


def land_readings(books: Workspace, *readings: tuple[date, int], seq: int = 1) -> None:
    rows = pl.DataFrame(list(readings), schema={"read_date": pl.Date, "reading": pl.Int64}, orient="row")
    reads = rows.with_columns(
        channel_no=4, meter_id=pl.lit("MSP3"), quality=0, seq=seq, raw_code=None, updated_at=None,
        read_kind=pl.lit("regular"),
    )  # fmt: skip
    with control(books, purpose="test") as connection, transaction(connection):
        file = write_lake_file(books, "register_reads", "register_reads", arranged(RegisterReads, reads))
        register_files(connection, [file], owner=f"load:{seq}")


# Maker and checker


def test_an_edit_changes_nothing_until_another_person_approves_it(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    done = propose(books, row(total="0.481"))  # 481 Wh over 24 hours: one hour of 21, the others 20
    assert (done.slots, done.before, done.after, done.state, done.is_new) == (24, 240, 481, "proposed", True)
    assert days_now(books)[after(4)] == [10] * 24
    with pytest.raises(ControlError, match="the same person cannot approve it"):
        approve_edits(books, [done.edit_id], at=NOW, actor="tom")
    (decided,) = approve_edits(books, [done.edit_id], at=NOW, actor="mira")
    assert (decided.state, decided.is_new, decided.seq) == ("approved", True, 2)
    assert days_now(books)[after(4)] == [21] + [20] * 23
    newest = lake(books, "vee_day_60").row(0, named=True)
    assert (newest["worst"], newest["methods"], newest["base_seq"]) == (Quality.EDITED, bytes([Method.MANUAL] * 24), 1)
    assert lake(books, "reads_day_60").select("v00", "worst").rows() == [(10, 0)]
    (again,) = approve_edits(books, [done.edit_id], at=NOW, actor="mira")
    assert (again.is_new, again.seq) == (False, None)


def test_who_what_why_and_when_are_kept_in_two_times(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    done = propose(books, row(value="0.02"))
    later = NOW + timedelta(hours=5)
    approve(books, done.edit_id, later)
    with control(books, purpose="test") as connection:
        before = facts(connection, "read_edit", known_at=NOW).row(0, named=True)
        after_it = facts(connection, "read_edit").row(0, named=True)
        actions = query(connection, "SELECT actor, action, subject FROM audit ORDER BY entry_no").rows()
    assert (before["state"], before["proposed_by"], before["reason"]) == ("proposed", "tom", "read on site")
    assert (after_it["state"], after_it["decided_by"], after_it["decided_at"]) == ("approved", "mira", later)
    assert actions[:2] == [("tom", "propose_edit", done.edit_id), ("mira", "approve_edit", done.edit_id)]
    listed = listed_edits(books).row(0, named=True)
    assert (listed["channel_id"], listed["slots"], listed["before"], listed["after"]) == ("SP1/E1", 24, 240, 480)


def test_proposing_the_same_again_changes_nothing(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    first, again = propose(books, row(value="0.02")), propose(books, row(value="0.02"))
    assert (first.edit_id, again.is_new) == (again.edit_id, False)
    assert listed_edits(books).height == 1


def test_a_refused_edit_changes_nothing_and_cannot_be_approved(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    done = propose(books, row(value="0.02"))
    refuse_edits(books, [done.edit_id], note="meter was right", at=NOW, actor="mira")
    with pytest.raises(ControlError, match="was refused by mira"):
        approve(books, done.edit_id)
    run(books)
    assert days_now(books)[after(4)] == [10] * 24
    assert listed_edits(books, "refused")["note"].to_list() == ["meter was right"]


def test_an_approved_edit_is_undone_by_another_not_by_refusing(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    done = propose(books, row(value="0.02"))
    approve(books, done.edit_id)
    with pytest.raises(ControlError, match="cannot be refused"):
        refuse_edits(books, [done.edit_id], note="no", at=NOW, actor="mira")
    undo = propose(books, row(kind="restore"))
    assert (undo.before, undo.after) == (480, None)
    approve(books, undo.edit_id, NOW + timedelta(hours=1))
    assert days_now(books)[after(4)] == [10] * 24
    again = propose(books, row(value="0.02"))  # the same values as at first are a new edit now
    assert again.is_new
    approve(books, again.edit_id, NOW + timedelta(hours=2))
    assert days_now(books)[after(4)] == [20] * 24
    assert lake(books, "vee_day_60").height == 3


def test_reads_that_landed_since_block_the_approval(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    done = propose(books, row(value="0.02"))
    land(books, steady(1, after(4), 1, 11))
    with pytest.raises(ControlError, match="reads of 2026-10-05 landed after it was proposed"):
        approve(books, done.edit_id)


def test_reads_that_land_later_beat_an_approved_edit(books: Workspace) -> None:
    land(books, steady(1, after(4), 1, 10))
    approve(books, propose(books, row(value="0.02")).edit_id)
    land(books, steady(1, after(4), 1, 11))
    run(books)
    assert days_now(books)[after(4)] == [11] * 24


# What an edit says


def test_an_edit_of_some_hours_leaves_the_others_and_their_estimates(books: Workspace) -> None:
    slots: list[int | None] = [10] * 24
    slots[3] = slots[20] = None
    land(books, {(1, after(4)): slots} | steady(1, after(2), 2, 10))
    run(books)
    done = propose(books, row(start="2026-10-05T20:00", end="2026-10-05T22:00", value="0.05"))
    approve(books, done.edit_id)
    values = days_now(books)[after(4)]
    assert values == [*[10] * 20, 50, 50, 10, 10]
    newest = lake(books, "vee_day_60").filter(pl.col("day") == after(4)).sort("seq").row(-1, named=True)
    assert newest["methods"] == bytes([0] * 3 + [Method.LINEAR] + [0] * 16 + [Method.MANUAL] * 2 + [0] * 2)


def test_a_day_that_never_landed_can_be_given_agreed_values(books: Workspace) -> None:
    land(books, steady(1, OCTOBER, 3, 10))
    done = propose(books, row(kind="agreed", total="48"))
    approve(books, done.edit_id)
    assert days_now(books)[after(4)] == [2000] * 24


def test_values_set_aside_are_estimated(books: Workspace) -> None:
    land(books, steady(1, OCTOBER, 3, 10) | {(1, after(4)): [10] * 5 + [80] + [10] * 18})
    done = propose(books, row(start="2026-10-05T05:00", end="2026-10-05T06:00", kind="estimate"))
    approve(books, done.edit_id)
    assert days_now(books)[after(4)] == [10] * 24
    assert lake(books, "findings").filter(reason="set_aside").select("found", "used", "method").rows() == [
        (80, 10, "linear")
    ]
    assert lake(books, "estimates").select("day", "first_slot", "method", "quantity").rows() == [
        (after(4), 5, "linear", 10)
    ]


def test_hours_of_the_day_on_which_the_clock_goes_back(tmp_path: Path) -> None:
    """1 November 2026 has 25 hours in Chicago: the hour from 01:00 comes twice and must be told in UTC."""
    books = create_workspace(tmp_path / "books", name="x")
    with control(books, purpose="test") as connection, transaction(connection):
        insert(connection, "channel_number", channel_numbers((1,), "America/Chicago"))
    whole = propose(books, row(start="2026-11-01", end="2026-11-02", total="0.025"))
    assert (whole.slots, whole.after) == (25, 25)
    with pytest.raises(InputError, match="2026-11-01T01:00 comes twice in America/Chicago"):
        propose(books, row(start="2026-11-01T01:00", end="2026-11-01T02:00", value="1"))
    with pytest.raises(InputError, match="2026-03-08T02:00 does not happen in America/Chicago"):
        propose(books, row(start="2026-03-08T02:00", end="2026-03-08T03:00", value="1"))
    second = propose(books, row(start="2026-11-01T07:00Z", end="2026-11-01T08:00Z", value="0.001"))
    with control(books, purpose="test") as connection:
        values = facts(connection, "read_edit_value").filter(pl.col("edit_id") == second.edit_id)
    assert values["slot"].to_list() == [2]  # 00:00, 01:00 daylight time, then 01:00 standard time


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "guess"}, "kind: expected one of value, agreed, customer, zero, estimate, restore, found `guess`"),
        ({"kind": "customer", "value": "1"}, "for intervals, found `customer`"),
        ({"reason": "", "value": "1"}, "expected a reason, found none"),
        ({}, "expected a value or a total, found neither"),
        ({"value": "1", "total": "1"}, "found value and total"),
        ({"kind": "zero", "value": "1"}, "kind zero: expected no value, found `1`"),
        ({"value": "-1"}, "expected a number from zero on, found `-1`"),
        ({"value": "1e3"}, "expected a number from zero on, found `1e3`"),
        ({"value": "0.0001"}, "expected a number that is whole in 1/1000, found `0.0001`"),
        ({"value": "9999999999"}, "expected a smaller number"),
        ({"value": "1", "start": "5 October"}, "expected a day or a time like 2026-10-05T14:00, found `5 October`"),
        ({"value": "1", "end": "2026-10-05"}, "expected a start before the end"),
        ({"value": "1", "end": "2026-10-05T00:30"}, "expected whole intervals of 60 minutes"),
        ({"value": "1", "end": "2028-10-05"}, "expected at most 400 days, found 731"),
        ({"value": "1", "channel_id": "SP9/E1"}, "channel `SP9/E1` is not known"),
    ],
)
def test_what_an_edit_cannot_say_is_refused(books: Workspace, changed: dict[str, str], message: str) -> None:
    said = {
        "channel_id": "SP1/E1",
        "start": "2026-10-05",
        "end": "2026-10-06",
        "kind": "value",
        "reason": "x",
    } | changed
    with pytest.raises(InputError) as refused:
        propose_edits(books, [EditRow(**said)], at=NOW, actor="tom")
    assert message in str(refused.value)
    assert listed_edits(books).is_empty()


def test_a_file_of_rows_makes_an_edit_for_each_channel_and_reason(books: Workspace) -> None:
    text = (
        "channel_id,from,to,kind,value,reason\n"
        "SP1/E1,2026-10-05T00:00,2026-10-05T01:00,value,0.005,site visit\n"
        "SP1/E1,2026-10-05T01:00,2026-10-05T02:00,value,0.007,site visit\n"
        "SP2/E1,2026-10-05,2026-10-06,zero,,disconnected\n"
    )
    done = propose_edits(books, read_edit_file("edits.csv", text.encode()), at=NOW, actor="tom")
    assert [(one.channel_id, one.slots, one.after) for one in done] == [("SP1/E1", 2, 12), ("SP2/E1", 24, 0)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"channel_id,from,kind\n", "found no reason"),
        (b"channel_id,from,kind,reason,colour\n", "found `colour`"),
        (b"\xff\xfe", "is not readable as CSV"),
        (
            b"channel_id,from,to,kind,value,reason\nSP1/E1,2026-10-05,2026-10-06,value,x,why\n",
            "edits.csv line 2: expected",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_where(books: Workspace, data: bytes, message: str) -> None:
    with pytest.raises(BillmillError) as refused:
        propose_edits(books, read_edit_file("edits.csv", data), at=NOW, actor="tom")
    assert message in str(refused.value)


def test_an_interval_in_two_rows_is_refused(books: Workspace) -> None:
    with pytest.raises(InputError, match="found one in two rows"):
        propose(books, row(value="1"), row(value="1"))


# Registers


def readings(books: Workspace) -> list[tuple[object, ...]]:
    reads = current_registers(lake(books, "register_reads"))
    return reads.select("read_date", "reading", "read_kind", "quality").rows()


def test_a_customers_reading_lands_once_it_is_approved(books: Workspace) -> None:
    land_readings(books, (OCTOBER, 5_000_000))
    done = propose(books, row(4, "2026-11-01", "", kind="customer", value="5321", reason="photo"))
    assert (done.slots, done.before, done.after, done.from_date) == (1, 0, 5_321_000, NOVEMBER)
    assert len(readings(books)) == 1
    approve(books, done.edit_id)
    assert readings(books)[1] == (NOVEMBER, 5_321_000, "customer", Quality.CUSTOMER)
    approve(books, done.edit_id)
    assert lake(books, "register_reads").height == 2


def test_an_edited_reading_counts_before_the_one_that_came(books: Workspace) -> None:
    land_readings(books, (OCTOBER, 5_000_000), (NOVEMBER, 5_900_000))
    done = propose(books, row(4, "2026-11-01", "", value="5390", reason="digits swapped"))
    assert (done.before, done.after) == (5_900_000, 5_390_000)
    approve(books, done.edit_id)
    assert readings(books)[1] == (NOVEMBER, 5_390_000, "regular", Quality.EDITED)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "zero", "value": ""}, "for a register, found `zero`"),
        ({"value": "100000"}, "expected a reading of at most 5 digits"),
        ({"value": "", "total": "5"}, "expected a reading in value, found a total"),
        ({"start": "2026-08-01"}, "expected one meter at SP3 on 2026-08-01, found none"),
        ({"meter_id": "OTHER"}, "expected one meter at SP3 on 2026-11-01, found none"),
    ],
)
def test_a_reading_that_the_meter_cannot_show_is_refused(
    books: Workspace, changed: dict[str, str], message: str
) -> None:
    said = {"start": "2026-11-01", "end": "", "kind": "customer", "value": "1"} | changed
    with pytest.raises(InputError) as refused:
        propose(books, EditRow("SP4/E1", reason="x", **said))
    assert message in str(refused.value)


# What the workspace knows beside reads


@pytest.mark.parametrize("only", [None, [3]])
def test_a_register_that_comes_later_scales_what_was_estimated(books: Workspace, only: list[int] | None) -> None:
    """30 days of 240 Wh were measured, the 5th is missing: like days say 240, the register of 7,500 says 300."""
    days = steady(3, OCTOBER, 31, 10)
    del days[(3, after(4))]
    land(books, days)
    run(books)
    assert sum(value or 0 for value in days_now(books, 3)[after(4)]) == 240
    land_readings(books, (OCTOBER, 1_000), (NOVEMBER, 8_500), seq=9)
    report = run_vee(books, from_date=OCTOBER, to_date=NOVEMBER, received_at=NOW, only=only)
    assert report.rows_written == 1
    assert sum(value or 0 for value in days_now(books, 3)[after(4)]) == 300
    made = lake(books, "estimates").sort("seq").select("method", "shape", "quantity").rows()
    assert made == [("like_day", "like_day", 240), ("register_scaled", "like_day", 300)]
    assert run(books).seq is None
    land(books, steady(3, after(35), 1, 10))  # a later like day alone does not move what adds up already
    assert run(books).seq is None


def test_an_outage_is_zero_and_its_hours_are_counted_in_utc(books: Workspace) -> None:
    """Brisbane is ten hours ahead: 15:30 to 18:00 UTC on the 4th are 01:30 to 04:00 on the 5th."""
    land(books, steady(1, OCTOBER, 4, 10) | {(1, after(4)): [10, 5, None, None, *[10] * 20]})
    outage = {
        "service_point_id": "SP1", "start_utc": datetime(2026, 10, 4, 15, 30, tzinfo=UTC),
        "end_utc": datetime(2026, 10, 4, 18, tzinfo=UTC), "reason": "storm 17",
    }  # fmt: skip
    with control(books, purpose="test") as connection, transaction(connection):
        record_facts(connection, "outages", arranged(Outages, pl.DataFrame([outage])), recorded_at=NOW)
    run_vee(books, from_date=after(4), to_date=after(5), received_at=NOW, only=[1])
    assert days_now(books)[after(4)] == [10, 5, 0, 0, *[10] * 20]
    assert lake(books, "estimates")["method"].to_list() == ["zero"]


@pytest.mark.parametrize(
    ("links", "expected", "only"),
    [
        ({"SP2/E1": "check"}, 30, None),
        ({"SP2/E1": "plus", "SP3/E1": "minus"}, 23, None),
        ({"SP2/E1": "plus", "SP3/E1": "plus"}, 37, [1]),
        ({"SP2/E1": "minus", "SP3/E1": "plus"}, 10, None),  # below zero: the line between the neighbours is taken
        ({"SP2/E1": "check", "SP3/E1": "check"}, 10, None),
    ],
)
def test_other_channels_say_what_is_missing(
    books: Workspace, links: dict[str, str], expected: int, only: list[int] | None
) -> None:
    slots: list[int | None] = [10] * 24
    slots[6] = None
    land(books, {(1, after(4)): slots} | steady(2, after(4), 1, 30) | steady(3, after(4), 1, 7))
    rows = [{"channel_id": "SP1/E1", "other_channel_id": other, "role": role} for other, role in links.items()]
    with control(books, purpose="test") as connection, transaction(connection):
        record_facts(connection, "channel_links", arranged(ChannelLinks, pl.DataFrame(rows)), recorded_at=NOW)
    run_vee(books, from_date=OCTOBER, to_date=NOVEMBER, received_at=NOW, only=only)
    assert days_now(books)[after(4)][6] == expected
