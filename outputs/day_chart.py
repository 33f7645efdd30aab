"""The day of a finding as text: what was used as blocks, what came and was not used as crosses, other days as lines.

80 columns, no colour. Columns follow the civil day, so a day of 23 hours is shorter and one of 25 hours longer.
"""

from __future__ import annotations

from outputs.chart import readable
from outputs.day_curves import DayCurve, DayStory, Slots, aligned, grouped, like_mean, slots_text
from outputs.statement import long_date, short_date

ROWS = 6
COLUMN_MINUTES = 30
LEGEND = (
    "█ as read  ▒ estimated or edited  × came, not used (↑ off the scale)  · nothing",
    "a column is half an hour of the day; all lines have one scale",
)
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_NAMES = 11


def text_day_chart(story: DayStory) -> list[str]:
    """Return the chart as lines of at most 80 columns."""
    size = max(1, COLUMN_MINUTES // story.interval_minutes)
    wide = max(1, story.interval_minutes // COLUMN_MINUTES)
    used, found = grouped(story.used, size), grouped(story.found, size)
    mean = grouped(like_mean(story), size)
    beside = [(name, curve) for name, curve in _beside(story) if curve is not None]
    known = [used, mean, *(grouped(aligned(curve, story.clocks), size) for _, curve in beside)]
    top = max((value for values in known for value in values if value is not None), default=0)
    if top <= 0:
        top = max((value for value in found if value is not None), default=0)
    label = readable(top, story.unit) if top > 0 else ""
    margin = max(len(label), _NAMES)
    replaced = [any(map(story.is_replaced, _slots(story, place, size))) for place in range(len(used))]
    lines = [
        f"{label if row == ROWS else '':>{margin}} ┤"
        + "".join(
            _cell(use, came, row, top, is_replaced) * wide
            for use, came, is_replaced in zip(used, found, replaced, strict=True)
        ).rstrip()
        for row in range(ROWS, 0, -1)
    ]
    lines.append(f"{'0':>{margin}} └{'─' * (len(used) * wide)}")
    lines.append(f"{'':{margin}}  {_hours(story, size, wide)}".rstrip())
    lines.append(f"{'':{margin}}  {_marks(story, size, wide)}")
    lines.append("")
    lines += [_line(name, curve, story, size, top, margin) for name, curve in beside]
    if story.like:
        days = ", ".join(short_date(curve.day) for curve in story.like)
        lines.append(f"{'like days':>{margin}}  {_wide(mean, top, wide)}  mean")
        lines.append(f"{'':{margin}}  of {days}")
    return lines


def chart_title(story: DayStory) -> str:
    """Return the day, its length where the clock changes, and the time concerned."""
    hours, rest = divmod(len(story.clocks) * story.interval_minutes, 60)
    length = "" if (hours, rest) == (24, 0) else f", {hours}{'½' if rest else ''} hours: the clock changes"
    return f"{story.day:%A} {long_date(story.day)}{length}; marked: {slots_text(story)}"


def _beside(story: DayStory) -> list[tuple[str, DayCurve | None]]:
    return [("day before", story.before), ("the day", story.used_day), ("day after", story.after)]


def _slots(story: DayStory, place: int, size: int) -> range:
    return range(place * size, min((place + 1) * size, len(story.clocks)))


def _cell(used: int | None, found: int | None, row: int, top: int, is_replaced: bool) -> str:
    """Return the sign of a column in a row, from 1 at the bottom. A value above zero always shows."""
    if is_replaced and found is not None and top > 0:
        at = min(ROWS + 1, max(1, -(-found * ROWS // top)))
        if at > ROWS and row == ROWS:
            return "↑"
        if at == row:
            return "×"
    if used is None:
        return "·" if row == 1 else " "
    filled = _eighths(used, top) - (row - 1) * 8
    if is_replaced:
        return "▒" if filled > 0 else " "
    return _EIGHTHS[max(0, min(8, filled))]


def _eighths(value: int, top: int) -> int:
    eighths = max(value, 0) * ROWS * 8 // top if top > 0 else 0
    return max(eighths, 1 if value > 0 else 0)


def _hours(story: DayStory, size: int, wide: int) -> str:
    """Return the hours under the columns, every fourth; a repeated hour is named once."""
    columns = -(-len(story.clocks) // size)
    text = [" "] * (columns * wide + 3)
    for place in range(columns):
        clock = story.clocks[place * size]
        if clock % 240 == 0 and story.clocks.index(clock) == place * size:
            text[place * wide : place * wide + 2] = f"{clock // 60:02}"
    text[columns * wide : columns * wide + 2] = "24"
    return "".join(text)


def _marks(story: DayStory, size: int, wide: int) -> str:
    first, last = story.first_slot // size, story.last_slot // size
    return " " * (first * wide) + "^" * ((last - first + 1) * wide)


def _line(name: str, curve: DayCurve, story: DayStory, size: int, top: int, margin: int) -> str:
    values = grouped(aligned(curve, story.clocks), size)
    wide = max(1, story.interval_minutes // COLUMN_MINUTES)
    total = "nothing" if curve.total is None else readable(curve.total, story.unit)
    return f"{name:>{margin}}  {_wide(values, top, wide)}  {total}"


def _wide(values: Slots, top: int, wide: int) -> str:
    return "".join(sign * wide for sign in _spark(values, top))


def _spark(values: Slots, top: int) -> str:
    return "".join(_level(value, top) for value in values)


def _level(value: int | None, top: int) -> str:
    if value is None:
        return "·"
    if value <= 0 or top <= 0:
        return " "
    return _EIGHTHS[max(1, min(8, value * 8 // top))]
