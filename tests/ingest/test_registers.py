"""Use between register readings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.typing.polars import DataFrame
from vee_frames import channel_numbers

from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.registers import USE_MAX, usage_between_reads
from model.accounts import ChannelNumbers, Meters
from model.reads import Findings, RegisterReads, RegisterUsage
from model.schema import arranged, empty

START = date(2024, 1, 1)
Reading = tuple[str, date, str, int]  # meter, day, kind, reading


def channels() -> DataFrame[ChannelNumbers]:
    return arranged(ChannelNumbers, channel_numbers((1, 2)).with_columns(interval_minutes=pl.lit(0)))


def meter(
    name: str = "M1",
    installed: date = START,
    removed: date | None = None,
    dials: int = 5,
    multiplier: int = 1,
    point: str = "SP1",
) -> dict[str, object]:
    return {
        "meter_id": name,
        "service_point_id": point,
        "installed_date": installed,
        "removed_date": removed,
        "dials": dials,
        "multiplier": multiplier,
    }


def reads(*readings: Reading, quality: int = 0, channel: int = 1) -> DataFrame[RegisterReads]:
    rows = [
        {
            "channel_no": channel,
            "meter_id": name,
            "read_date": day,
            "read_kind": kind,
            "reading": reading,
            "quality": quality,
            "raw_code": None,
            "seq": 3 + place,
            "updated_at": None,
        }
        for place, (name, day, kind, reading) in enumerate(readings)
    ]
    return arranged(RegisterReads, pl.DataFrame(rows)) if rows else empty(RegisterReads)


def judge(
    frame: DataFrame[RegisterReads], *meters: dict[str, object]
) -> tuple[DataFrame[RegisterUsage], DataFrame[Findings]]:
    hung = arranged(Meters, pl.DataFrame(list(meters or (meter(),))))
    return usage_between_reads(frame, hung, channels(), DEFAULT_RULES)


def said(findings: pl.DataFrame) -> list[tuple[str, str, str]]:
    return findings.select("rule", "reason", "severity").rows()


def month(number: int) -> date:
    return date(2024, number, 1)


def test_use_is_the_difference_times_the_multiplier() -> None:
    usage, findings = judge(
        reads(("M1", month(1), "install", 1_000), ("M1", month(2), "regular", 4_500)), meter(multiplier=40)
    )
    row = usage.row(0, named=True)
    assert (row["from_date"], row["to_date"], row["quantity"], row["seq"]) == (month(1), month(2), 140_000, 4)
    assert not row["is_rejected"]
    assert findings.is_empty()


@pytest.mark.parametrize(
    ("later", "quantity", "verdict"),
    [
        # A register of 5 dials holds 100,000 units, 100,000,000 smallest; 5 % of it is 5,000,000.
        (90_000_000, 0, []),  # the same reading: nothing used
        (89_999_999, 0, [("V19", "read_decreased", "fail")]),
        (0, 0, [("V19", "read_decreased", "fail")]),  # 10,000,000 would be 10 % of the scale
        (99_999_999, 9_999_999, []),  # the highest that the dials show
        (100_000_000, 0, [("V18", "reading_above_dials", "fail")]),
    ],
)
def test_a_register_that_reads_less_is_refused(later: int, quantity: int, verdict: list[tuple[str, str, str]]) -> None:
    usage, findings = judge(reads(("M1", month(1), "install", 90_000_000), ("M1", month(2), "regular", later)))
    assert usage["quantity"].to_list() == [quantity]
    assert usage["is_rejected"].to_list() == [bool(verdict)]
    assert said(findings) == verdict


@pytest.mark.parametrize(
    ("later", "quantity", "verdict"),
    [
        (4_000_000, 5_000_000, [("V18", "rollover", "info")]),  # exactly 5 % of the full scale
        (4_000_001, 0, [("V19", "read_decreased", "fail")]),
    ],
)
def test_a_rollover_is_believed_up_to_its_share_of_the_scale(
    later: int, quantity: int, verdict: list[tuple[str, str, str]]
) -> None:
    usage, findings = judge(
        reads(("M1", month(1), "install", 99_000_000), ("M1", month(2), "regular", later)), meter(multiplier=1)
    )
    assert usage["quantity"].to_list() == [quantity]
    assert said(findings) == verdict


def test_a_rollover_is_judged_before_the_multiplier() -> None:
    usage, _ = judge(
        reads(("M1", month(1), "install", 99_000_000), ("M1", month(2), "regular", 4_000_000)), meter(multiplier=200)
    )
    assert usage["quantity"].to_list() == [1_000_000_000]


def test_twelve_dials_do_not_overflow() -> None:
    usage, findings = judge(
        reads(("M1", month(1), "install", 10**15 - 1), ("M1", month(2), "regular", 0)), meter(dials=12)
    )
    assert usage["quantity"].to_list() == [1]
    assert said(findings) == [("V18", "rollover", "info")]


def test_a_reading_above_the_dials_is_found_though_it_is_the_only_one() -> None:
    usage, findings = judge(reads(("M1", month(1), "install", 100_000_000)))
    assert usage.is_empty() and said(findings) == [("V18", "reading_above_dials", "fail")]


@pytest.mark.parametrize(
    ("multiplier", "is_rejected"), [(USE_MAX // 10**9, False), (USE_MAX // 10**9 + 1, True), (10**9, True)]
)
def test_use_above_the_bound_is_refused(multiplier: int, is_rejected: bool) -> None:
    usage, findings = judge(
        reads(("M1", month(1), "install", 0), ("M1", month(2), "regular", 10**9)),
        meter(dials=9, multiplier=multiplier),
    )
    assert usage["is_rejected"].to_list() == [is_rejected]
    assert usage["quantity"].to_list() == [0 if is_rejected else USE_MAX]
    assert said(findings) == ([("V20", "usage_too_large", "fail")] if is_rejected else [])


def test_at_an_exchange_the_old_meters_use_ends_where_the_new_meters_begins() -> None:
    usage, findings = judge(
        reads(
            ("OLD", month(1), "install", 500_000),
            ("OLD", month(2), "regular", 510_000),
            ("OLD", date(2024, 2, 11), "removal", 514_000),
            ("NEW", date(2024, 2, 11), "install", 0),
            ("NEW", month(3), "regular", 7_000),
        ),
        meter("OLD", removed=date(2024, 2, 11)),
        meter("NEW", installed=date(2024, 2, 11)),
    )
    assert usage.select("meter_id", "from_date", "to_date", "quantity").rows() == [
        ("OLD", month(1), month(2), 10_000),
        ("OLD", month(2), date(2024, 2, 11), 4_000),
        ("NEW", date(2024, 2, 11), month(3), 7_000),
    ]
    assert findings.is_empty()


def test_a_meter_hung_again_at_the_same_point_starts_a_new_chain() -> None:
    swap = date(2024, 2, 11)
    usage, _ = judge(
        reads(
            ("M1", month(1), "install", 0),
            ("M1", swap, "removal", 5_000),
            ("M1", swap, "install", 0),  # repaired, register set to zero
            ("M1", month(3), "regular", 2_000),
        ),
        meter(removed=swap),
        meter(installed=swap),
    )
    assert usage["quantity"].to_list() == [5_000, 2_000]


def test_of_two_readings_on_one_day_an_estimate_yields() -> None:
    usage, _ = judge(
        reads(
            ("M1", month(1), "install", 0),
            ("M1", month(2), "estimate", 9_000),
            ("M1", month(2), "regular", 7_000),
            ("M1", month(2), "customer", 8_000),
        )
    )
    assert usage["quantity"].to_list() == [7_000]


def test_the_worse_quality_of_the_two_readings_stays_with_the_use() -> None:
    mixed = pl.concat([reads(("M1", month(1), "install", 0)), reads(("M1", month(2), "estimate", 10), quality=4)])
    usage, _ = judge(arranged(RegisterReads, mixed))
    assert usage["quality"].to_list() == [4]


def test_a_reading_of_a_meter_that_hangs_elsewhere_is_found_and_not_used() -> None:
    usage, findings = judge(
        reads(("M1", month(1), "install", 0), ("M2", month(2), "regular", 10), ("M1", month(3), "regular", 30)),
        meter(),
        meter("M2", point="SP2"),
    )
    assert usage["quantity"].to_list() == [30]
    assert said(findings) == [("V01", "meter_unknown", "fail")]


def test_two_meters_that_count_the_same_days_are_refused() -> None:
    usage, findings = judge(
        reads(
            ("M1", month(1), "install", 0),
            ("M1", month(3), "regular", 100),
            ("M2", month(2), "install", 0),
            ("M2", month(4), "regular", 100),
        ),
        meter(),
        meter("M2", installed=month(2)),
    )
    assert usage["is_rejected"].to_list() == [True, True]
    assert said(findings) == [("V01", "reads_overlap", "fail")] * 2


def monthly(uses: Sequence[int]) -> DataFrame[RegisterReads]:
    """A reading every ten days, so that average daily use is a tenth of the use."""
    readings: list[Reading] = [("M1", START, "install", 0)]
    for place, use in enumerate(uses, start=1):
        readings.append(("M1", START + timedelta(days=10 * place), "regular", readings[-1][3] + use))
    return reads(*readings)


@pytest.mark.parametrize(
    ("uses", "high"),
    [
        ([100, 100, 100, 500], 0),  # exactly five times the median
        ([100, 100, 100, 501], 1),
        ([100, 100, 501], 0),  # two others are not enough to know what is usual
        ([501, 100, 100, 100], 1),  # place in time does not matter
        ([80, 100, 120, 140, 560], 1),  # the median of four is the mean of 100 and 120; five times it is 550
        ([80, 100, 120, 140, 550], 0),
        ([0, 0, 0, 900], 0),  # a median of zero says nothing
        ([100, 100, 100, 600, 700], 2),
    ],
)
def test_use_far_above_the_usual_is_warned_and_kept(uses: list[int], high: int) -> None:
    usage, findings = judge(monthly(uses))
    assert usage["quantity"].to_list() == uses
    assert said(findings) == [("V15", "usage_high", "warn")] * high


@given(uses=st.lists(st.integers(0, 10_000), min_size=4, max_size=12))
@settings(max_examples=10, deadline=None)
def test_high_use_agrees_with_the_median_of_the_others(uses: list[int]) -> None:
    _, findings = judge(monthly(uses))
    expected = []
    for place, use in enumerate(uses):
        others = sorted(uses[:place] + uses[place + 1 :])
        twice = others[(len(others) - 1) // 2] + others[len(others) // 2]
        if twice > 0 and 2 * use > 5 * twice:
            expected.append(use)
    assert findings["found"].to_list() == expected


@given(uses=st.lists(st.integers(0, 4_000_000), min_size=1, max_size=30), first=st.integers(0, 99_999_999))
@settings(max_examples=10, deadline=None)
def test_uses_add_up_across_rollovers(uses: list[int], first: int) -> None:
    readings: list[Reading] = [("M1", START, "install", first)]
    for place, use in enumerate(uses, start=1):
        readings.append(("M1", START + timedelta(days=30 * place), "regular", (readings[-1][3] + use) % 100_000_000))
    usage, findings = judge(reads(*readings))
    assert usage["quantity"].to_list() == uses
    assert "fail" not in findings["severity"].to_list()


def test_row_order_changes_nothing() -> None:
    frame = monthly([100, 100, 100, 600, 700])
    usage, findings = judge(frame)
    order = list(range(frame.height))
    random.Random(5).shuffle(order)
    again_usage, again_findings = judge(arranged(RegisterReads, frame[order]))
    assert usage.equals(again_usage)
    assert findings.equals(again_findings)


def test_no_readings_give_no_use() -> None:
    usage, findings = judge(reads())
    assert usage.is_empty()
    assert findings.is_empty()


def test_one_reading_gives_no_use() -> None:
    usage, _ = judge(reads(("M1", month(1), "install", 0)))
    assert usage.is_empty()
