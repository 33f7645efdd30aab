"""Where runs stand, as a screen: plain words for a pipe, a live panel for a terminal. The same figures in both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from model.money import format_minor

_BAR = 32
_CODES_SHOWN = 8
_LOST_SHOWN = 3
_PARTITIONS = {"stragglers": "slow", "failures": "left nothing"}
_STYLE = {"stop": "bold red", "parked": "yellow", "warn": "yellow", "info": "dim"}
_STEPS = {
    "due": "agreements of the cycle that are not billed yet",
    "read": "reads are there for them",
    "estimated": "of them, on a bill that rests on an estimate",
    "billed": "on a bill that goes out",
    "parked": "not billed: reasons below",
    "held": "not billed: somebody holds the account",
    "kept_out": "computed, but stopped or excluded",
}


def status_screen(statuses: Sequence[Mapping[str, Any]], now: datetime, *, is_drawn: bool = True) -> RenderableType:
    """Return the screen of runs (`RunStatus.plain`); without bars and frames when it is not `is_drawn`."""
    if not statuses:
        return Text("no run is open; all of them: billmill run list")
    return Group(*(_run(status, now, is_drawn) for status in statuses))


def print_status(console: Console, statuses: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Print where runs stand, once."""
    console.print(status_screen(statuses, now, is_drawn=console.is_terminal))


def watch_status(
    console: Console, read: Callable[[], Sequence[Mapping[str, Any]]], now: Callable[[], datetime], seconds: float
) -> None:
    """Show where runs stand until no run is open, or somebody presses Ctrl-C."""
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            statuses = read()
            live.update(status_screen(statuses, now()), refresh=True)
            if not statuses:
                return
            time.sleep(seconds)


