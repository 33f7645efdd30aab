"""Decisions about findings inside a judgement: what is restored, what is estimated, what is written at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from vee_frames import channel_numbers, wide_days

from ingest.edits.finding_decisions import unsettled, with_decided
from ingest.estimates.estimate import EDIT_SCHEMA, Beside
from ingest.rules.rules import DEFAULT_RULES
from ingest.vee.judge import Judged, judge_days
from ingest.vee.matrix import flat_bytes
from model.codes import Method, Quality
from model.decisions import DecidedSlots
from model.reads import slot_columns
from model.schema import arranged

SPRING = date(2026, 10, 4)  # 23 hours in Sydney
AT = datetime(2026, 11, 2, tzinfo=UTC)
NO_EDITS = pl.DataFrame(schema=EDIT_SCHEMA)


def decided(state: str, first: int, last: int, *, rule: str = "V10", base: int = 7, **given: Any) -> Any:
    row = {
        "channel_no": 1, "day": SPRING, "base_seq": base, "first_slot": first, "last_slot": last, "rule": rule,
        "state": state, "slot_values": None, "recorded_at": AT,
    }  # fmt: skip
    return arranged(DecidedSlots, pl.DataFrame([row | given], infer_schema_length=None))


def days(*, spike: int = 100_000) -> pl.DataFrame:
    """Twenty days around the one whose sixth hour is a spike; 100 Wh in every other hour."""
    values = {}
    for step in range(-10, 10):
        day = SPRING + timedelta(days=step)
        values[1, day] = [100] * (23 if step == 0 else 24)
    values[1, SPRING][5] = spike
    return wide_days(values)


def judge(landed: pl.DataFrame, edits: pl.DataFrame = NO_EDITS) -> Judged:
    active = pl.DataFrame({"channel_no": [1], "from_date": [SPRING], "to_date": [SPRING + timedelta(days=1)]})
    channels = channel_numbers((1,), "Australia/Sydney")
    period = (SPRING, SPRING + timedelta(days=1))
    return judge_days(landed, channels, 60, *period, rules=DEFAULT_RULES, active=active, beside=Beside(edits=edits))


def follow(landed: pl.DataFrame, decision: Any, edits: pl.DataFrame = NO_EDITS) -> Judged:
    judged = judge(landed, with_decided(edits, decision))
    return replace(judged, findings=unsettled(judged.findings, judged.days, decision))


def row(judged: Judged) -> tuple[list[int | None], list[int], int]:
    assert judged.edited.height == 1
    values = list(judged.edited.select(slot_columns(60)).row(0))[:23]
    methods, lengths = flat_bytes(judged.edited["methods"])
    assert lengths.tolist() == [23]
    return values, methods.tolist(), int(judged.edited.item(0, "worst"))


def test_without_a_decision_the_spike_is_estimated() -> None:
    values, methods, worst = row(judge(days()))
    assert (values[5], methods[5], worst) == (100, Method.LINEAR, Quality.ESTIMATED)


def test_an_accepted_value_stands_with_the_quality_it_came_with() -> None:
    judged = follow(days(), decided("accepted", 5, 5))
    values, methods, worst = row(judged)
    assert (values, worst) == ([100] * 5 + [100_000] + [100] * 17, Quality.ACTUAL)
    assert methods == [0] * 5 + [Method.ACCEPTED] + [0] * 17
    assert judged.findings.height == 0


def test_accepting_an_estimate_leaves_it() -> None:
    gap = days().with_columns(v05=pl.when(pl.col("day") != SPRING).then("v05"))
    plain = judge(gap)
    assert follow(gap, decided("accepted", 5, 5, rule="V03")).edited.equals(plain.edited)


def test_a_rejected_value_is_estimated_like_a_gap() -> None:
    kept = days(spike=900)  # not refused: at most 1 kWh
    assert judge(kept).edited.height == 0
    judged = follow(kept, decided("estimated", 5, 5))
    values, methods, _ = row(judged)
    assert (values[5], methods[5]) == (100, Method.LINEAR)
    assert judged.findings.filter(pl.col("rule") == "V03").height == 0


def test_an_edit_puts_its_values_in() -> None:
    values, methods, worst = row(follow(days(), decided("edited", 5, 6, slot_values="7,9")))
    assert values[4:8] == [100, 7, 9, 100] and methods[4:8] == [0, Method.MANUAL, Method.MANUAL, 0]
    assert worst == Quality.EDITED


def test_an_edit_of_a_day_that_never_landed_makes_the_day() -> None:
    landed = days().filter(pl.col("day") == SPRING - timedelta(days=60))
    edit = decided("edited", 0, 22, rule="V03", base=0, slot_values=",".join(str(slot) for slot in range(23)))
    values, methods, worst = row(follow(landed, edit))
    assert values == list(range(23)) and set(methods) == {Method.MANUAL} and worst == Quality.EDITED


def test_an_edit_by_two_persons_wins_over_a_decision() -> None:
    edit = pl.DataFrame([(1, SPRING, 5, 7, "value", 42)], schema=EDIT_SCHEMA, orient="row")
    values, methods, _ = row(follow(days(), decided("accepted", 5, 5), edit))
    assert (values[5], methods[5]) == (42, Method.MANUAL)


@pytest.mark.parametrize("state", ["accepted", "estimated", "edited"])
def test_a_decision_about_another_landed_row_changes_nothing(state: str) -> None:
    decision = decided(state, 5, 5, base=6, slot_values="1" if state == "edited" else None)
    judged = follow(days(), decision)
    assert judged.edited.equals(judge(days()).edited) and judged.findings.equals(judge(days()).findings)


def test_what_was_taken_back_is_judged_as_if_nothing_had_been_decided() -> None:
    judged = follow(days(), decided("open", 5, 5))
    assert judged.edited.equals(judge(days()).edited) and judged.findings.equals(judge(days()).findings)
    # It is told to the run as touched, so that what an earlier run wrote is made anew.
    assert judged.touched.rows() == [(1, SPRING)]


def test_a_later_rule_still_stands_where_another_was_taken_back() -> None:
    both = pl.concat([decided("accepted", 5, 5), decided("open", 5, 5, rule="V14", recorded_at=AT + timedelta(1))])
    assert with_decided(NO_EDITS, arranged(DecidedSlots, both))["kind"].to_list() == ["accept"]
