"""Prices and tiers that differ from agreement to agreement, at the edges of what formulas may give; worked by hand.

June 2026: 30 days of 96 quarters of 100 Wh make 288 kWh.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from rating_rows import (
    JUNE,
    Row,
    book,
    channel,
    component,
    due,
    peak_hours,
    price,
    quantity,
    rating_input,
    usage_row,
    version,
    windows,
)  # fmt: skip

from model.errors import TariffError
from model.rating import DueAttributes, History, Rated, RatingInput
from model.schema import arranged, polars_schema
from model.tariff import Factors, RateBook
from rating.given import GivenQuantities
from rating.stages import rate, rate_given
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff

ONE = 10**9
E12 = 10**12


def operand(formula_id: str, kind: str, name: str, version_id: str = "t@1") -> Row:
    return {
        "version_id": version_id, "formula_id": formula_id, "place": 0, "kind": kind, "name": name, "number_e12": None,
        "text": None, "is_negated": False, "by": None,
    }  # fmt: skip


def naming(kind: str, name: str) -> dict[str, list[Row]]:
    """The formula that is one name."""
    formulas = [{"version_id": "t@1", "formula_id": name, "shape": "0"}]
    attribute = {"version_id": "t@1", "name": name, "is_text": False, "default_e12": None, "default_text": None}
    return {
        "formulas": formulas, "operands": [operand(name, kind, name)],
        "attributes": [attribute] if kind == "attribute" else [],
    }  # fmt: skip


def saying(name: str, number: str) -> pl.DataFrame:
    rows = [{"agreement_id": "A1-1", "start_date": JUNE[0], "name": name, "number": Decimal(number), "text": None}]
    return arranged(DueAttributes, pl.DataFrame(rows, schema=polars_schema(DueAttributes), orient="row"))


def of_register(rate_book: RateBook, used: int, attributes: pl.DataFrame | None = None) -> RatingInput:
    case = rating_input(rate_book, [due()], [channel(interval_minutes=0)], usage=[usage_row(1, *JUNE, used)])
    return case if attributes is None else replace(case, attributes=attributes)


def tiers(rated: Rated) -> list[tuple[int, int, int]]:
    return rated.lines.select("tier", "quantity", "amount_minor").rows()


def test_a_price_by_formula_leaves_the_other_tiers_their_edges() -> None:
    # 250 kWh: 100 at 1.00, 100 at 2.00, the rest at what the contract says, 3.00: 100 + 200 + 150.
    prices = [
        price(price_e9=ONE, to_quantity=100_000),
        price(price_e9=2 * ONE, tier=2, from_quantity=100_000, to_quantity=200_000),
        price(price_e9=None, price_id="top", tier=3, from_quantity=200_000),
    ]
    rate_book = book(components=[component(tier_method="graduated")], prices=prices, **naming("attribute", "top"))
    rated = rate(of_register(rate_book, 250_000, saying("top", "3")))
    assert tiers(rated) == [(1, 100_000, 10_000), (2, 100_000, 20_000), (3, 50_000, 15_000)]


@pytest.mark.parametrize(("units", "expected"), [
    ("2", [(1, 200_000, 20_000), (2, 50_000, 10_000)]),
    ("0", [(2, 250_000, 50_000)]),      # no unit, no first tier
    ("-1", [(2, 250_000, 50_000)]),     # an edge is never below zero
])  # fmt: skip
def test_scaled_edges_never_leave_a_quantity_twice(units: str, expected: list[tuple[int, int, int]]) -> None:
    prices = [price(price_e9=ONE, to_quantity=100_000), price(price_e9=2 * ONE, tier=2, from_quantity=100_000)]
    scaled = component(tier_method="graduated", scale_id="units", tiers_share="none")
    rate_book = book(components=[scaled], prices=prices, **naming("attribute", "units"))
    assert tiers(rate(of_register(rate_book, 250_000, saying("units", units)))) == expected


def test_what_is_below_zero_is_of_the_first_tier_alone_where_that_is_empty() -> None:
    # Net -50 kWh, and a first tier that ends at 0 x 100 kWh: -50 x 1.00, once.
    prices = [price(price_e9=ONE, to_quantity=100_000), price(price_e9=2 * ONE, tier=2, from_quantity=100_000)]
    scaled = component(tier_method="graduated", scale_id="units", tiers_share="none")
    rate_book = book(
        quantities=[quantity(less_measure="export_energy", is_less_optional=True)], components=[scaled], prices=prices,
        **naming("attribute", "units"),
    )  # fmt: skip
    given = [{"agreement_id": "A1-1", "quantity_id": "kwh", "tou": "", "quantity": -50_000}]
    quantities = arranged(GivenQuantities, pl.DataFrame(given, schema=polars_schema(GivenQuantities), orient="row"))
    case = rating_input(rate_book, [due()], [])
    rated = rate_given(case.due, rate_book, quantities, saying("units", "0"))
    assert tiers(rated) == [(1, -50_000, -5_000)]


def history_rows(*values: int) -> pl.DataFrame:
    months = [date(2026 - (place + 7) // 12, 12 - (place + 7) % 12, 1) for place in range(-1, len(values))]
    rows = [
        {"service_point_id": "S1", "quantity_id": "kwh", "period_start_date": months[place + 1],
         "period_end_date": months[place], "quantity": value, "unit_size": 1000, "is_estimated": False,
         "source": "bill"}
        for place, value in enumerate(values)
    ]  # fmt: skip
    return arranged(History, pl.DataFrame(rows, schema=polars_schema(History), orient="row"))


def looking_back(**given: object) -> Row:
    return quantity(
        "winter", kind="history", measure=None, unit_size=ONE, history_of="kwh", history_agg="mean", history_back=12,
        **given,
    )  # fmt: skip


def test_a_quantity_of_history_is_rounded_as_it_says() -> None:
    # The mean of 6.9, 7.0 and 7.1 plus 0.2 is 7.0666...; down to 0.1 it is 7.0.
    rate_book = book(
        quantities=[quantity(), looking_back(round_mode="down", round_step=10**8)],
        components=[component(quantity_id="winter")], prices=[price(price_e9=ONE)],
    )  # fmt: skip
    case = replace(of_register(rate_book, 250_000), history=history_rows(6900, 7000, 7300))
    assert rate(case).lines.select("quantity", "amount_minor").rows() == [(7 * ONE, 700)]


def test_a_mean_below_zero_is_rounded_away_from_zero_as_formulas_are() -> None:
    # Sixteen earlier values of which one is -10^-9 have the mean -62.5 x 10^-12: -63 x 10^-12, times 10^6.
    rate_book = book(
        quantities=[
            quantity(), looking_back() | {"history_back": 20},
            quantity("big", kind="formula", measure=None, unit_size=ONE, formula_id="winter * 1000000", level=1),
        ],
        components=[component(quantity_id="big", is_kept=True)], prices=[price(price_e9=ONE)],
        formulas=[{"version_id": "t@1", "formula_id": "winter * 1000000", "shape": "(* 0 1)"}],
        operands=[
            operand("winter * 1000000", "quantity", "winter"),
            operand("winter * 1000000", "number", "") | {"place": 1, "number_e12": Decimal(10**18)},
        ],
    )  # fmt: skip
    earlier = history_rows(*[-1] + [0] * 15).with_columns(unit_size=pl.lit(ONE, pl.Int64))
    rated = rate(replace(of_register(rate_book, 250_000), history=arranged(History, earlier)))
    assert rated.lines["quantity"].to_list() == [-63_000]


def test_what_is_kept_for_later_cycles_is_what_is_billed() -> None:
    # -0.0000000005 has -0.000000001 with 9 decimals, on the bill and in history.
    name = "kwh * -0.0000000005"
    rate_book = book(
        quantities=[
            quantity(), quantity("net", kind="formula", measure=None, unit_size=ONE, formula_id=name, level=1),
            looking_back(if_missing_e12=Decimal(0)) | {"history_of": "net"},
        ],
        components=[component(quantity_id="net")], prices=[price(price_e9=ONE)],
        formulas=[{"version_id": "t@1", "formula_id": name, "shape": "(* 0 1)"}],
        operands=[
            operand(name, "quantity", "kwh"),
            operand(name, "number", "") | {"place": 1, "number_e12": Decimal(-500)},
        ],
    )  # fmt: skip
    rated = rate(of_register(rate_book, 1_000))
    assert (rated.lines["quantity"].item(), rated.history["quantity"].item()) == (-1, -1)


def test_a_name_that_is_history_elsewhere_is_a_quantity_here() -> None:
    # Tariff u knows `kwh` as history; what is given for tariff t under that name is still billed.
    rate_book = book(
        versions=[version(), version("u@1", tariff_id="u")],
        quantities=[quantity(), quantity("kwh", "u@1", kind="history", measure=None, unit_size=ONE,
                                         history_of="kw", history_agg="max", history_back=1),
                    quantity("kw", "u@1", agg="max", unit="kW")],
        components=[component()], prices=[price(price_e9=ONE)],
    )  # fmt: skip
    given = [{"agreement_id": "A1-1", "quantity_id": "kwh", "tou": "", "quantity": 5_000}]
    quantities = arranged(GivenQuantities, pl.DataFrame(given, schema=polars_schema(GivenQuantities), orient="row"))
    rated = rate_given(rating_input(rate_book, [due()], []).due, rate_book, quantities)
    assert rated.lines.select("quantity", "amount_minor").rows() == [(5_000, 500)]


def test_a_factor_behind_the_quantity_of_a_condition_is_found() -> None:
    # The condition asks for m3 x cv, which nothing prices; cv is a dated factor.
    names = [("adjusted", "(* 0 1)", [("quantity", "kwh"), ("factor", "cv")]),
             ("adjusted > 0", "0", [("quantity", "adjusted")])]  # fmt: skip
    rows = {
        "formulas": [{"version_id": "t@1", "formula_id": name, "shape": shape} for name, shape, _ in names],
        "operands": [
            operand(name, kind, of) | {"place": place}
            for name, _, parts in names
            for place, (kind, of) in enumerate(parts)
        ],
        "factors": [{"factor_id": "cv", "valid_from": date(2000, 1, 1), "valid_to": None, "value_e9": ONE,
                     "source": "test"}],
    }  # fmt: skip
    adjusted = quantity("adjusted", kind="formula", measure=None, unit_size=ONE, formula_id="adjusted", level=1)
    rate_book = book(
        quantities=[quantity(), adjusted], components=[component(when_id="adjusted > 0")], prices=[price(price_e9=ONE)],
        **rows,
    )  # fmt: skip
    assert rate(of_register(rate_book, 1_000)).lines["amount_minor"].to_list() == [100]


def test_a_priced_quantity_that_later_cycles_count_must_still_be_given() -> None:
    rate_book = book(
        quantities=[quantity(), looking_back(if_missing_e12=Decimal(0))], components=[component()], prices=[price()]
    )
    nothing = arranged(GivenQuantities, pl.DataFrame(schema=polars_schema(GivenQuantities)))
    rated = rate_given(rating_input(rate_book, [due()], []).due, rate_book, nothing)
    assert rated.parked["reason"].to_list() == ["no_channel"]


def test_what_another_tariff_keeps_for_later_must_be_given_here() -> None:
    rate_book = book(
        versions=[version(), version("u@1", tariff_id="u")],
        quantities=[quantity(), quantity(version_id="u@1"), looking_back() | {"version_id": "u@1"}],
        components=[component()], prices=[price()],
    )  # fmt: skip
    nothing = arranged(GivenQuantities, pl.DataFrame(schema=polars_schema(GivenQuantities)))
    rated = rate_given(rating_input(rate_book, [due()], []).due, rate_book, nothing)
    assert rated.parked["reason"].to_list() == ["no_channel"]


def test_a_price_of_another_text_asks_nothing_of_the_contract() -> None:
    # Meters of 1 inch pay a rate of the contract; the one of 5/8 has none, and need not.
    prices = [price(key="5/8", price_e9=ONE), price(key="1", price_e9=None, price_id="rate")]
    named = naming("attribute", "rate")
    named["attributes"].append(
        {"version_id": "t@1", "name": "size", "is_text": True, "default_e12": None, "default_text": "5/8"}
    )
    rate_book = book(components=[component(lookup="size")], prices=prices, **named)
    assert rate(of_register(rate_book, 5_000)).lines["amount_minor"].to_list() == [500]


def test_an_edge_without_a_value_parks_one_account_and_no_one_else() -> None:
    # Two periods share tiers whose edge is an attribute that the contract of A1 does not state.
    prices = [
        price(tou=tou, tier=tier, edge_id="top" if tier == 1 else None)
        for tou in ("off", "peak")
        for tier in (1, 2)
    ]  # fmt: skip
    shared = component(tier_method="pro_rata", by_tou=True, tiers_share="none")
    named = naming("attribute", "top")
    rate_book = book(
        components=[shared], prices=prices, tou_windows=windows(spans=peak_hours), **named,
    )  # fmt: skip
    dues = [due(account_id=name, agreement_id=name) for name in ("A1", "A2")]
    rows = [
        {"agreement_id": name, "quantity_id": "kwh", "tou": tou, "quantity": 5_000}
        for name in ("A1", "A2")
        for tou in ("off", "peak")
    ]
    quantities = arranged(GivenQuantities, pl.DataFrame(rows, schema=polars_schema(GivenQuantities), orient="row"))
    said = saying("top", "4").with_columns(agreement_id=pl.lit("A2"))
    rated = rate_given(rating_input(rate_book, dues, []).due, rate_book, quantities, arranged(DueAttributes, said))
    assert rated.parked.select("agreement_id", "reason").rows() == [("A1", "attribute_missing")]
    assert set(rated.lines["agreement_id"]) == {"A2"}


def test_tiers_shared_over_periods_that_owe_something_are_refused() -> None:
    shared = component(tier_method="pro_rata", by_tou=True)
    prices = [price(tou=tou, fixed_e9=ONE) for tou in ("off", "peak")]
    rate_book = book(components=[shared], prices=prices, tou_windows=windows(spans=peak_hours))
    with pytest.raises(TariffError, match="charge `energy` shares tiers over periods: expected tiers that owe nothing"):
        rate(of_register(rate_book, 1_000))


HEAD = """
tariff = "t"
title = "Written for a test"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Sydney"
rounding = { line = "half_up 0.01" }
"""
LEAST = """
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }
least = { formula = "min(kwh, 100)", unit = "kWh" }

