"""Findings on a terminal: the work list in 80 columns or more, one finding in words with its chart."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from typing import Any

import polars as pl
from rich.markup import escape
from rich.table import Table

from model.codes import Quality
from outputs.chart import readable
from outputs.console import cell_text, stdout
from outputs.day_chart import LEGEND, chart_title, text_day_chart
from outputs.day_curves import DayStory
from outputs.finding_words import (
    PARKS,
    energy_words,
    found_words,
    money_words,
    rule_words,
    slots_words,
    used_words,
)

ID_SHOWN = 8
WIDE = 140
PAGE_WIDTH = 80
_LABEL = 11
_BAR = 24


def print_findings(rows: pl.DataFrame, limit: int) -> None:
    """Print the work list: what moved most money first; a wide window shows owner, account and branch too."""
    if rows.is_empty():
        sys.stdout.write("no findings\n")
        return
    console = stdout()
    table = Table(header_style="bold", box=None, pad_edge=False)
    columns = _wide_row(rows.row(0, named=True)) if console.width >= WIDE else _row(rows.row(0, named=True))
    for name in columns:
        table.add_column(name, justify="right" if name in {"energy", "money", "age"} else "left", no_wrap=True)
    for row in rows.head(limit).iter_rows(named=True):
        shown = _wide_row(row) if console.width >= WIDE else _row(row)
        table.add_row(*(escape(cell_text(text)) for text in shown.values()))
    console.print(table)
    if rows.height > limit:
        sys.stdout.write(f"... {rows.height - limit:,} more: --limit, or all of them with --json\n")
    sys.stdout.write(f"{findings_summary(rows)}\n")


def findings_summary(rows: pl.DataFrame) -> str:
    """Return how many findings there are, by severity, and how many park an account or would."""
    severities = rows.group_by("severity").len().sort("severity")
    counts = ", ".join(f"{count:,} {severity}" for severity, count in severities.rows())
    text = f"{_findings(rows.height)}: {counts}"
    waiting = rows.filter(pl.col("parks") != "")
    accounts = waiting["account_id"].n_unique()
    return f"{text}; {waiting.height:,} park {accounts:,} accounts (--parks)" if waiting.height else text


def print_finding(
    row: Mapping[str, Any],
    story: DayStory | None,
    readings: pl.DataFrame,
    estimates: pl.DataFrame,
    history: pl.DataFrame,
) -> None:
    """Print all about a finding, in 80 columns."""
    sys.stdout.write("\n".join(finding_text(row, story, readings, estimates, history)) + "\n")


def finding_text(
    row: Mapping[str, Any],
    story: DayStory | None,
    readings: pl.DataFrame,
    estimates: pl.DataFrame,
    history: pl.DataFrame,
) -> list[str]:
    """Return all about a finding as lines of at most 80 columns."""
    lines = [f"Finding {row['finding_id']}: {row['rule']} {row['reason']}, {row['severity']}, {row['state']}", ""]
    for label, text in _facts(row, estimates).items():
        wrapped = textwrap.wrap(text, PAGE_WIDTH - _LABEL - 2, break_long_words=True) or [""]
        lines += [f"{label if place == 0 else '':<{_LABEL}}  {part}" for place, part in enumerate(wrapped)]
    if story is not None:
        lines += ["", chart_title(story), "", *text_day_chart(story), "", *LEGEND]
    if readings.height:
        lines += ["", *_reading_lines(row, readings)]
    lines += ["", *_history_lines(history)]
    return lines


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "finding": row["finding_id"][:ID_SHOWN],
        "rule": row["rule"],
        "what": row["reason"][:14],
        "sev": row["severity"][:4],
        "day": row["day"].isoformat(),
        "channel": row["channel_id"][:15],
        "money": money_words(row) or ("parks" if row["parks"] else ""),
        "age": f"{row['age_days']} d",
    }


def _wide_row(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "finding": row["finding_id"][:ID_SHOWN],
        "rule": row["rule"],
        "what": row["reason"],
        "severity": row["severity"],
        "state": row["state"],
        "day": row["day"].isoformat(),
        "channel": row["channel_id"],
        "account": row["account_id"],
        "branch": row["branch_id"],
        "owner": row["owner"],
        "energy": energy_words(row),
        "money": money_words(row),
        "parks": row["parks"],
        "age": f"{row['age_days']} d",
    }


def _facts(row: Mapping[str, Any], estimates: pl.DataFrame) -> dict[str, str]:
    effect, money = energy_words(row), money_words(row)
    price = f"; about {money} ({row['price_source']})" if money else "; no price is known"
    interval = f"{row['interval_minutes']} min" if row["interval_minutes"] else "register"
    slots = slots_words(row)
    return {
        "what": row["detail"],
        "rule": f"{row['rule']}: {rule_words(row['rule'])} ({row['rule_set']})",
        "when": f"{row['day']}{f', {slots}' if slots else ''}",
        "came": found_words(row),
        "used": used_words(row),
        **_resting(row, estimates),
        "effect": f"{effect}{price}" if effect else "not known: nothing is used in its place",
        "parks": PARKS[row["parks"]],
        "channel": f"{row['channel_id']}: {row['measure']}, {interval}, {row['tz_name']}; "
        f"meter {row['meter_id'] or '-'}",
        "account": f"{row['account_id'] or '-'}, agreement {row['agreement_id'] or '-'}, service point "
        f"{row['service_point_id']}, branch {row['branch_id']}",
        "found": f"{row['found_date']} by VEE run {row['seq']}, {_days(row['age_days'])} ago"
        + (f"; judged were the reads of load {row['base_seq']}" if row["base_seq"] else ""),
        "owner": row["owner"],
    }


def _resting(row: Mapping[str, Any], estimates: pl.DataFrame) -> dict[str, str]:
    """Return what the estimates in the slots of the finding rest on, and how wide that is."""
    told = []
    for item in estimates.iter_rows(named=True):
        refs = f" from {item['refs'].replace(' ', ', ')}" if item["refs"] else ""
        wide = item["low"] is not None and item["high"] is not None
        ends = (
            f", between {readable(item['low'], row['unit'])} and {readable(item['high'], row['unit'])}" if wide else ""
        )
        if refs or ends:
            told.append(f"{item['method'].replace('_', ' ')}{refs}{ends}")
    return {"rests on": "; ".join(told)} if told else {}


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _findings(count: int) -> str:
    return "1 finding" if count == 1 else f"{count:,} findings"


def _reading_lines(row: Mapping[str, Any], readings: pl.DataFrame) -> list[str]:
    """Return the readings of a register with the use per day between them as bars."""
    listed = readings.with_columns(
        step=pl.col("reading").diff().over("meter_id"),
        days=pl.col("read_date").diff().over("meter_id").dt.total_days(),
    )
    steps = listed.select((pl.col("step") // pl.col("days")).clip(lower_bound=0)).to_series()
    top = steps.max()
    lines = ["Readings, and the use per day between them, before the multiplier:"]
    for item, daily in zip(listed.iter_rows(named=True), steps, strict=True):
        mark = ">" if item["read_date"] == row["day"] else " "
        bar = "█" * (int(daily) * _BAR // int(str(top))) if daily and top else ""
        told = "went back" if (item["step"] or 0) < 0 else readable(int(daily or 0), row["unit"])
        parts = (
            f"{mark} {item['read_date']}",
            f"{readable(item['reading'], row['unit']):>16}",
            f"{Quality(item['quality']).name.lower():<11.11}",
            f"{'' if item['step'] is None else told:>12}",
            bar,
        )
        lines.append(" ".join(parts).rstrip())
    return lines


def _history_lines(history: pl.DataFrame) -> list[str]:
    if history.is_empty():
        return ["Nothing was decided about it yet."]
    lines = ["Decided:"]
    for item in history.iter_rows(named=True):
        approved = f", approved by {item['approved_by']}" if item["approved_by"] else ""
        why = f": {item['why']}" if item["why"] else ""
        text = f"{cell_text(item['at_utc'])}  {item['state']} by {item['by']}{approved}{why}"
        lines += textwrap.wrap(text, PAGE_WIDTH - 2, initial_indent="  ", subsequent_indent="    ")
    return lines
