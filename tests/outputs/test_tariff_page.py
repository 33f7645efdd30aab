"""A tariff on a terminal: it fits 80 columns, its letters say what its colours do."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from outputs.tariff_page import print_tariff
from tariffs.file import parse_tariff
from tariffs.show import describe

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "tariffs"
PEAK, SHOULDER, OFF_PEAK = "\x1b[30;41m", "\x1b[30;43m", "\x1b[30;42m"  # black on red, yellow, green


class Window(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def shown(name: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Print a sample in a window of 80 columns."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in ({"COLUMNS": "80", "TERM": "xterm-256color"} | environment).items():
        monkeypatch.setenv(variable, value)
    file = parse_tariff((SAMPLES / f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")
    window = Window()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", window)
        print_tariff(describe(file, {file.versions[0].valid_from: "draft, added by ana"}))
    return window.getvalue()


def test_the_dearest_hours_are_red_and_the_cheapest_green(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown("res-tou", monkeypatch)
    monday = next(line for line in text.splitlines() if line.startswith("Mon"))
    # Off-peak until 7, shoulder until 14, peak until 20, shoulder until 22.
    spells = [(OFF_PEAK, "O" * 14), (SHOULDER, "S" * 14), (PEAK, "P" * 12), (SHOULDER, "S" * 4), (OFF_PEAK, "O" * 4)]
    found = re.findall(r"(\x1b\[30;4\dm)(\w+)\x1b\[0m", monday)
    merged: list[tuple[str, str]] = []
    for colour, letters in found:
        same = merged and merged[-1][0] == colour
        merged[-1:] = [(colour, merged[-1][1] + letters)] if same else [*merged[-1:], (colour, letters)]
    assert merged == spells


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.toml")))
def test_without_colour_the_letters_say_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shown(name, monkeypatch, NO_COLOR="1")
    assert "\x1b[4" not in plain and ";4" not in plain
    coloured = shown(name, monkeypatch)
    bare = re.compile(r"\x1b\[[0-9;]*m")
    assert bare.sub("", coloured) == bare.sub("", plain)
    grid = [line for line in bare.sub("", plain).splitlines() if re.match(r"(Mon|Tue|Hol|\d\d:\d\d-)", line)]
    assert all(len(line) <= 80 for line in grid)


def test_a_week_that_stays_is_shown_once_and_the_state_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown("res-tou", monkeypatch, NO_COLOR="1")
    assert text.count("Week, by the clock on the wall") == 1 and text.count("Version from") == 2
    assert "Version from 2026-01-01 until 2026-10-16, not included: draft, added by ana" in text
    assert "O  off_peak    S  shoulder    P  peak" in text
