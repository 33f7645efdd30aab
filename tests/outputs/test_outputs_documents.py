"""The printed bill: everything on it, as text and as a page; charts of daily use."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_books import ISSUE_DATE, START, daily, due_frame, due_row, line, lines_frame, tax, water

from model.money import format_minor
from outputs.bills import build_bills
from outputs.chart import svg_chart, text_chart
from outputs.documents import BillDocument, render_html, render_text, state
from outputs.statement import Day, period_text

OF_A1 = {"bill_id": "A1.C.r0", "account_id": "A1", "branch_id": "north"}


def _document(rows: list[dict] | None = None, **given: Any) -> BillDocument:
    lines = lines_frame([line(), daily(), tax(), water(**OF_A1)] if rows is None else rows)
    due = due_frame([due_row(), due_row(agreement_id="S2", service_point_id="SP2", commodity="water")])
    bill = build_bills(lines, due, ISSUE_DATE).row(0, named=True)
    days = [
        {"service_point_id": "SP1", "day": START + timedelta(days=step), "quantity": 8000 + step * 100, "unit": "Wh",
         "is_estimated": step == 3}
        for step in range(31)
    ]  # fmt: skip
    fields = {
        "customer_name": "Ada Example", "address_lines": ("1 Long Street", "Springfield 12345"),
        "branch_name": "North Branch", "bill": bill, "lines": lines, "usage": pl.DataFrame(days),
        "meters": {"SP1": "M-77"},
    }  # fmt: skip
    return BillDocument(**(fields | given))


@pytest.mark.parametrize("render", [render_text, render_html])
@pytest.mark.parametrize(
    "shown",
    [
        "Ada Example", "1 Long Street", "Springfield 12345", "A1", "M-77", "SP1", "SP2", "to be assigned",
        "1 October 2026 to 31 October 2026 (31 days)", "2 November 2026", "To pay by 16 November 2026",
        "250 kWh × 0.20", "50.00", "31 days × 0.3226", "10.00", "12.5 m³ × 2.00", "25.00", "10 % of 60.00", "6.00",
        "85.00", "91.00", "USD", "Daily use", "294.5 kWh",
    ],
)  # fmt: skip
def test_a_bill_shows_what_the_customer_has_to_know(render: Any, shown: str) -> None:
    # 250 kWh 50.00 + supply 10.00 + water 25.00 = 85.00; GST 6.00; together 91.00. Daily use: 31 x 8 kWh + 46.5 kWh.
    text = render(_document())
    plain = re.sub(r"<[^>]+>", " ", text) if render is render_html else text
    assert shown in re.sub(r"\s+", " ", plain)


def test_text_fits_80_columns_however_long_the_names() -> None:
    long = "An endlessly long name of somebody or something that goes on and on and on and on and on and never ends"
    document = _document(
        [line(line_text=long), tax(line_text=long)], customer_name=long, branch_name=long, address_lines=(long,),
        meters={"SP1": long}, supply_addresses={"SP1": long}, messages=(long * 3,),
    )  # fmt: skip
    assert max(len(row) for row in render_text(document).splitlines()) <= 80


def test_an_invoice_number_is_printed_once_there_is_one() -> None:
    document = _document(invoice={"invoice_no": "north-2026-0000041"})
    assert "north-2026-0000041" in render_text(document) and "north-2026-0000041" in render_html(document)
    assert "to be assigned" not in render_text(document)


@pytest.mark.parametrize(
    ("amount_minor", "label", "total"),
    [
        (1, "To pay by 16 November 2026", "0.01"),
        (0, "Nothing to pay", "0.00"),
        (-1, "Credit on your account", "-0.01"),
    ],
)
def test_what_is_due_is_said_in_words(amount_minor: int, label: str, total: str) -> None:
    document = _document([line(amount_minor=amount_minor)])
    assert (state(document).due_label, state(document).total) == (label, total)


def test_estimates_are_marked_and_explained() -> None:
    text, page = render_text(_document()), render_html(_document())
    water_row = next(row for row in text.splitlines() if row.startswith("Water"))
    assert " E " in water_row
    energy_row = next(row for row in text.splitlines() if row.startswith("Energy"))
    assert " E " not in energy_row
    assert "rests on an estimate" in text and page.count('class="mark"') == 1
    assert "rests on an estimate" not in render_text(_document([line()]))


def test_lines_say_their_time_of_use_tier_share_and_own_period() -> None:
    rows = [
        line(tou="off_peak", season="summer", tier=2),
        line(component_id="fuel", period_end_date=date(2026, 10, 15), line_text="Fuel clause"),
        line(component_id="cap", kind="cycle", unit="cycle", unit_size=1, quantity=1, rate=Decimal(12), share_part=14,
             share_whole=31, line_text="Capacity"),
        line(component_id="min", kind="minimum", quantity=1820, unit="cycle", unit_size=1, rate=Decimal(25),
             line_text="Minimum bill"),
    ]  # fmt: skip
    printed = {line.text: (line.note, line.factor) for line in state(_document(rows)).sections[0].lines}
    assert printed == {
        "Energy (summer, off peak, tier 2)": ("", "250 kWh × 0.20"),
        "Fuel clause": ("1 Oct to 14 Oct", "250 kWh × 0.20"),
        "Capacity": ("14 of 31 days", "1 cycle × 12.00"),
        "Minimum bill": ("", "minimum 25.00, charges 18.20"),
    }


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@settings(max_examples=15, deadline=None)
@given(
    amounts=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8),
    name=st.text(min_size=1).map(lambda text: f"<script>alert('&\"{text}')</script>"),
)
def test_documents_show_every_amount_and_let_no_markup_in(amounts: list[int], name: str) -> None:
    rows = [
        line(component_id=f"c{place}", amount_minor=amount, line_no=place + 1, line_text="<b>&amp;</b>")
        for place, amount in enumerate(amounts)
    ]
    document = _document(
        rows, customer_name=name, branch_name=name, address_lines=(name,), messages=(name,),
        meters={"SP1": name}, supply_addresses={"SP1": name},
    )  # fmt: skip
    text, page = render_text(document), render_html(document)
    parsed = _Text()
    parsed.feed(page)
    assert not parsed.tags & {"script", "b", "img", "link", "iframe"}
    for amount in amounts:
        assert format_minor(amount, "USD") in text
        assert format_minor(amount, "USD") in parsed.texts


def test_a_page_loads_nothing_from_outside() -> None:
    page = render_html(_document())
    assert not re.search(r"https?:|@import|url\((?!#)|<link|<script|<img", page)


def test_a_page_hatches_estimated_days_and_text_shades_them() -> None:
    assert render_html(_document()).count('class="bar est"') == 1
    assert "1 estimated" in render_text(_document())
    assert "░" in render_text(_document())


def test_a_bill_of_registers_has_no_chart() -> None:
    document = replace(_document(), usage=_document().usage.clear())
    assert "Daily use" not in render_text(document)
    assert "<svg" not in render_html(document)


@pytest.mark.parametrize("count", [1, 31, 62, 63, 366, 400])
def test_charts_hold_any_number_of_days(count: int) -> None:
    days = [Day(START + timedelta(days=step), step * 1000, False) for step in range(count)]
    rows = text_chart(days, "Wh")
    assert max(len(row) for row in rows) <= 80
    assert svg_chart(days, "Wh", chart_id="a").count('class="bar"') <= 366


def test_charts_stand_days_without_use_and_below_zero() -> None:
    days = [Day(START, 0, False), Day(START + timedelta(days=1), -5, True)]
    assert text_chart(days, "L")
    assert 'height="-' not in svg_chart(days, "L", chart_id="a")
    assert text_chart([], "L") == [] and svg_chart([], "L", chart_id="a") == ""


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2024, 2, 29), date(2024, 3, 1), "29 February 2024 to 29 February 2024 (1 day)"),
        (date(2022, 11, 1), date(2022, 12, 1), "1 November 2022 to 30 November 2022 (30 days)"),
    ],
)
def test_a_period_is_printed_with_its_last_day_included(start: date, end: date, expected: str) -> None:
    assert period_text(start, end) == expected
