"""Charges of a file that says nothing of sharing: a bill that is cut inside owes what it owes whole."""

from __future__ import annotations

import pytest

from cycles.quotes.tariff_check import check_examples
from tariffs.file import parse_tariff

HEAD = """
tariff    = "cut"
title     = "Cut"
commodity = "electricity"
currency  = "USD"
timezone  = "UTC"
rounding  = { line = "half_up 0.01" }

[attributes]
contract_kw = { default = 40 }

[quantities]
kwh    = { measure = "import_energy", agg = "sum", unit = "kWh" }
kw     = { measure = "import_energy", agg = "max", unit = "kW" }
before = { history = "kwh", agg = "mean", back = 12, if_missing = 600, unit = "kWh" }
demand = { formula = "max(kw, 0.8 * contract_kw)", unit = "kW" }
capped = { formula = "min(kwh, before)", unit = "kWh" }
lossy  = { formula = "kwh * 1.04", unit = "kWh" }
net    = { formula = "pos(kwh - stored)", unit = "kWh" }

[banks]
stored = { closing = "pos(stored - kwh)", unit = "kWh" }
"""
VERSION = """
[[versions]]
valid_from = 2026-01-01
source     = "written for a test"

[versions.charges.one]
CHARGE

[versions.charges.energy]
of    = "kwh"
price = 0

[versions.charges.power]
of    = "kw"
price = 0
"""
EXAMPLE = """
[[examples]]
name   = "May"
period = [2026-05-01, 2026-05-31]
usage  = { kwh = 900, kw = 30 }
banks  = { stored = 250 }
expect = { one = AMOUNT }
source = "worked by hand"
"""


@pytest.mark.parametrize(
    ("charge", "amount"),
    [
        ('of = "demand"\nprice = 10', "320.00"),  # 0.8 x 40 kW
        ('of = "capped"\nprice = 0.1', "60.00"),  # 600 of 900 kWh
        ('of = "before"\nprice = 0.1', "60.00"),
        ('of = "net"\nprice = 0.1', "65.00"),  # 900 - 250
        ('of = "lossy"\nprice = 0.1', "93.60"),  # 936 kWh
        ('amount = "min(kwh, 600) * 0.1 + 7"', "67.00"),
        ('amount = "kwh * 0.1 + days"', "120.00"),  # 900 kWh and 30 days, found for each part
        ('per = "cycle"\nprorate = "none"\nprice = 30', "30.00"),
        ('of = "kwh"\ntiers_per = "none"\ntiers = [{ price = 0.1, fixed = 12 }]', "102.00"),
        ('of = "kwh"\ntiers_per = "demand"\ntiers = [{ to = 20, price = 0.2 }, { price = 0.1 }]', "154.00"),  # 640 kWh
        ('of = "kwh"\nprice = "if(kwh > 500, 0.3, 0.2)"', "270.00"),
        ('of = "kwh"\nprice = 0.1\nwhen = "kwh > 500"', "90.00"),
    ],
)
@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "cut in the middle"])
def test_a_bill_that_is_cut_owes_what_it_owes_whole(charge: str, amount: str, is_cut: bool) -> None:
    version = VERSION.replace("CHARGE", charge)
    again = version.replace("2026-01-01", "2026-05-16") if is_cut else ""
    file = parse_tariff(HEAD + version + again + EXAMPLE.replace("AMOUNT", amount), "cut.toml")
    (example,) = check_examples(file)
    assert example.parked is None
    assert {
        one.name: one.found_minor - (one.expected_minor or 0) for one in example.amounts if one.charge == "one"
    } == {"one": 0}
