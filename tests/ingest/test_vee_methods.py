"""Methods of estimation beyond line and like day, and scaling to registers. Slots are hours unless a test says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vee_frames import Slots, active, channel_numbers, row_of, slots_of, steady, wide_days

from ingest.estimates.estimate import EDIT_SCHEMA, FLOW_SCHEMA, NOTHING, OUTAGE_SCHEMA, SPAN_SCHEMA, Beside
from ingest.estimates.scaling import share_exactly
from ingest.rules.rule_file import parse_rules
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.judge import Judged, judge_days
from ingest.vee.kernels import GAP, KEPT, NEIGHBOUR, PENDING, hold_values
from model.codes import Method, Quality
from model.errors import InputError
from model.zones import day_slots

MONDAY = date(2026, 10, 5)
Days = dict[tuple[int, date], Slots]
NO_LIKE_DAYS = replace(DEFAULT_RULES, methods=("linear", "multi_week", "hold", "profile", "flat"))


def after(count: int, start: date = MONDAY) -> date:
    return start + timedelta(days=count)


def judge(
    days: Days,
    beside: Beside = NOTHING,
    *,
    length: int = 1,
    start: date = MONDAY,
    rules: RuleSet = DEFAULT_RULES,
    tz_name: str = "Australia/Brisbane",
    flags: dict[tuple[int, date], bytes] | None = None,
) -> Judged:
    channels = tuple(sorted({channel for channel, _ in days} | {1}))
    return judge_days(
        wide_days(days, 60, flags), channel_numbers(channels, tz_name), 60, start, after(length, start),
        rules=rules, active=active(channels, start, after(length, start)), beside=beside,
    )  # fmt: skip


def spans(*rows: tuple[int, date, date, int, int]) -> Beside:
    return Beside(spans=pl.DataFrame(list(rows), schema=SPAN_SCHEMA, orient="row"))


def gap(values: Sequence[int | None], first: int, last: int) -> list[int | None]:
    return [None if first <= slot <= last else value for slot, value in enumerate(values)]


def methods_of(judged: Judged, day: date, channel: int = 1) -> list[int]:
    return list(row_of(judged.edited, channel, day)["methods"])  # type: ignore[call-overload]


# The same weekday of weeks before


def test_the_same_weekday_of_the_weeks_before_is_averaged_slot_by_slot() -> None:
    """Hour 5 was 10, 20 and 40 on the Mondays before, and missing a fourth time: mean 23.33, so 23."""
    days = steady(1, MONDAY, 1, 1) | {(1, MONDAY): gap([1] * 24, 5, 7)}
    for weeks, value in ((1, 10), (2, 20), (3, 40), (4, None)):
        days[(1, after(-7 * weeks))] = [None] * 5 + [value] * 3 + [None] * 16
    judged = judge(days, rules=replace(NO_LIKE_DAYS, linear_minutes_max=0))
    assert slots_of(judged.edited, 1, MONDAY) == [1] * 5 + [23] * 3 + [1] * 16
    assert methods_of(judged, MONDAY)[4:8] == [0, Method.MULTI_WEEK, Method.MULTI_WEEK, Method.MULTI_WEEK]
    made = judged.estimates.row(0, named=True)
    assert (made["first_slot"], made["last_slot"], made["quantity"], made["low"], made["high"]) == (5, 7, 69, 0, 120)


def test_other_weekdays_and_weeks_too_far_back_do_not_count() -> None:
    days = {(1, MONDAY): gap([1] * 24, 5, 5), (1, after(-6)): [5] * 24, (1, after(-35)): [2] * 24}
    rules = replace(DEFAULT_RULES, methods=("multi_week",))
    assert judge(days, rules=rules).findings["method"].to_list() == ["none"]
    assert judge(days, rules=replace(rules, multi_weeks=5)).findings["method"].to_list() == ["multi_week"]


def test_a_line_lies_between_its_ends() -> None:
    """10 to 40 over two hours: 20 and 30, so two hours lie between 2 x 20 and 2 x 30."""
    judged = judge({(1, MONDAY): [10, None, None, *[40] * 21]})
    assert judged.estimates.select("method", "quantity", "refs", "low", "high").rows() == [("linear", 50, "", 40, 60)]


# One end only


@pytest.mark.parametrize(
    ("slots", "filled"),
    [
        ([None, 30, 20], [30, 30, 20]),
        ([30, None, None], [30, 30, 30]),
        ([None, None, None], [None, None, None]),
    ],
)
def test_a_short_gap_with_one_end_is_held(slots: list[int | None], filled: list[int | None]) -> None:
    states = np.array([[GAP if value is None else NEIGHBOUR for value in slots]], np.uint8)
    values = np.array([[0 if value is None else value for value in slots]], np.int32)
    methods = np.where(states == GAP, PENDING, 0).astype(np.uint8)
    out = values.copy()
    hold_values(values, states, np.array([3]), np.zeros(1, np.bool_), slots_max=2, out_values=out, out_methods=methods)
    found = [None if method == PENDING else int(value) for value, method in zip(out[0], methods[0], strict=True)]
    assert found == filled


def hold_twin(chains: list[list[tuple[int, int]]], slots_max: int) -> dict[tuple[int, int], int]:
    found = {}
    for number, chain in enumerate(chains):
        for place, (state, _) in enumerate(chain):
            if state != GAP:
                continue
            left, right = place, place
            while left >= 0 and chain[left][0] == GAP:
                left -= 1
            while right < len(chain) and chain[right][0] == GAP:
                right += 1
            ends = [chain[end] for end in (left, right) if 0 <= end < len(chain) and chain[end][0] == NEIGHBOUR]
            if len(ends) == 1 and right - left - 1 <= slots_max:
                found[number, place] = ends[0][1]
    return found


@given(
    chains=st.lists(
        st.lists(st.tuples(st.sampled_from([GAP, GAP, NEIGHBOUR, KEPT]), st.integers(0, 9)), min_size=4, max_size=8),
        min_size=1, max_size=4,
    ),
    slots_max=st.integers(0, 4),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_holding_agrees_with_a_search(chains: list[list[tuple[int, int]]], slots_max: int) -> None:
    """Each chain is cut into days of two slots, and a shorter last one."""
    rows = [(number, start) for number, chain in enumerate(chains) for start in range(0, len(chain), 2)]
    states, values = np.full((len(rows), 2), KEPT, np.uint8), np.zeros((len(rows), 2), np.int32)
    real = np.array([min(2, len(chains[number]) - start) for number, start in rows], np.int64)
    for row, (number, start) in enumerate(rows):
        for slot in range(real[row]):
            states[row, slot], values[row, slot] = chains[number][start + slot]
    methods = np.where(states == GAP, PENDING, 0).astype(np.uint8)
    out = values.copy()
    continues = np.array([start > 0 for _, start in rows])
    hold_values(values, states, real, continues, slots_max=slots_max, out_values=out, out_methods=methods)
    found = {
        (rows[row][0], rows[row][1] + int(slot)): int(out[row, slot])
        for row, slot in np.argwhere(methods == Method.HOLD)
    }
    assert found == hold_twin(chains, slots_max)


# What is known beside the channel


def test_slots_wholly_in_an_outage_are_zero_and_those_at_its_ends_end_no_line() -> None:
    """The outage takes hours 4 and 5 whole; hours 3 and 6 lie partly in it. Hour 2 is missing beside hour 3."""
    outages = pl.DataFrame([(1, MONDAY, 4, 6)], schema=OUTAGE_SCHEMA, orient="row")
    days: Days = {(1, MONDAY): [10, 10, None, 7, None, None, 8, *[10] * 17]}
    judged = judge(days, Beside(outages=outages))
    assert slots_of(judged.edited, 1, MONDAY) == [10, 10, None, 7, 0, 0, 8, *[10] * 17]
    assert methods_of(judged, MONDAY)[2:6] == [0, 0, Method.ZERO, Method.ZERO]


def test_a_day_with_an_outage_is_no_like_day() -> None:
    outages = pl.DataFrame([(1, after(-1), 4, 6)], schema=OUTAGE_SCHEMA, orient="row")
    days: Days = {**steady(1, after(-7), 1, 50), **steady(1, after(-1), 1, 10)}
    assert slots_of(judge(days).edited, 1, MONDAY) == [50] * 24  # a Monday is nearer in kind than a Sunday
    days = {**steady(1, after(-3), 1, 50), **steady(1, after(-1), 1, 10)}
    rules = replace(DEFAULT_RULES, holidays=(MONDAY,))  # no like day: all kinds count
    assert slots_of(judge(days, rules=rules).edited, 1, MONDAY) == [30] * 24
    assert slots_of(judge(days, Beside(outages=outages), rules=rules).edited, 1, MONDAY) == [50] * 24


def test_a_check_channel_comes_before_a_line_and_other_flows_after_it() -> None:
    checks = pl.DataFrame([(1, MONDAY, 3, 17)], schema=FLOW_SCHEMA, orient="row")
    flows = pl.DataFrame([(1, MONDAY, 3, 99), (1, MONDAY, 4, 18)], schema=FLOW_SCHEMA, orient="row")
    judged = judge({(1, MONDAY): gap([10] * 24, 3, 5)}, Beside(checks=checks, flows=flows))
    assert slots_of(judged.edited, 1, MONDAY)[2:7] == [10, 17, 18, None, 10]
    assert judged.findings["method"].to_list() == ["check_channel", "calculated", "none"]


# Guards


def test_a_day_of_which_too_much_is_missing_is_not_estimated() -> None:
    days: Days = {**steady(1, after(-7), 7, 10), (1, MONDAY): gap([10] * 24, 0, 12)}
    at_limit = replace(DEFAULT_RULES, missing_day_percent_max=55)  # 13 of 24 hours are 54.2 %
    assert judge(days, rules=at_limit).findings["reason"].to_list() == ["missing"]
    above = judge(days, rules=replace(DEFAULT_RULES, missing_day_percent_max=54))
    assert sorted(above.findings.select("reason", "method").rows()) == [
        ("missing", "none"),
        ("too_much_missing", "none"),
    ]
    assert above.edited.is_empty()


def test_a_channel_of_which_too_much_is_missing_is_not_estimated() -> None:
    days: Days = {**steady(1, after(-14), 14, 10), **steady(1, MONDAY, 3, 10), **steady(2, after(-14), 18, 10)}
    days[(2, MONDAY)] = gap([10] * 24, 0, 23)
    rules = replace(DEFAULT_RULES, missing_period_percent_max=25)
    judged = judge(days, length=4, rules=rules)  # each channel misses one day of four
    assert judged.edited.height == 2
    del days[(1, after(2))]
    judged = judge(days, length=4, rules=rules)
    assert judged.edited["channel_no"].to_list() == [2]
    assert judged.findings.filter(reason="too_much_missing")["day"].to_list() == [after(2), after(3)]


# Scaling to registers


def test_estimates_are_scaled_so_that_the_register_is_met_exactly() -> None:
    """Like days give 10 an hour for 3 hours, the register says 250, of which 210 were measured: 40 = 14 + 13 + 13."""
    days: Days = {**steady(1, after(-7), 7, 10), (1, MONDAY): gap([10] * 24, 3, 5)}
    judged = judge(days, spans((1, MONDAY, after(1), 250, 0)))
    assert slots_of(judged.edited, 1, MONDAY)[2:7] == [10, 14, 13, 13, 10]
    assert methods_of(judged, MONDAY)[3:6] == [Method.REGISTER_SCALED] * 3
    assert judged.findings.select("method", "used").rows() == [("register_scaled", 40)]
    made = judged.estimates.select("method", "shape", "quantity", "low", "high").rows()
    assert made == [("register_scaled", "like_day", 40, 30, 30)]
    assert judged.estimates["refs"][0].startswith("register 2026-10-05..2026-10-06: 250 ")
    assert "2026-10-02 2026-10-01 2026-09-30" in judged.estimates["refs"][0]


def test_a_span_is_scaled_over_all_its_days_whichever_method_made_the_shape() -> None:
    """A line over hour 1 (10) and like days over 3 hours (20 each): weights 10, 20, 20, 20; 35 = 5 + 10 + 10 + 10."""
    days: Days = {
        **steady(1, after(-7), 7, 20),
        (1, MONDAY): gap([10] * 24, 1, 1),
        (1, after(1)): gap([20] * 24, 9, 11),
    }
    measured = 23 * 10 + 21 * 20
    judged = judge(days, spans((1, MONDAY, after(2), measured + 35, 0)), length=2)
    assert slots_of(judged.edited, 1, MONDAY)[1] == 5
    assert slots_of(judged.edited, 1, after(1))[9:12] == [10, 10, 10]


@pytest.mark.parametrize(
    ("register", "tolerance", "filled", "said"),
    [
        (210, 0, [0, 0, 0], None),  # all that the register counted was measured
        (209, 1, [10, 10, 10], "warn"),  # one below: the register cut off that much
        (208, 1, [None, None, None], "fail"),
    ],
)
def test_measured_above_the_register_refuses_estimates(
    register: int, tolerance: int, filled: list[int | None], said: str | None
) -> None:
    days: Days = {**steady(1, after(-7), 7, 10), (1, MONDAY): gap([10] * 24, 3, 5)}
    judged = judge(days, spans((1, MONDAY, after(1), register, tolerance)))
    found = slots_of(judged.edited, 1, MONDAY)[3:6] if judged.edited.height else [None] * 3
    assert found == filled
    about = judged.findings.filter(reason="register_below_intervals")["severity"].to_list()
    assert about == ([said] if said else [])


def test_without_any_shape_the_rest_is_shared_equally() -> None:
    judged = judge({(1, MONDAY): gap([10] * 24, 3, 9)}, spans((1, MONDAY, after(1), 240, 0)))  # 70 left for 7 hours
    assert slots_of(judged.edited, 1, MONDAY) == [10] * 24
    assert judged.estimates.select("method", "shape").rows() == [("register_scaled", "flat")]


def test_without_a_register_a_flat_shape_is_no_estimate() -> None:
    judged = judge({(1, MONDAY): gap([10] * 24, 3, 9)})
    assert judged.edited.is_empty()
    assert judged.findings["method"].to_list() == ["none"]


def test_a_load_profile_gives_the_shape_of_a_day_that_never_came() -> None:
    """Weights 1 at night (12 hours) and 3 by day (12 hours): 480 = 12 x 10 + 12 x 30."""
    hours = tuple(3 if 6 <= hour < 18 else 1 for hour in range(24))
    rules = replace(DEFAULT_RULES, load_profile=(hours, hours, hours))
    judged = judge({}, spans((1, MONDAY, after(1), 480, 0)), rules=rules)
    assert slots_of(judged.edited, 1, MONDAY) == [10] * 6 + [30] * 12 + [10] * 6
    assert judged.estimates["shape"].to_list() == ["profile"]


def test_a_span_with_a_day_outside_that_is_not_known_is_not_scaled() -> None:
    days: Days = {**steady(1, after(-7), 7, 10), (1, MONDAY): gap([10] * 24, 3, 5)}
    judged = judge(days, spans((1, MONDAY, after(2), 999, 0)))  # Tuesday is neither judged nor there
    assert slots_of(judged.edited, 1, MONDAY)[3:6] == [10, 10, 10]


def test_a_value_that_no_slot_holds_refuses_the_estimate() -> None:
    days: Days = {**steady(1, after(-7), 7, 10), (1, MONDAY): gap([10] * 24, 3, 3)}
    judged = judge(days, spans((1, MONDAY, after(1), 2**31 + 230, 0)))
    assert judged.edited.is_empty()


def shares_twin(weights: list[int], total: int) -> list[int]:
    if sum(weights) == 0:
        weights = [1] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    shares = [int(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda place: (-(exact[place] - shares[place]), place))
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9), st.integers(0, 10**15)), max_size=3)
)
@settings(max_examples=150, deadline=None)
def test_shares_add_up_and_agree_with_fractions(groups: list[tuple[list[int], int]]) -> None:
    rows = [
        (number, place, total, weight)
        for number, (weights, total) in enumerate(groups)
        for place, weight in enumerate(weights)
    ]
    parts = pl.DataFrame(
        rows, schema={"span": pl.Int64, "place": pl.Int64, "total": pl.Int64, "weight": pl.Int64}, orient="row"
    )
    expected = [share for weights, total in groups for share in shares_twin(weights, total)]
    assert share_exactly(parts, ["span"]).to_list() == expected


@given(
    start=st.sampled_from([date(2026, 3, 7), date(2026, 10, 31), date(2026, 6, 1)]),  # 23 and 25 hours, and plain
    holes=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 24), st.integers(0, 24)), min_size=1, max_size=4),
    extra=st.integers(0, 5_000),
    history=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_energy_is_the_registers_over_days_of_23_and_25_hours(
    start: date, holes: list[tuple[int, int, int]], extra: int, history: bool
) -> None:
    tz_name = "America/Chicago"
    days: dict[tuple[int, date], list[int | None]] = {}
    for place in range(-7 if history else 0, 3):
        day = after(place, start)
        days[(1, day)] = [100 + 7 * slot + abs(place) for slot in range(day_slots(tz_name, day, 60))]
    for place, first, last in holes:
        days[(1, after(place, start))] = gap(days[(1, after(place, start))], first, last)
    measured = sum(value or 0 for (_, day), values in days.items() if day >= start for value in values)
    has_gap = any(value is None for (_, day), values in days.items() if day >= start for value in values)
    register = measured + extra
    judged = judge(days, spans((1, start, after(3, start), register, 0)), length=3, start=start, tz_name=tz_name)
    if not has_gap:
        assert judged.edited.is_empty()
        return
    total = 0
    for place in range(3):
        day = after(place, start)
        is_edited = judged.edited.filter(pl.col("day") == day).height
        values = slots_of(judged.edited, 1, day) if is_edited else days[(1, day)]
        assert None not in values
        total += sum(values)  # type: ignore[arg-type]
        if is_edited:
            before = days[(1, day)]
            assert all(new == old for new, old in zip(values, before, strict=True) if old is not None)
    assert total == register


# Decisions of persons


def edits(*rows: tuple[int, date, int, int, str, int | None]) -> Beside:
    return Beside(edits=pl.DataFrame(list(rows), schema=EDIT_SCHEMA, orient="row"))


def test_an_edited_value_stands_above_the_landed_one_and_says_so() -> None:
    judged = judge(steady(1, MONDAY, 1, 10), edits((1, MONDAY, 3, 7, "value", 44)))
    row = row_of(judged.edited, 1, MONDAY)
    assert slots_of(judged.edited, 1, MONDAY) == [*[10] * 3, 44, *[10] * 20]
    assert (row["worst"], row["flags"]) == (Quality.EDITED, bytes([0, 0, 0, 1, *[0] * 20]))
    assert methods_of(judged, MONDAY)[2:5] == [0, Method.MANUAL, 0]
    assert judged.touched.rows() == [(1, MONDAY)]


def test_an_edit_of_another_landed_row_does_not_hold() -> None:
    assert judge(steady(1, MONDAY, 1, 10), edits((1, MONDAY, 3, 6, "value", 44))).edited["worst"].to_list() == []


def test_a_value_set_aside_is_estimated() -> None:
    days: Days = {(1, MONDAY): [*[10] * 3, 90, *[10] * 20]}
    judged = judge(days, edits((1, MONDAY, 3, 7, "estimate", None)))
    assert slots_of(judged.edited, 1, MONDAY) == [10] * 24
    assert judged.findings.filter(reason="set_aside").select("found", "used", "method").rows() == [(90, 10, "linear")]


def test_a_restored_day_is_written_as_it_landed() -> None:
    judged = judge(steady(1, MONDAY, 1, 10), edits((1, MONDAY, 3, 7, "restore", None)))
    row = row_of(judged.edited, 1, MONDAY)
    assert slots_of(judged.edited, 1, MONDAY) == [10] * 24
    assert (row["worst"], row["methods"]) == (0, bytes(24))


def test_an_edited_value_is_measured_to_the_register() -> None:
    """Hour 3 was read on site (40), hour 9 is missing: the register says 270, so hour 9 is 270 - 40 - 22 x 10 = 10."""
    days: Days = {(1, MONDAY): [10, 10, 10, None, *[10] * 5, None, *[10] * 14]}
    beside = replace(spans((1, MONDAY, after(1), 270, 0)), edits=edits((1, MONDAY, 3, 7, "value", 40)).edits)
    assert slots_of(judge(days, beside).edited, 1, MONDAY)[9] == 10


# Estimates are judged in their turn


def test_an_estimate_that_stands_out_of_its_day_is_found_and_kept() -> None:
    """The like day had 100 in hour 3 while this day runs at 10: (100 - 10) / 10 is above 180 %."""
    like = [10, 10, 10, 100, 100, 100, *[10] * 18]
    days: Days = {(1, after(-7)): like, (1, MONDAY): gap([10] * 24, 3, 3)}
    days[(1, MONDAY)] = gap([10] * 24, 3, 3)
    judged = judge(days, rules=replace(DEFAULT_RULES, methods=("like_day",)))
    assert judged.findings.filter(reason="estimate_spike").select("first_slot", "found").rows() == [(3, 100)]
    assert slots_of(judged.edited, 1, MONDAY)[3] == 100


# The rule set says which methods


def rule_file(settings: str) -> RuleSet:
    return parse_rules(f'rule_set = "own"\nversion = 1\n[settings]\n{settings}\n', "own.toml")


def test_a_rule_file_orders_methods_and_gives_a_profile() -> None:
    hours = ", ".join(["2"] * 24)
    rules = rule_file(f'methods = ["hold", "profile"]\nload_profile = [[{hours}], [{hours}], [{hours}]]')
    assert rules.methods == ("hold", "profile")
    assert rules.load_profile == ((2,) * 24,) * 3
    judged = judge({(1, MONDAY): gap([10] * 24, 0, 0)}, rules=rules)
    assert judged.findings["method"].to_list() == ["hold"]
    scaled = judge({}, spans((1, MONDAY, after(1), 240, 0)), rules=rules)
    assert slots_of(scaled.edited, 1, MONDAY) == [10] * 24


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('methods = ["linear", "guess"]', "settings.methods: expected a list of zero, check_channel,"),
        ('register_methods = ["hold"]', "settings.register_methods: expected a list of linear, intervals,"),
        ("load_profile = [[1, 2]]", "settings.load_profile: expected 3 lists of 24 whole numbers"),
        ("load_profile = [3, 4, 5]", "settings.load_profile: expected 3 lists of 24 whole numbers"),
        ('scale_to_register = "no"', "settings.scale_to_register: expected a value such as"),
    ],
)
def test_what_a_rule_file_says_wrongly_of_methods_is_refused(settings: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        rule_file(settings)
    assert message in str(refused.value)