[[versions]]
valid_from = 2026-01-01
source = "written for a test"
charges.energy = { of = "least", price = 0.30 }

[[versions]]
valid_from = 2026-06-16
source = "written for a test"
charges.energy = { of = "least", price = 0.30 }
"""


def test_what_is_found_once_for_a_bill_rests_on_all_of_its_reads() -> None:
    # min(150 kWh, 100 kWh) = 100 kWh at 0.30, half of it in each of two versions of 15 days. Only the first half was
    # estimated, and loaded last; the limit of both was found from it.
    middle = date(2026, 6, 16)
    usage = [
        usage_row(1, JUNE[0], middle, 100_000, quality=4, seq=7), usage_row(1, middle, JUNE[1], 50_000, seq=3),
    ]  # fmt: skip
    rate_book = compile_tariff(parse_tariff(HEAD + LEAST, "t.toml"))
    rated = rate(rating_input(rate_book, [due()], [channel(interval_minutes=0)], usage=usage))
    assert rated.lines.select("amount_minor", "is_estimated", "reads_seq").rows() == [(1500, True, 7)] * 2


BY_PERIOD = """
[attributes]
load = {}

[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }

[windows]
peak  = { days = "mon-fri", from = 16:00:00, to = 20:00:00 }
off   = { else = "peak" }
event = { event = "op" }

