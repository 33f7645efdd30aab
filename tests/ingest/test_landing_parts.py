"""Days that arrive in parts, and files that arrive in groups."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import channels, nem12, nem12_day
from test_landing import E1, RECEIVED, day, landed_days, loads, put

from ingest.formats.detect import Reading, read_files
from ingest.landing.land import land_files
from ingest.landing.merge import merged_days
from ingest.landing.report import LandStatus
from ingest.landing.write import days_table
from ingest.versions import current_days
from model.reads import read_days_schema
from store.control import control, insert
from store.lake import lake_files, scan_lake
from store.workspace import Workspace, create_workspace

LONG = "meter_point,channel,unit,start,value,quality,updated_at"
EARLY, LATE = datetime(2026, 7, 3), datetime(2026, 7, 9)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = create_workspace(tmp_path / "books", name="test")
    with control(made, purpose="test") as connection:
        insert(connection, "channel_number", channels())
    return made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def hours(first: int, last: int, value: str, quality: str = "A", updated: str = "") -> str:
    rows = [f"NMI2,E1,kWh,2026-07-01T{hour:02}:00:00+10:00,{value},{quality},{updated}" for hour in range(first, last)]
    return "\n".join([LONG, *rows])


def counting(workspace: Workspace, minutes: int = 60) -> pl.DataFrame:
    with control(workspace, purpose="test") as connection:
        files = lake_files(connection, days_table(minutes))
    return current_days(scan_lake(workspace, files), None, minutes)


def wh(workspace: Workspace) -> list[int | None]:
    return list(counting(workspace).select(f"v{hour:02}" for hour in range(24)).row(0))


def test_a_correction_of_three_hours_leaves_the_rest_of_the_day(workspace: Workspace, inbox: Path) -> None:
    land_files(workspace, [put(inbox, "a.csv", hours(0, 24, "1"))], received_at=RECEIVED)
    report = land_files(workspace, [put(inbox, "b.csv", hours(5, 8, "2", "F"))], received_at=RECEIVED)
    assert report.days == 1
    assert wh(workspace) == [1000] * 5 + [2000] * 3 + [1000] * 16
    row = counting(workspace).row(0, named=True)
    assert (row["seq"], row["worst"], row["raw_code"]) == (2, 3, "A,F")
    assert row["flags"] == bytes([0] * 5 + [3] * 3 + [0] * 16)
    again = land_files(workspace, [put(inbox, "c.csv", hours(6, 7, "2", "F"))], received_at=RECEIVED)
    assert (again.days, again.unchanged) == (0, 1)


def test_an_estimate_fills_holes_and_hides_no_reading(workspace: Workspace, inbox: Path) -> None:
    land_files(workspace, [put(inbox, "a.csv", hours(0, 20, "1"))], received_at=RECEIVED)
    land_files(workspace, [put(inbox, "b.csv", hours(10, 24, "9", "E"))], received_at=RECEIVED)
    assert wh(workspace) == [1000] * 20 + [9000] * 4
    land_files(workspace, [put(inbox, "c.csv", hours(20, 24, "3"))], received_at=RECEIVED)
    assert wh(workspace) == [1000] * 20 + [3000] * 4
    assert counting(workspace)["worst"].to_list() == [0]


def test_an_older_part_fills_only_what_is_missing(workspace: Workspace, inbox: Path) -> None:
    late = put(inbox, "a.csv", hours(0, 12, "2", updated="2026-07-09T00:00:00"))
    early = put(inbox, "b.csv", hours(0, 24, "1", updated="2026-07-03T00:00:00"))
    land_files(workspace, [late, early], received_at=RECEIVED)
    assert wh(workspace) == [2000] * 12 + [1000] * 12
    assert counting(workspace)["updated_at"].to_list() == [LATE]


def test_days_of_the_nem_fill_the_civil_days_of_sydney_one_after_the_other(workspace: Workspace, inbox: Path) -> None:
    """On summer time a civil day of Sydney begins an hour before that of the NEM."""
    channel = "200,NMI2,E1,,E1,,,kWh,60,"
    for number in (2, 3):  # January: the second file completes the civil day of 3 January
        record = nem12_day(f"2026010{number}", values=[f"{number}.{hour:03d}" for hour in range(24)])
        land_files(workspace, [put(inbox, f"{number}.csv", nem12(channel, record))], received_at=RECEIVED)
    days = counting(workspace)
    assert days["day"].to_list() == [date(2026, 1, 2), date(2026, 1, 3), date(2026, 1, 4)]
    slots = days.select(f"v{hour:02}" for hour in range(24)).rows()
    assert slots[0] == (None, *range(2000, 2023))
    assert slots[1] == (2023, *range(3000, 3023))
    assert slots[2] == (3023, *[None] * 23)
    assert days["worst"].to_list() == [8, 0, 8]


@pytest.mark.parametrize("limit", [1, 700, 10**9])
def test_groups_of_files_come_to_what_one_group_comes_to(
    limit: int, workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.landing.open.GROUP_BYTES", limit)
    first = put(inbox, "a.csv", nem12(E1, day(1), day(2)))
    paths = [
        first,
        put(inbox, "b.csv", nem12(E1, day(1), day(2, "3"))),  # day 1 says nothing new
        put(inbox, "c.csv", first.read_bytes()),  # the same bytes again
        put(inbox, "d.csv", "<html>"),
        put(inbox, "e.csv", nem12(E1, day(2), day(4))),  # day 2 goes back
    ]
    report = land_files(workspace, paths, received_at=RECEIVED)
    assert [(file.status.value, file.seq, file.days, file.unchanged) for file in report.files] == [
        ("landed", 1, 2, 0),
        ("landed", 2, 1, 1),
        ("already_landed", 1, 0, 0),
        ("unusable", None, 0, 0),
        ("landed", 3, 2, 0),
    ]
    assert loads(workspace) == [(1, "a.csv", 2, 0), (2, "b.csv", 1, 0), (3, "e.csv", 2, 0)]
    days = current_days(landed_days(workspace).lazy(), None, 30)
    assert days.select("day", "seq", "v00").rows() == [
        (date(2024, 10, 1), 1, 1000),
        (date(2024, 10, 2), 3, 1000),
        (date(2024, 10, 4), 3, 1000),
    ]


def test_a_landing_that_dies_between_groups_leaves_nothing(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.landing.open.GROUP_BYTES", 1)
    paths = [put(inbox, name, nem12(E1, day(number))) for number, name in enumerate(("a.csv", "b.csv"), 1)]
    with monkeypatch.context() as patch:
        patch.setattr("ingest.landing.land.touched_bills", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            land_files(workspace, paths, received_at=RECEIVED)
    assert loads(workspace) == []
    report = land_files(workspace, paths, received_at=RECEIVED)
    assert (report.count(LandStatus.LANDED), report.days) == (2, 2)


SLOT = st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.sampled_from([0, 3, 4, 7]))
DAY_OF_SLOTS = st.tuples(st.lists(SLOT, min_size=24, max_size=24), st.sampled_from([None, EARLY, LATE]))


def frame(slots: list[tuple[int | None, int]], updated: datetime | None, seq: int) -> pl.DataFrame:
    qualities = bytes(8 if value is None else quality for value, quality in slots)
    row = {
        "channel_no": 1, "day": date(2026, 7, 1), "n": 24, "worst": max(qualities),
        "flags": None if len(set(qualities)) == 1 else qualities, "raw_code": "x", "seq": seq, "updated_at": updated,
        **{f"v{slot:02}": value for slot, (value, _) in enumerate(slots)}, "v24": None,
    }  # fmt: skip
    return pl.DataFrame([row], schema=read_days_schema(60))


def rank(slot: tuple[int | None, int]) -> int:
    value, quality = slot
    return 2 if value is None else 0 if quality <= 3 else 1


def is_taken(new: tuple[int | None, int], known: tuple[int | None, int], is_older: bool) -> bool:
    """Return whether a slot that comes in counts, told in plain words."""
    if rank(new) != rank(known):
        return rank(new) < rank(known)
    return rank(new) < 2 and not is_older


@settings(max_examples=120, deadline=None)
@given(new=DAY_OF_SLOTS, known=DAY_OF_SLOTS)
def test_parts_are_mixed_as_their_slow_twin_mixes_them(
    new: tuple[list[tuple[int | None, int]], datetime | None],
    known: tuple[list[tuple[int | None, int]], datetime | None],
) -> None:
    is_older = (new[1] or datetime.min) < (known[1] or datetime.min)
    pairs = list(zip(new[0], known[0], strict=True))
    taken = [is_taken(one, other, is_older) for one, other in pairs]
    expected = [one if chosen else other for chosen, (one, other) in zip(taken, pairs, strict=True)]
    if not any(taken):
        expected = new[0]  # it gives nothing: it stays as it came, and loses
    mixed, _ = merged_days(frame(*new, seq=2), frame(*known, seq=1), 60)
    row = mixed.row(0, named=True)
    qualities = row["flags"] or bytes([row["worst"]]) * 24
    found = [(row[f"v{slot:02}"], qualities[slot]) for slot in range(24)]
    assert found == [(value, 8 if value is None else quality) for value, quality in expected]
    assert row["seq"] == 2


def test_a_file_of_no_known_format_lands_by_the_reading_that_is_given(workspace: Workspace, inbox: Path) -> None:
    path = put(inbox, "a.txt", "NMI2;2026-07-01;1\n")
    assert land_files(workspace, [path], received_at=RECEIVED).count(LandStatus.UNUSABLE) == 1
    text = hours(0, 24, "1").encode()
    reading = Reading("by hand", lambda source: next(read_files(source.name, text)))
    report = land_files(workspace, [path], received_at=RECEIVED, reading=reading)
    assert (report.days, wh(workspace)) == (1, [1000] * 24)
