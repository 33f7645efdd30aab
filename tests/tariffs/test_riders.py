"""Riders: attached to tariffs, cut by their dates, counted by tags; and what is told when they do not fit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cycles.quotes.tariff_check import check_tariff_file, check_tariff_files
from model.errors import TariffError
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff
from tariffs.riders import attached, attached_or_refused, billed_files
from tariffs.sheet import TariffFile
from tariffs.show import describe

TOWN = """
tariff    = "town"
title     = "Town power"
commodity = "electricity"
currency  = "EUR"
timezone  = "Europe/Berlin"
rounding  = { line = "half_up 0.01" }
riders    = ["fuel", "green"]

[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }

[[versions]]
valid_from = 2026-01-01
source     = "Price list 2026"

[versions.charges.energy]
of    = "kwh"
price = 0.30
tags  = ["delivered", "taxable"]

[versions.charges.standing]
per   = "day"
price = 0.50
tags  = ["taxable"]

[versions.charges.vat]
percent = 10
of      = ["taxable"]
tax     = "VAT"
"""
FUEL = """
rider    = true
tariff   = "fuel"
title    = "Fuel adjustment"
currency = "EUR"

[quantities]
kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }

[[versions]]
valid_from = 2026-03-01
source     = "Order 1"

[versions.charges.fuel]
of    = "kwh"
price = 0.02
tags  = ["taxable"]

[[versions]]
valid_from = 2026-06-16
source     = "Order 2"
inherit    = true

[versions.charges.fuel]
price = 0.05
"""
GREEN = """
rider    = true
tariff   = "green"
title    = "Green energy"
currency = "EUR"

[attributes]
green = { default = 0 }

[[versions]]
valid_from = 2026-01-01
source     = "Green energy 2026"

[versions.charges.green_fee]
per   = "day"
price = 0.10
when  = "green == 1"

[versions.charges.green_levy]
percent = 5
of      = ["delivered"]
when    = "green == 1"
"""
# June, 300 kWh, cut at 16 June: two halves of 15 days and 150 kWh.
# energy 2 x 150 x 0.30 = 90.00; standing 2 x 15 x 0.50 = 15.00; fuel 150 x 0.02 + 150 x 0.05 = 3.00 + 7.50 = 10.50;
# VAT 10 % of 115.50 = 11.55. Together 127.05.
# With green energy 2 x 15 x 0.10 = 3.00 and 5 % of 2 x 45.00 = 4.50 more, neither of them taxable: 134.55.
# February, 100 kWh, before the first day of the fuel rider: 30.00 + 14.00 + 4.40 = 48.40.
EXAMPLES = """
[[examples]]
name   = "June"
period = [2026-06-01, 2026-07-01]
usage  = { kwh = 300 }
expect = { energy = 90.00, standing = 15.00, fuel = 10.50, green_fee = 0, vat = 11.55, total = 127.05 }
source = "worked by hand"

[[examples]]
name       = "June with green energy"
period     = [2026-06-01, 2026-07-01]
usage      = { kwh = 300 }
attributes = { green = 1 }
expect     = { fuel = 10.50, green_fee = 3.00, green_levy = 4.50, vat = 11.55, total = 134.55 }
source     = "worked by hand"

