from __future__ import annotations

from pathlib import Path

import pytest
from tariff_sheets import SAMPLE_FILES, SHEET, sheet

from tariffs.file import parse_tariff
from tariffs.show import describe


def described(text: str) -> str:
    return "\n".join(describe(parse_tariff(text, "sheet.toml")))


def test_a_tariff_is_shown_with_its_week_and_its_prices() -> None:
    assert (
        described(SHEET)
        == """\
sample: Sample
electricity, AUD, clock of Australia/Sydney, each line rounded half_up 0.01

Seasons (month-day): winter from 03-01, summer from 12-01

Week in summer, by the clock on the wall
                     00:00 06:00 12:00 18:00
  mon-fri            OOOOOOOOOOOOOOPPPPPPOOOO
  sat-sun, holidays  OOOOOOOOOOOOOOOOOOOOOOOO

Week in winter, by the clock on the wall
                     00:00 06:00 12:00 18:00
  mon-fri            OOOOOOOOOOOOOOPPPPPPOOOO
  sat-sun, holidays  OOOOOOOOOOOOOOOOOOOOOOOO
  O off_peak, P peak

Version from 2026-01-01 until further notice
  source: Price list 2026

  charge  of              season  period    price  per      line
  energy  kwh             summer  off_peak   0.25  AUD/kWh  Energy
                          summer  peak        0.5  AUD/kWh
                          winter  off_peak    0.2  AUD/kWh
                          winter  peak        0.4  AUD/kWh
  supply                                      1.1  AUD/day  Supply
  gst     energy, supply                       10  %        Gst (tax GST)"""
    )


def test_half_hours_widen_the_grid() -> None:
    text = described(sheet(("from = 14:00:00", "from = 14:30:00")))
    assert f"  mon-fri            {'O' * 29}{'P' * 11}{'O' * 8}" in text


def test_tiers_show_their_edges_in_printed_units() -> None:
    start, end = SHEET.index('of    = "kwh"'), SHEET.index("[versions.charges.supply]")
    tiers = 'of = "kwh"\ntiers_per = "day"\ntiers = [{ to = 11.7, price = 0.2 }, { price = 0.3 }]\n\n'
    text = described(SHEET[:start] + tiers + SHEET[end:])
    assert "  energy  kwh                0/day  11.7/day    0.2  AUD/kWh  Energy" in text
    assert "                          11.7/day              0.3  AUD/kWh" in text


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_every_sample_can_be_shown(path: Path) -> None:
    lines = describe(parse_tariff(path.read_text(encoding="utf-8"), path.name))
    assert lines[0].startswith(f"{path.stem}: ")
    assert all(line == line.rstrip() for line in lines)
