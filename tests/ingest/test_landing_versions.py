from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.versions import current_days, current_registers
from model.reads import ReadDays, RegisterReads, VeeDays, read_days_schema
from model.schema import arranged

DAY = date(2026, 10, 1)
EARLY, LATE = datetime(2026, 10, 2), datetime(2026, 10, 9)


def landed(*rows: tuple[int, int, datetime | None], channel_no: int = 1) -> pl.DataFrame:
    """Return landed versions of one day from (seq, worst, updated_at); slot 0 holds the seq."""
    frame = pl.DataFrame(
        [
            {
                "channel_no": channel_no,
                "day": DAY,
                "n": 24,
                "worst": worst,
                "seq": seq,
                "updated_at": updated,
                "v00": seq,
            }
            for seq, worst, updated in rows
        ]
    )
    return filled(frame, ReadDays)


def vee(*rows: tuple[int, int]) -> pl.DataFrame:
    """Return VEE's versions of the same day from (seq, base_seq)."""
    frame = pl.DataFrame(
        [
            {
                "channel_no": 1,
                "day": DAY,
                "n": 24,
                "worst": 4,
                "seq": seq,
                "base_seq": base,
                "methods": b"\x01",
                "v00": seq,
            }
            for seq, base in rows
        ]
    )
    return filled(frame, VeeDays)


def filled(frame: pl.DataFrame, table: type[ReadDays]) -> pl.DataFrame:
    schema = read_days_schema(60, table)
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


@pytest.mark.parametrize(
    ("rows", "winner"),
    [
        ([(1, 0, None)], 1),
        ([(1, 0, None), (2, 0, None)], 2),  # the later load
        ([(1, 0, EARLY), (2, 0, None)], 1),  # no update time is the earliest
        ([(1, 0, LATE), (2, 0, EARLY)], 1),  # files out of order
        ([(1, 3, EARLY), (2, 4, LATE)], 1),  # 3 is final, 4 an estimate
        ([(1, 3, EARLY), (2, 3, LATE)], 2),
        ([(1, 4, LATE), (2, 3, EARLY)], 2),
        ([(1, 7, EARLY), (2, 8, LATE)], 1),  # something is better than a hole
        ([(1, 4, EARLY), (2, 7, LATE)], 2),  # both estimated: the later update
    ],
)
def test_the_version_that_counts_goes_by_rank_then_update_time_then_load(
    rows: list[tuple[int, int, datetime | None]], winner: int
) -> None:
    for order in (rows, rows[::-1]):
        assert current_days(landed(*order).lazy(), None, 60)["seq"].to_list() == [winner]


@pytest.mark.parametrize(
    ("judged", "winner"),
    [
        ([(5, 2)], 5),  # stands in for the row that counts
        ([(5, 1)], 2),  # judged a row that was replaced since
        ([(5, 0)], 2),  # judged a hole that was filled since
        ([(5, 2), (7, 2), (6, 1)], 7),  # the latest of those that hold
    ],
)
def test_a_judged_day_stands_in_only_for_the_row_that_was_judged(judged: list[tuple[int, int]], winner: int) -> None:
    days = current_days(landed((1, 8, None), (2, 8, None)).lazy(), vee(*judged).lazy(), 60)
    assert days["seq"].to_list() == [winner]
    assert days["v00"].to_list() == [winner]
    assert days["methods"].to_list() == [None if winner == 2 else b"\x01"]


def test_a_judged_day_stands_where_nothing_landed() -> None:
    days = current_days(landed((1, 0, None), channel_no=2).lazy(), vee((5, 0), (6, 3)).lazy(), 60)
    assert days.select("channel_no", "seq").rows() == [(1, 5), (2, 1)]


def test_only_the_columns_asked_for_come_back() -> None:
    rows = landed((1, 0, None), (2, 0, None)).lazy()
    assert current_days(rows, None, 60, columns=["channel_no", "v00"]).rows() == [(1, 2)]
    assert current_days(rows, vee((3, 2)).lazy(), 60, columns=["v00", "methods"]).rows() == [(3, b"\x01")]


def test_no_days_give_no_days() -> None:
    days = current_days(landed((1, 0, None)).clear().lazy(), vee((1, 1)).clear().lazy(), 60)
    assert days.columns == [*read_days_schema(60), "methods"]
    assert days.is_empty()


VERSIONS = st.lists(
    st.tuples(st.integers(0, 8), st.one_of(st.none(), st.sampled_from([EARLY, LATE]))), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None)
@given(versions=VERSIONS, data=st.data())
def test_row_order_never_decides(versions: list[tuple[int, datetime | None]], data: st.DataObject) -> None:
    rows = [(seq, worst, updated) for seq, (worst, updated) in enumerate(versions, 1)]
    shuffled = data.draw(st.permutations(rows))
    best = min(
        rows,
        key=lambda row: (
            0 if row[1] <= 3 else 1 if row[1] < 8 else 2,
            -(row[2] or datetime(1, 1, 1)).toordinal(),
            -row[0],
        ),
    )
    assert current_days(landed(*shuffled).lazy(), None, 60)["seq"].to_list() == [best[0]]


def test_of_two_versions_of_a_reading_the_read_one_counts() -> None:
    base = {"channel_no": 1, "meter_id": "M", "read_date": DAY, "read_kind": "regular", "raw_code": None}
    rows = [
        {**base, "reading": 10, "quality": 0, "seq": 1, "updated_at": None},
        {**base, "reading": 11, "quality": 4, "seq": 2, "updated_at": LATE},
        {**base, "reading": 12, "quality": 0, "seq": 3, "updated_at": None},
        {**base, "read_kind": "removal", "reading": 13, "quality": 4, "seq": 2, "updated_at": None},
    ]
    reads = arranged(RegisterReads, pl.DataFrame(rows, infer_schema_length=None))
    assert current_registers(reads)["reading"].to_list() == [12, 13]