[[examples]]
name   = "February"
period = [2026-02-01, 2026-03-01]
usage  = { kwh = 100 }
expect = { energy = 30.00, standing = 14.00, vat = 4.40, total = 48.40 }
source = "worked by hand"
"""
# The same rider elsewhere: 300 x 0.20 = 60.00, and 10.50 of the rider.
SHOP = TOWN.replace('"town"', '"shop"').replace('["fuel", "green"]', '"fuel"').replace("0.30", "0.20").split(
    "[versions.charges.standing]"
)[0] + """
[[examples]]
name   = "June"
period = [2026-06-01, 2026-07-01]
usage  = { kwh = 300 }
expect = { energy = 60.00, fuel = 10.50, total = 70.50 }
source = "worked by hand"
"""  # fmt: skip


def riders(fuel: str = FUEL, green: str = GREEN) -> list[TariffFile]:
    return [parse_tariff(fuel, "fuel.toml"), parse_tariff(green, "green.toml")]


def town(*changes: tuple[str, str], text: str = TOWN) -> TariffFile:
    for old, new in changes:
        assert old in text, f"the tariff does not say {old!r}"
        text = text.replace(old, new, 1)
    return parse_tariff(text, "town.toml")


def written(folder: Path, **texts: str) -> list[Path]:
    paths = [folder / f"{name}.toml" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_two_tariffs_bill_one_rider_from_the_day_on_which_its_price_changes(tmp_path: Path) -> None:
    paths = written(tmp_path, town=TOWN + EXAMPLES, shop=SHOP, fuel=FUEL, green=GREEN)
    reports = check_tariff_files(paths)
    assert [report.holds for report in reports] == [True] * 4, "\n".join(reports[0].as_lines() + reports[1].as_lines())
    assert [len(report.examples) for report in reports] == [3, 1, 0, 0]


def test_versions_are_cut_where_riders_begin_and_charges_stand_in_the_order_of_the_bill() -> None:
    merged, problems = attached(town(), riders())
    assert problems == [] and merged.riders == ()
    assert [version.valid_from for version in merged.versions] == [
        date(2026, 1, 1), date(2026, 3, 1), date(2026, 6, 16),
    ]  # fmt: skip
    assert list(merged.versions[0].charges) == ["energy", "standing", "green_fee", "green_levy", "vat"]
    assert list(merged.versions[1].charges) == ["energy", "standing", "fuel", "green_fee", "green_levy", "vat"]
    assert [version.source for version in merged.versions] == [
        "Price list 2026; Green energy: Green energy 2026",
        "Price list 2026; Fuel adjustment: Order 1; Green energy: Green energy 2026",
        "Price list 2026; Fuel adjustment: Order 2; Green energy: Green energy 2026",
    ]
    book = compile_tariff(merged)
    assert book.versions.sort("valid_from")["valid_to"].to_list() == [date(2026, 3, 1), date(2026, 6, 16), None]


def test_after_the_last_day_of_a_rider_it_charges_nothing() -> None:
    ended = FUEL.replace("valid_from = 2026-06-16", "valid_from = 2026-06-16\nvalid_to = 2026-09-01")
    merged, problems = attached(town(), riders(ended))
    assert problems == []
    assert [(version.valid_from, "fuel" in version.charges) for version in merged.versions] == [
        (date(2026, 1, 1), False), (date(2026, 3, 1), True), (date(2026, 6, 16), True), (date(2026, 9, 1), False),
    ]  # fmt: skip


def test_a_rider_that_begins_with_a_version_of_the_tariff_cuts_nothing_more() -> None:
    second = '\n[[versions]]\nvalid_from = 2026-06-16\nsource = "List 2"\ninherit = true\n'
    merged, problems = attached(town(text=TOWN + second), riders())
    assert problems == []
    assert [version.valid_from for version in merged.versions] == [
        date(2026, 1, 1), date(2026, 3, 1), date(2026, 6, 16),
    ]  # fmt: skip


def test_what_a_version_says_with_its_riders_is_its_id_and_days_before_keep_theirs() -> None:
    def ids(fuel: str) -> list[str]:
        book = compile_tariff(attached_or_refused(town(), riders(fuel), "town.toml"))
        return book.versions.sort("valid_from")["version_id"].to_list()

    before, after = ids(FUEL), ids(FUEL.replace("price = 0.05", "price = 0.06"))
    assert before[:2] == after[:2] and before[2] != after[2]


def test_another_list_of_riders_is_another_version_of_the_tariff() -> None:
    one, other = (compile_tariff(town(*change), is_alone=True) for change in ([], [('["fuel", "green"]', '["fuel"]')]))
    assert one.versions["version_id"].to_list() != other.versions["version_id"].to_list()


def test_a_tariff_without_riders_is_as_it_was() -> None:
    plain = town(('riders    = ["fuel", "green"]\n', ""))
    assert attached(plain, riders()) == (plain, [])


def refusal(file: TariffFile, *attach: TariffFile) -> str:
    with pytest.raises(TariffError) as refused:
        attached_or_refused(file, attach, "town.toml")
    return str(refused.value)


MEANINGS = [
    (
        FUEL.replace('unit = "kWh"', 'unit = "MWh"'),
        "tariff `town`: expected quantity `kwh` to be the same in the tariff and in rider `fuel`, found another `unit`"
        "\n  at town.toml, riders\nhint: rename one of them, or write both alike",
    ),
    (
        FUEL.replace("charges.fuel]", "charges.standing]"),
        "tariff `town`: expected charge `standing` to be the same in the tariff and in rider `fuel`, found another "
        "`of`, `price`, `per`\n  at town.toml, riders\nhint: rename one of them, or write both alike",
    ),
    (
        FUEL.replace("[quantities]\nkwh", "[attributes]\nenergy = {}\n[quantities]\nkwh"),
        "tariff `town`: expected one meaning of `energy`, found charge `energy` of the tariff and attribute `energy` "
        "of rider `fuel`\n  at town.toml, riders\nhint: rename one of them",
    ),
    (
        FUEL.replace("charges.fuel]", "charges.green_fee]"),
        "tariff `town`: expected charge `green_fee` to be the same in rider `fuel` and in rider `green`, found another "
        "`of`, `price`, `per`, `when`, `tags`\n  at town.toml, riders\nhint: rename one of them, or write both alike",
    ),
    (
        FUEL.replace('"EUR"', '"SEK"'),
        "tariff `town`: expected a rider in EUR, found `fuel` in SEK\n  at town.toml, riders",
    ),
]


@pytest.mark.parametrize(("fuel", "message"), MEANINGS)
def test_a_name_of_two_meanings_is_refused_and_both_files_are_named(fuel: str, message: str) -> None:
    assert refusal(town(), *riders(fuel)) == message


def test_a_name_that_both_define_alike_is_one() -> None:
    alike = FUEL.replace("[versions.charges.fuel]\nof", '[versions.charges.standing]\nper = "day"\nprice = 0.5\n'
                         'tags = ["taxable"]\n[versions.charges.fuel]\nof', 1)  # fmt: skip
    merged, problems = attached(town(), riders(alike))
    assert problems == [] and list(merged.versions[1].charges).count("standing") == 1


def test_a_base_that_neither_side_names_is_told_with_its_rider() -> None:
    assert refusal(town(), *riders(green=GREEN.replace('"delivered"', '"transported"'))) == (
        "tariff `town`: charge `green_levy` of rider `green`: expected a charge or a tag, found `transported`, "
        "which is neither\n  at town.toml, riders\n"
        "hint: charges and tags here are energy, standing, green_fee, green_levy, vat, delivered, taxable"
    )
    assert refusal(town(('["taxable"]\ntax', '["taxed"]\ntax')), *riders()).startswith(
        "tariff `town` version 2026-01-01: charge `vat`: expected a charge or a tag, found `taxed`, which is neither"
        "\n  at town.toml, versions[0].charges.vat.of\n"
    )


def test_a_missing_rider_and_a_tariff_as_a_rider_are_refused() -> None:
    assert refusal(town(), riders()[0]) == (
        "tariff `town`: expected rider `green`, found none of that name\n  at town.toml, riders\n"
        "hint: give the rider's file too"
    )
    other = town(("town", "fuel"), ('riders    = ["fuel", "green"]\n', ""))
    assert "expected a rider, found tariff `fuel`" in refusal(town(), other, riders()[1])


IN_RIDERS = [
    ('currency = "EUR"', 'currency = "EUR"\nriders = ["green"]', "expected no `riders` in a rider, found one"),
    ('currency = "EUR"', 'currency = "EUR"\ntimezone = "UTC"', "expected no `timezone` in a rider, found one"),
    ('"Order 1"', '"Order 1"\nnormal_days = 30', "expected no `normal_days` in a rider, found one"),
    ("= 0.05", "= 0.05\n" + EXAMPLES, "expected no `examples` in a rider, found one"),
    ("rider    = true", 'rider = "yes"', 'expected `true` or `false`, found `"yes"`'),
]


@pytest.mark.parametrize(("old", "new", "message"), IN_RIDERS)
def test_a_rider_says_only_what_riders_say(old: str, new: str, message: str) -> None:
    assert old in FUEL
    with pytest.raises(TariffError) as refused:
        parse_tariff(FUEL.replace(old, new, 1), "fuel.toml")
    assert message in str(refused.value)


def test_riders_in_force_are_billed_with_tariffs_and_never_alone() -> None:
    fuel, green = riders()
    plain = town(("town", "plain"), ('riders    = ["fuel", "green"]\n', ""))
    billed, notes = billed_files([fuel, plain, town(text=TOWN + EXAMPLES)])
    assert [file.tariff for file in billed] == ["plain"]
    assert notes["town"] == "rider `green` is not approved: billmill tariff approve green"
    assert notes["fuel"] == "it is a rider: tariffs attach it, and nobody is billed by it alone"
    billed, notes = billed_files([fuel, green, town(text=TOWN + EXAMPLES)])
    assert [file.tariff for file in billed] == ["town"] and "town" not in notes


def test_a_rider_that_no_longer_goes_with_a_tariff_leaves_it_out() -> None:
    billed, notes = billed_files([*riders(MEANINGS[0][0]), town()])
    assert billed == [] and notes["town"].startswith("its riders do not go with it: expected quantity `kwh`")


def test_a_base_of_riders_alone_counts_nothing_before_they_begin(tmp_path: Path) -> None:
    # June: fuel 3.00 + 7.50, 20 % of it 2.10; the minimum is compared once for a bill: 12.00 - 10.50 = 1.50.
    # February: no fuel, so the whole minimum of 12.00.
    text = (
        TOWN.split("[versions.charges.standing]", maxsplit=1)[0].replace('["fuel", "green"]', '["fuel"]')
        + """
