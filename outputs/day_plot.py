"""The day of a finding as SVG: what is used as a line, what came and was not used as points, like days as a band.

Heights are drawn, never billed, so coordinates may be floats; the figures beside them are exact.
"""

from __future__ import annotations

from html import escape

from outputs.chart import readable, round_up
from outputs.day_curves import DayStory, Slots, aligned, clock_text, like_mean

WIDTH, HEIGHT = 520, 190
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 16, 22
_HEADROOM = 1.08


def svg_day_plot(story: DayStory, *, label: str) -> str:
    """Return the plot as an SVG element; `label` says in words what it shows."""
    low, high = _bounds(story)
    frame = _Frame(len(story.clocks), low, high)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label, quote=True)}">',
        frame.concerned(story.first_slot, story.last_slot),
        *_axes(story, frame),
        _band(story, frame),
        f'<path class="like" d="{frame.line(like_mean(story))}"/>',
        f'<path class="used" d="{frame.line(story.used)}"/>',
        f'<path class="made" d="{frame.line(_made(story))}"/>',
        *_points(story, frame),
        "</svg>",
    ]
    return "".join(parts)


class _Frame:
    """Places of slots and values in the picture. A value holds from its slot's start to its end."""

    def __init__(self, slots: int, low: int, high: int) -> None:
        self.slots, self.low, self.high = slots, low, high

    def x(self, slot: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * slot / self.slots

    def y(self, value: float) -> float:
        span = (self.high - self.low) * _HEADROOM
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / span

    def line(self, values: Slots) -> str:
        """Return steps through the values, interrupted where there is none."""
        parts: list[str] = []
        previous: int | None = None
        for slot, value in enumerate(values):
            if value is not None:
                if previous is None:
                    parts.append(f"M{self.x(slot):.1f} {self.y(value):.1f}")
                elif previous != value:
                    parts.append(f"V{self.y(value):.1f}")
                parts.append(f"H{self.x(slot + 1):.1f}")
            previous = value
        return "".join(parts)

    def concerned(self, first: int, last: int) -> str:
        """Return the ground of the slots that the finding is about, at least three points wide."""
        left, right = self.x(first), self.x(last + 1)
        width = max(right - left, 3.0)
        return (
            f'<rect class="concerned" x="{(left + right - width) / 2:.1f}" y="{TOP}" width="{width:.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/>'
        )


def _bounds(story: DayStory) -> tuple[int, int]:
    """Return the least and the greatest value drawn to scale; what came and was refused may lie beyond."""
    curves = [story.used, *(aligned(curve, story.clocks) for curve in story.like)]
    known = [value for values in curves for value in values if value is not None]
    if not known:
        known = [value for value in story.found if value is not None]
    least, most = min([0, *known]), max([1, *known])
    return (-round_up(-least) if least < 0 else 0), round_up(most)


def _axes(story: DayStory, frame: _Frame) -> list[str]:
    parts = []
    middle = frame.high // 2 if frame.low == 0 else 0
    for value in (frame.low, middle, frame.high):
        text = "0" if value == 0 else escape(readable(value, story.unit))
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{frame.y(value):.1f}" y2="{frame.y(value):.1f}"/>'
        )
        parts.append(f'<text class="axis" x="{LEFT - 6}" y="{frame.y(value) + 3.5:.1f}">{text}</text>')
    for slot, clock in enumerate(story.clocks):
        if clock % 240 == 0 and story.clocks.index(clock) == slot:
            parts.append(f'<text class="hour" x="{frame.x(slot):.1f}" y="{HEIGHT - 6}">{clock_text(clock)}</text>')
    parts.append(f'<text class="hour end" x="{frame.x(frame.slots):.1f}" y="{HEIGHT - 6}">24:00</text>')
    return parts


def _band(story: DayStory, frame: _Frame) -> str:
    """Return the ground between the least and the greatest of the like days, where all of them have a value."""
    curves = [aligned(curve, story.clocks) for curve in story.like]
    if len(curves) < 2:
        return ""
    columns = [[value for value in column if value is not None] for column in zip(*curves, strict=True)]
    paths = []
    for slot, column in enumerate(columns):
        if column:
            top, bottom = frame.y(max(column)), frame.y(min(column))
            paths.append(f"M{frame.x(slot):.1f} {bottom:.1f}V{top:.1f}H{frame.x(slot + 1):.1f}V{bottom:.1f}Z")
    return f'<path class="band" d="{"".join(paths)}"/>'


def _made(story: DayStory) -> Slots:
    return tuple(value if story.is_replaced(slot) else None for slot, value in enumerate(story.used))


def _points(story: DayStory, frame: _Frame) -> list[str]:
    """Return the values that came and are not used; an arrow and the figure where one lies beyond the scale."""
    parts = []
    for slot, value in enumerate(story.found):
        if value is None or value == story.used[slot]:
            continue
        x, top = frame.x(slot + 0.5), TOP + 3
        if value > frame.high * _HEADROOM:
            anchor = "end" if x > WIDTH * 0.7 else "start"
            shift = -7 if anchor == "end" else 7
            parts.append(f'<path class="beyond" d="M{x - 4:.1f} {top + 7}L{x:.1f} {top}L{x + 4:.1f} {top + 7}Z"/>')
            parts.append(
                f'<text class="came" x="{x + shift:.1f}" y="{top + 7}" text-anchor="{anchor}">came '
                f"{escape(readable(value, story.unit))}</text>"
            )
        else:
            y = frame.y(max(value, frame.low))
            parts.append(f'<circle class="found" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>')
    return parts
