"""What two versions say differently, in words; whatever the keys."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tariff_sheets import SAMPLE_FILES, SAMPLES, SHEET, sheet

from tariffs.diff import compare_files, compare_headers, compare_versions
from tariffs.file import parse_tariff
from tariffs.sheet import TariffFile

BLOCK = (SAMPLES / "res-block.toml").read_text(encoding="utf-8")


def read(text: str) -> TariffFile:
    return parse_tariff(text, "sheet.toml")


def told(before: str, after: str) -> list[str]:
    """Return what the first versions and the rest of two files say differently."""
    old, new = read(before), read(after)
    found = [
        *compare_headers(old, new),
        *compare_versions((old, old.versions[0]), (new, new.versions[0])),
    ]
    return [change.text for change in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # (0.53 - 0.50) / 0.50 = 6 %
        ("peak = 0.50", "peak = 0.53", "charge `energy`, price, summer, peak: 0.50 -> 0.53 AUD/kWh (+6.0 %)"),
        # (0.2264 - 0.25) / 0.25 = -9.44 %
        (
            "off_peak = 0.25",
            "off_peak = 0.2264",
            "charge `energy`, price, summer, off_peak: 0.25 -> 0.2264 AUD/kWh (-9.4 %)",
        ),
        ("price = 1.10", "price = 1.20", "charge `supply`, price: 1.10 -> 1.20 AUD/day (+9.1 %)"),
        ("percent = 10", "percent = 12.5", "charge `gst`, percent: 10 -> 12.5 %"),
        ('tags  = ["fixed"]', 'tags  = ["fixed"]\ntext = "A day"', 'charge `supply`, text added: "A day"'),
        ('tax     = "GST"', 'tax     = "VAT"', "charge `gst`, tax code: GST -> VAT"),
        ("from = 14:00:00", "from = 14:30:00", "window `peak`, from: 14:00 -> 14:30"),
        ("months = [12, 1, 2]", "months = [12, 1]", "window `summer`, months: 12, 1, 2 -> 12, 1"),
        ("[2026-01-01]", "[2026-01-01, 2026-12-25]", "holidays: 2026-12-25 added"),
        ("[2026-01-01]", "[2026-12-25]", "holidays: 2026-12-25 added; 2026-01-01 removed"),
        ("half_up 0.01", "half_even 0.05", "rounding, line: half_up 0.01 -> half_even 0.05"),
        ('"Sample"', '"Sample of 2026"', 'title: Sample -> "Sample of 2026"'),
        ("Price list 2026", "Price list 2026 b", 'source: "Price list 2026" -> "Price list 2026 b"'),
        (
            'kw  = { measure = "import_energy", agg = "max", unit = "kW" }',
            "",
            "quantity `kw` removed: measure import_energy, agg max, unit kW",
        ),
        (
            "[versions.charges.gst]",
            "[versions.charges.levy]\nper = \"cycle\"\nprice = 2\n[versions.charges.gst]",
            "charge `levy` added: price 2, per cycle",
        ),
        (
            "price = 1.10",
            'price = { factor = "supply_charge" }',
            "charge `supply`, price: 1.10 -> factor supply_charge",
        ),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(old: str, new: str, expected: str) -> None:
    assert told(SHEET, sheet((old, new))) == [expected]


def test_numbers_that_are_written_otherwise_are_the_same() -> None:
    assert told(SHEET, sheet(("peak = 0.50", "peak = 0.5000"), ("price = 1.10", "price = 1.1"))) == []


def test_tiers_are_compared_one_by_one() -> None:
    start = BLOCK.index("tiers ")
    line = BLOCK[start : BLOCK.index("]", start) + 1]
    old = BLOCK.replace(line, "tiers = [{ to = 10, price = 0.20 }, { price = 0.30 }]")
    new = BLOCK.replace(line, "tiers = [{ to = 12, price = 0.20 }, { to = 20, price = 0.33 }, { price = 0.40 }]")
    assert told(old, new) == [
        "charge `energy`, tier 1, to: 10 -> 12 kWh (+20.0 %)",
        "charge `energy`, tier 2, price: 0.30 -> 0.33 AUD/kWh (+10.0 %)",
        "charge `energy`, tier 2, to added: 20 kWh",
        "charge `energy`, tier 3 added: price 0.40",
    ]


def test_the_order_of_charges_is_their_order_on_the_bill() -> None:
    supply, gst = SHEET.index("[versions.charges.supply]"), SHEET.index("[versions.charges.gst]")
    moved = SHEET[:supply] + SHEET[gst:] + "\n" + SHEET[supply:gst]
    assert told(SHEET, moved) == ["order of the charges: energy, supply, gst -> energy, gst, supply"]


def test_a_change_for_a_machine_has_its_path_and_plain_values() -> None:
    old, new = read(SHEET), read(sheet(("price = 1.10", "price = 1.20"), ('"Sample"', '"Sample of 2026"')))
    price = compare_versions((old, old.versions[0]), (new, new.versions[0]))[0]
    assert (price.what, price.path, price.before, price.after) == ("changed", "charges.supply.price", "1.10", "1.20")
    assert price.percent == Decimal("9.1")
    assert compare_headers(old, new)[0].after == "Sample of 2026"


def test_a_price_that_was_zero_grew_by_no_percentage() -> None:
    free = sheet(("price = 1.10", "price = 0"))
    assert told(free, SHEET) == ["charge `supply`, price: 0 -> 1.10 AUD/day"]


def test_files_are_compared_version_by_version() -> None:
    later = 'valid_from = 2026-07-01\nsource = "Price list 2"\n'
    charges = SHEET[SHEET.index("[versions.charges.energy]") :].replace("price = 1.10", "price = 1.20")
    old, new = read(SHEET), read(f"{SHEET}\n[[versions]]\n{later}\n{charges}")
    assert [section.as_lines() for section in compare_files(old, new)] == [
        [
            "version from 2026-07-01, beside the one from 2026-01-01",
            "  version from 2026-07-01 added",
            '  source: "Price list 2026" -> "Price list 2"',
            "  charge `supply`, price: 1.10 -> 1.20 AUD/day (+9.1 %)",
        ]
    ]
    assert [section.as_lines() for section in compare_files(new, old)] == [
        ["version from 2026-07-01", "  version from 2026-07-01 removed"]
    ]


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_a_file_does_not_differ_from_itself_and_does_from_another(path: Path) -> None:
    file, other = read(path.read_text(encoding="utf-8")), read(SHEET)
    assert compare_files(file, file) == []
    for section in compare_files(file, other):
        assert section.changes and all(change.text and "object" not in change.text for change in section.changes)
