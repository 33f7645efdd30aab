"""What review lists, on both sides of each edge; the figures are worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from cycles.review.bill_checks import check_bills
from cycles.review.rules import ReviewRules, rules_from
from cycles.review.whole_run import counted_use, largest_bills, whole_run
from model.bills import Bills
from model.errors import ConfigError
from model.review import BillUse
from model.schema import arranged

RULES = ReviewRules(top=0)
JUNE = date(2026, 6, 1)


def used(start: date, days: int, wh: int, minor: int, **changed: Any) -> dict[str, Any]:
    """Return what agreement S1 of account A1 took in so many days."""
    row = {
        "bill_id": f"A1.{start:%Y-%m}.r0", "account_id": "A1", "branch_id": "N", "revenue_class": "residential",
        "agreement_id": "S1", "service_point_id": "E1", "commodity": "electricity", "tariff_id": "flat",
        "period_start_date": start, "period_end_date": start + timedelta(days=days), "quantity": wh, "unit": "Wh",
        "is_estimated": False, "amount_minor": minor, "currency": "AUD",
    }  # fmt: skip
    return row | changed


def months(daily_wh: list[int], daily_minor: int = 500, **changed: Any) -> list[dict[str, Any]]:
    """Return the bills before June, the last one May's, of 30 days each with a use a day."""
    ends = [JUNE - timedelta(days=30 * place) for place in range(1, len(daily_wh) + 1)]
    return [
        used(start, 30, wh * 30, daily_minor * 30, **({"bill_id": f"past-{place}"} | changed))
        for place, (start, wh) in enumerate(zip(ends, reversed(daily_wh), strict=True))
    ]


def found(now: list[dict[str, Any]], past: list[dict[str, Any]], rules: ReviewRules = RULES, **terms: Any) -> Any:
    use = arranged(BillUse, pl.DataFrame(now))
    sums = use.group_by("bill_id", "account_id", "branch_id", "revenue_class", "currency").agg(
        pl.col("amount_minor").sum().alias("total_minor"), pl.col("is_estimated").any(),
        pl.col("period_start_date").min(), pl.col("period_end_date").max(), pl.len().alias("line_count"),
    )  # fmt: skip
    bills = sums.with_columns(
        customer_id=pl.lit("K1"), cycle_id=pl.lit("2026-06"), net_minor="total_minor", tax_minor=pl.lit(0),
        issue_date=pl.lit(JUNE), due_date=pl.lit(JUNE),
    )  # fmt: skip
    given = {"supplied_from": date(2020, 1, 1), "supplied_to": None, "cycle_days": 30} | terms
    own = use.select("agreement_id").unique().with_columns(
        *(pl.lit(given[name], dtype=pl.Date).alias(name) for name in ("supplied_from", "supplied_to")),
        cycle_days=pl.lit(given["cycle_days"]),
    )  # fmt: skip
    earlier = pl.DataFrame(past) if past else use.clear()
    run = whole_run([counted_use(use)], [largest_bills(bills, rules.top)], rules.top)
    return check_bills(arranged(Bills, bills), use, arranged(BillUse, earlier), own, rules, run)


def test_the_order_of_supplies_changes_nothing() -> None:
    def bill(account: str, agreement: str, minor: int) -> dict[str, Any]:
        return used(
            JUNE, 30, 300_000, minor, bill_id=f"{account}.r0", account_id=account, agreement_id=agreement,
            service_point_id=agreement,
        )  # fmt: skip

    # A1 has two supplies, each of 500 a day before: 15,000 and 15,000 usual; now 300,000 and 20,000.
    now = [bill("A1", "S1", 300_000), bill("A2", "S3", 15_000), bill("A1", "S2", 20_000)]
    past = [row for place in ("S1", "S2") for row in months([10_000] * 4, service_point_id=place)]
    listed = found(now, past)
    shock = listed.filter(pl.col("code") == "shock_bill").select("bill_id", "found", "usual").rows()
    assert shock == [("A1.r0", 320_000, 30_000)]
    assert found(now[::-1], past).equals(listed)