def duration(seconds: float) -> str:
    """Return a length of time as a person says it: 75 seconds is `1 min 15 s`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"


def variance(now: int, before: int) -> str:
    """Return by how much a figure differs from another, to a tenth of a percent; 0 has no percentage of itself."""
    if before == 0:
        return "new" if now else "same"
    tenths = (abs(now - before) * 2000 // abs(before) + 1) // 2  # half up
    sign = "+" if now > before else "-" if now < before else ""
    return f"{sign}{tenths // 10}.{tenths % 10} %"


def _run(status: Mapping[str, Any], now: datetime, is_drawn: bool) -> RenderableType:
    first, after = status["window"]
    window = f", window {first} to {after} (not included)" if first else ""
    head = Text(f"cycle {status['cycle_id'] or 'of several'}, business date {status['business_date']}{window}")
    parts: list[RenderableType] = [
        head, _progress(status, now, is_drawn), *_partitions(status["followed"]), Text(),
        _funnel(status["funnel"], is_drawn),
    ]  # fmt: skip
    for title, table in (
        ("Branches", _branches(status["branches"])), ("Exceptions", _exceptions(status["exceptions"])),
        ("Totals beside the last cycle", _totals(status["totals"])),
    ):  # fmt: skip
        if table is not None:
            parts += [Text(), Text(title, style="bold"), table]
    if status["last_error"]:
        parts += [Text(), Text(f"last error: {status['last_error']}", style="bold red")]
    parts += [Text(), Text(f"next: {status['next']}", style="bold")]
    state = f"{status['state']}, {status['stage']} now" if status["stage"] else str(status["state"])
    heading = Text(f"{status['run_id']}  {state}", style="bold")
    if not is_drawn:
        return Group(heading, *parts, Text())
    return Panel(Group(*parts), title=heading, title_align="left", padding=(0, 1), expand=False)


def _progress(status: Mapping[str, Any], now: datetime, is_drawn: bool) -> RenderableType:
    done, total = (int(word) for word in str(status["partitions"]).split(" of "))
    told = [f"{done:,} of {total:,} partitions"]
    if done and done < total:
        told.append(f"{status['rated']:,} agreements")
        told.append(f"{status['bills_so_far']:,} bills and {status['parked_so_far']:,} parked so far")
    if status["per_second"] is not None:
        told.append(f"{status['per_second']:,.0f} a second")
    if status["seconds_left"] is not None:
        told.append(f"{duration(status['seconds_left'])} left")
    if status["last_at"] is not None and done < total:
        told.append(f"last one {duration((now - status['last_at']).total_seconds())} ago")
    if not is_drawn:
        return Text(", ".join(told))
    row = Table.grid(padding=(0, 2))
    row.add_row(ProgressBar(total=total or 1, completed=done, width=_BAR), Text(", ".join(told)))
    return row


def _partitions(found: Mapping[str, Any]) -> list[RenderableType]:
    """Say where partitions were computed, which take long, and which attempts left nothing."""
    told = [f"{count:,} by {place}" for place, count in found["places"].items()]
    if found["running"]:
        told.append(f"{found['running']:,} running or left by a process that died")
    lines: list[RenderableType] = [Text(f"partitions: {', '.join(told)}", style="dim")] if told else []
    for title, style in (("stragglers", "yellow"), ("failures", "yellow")):
        sentences = [one["sentence"] for one in found[title]]
        lines += [Text(f"{_PARTITIONS[title]}: {sentence}", style=style) for sentence in sentences[-_LOST_SHOWN:]]
        if len(sentences) > _LOST_SHOWN:
            lines.append(Text(f"{len(sentences) - _LOST_SHOWN} more: billmill run partitions RUN", style="dim"))
    return lines


def _funnel(funnel: Mapping[str, int | None], is_drawn: bool) -> RenderableType:
    due = funnel.get("due") or 0
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    if is_drawn:
        table.add_column()
    table.add_column(style="dim")
    for name, value in funnel.items():
        if value is None or (value == 0 and name in {"held", "kept_out"}):
            continue
        bar = ProgressBar(total=due or 1, completed=value, width=_BAR)
        words = [name.replace("_", " "), f"{value:,}"]
        table.add_row(*words, *([bar] if is_drawn else []), _STEPS[name])
    return table


def _branches(branches: Sequence[Mapping[str, Any]]) -> Table | None:
    if not branches:
        return None
    table = _table(
        ("branch", "left"), ("bills", "right"), ("kept out", "right"), ("total", "right"), ("approved", "left")
    )
    for row in branches:
        currency = row["currency"]
        total = f"{format_minor(row['total_minor'], currency)} {currency}" if currency else ""
        approved = Text(f"by {row['approved_by']}") if row["approved_by"] else Text("waits", style="yellow")
        table.add_row(Text(row["branch_id"]), f"{row['bills']:,}", f"{row['kept_out']:,}", total, approved)
    return table


def _exceptions(exceptions: Sequence[Mapping[str, Any]]) -> Table | None:
    order = list(_STYLE)
    known = sorted(exceptions, key=lambda row: (order.index(row["severity"]), -row["count"], row["code"]))
    if not known:
        return None
    table = _table(("code", "left"), ("severity", "left"), ("count", "right"))
    for row in known[:_CODES_SHOWN]:
        table.add_row(row["code"], Text(row["severity"], style=_STYLE[row["severity"]]), f"{row['count']:,}")
    if len(known) > _CODES_SHOWN:
        rest = sum(row["count"] for row in known[_CODES_SHOWN:])
        table.add_row(f"{len(known) - _CODES_SHOWN} more codes", "", f"{rest:,}")
    return table


def _totals(totals: Sequence[Mapping[str, Any]]) -> Table | None:
    if not totals:
        return None
    table = _table(("", "left"), ("now", "right"), ("last cycle", "right"), ("difference", "right"))
    for row in totals:
        currency = row["currency"]
        last = row["last_total_minor"]
        figures = [("bills", row["bills"], row["last_bills"]), (f"total {currency}", row["total_minor"], last)]
        for name, now, before in figures:
            shown = [format_minor(value, currency) if name != "bills" else f"{value:,}" for value in (now, before or 0)]
            known = before is not None
            table.add_row(name, shown[0], shown[1] if known else "-", variance(now, before) if known else "-")
    return table


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    return table