[[versions]]
valid_from = 2026-01-01
source = "written for a test"

[versions.charges.energy]
of = "kwh"
by = ["tou"]
price = { peak = 0.50, off = 0.20, event = "load * 0.1" }
"""


def test_a_price_of_a_period_that_does_not_occur_asks_nothing_of_the_contract() -> None:
    # 100 kWh at 0.50 on peak and 200 at 0.20 off peak; there was no event, and the contract states no load.
    rows = [
        {"agreement_id": "A1-1", "quantity_id": "kwh", "tou": tou, "quantity": quantity}
        for tou, quantity in (("peak", 100_000), ("off", 200_000))
    ]
    used = arranged(GivenQuantities, pl.DataFrame(rows, schema=polars_schema(GivenQuantities), orient="row"))
    rate_book = compile_tariff(parse_tariff(HEAD + BY_PERIOD, "t.toml"))
    rated = rate_given(rating_input(rate_book, [due()], []).due, rate_book, used)
    assert rated.parked.is_empty()
    assert sorted(rated.lines["amount_minor"]) == [4000, 5000]


LOOKING_BACK = """
[quantities]
kwh    = { measure = "import_energy", agg = "sum", unit = "kWh" }
per    = { formula = "60 / kwh", unit = "x" }
before = { history = "per", agg = "last", back = 1, if_missing = 2, unit = "x" }