def codes(*given: Any, **terms: Any) -> set[str]:
    return set(found(*given, **terms)["code"].to_list())


# Four months of 10 kWh a day: the median is 10 kWh, the deviation 0 and counted as 10 % of it, 1 kWh; five of them
# leave 5 to 15 kWh, and high use is also above twice the median, 20 kWh, low use below half of it, 5 kWh.
@pytest.mark.parametrize(
    ("daily_wh", "expected"),
    [(10_000, set()), (20_000, set()), (20_001, {"high_use"}), (5_000, set()), (4_999, {"low_use"}), (0, {"zero_use"})],
)
def test_use_is_high_or_low_beside_its_own_past(daily_wh: int, expected: set[str]) -> None:
    assert codes([used(JUNE, 30, daily_wh * 30, 15_000)], months([10_000] * 4)) == expected


def test_a_wide_past_allows_more() -> None:
    # Median of 8, 10, 14, 20 is 10 (the lower middle), deviations 2, 0, 4, 10: 2; 10 + 5 x 2 = 20 is not wider than
    # twice the median. Of 4, 10, 16, 22: deviations 6, 0, 6, 12, so 6; 10 + 5 x 6 = 40.
    past = months([4_000, 10_000, 16_000, 22_000])
    assert codes([used(JUNE, 30, 40_000 * 30, 15_000)], past) == set()
    row = found([used(JUNE, 30, 40_001 * 30, 15_000)], past).row(0, named=True)
    assert (row["code"], row["found"], row["usual"], row["low"], row["high"], row["compared"]) == (
        "high_use", 40_001, 10_000, 0, 40_000, 4
    )  # fmt: skip
    assert row["detail"] == "40.001 kWh a day; usual is 10.000 kWh (median of 4 bills), from 0.000 kWh to 40.000 kWh"
    assert row["finding_id"] == "A1.2026-06.r0/high_use/S1"


def test_bills_of_the_same_season_count_when_there_are_enough() -> None:
    winters = [used(date(year, 6, 1), 30, 30_000 * 30, 15_000, bill_id=f"w{year}") for year in (2023, 2024, 2025)]
    autumn = months([10_000] * 3)  # 2 May, 2 April, 3 March
    now = [used(JUNE, 30, 30_000 * 30, 15_000)]
    assert codes(now, autumn) == {"high_use"}
    # June and May of any year are the season: 30, 30, 30 and 10 kWh a day, the median is 30.
    assert codes(now, [*autumn, *winters]) == set()


def test_two_bills_are_no_past() -> None:
    assert codes([used(JUNE, 30, 90_000 * 30, 15_000)], months([10_000] * 2)) == set()


def test_use_of_another_unit_is_nothing_to_compare_with() -> None:
    assert codes([used(JUNE, 30, 90_000 * 30, 15_000)], months([10_000] * 4, unit="L")) == set()


def test_a_supply_without_a_past_is_compared_with_its_class() -> None:
    peers = [
        used(JUNE, 30, 10_000 * 30, 15_000, bill_id=f"p{place}", account_id=f"P{place}", agreement_id=f"S-{place}",
             service_point_id=f"E-{place}")
        for place in range(19)
    ]  # fmt: skip
    assert codes([*peers, used(JUNE, 30, 100_000 * 30, 15_000)], []) == set()
    assert codes([*peers, used(JUNE, 30, 100_001 * 30, 15_000)], []) == {"high_for_class"}
    assert codes([*peers[1:], used(JUNE, 30, 100_001 * 30, 15_000)], []) == set()  # a class of 19 is none


# 5.00 a day before; over 30 days 150.00. A shock is above ten times that, 1500.00, and 500.00 more.
@pytest.mark.parametrize(
    ("minor", "expected"), [(150_000, {"large_change"}), (150_001, {"large_change", "shock_bill"})]
)
def test_a_shock_bill_is_far_above_the_usual_amount(minor: int, expected: set[str]) -> None:
    assert codes([used(JUNE, 30, 300_000, minor)], months([10_000] * 4)) == expected


