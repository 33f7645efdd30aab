"""Charts of daily use: rows of blocks for a terminal, an inline SVG for a page.

Heights are drawn, never billed, so the SVG's coordinates may be floats; the figures beside it are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from model.units import READABLE_UNIT, smallest_per
from outputs.statement import Day, long_date, number_text, short_date, unit_text

TEXT_ROWS = 6
TEXT_COLUMNS = 62
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ESTIMATED = "░"

SVG_WIDTH, SVG_HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 8, 12, 26


@dataclass(frozen=True)
class _Bar:
    first: Day
    quantity: int
    is_estimated: bool


def text_chart(days: Sequence[Day], unit: str) -> list[str]:
    """Return the chart as lines of text: a column or two for each day, light blocks where a day is estimated.

    More days than columns are added up, several to a column. `unit` is the smallest unit of the days.
    """
    if not days:
        return []
    bars = _bars(days, TEXT_COLUMNS)
    top = max(bar.quantity for bar in bars)
    width = 2 if len(bars) * 2 <= TEXT_COLUMNS else 1
    label_top, label_zero = readable(top, unit), "0"
    margin = max(len(label_top), len(label_zero))
    rows = []
    for row in range(TEXT_ROWS, 0, -1):
        cells = "".join(_cell(bar, row, top) * width for bar in bars)
        label = label_top if row == TEXT_ROWS else ""
        rows.append(f"{label:>{margin}} ┤{cells}".rstrip())
    length = len(bars) * width
    first, last = short_date(days[0].day), short_date(days[-1].day)
    rows.append(f"{label_zero:>{margin}} └{'─' * length}")
    rows.append(f"{'':{margin}}  {first}{last:>{max(length - len(first), len(last) + 1)}}")
    return rows


def svg_chart(days: Sequence[Day], unit: str, *, chart_id: str) -> str:
    """Return the chart as an SVG element: a bar for each day, hatched where it is estimated.

    `chart_id` makes the pattern's name unique in the page. `unit` is the smallest unit of the days.
    """
    if not days:
        return ""
    bars = _bars(days, 366)
    top = round_up(max(1, *(bar.quantity for bar in bars)))
    step = (SVG_WIDTH - _LEFT - _RIGHT) / len(bars)
    floor = SVG_HEIGHT - _BOTTOM
    span = floor - _TOP
    parts = [_opening(chart_id, days, unit), *_grid(top, unit, floor, span)]
    for place, bar in enumerate(bars):
        height = span * max(bar.quantity, 0) / top
        kind = f'class="bar est" fill="url(#{chart_id}-hatch)"' if bar.is_estimated else 'class="bar"'
        left = _LEFT + place * step
        mark = ", estimated" if bar.is_estimated else ""
        parts.append(
            f'<rect {kind} x="{left + step * 0.14:.1f}" y="{floor - height:.1f}" width="{step * 0.72:.1f}" '
            f'height="{height:.1f}"><title>{escape(long_date(bar.first.day))}: '
            f"{escape(readable(bar.quantity, unit))}{mark}</title></rect>"
        )
        if place % max(1, round(len(bars) / 5)) == 0:
            label = escape(short_date(bar.first.day))
            parts.append(f'<text x="{left + step / 2:.1f}" y="{SVG_HEIGHT - 8}" class="day">{label}</text>')
    return "".join([*parts, "</svg>"])


def readable(quantity: int, unit: str) -> str:
    """Return a quantity of smallest units as people read it.

    >>> readable(12_345, "Wh")
    '12.345 kWh'
    """
    printed = READABLE_UNIT.get(unit, unit)
    size = smallest_per(printed) if unit in READABLE_UNIT else 1
    return f"{number_text(Decimal(quantity) / size)} {unit_text(printed)}"


def _bars(days: Sequence[Day], most: int) -> list[_Bar]:
    group = -(-len(days) // most)
    cut = [days[start : start + group] for start in range(0, len(days), group)]
    return [_Bar(part[0], sum(day.quantity for day in part), any(day.is_estimated for day in part)) for part in cut]


def _cell(bar: _Bar, row: int, top: int) -> str:
    """Return the block of a bar in a row, from 1 at the bottom. A bar above zero always shows."""
    eighths = max(bar.quantity, 0) * TEXT_ROWS * 8 // top if top > 0 else 0
    filled = max(eighths, 1 if bar.quantity > 0 else 0) - (row - 1) * 8
    if bar.is_estimated:
        return _ESTIMATED if filled > 0 else " "
    return _EIGHTHS[max(0, min(8, filled))]


def round_up(value: int) -> int:
    """Return the top of the axis: the next round number whose half is easy to read too."""
    power = 1
    while power * 10 < value:
        power *= 10
    tenths = (10, 15, 20, 30, 40, 50, 60, 80, 100)
    return next(-(-power * step // 10) for step in tenths if power * step >= value * 10)


def _opening(chart_id: str, days: Sequence[Day], unit: str) -> str:
    total = readable(sum(day.quantity for day in days), unit)
    text = escape(f"Daily use from {long_date(days[0].day)} to {long_date(days[-1].day)}, together {total}")
    return (
        f'<svg viewBox="0 0 {SVG_WIDTH} {SVG_HEIGHT}" role="img" aria-label="{text}">'
        f'<defs><pattern id="{chart_id}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="5" height="5" fill="#fff"/>'
        '<rect width="2.4" height="5" fill="#1f6f78"/></pattern></defs>'
    )


def _grid(top: int, unit: str, floor: int, span: int) -> list[str]:
    parts = []
    for place in (0, 1, 2):
        y = floor - span * place / 2
        label = escape(readable(top * place // 2, unit)) if place else "0"
        parts.append(f'<line x1="{_LEFT}" x2="{SVG_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" class="axis">{label}</text>')
    return parts