[[versions]]
valid_from = 2026-01-01
source = "written for a test"
charges.energy = { of = "before", price = 0.50 }
"""


@pytest.mark.parametrize(("used", "kept"), [(30_000, [2 * ONE]), (0, [])])
def test_a_quantity_without_a_value_is_not_kept_for_later_cycles(used: int, kept: list[int]) -> None:
    # 60 / 30 kWh is kept as 2; 60 / 0 kWh is nothing, not 0, and nothing is priced by it now: 2 x 0.50.
    rated = rate(of_register(compile_tariff(parse_tariff(HEAD + LOOKING_BACK, "t.toml")), used))
    assert rated.lines["amount_minor"].to_list() == [100]
    assert rated.history["quantity"].to_list() == kept


@pytest.mark.parametrize(("formula", "is_parked"), [
    ("kwh * 90000000", False),   # 100 x 9 x 10^7 is 9 x 10^9 units: the most that is kept is 9.22 x 10^9
    ("kwh * 93000000", True),
])  # fmt: skip
def test_a_value_too_large_to_be_kept_parks_its_own_bill(formula: str, is_parked: bool) -> None:
    text = LOOKING_BACK.replace("60 / kwh", formula)
    rated = rate(of_register(compile_tariff(parse_tariff(HEAD + text, "t.toml")), 100_000))
    assert rated.parked["reason"].to_list() == (["amount_too_large"] if is_parked else [])
    assert len(rated.history) == (0 if is_parked else 1)


BANK = """
[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }

[banks]
left = { closing = "kwh * FACTOR", unit = "kWh" }

[[versions]]
valid_from = 2026-01-01
source = "written for a test"
charges.energy = { of = "kwh", price = 0.01 }
"""


@pytest.mark.parametrize(("factor", "is_parked"), [("90000000", False), ("93000000", True)])
def test_a_balance_too_large_to_be_kept_parks_its_own_bill(factor: str, is_parked: bool) -> None:
    rated = rate(of_register(compile_tariff(parse_tariff(HEAD + BANK.replace("FACTOR", factor), "t.toml")), 100_000))
    assert rated.parked["reason"].to_list() == (["amount_too_large"] if is_parked else [])
    assert len(rated.banks) == (0 if is_parked else 1)


BY_AREA = """
[attributes]
area = { values = ["north", "east; west", "a=b"] }

[factors]
fuel = { series = "fuel", by = "area" }

[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }

[[versions]]
valid_from = 2026-01-01
source = "written for a test"
charges.energy = { of = "kwh", price = "fuel" }
"""


@pytest.mark.parametrize("area", ["north", "east; west", "a=b"])
def test_a_text_may_hold_any_sign(area: str) -> None:
    rate_book = compile_tariff(parse_tariff(HEAD + BY_AREA, "t.toml"))
    series = [
        {
            "factor_id": f"fuel.{area}",
            "valid_from": date(2026, 1, 1),
            "valid_to": None,
            "value_e9": ONE // 2,
            "source": "written for a test",
        }
    ]
    rate_book = replace(
        rate_book, factors=arranged(Factors, pl.DataFrame(series, schema=polars_schema(Factors), orient="row"))
    )
    said = [{"agreement_id": "A1-1", "start_date": JUNE[0], "name": "area", "number": None, "text": area}]
    attributes = arranged(DueAttributes, pl.DataFrame(said, schema=polars_schema(DueAttributes), orient="row"))
    assert rate(of_register(rate_book, 100_000, attributes)).lines["amount_minor"].to_list() == [5000]