# A large change is above three times the last bill's amount a day, 450.00, and 100.00 more than it.
@pytest.mark.parametrize(("minor", "expected"), [(45_000, set()), (45_001, {"large_change"})])
def test_a_large_change_is_above_the_last_bill(minor: int, expected: set[str]) -> None:
    assert codes([used(JUNE, 30, 300_000, minor)], months([10_000])) == expected


@pytest.mark.parametrize(
    ("minor", "expected"),
    [(0, {"zero_bill"}), (-1, {"negative_bill"}), (-50_000, {"negative_bill"}),
     (-50_001, {"negative_bill", "credit_above_limit"})],
)  # fmt: skip
def test_credits_and_empty_bills_are_listed(minor: int, expected: set[str]) -> None:
    assert codes([used(JUNE, 30, 300_000, minor)], []) == expected


def test_a_credit_above_the_limit_stops() -> None:
    rows = found([used(JUNE, 30, 300_000, -50_001)], []).filter(pl.col("severity") == "stop")
    assert rows.select("code", "detail").rows() == [
        ("credit_above_limit", "a credit of 500.01 AUD; above 500.00 AUD it waits")
    ]


@pytest.mark.parametrize(("before", "expected"), [(1, set()), (2, {"consecutive_estimates"})])
def test_estimates_in_a_row_are_counted_over_bills(before: int, expected: set[str]) -> None:
    past = months([10_000] * before, is_estimated=True)
    read = months([10_000] * 9)[before:]
    now = [used(JUNE, 30, 300_000, 15_000, is_estimated=True)]
    assert codes(now, [*past, *read]) == expected
    assert codes([used(JUNE, 30, 300_000, 15_000)], [*past, *read]) == set()  # this one is read


@pytest.mark.parametrize(
    ("days", "terms", "expected"),
    [
        (15, {}, set()),
        (14, {}, {"short_period"}),
        (14, {"supplied_from": JUNE}, {"first_bill"}),
        (14, {"supplied_to": JUNE + timedelta(days=14)}, {"final_bill"}),
        (45, {}, set()),
        (46, {}, {"long_period"}),
    ],
)
def test_odd_periods_are_listed(days: int, terms: dict[str, Any], expected: set[str]) -> None:
    assert codes([used(JUNE, days, 10_000 * days, 500 * days)], months([10_000] * 4), **terms) == expected


def test_another_tariff_than_on_the_last_bill_is_listed() -> None:
    assert codes([used(JUNE, 30, 300_000, 15_000, tariff_id="tou")], months([10_000])) == {"new_tariff"}


def test_the_largest_bills_of_each_branch_are_listed() -> None:
    many = [
        used(JUNE, 30, 300_000, 1_000 * place, bill_id=f"b{place}", account_id=f"A{place}", agreement_id=f"S{place}")
        for place in range(1, 6)
    ]
    rows = found(many, [], ReviewRules(top=2))
    assert rows["bill_id"].to_list() == ["b4", "b5"]
    assert rows["detail"].to_list() == ["number 2 of the branch: 40.00 AUD", "number 1 of the branch: 50.00 AUD"]


def test_the_order_of_rows_changes_nothing() -> None:
    past = months([4_000, 10_000, 16_000, 22_000])
    now = [used(JUNE, 30, 40_001 * 30, 150_001)]
    assert found(now, past).equals(found(now, list(reversed(past))))


def test_a_workspace_states_its_own_thresholds() -> None:
    rules = rules_from({"high_percent": 150, "spread": 1, "severity": {"high_use": "stop", "top_amount": "off"}})
    rows = found([used(JUNE, 30, 15_001 * 30, 15_000)], months([10_000] * 4), rules)
    assert rows.select("code", "severity").rows() == [("high_use", "stop")]
    assert rules_from(rules.plain()) == rules


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top": "ten"}, r"top: expected a whole number, found `ten`"),
        ({"credit_limit": 500.0}, r'credit_limit: expected an amount as text, "500.00", found `500.0`'),
        ({"severity": {"high_usage": "stop"}}, "code `high_usage` is not known"),
        ({"severity": {"high_use": "grave"}}, "severity `grave` is not known"),
    ],
)
def test_thresholds_that_mean_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rules_from(settings)