[versions.charges.fuel_tax]
percent = 20
of      = ["taxable_fuel"]
[versions.charges.least]
at_least = 12.00
per      = "cycle"
of       = ["taxable_fuel"]
[[examples]]
name = "June"
period = [2026-06-01, 2026-07-01]
usage = { kwh = 300 }
expect = { energy = 90.00, fuel = 10.50, fuel_tax = 2.10, least = 1.50, total = 104.10 }
source = "worked by hand"
[[examples]]
name = "February"
period = [2026-02-01, 2026-03-01]
usage = { kwh = 100 }
expect = { energy = 30.00, fuel_tax = 0, least = 12.00, total = 42.00 }
source = "worked by hand"
"""
    )
    fuel = FUEL.replace('tags  = ["taxable"]', 'tags  = ["taxable_fuel"]')
    report = check_tariff_file(written(tmp_path, town=text, fuel=fuel)[0])
    assert report.holds, "\n".join(report.as_lines())


def test_two_texts_of_a_rider_hold_on_their_own_days() -> None:
    first, second = (parse_tariff(FUEL, "fuel.toml") for _ in range(2))
    early, late = first.versions
    parts = [
        first.model_copy(update={"versions": (early.model_copy(update={"valid_to": late.valid_from}),)}),
        second.model_copy(update={"versions": (late,)}),
    ]
    assert attached(town(), [*parts, riders()[1]]) == attached(town(), riders())


def test_a_rider_beside_the_file_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, town=TOWN + EXAMPLES, fuel=FUEL, green=GREEN)[0]
    assert check_tariff_file(path).holds
    (tmp_path / "green.toml").unlink()
    assert "expected rider `green`, found none" in (check_tariff_file(path).problem or "")


def test_a_page_names_the_riders_and_a_riders_page_has_no_head_of_a_tariff() -> None:
    assert describe(town()).facts["riders"] == "fuel, green"
    facts = describe(riders()[0]).facts
    assert facts["rider"] == "yes" and facts.keys().isdisjoint({"commodity", "timezone", "rounding"})
