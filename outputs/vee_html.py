"""A run of VEE as one HTML file: no script, nothing from outside, light and dark, prints on A4."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

import polars as pl

from model.money import format_minor
from outputs.day_curves import slots_text
from outputs.day_plot import svg_day_plot
from outputs.finding_words import energy_words, found_words, money_words, rule_words, used_parts
from outputs.statement import long_date, period_text, short_date
from outputs.vee_report import VeeRunReport, Worst, share_text
from outputs.vee_style import STYLE

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SEVERITIES = ("terminate", "fail", "warn", "info")


def vee_page(report: VeeRunReport) -> str:
    """Return the page. All text in it is escaped."""
    body = [
        _head(report),
        _tiles(report),
        _funnel(report),
        _calendar(report),
        _counts(report),
        _worst(report.worst),
        _channels(report.channels),
        _notes(report),
    ]
    title = escape(f"VEE run {report.seq}, {report.utility}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _head(report: VeeRunReport) -> str:
    period = period_text(report.from_date, report.to_date)
    rules = ", ".join(report.rule_sets) or "no finding"
    by = f" by {report.actor}" if report.actor else ""
    return (
        f'<header><div><p class="kind">Validation, estimation, editing</p><h1>{escape(report.utility)}</h1>'
        f'<p class="period">{escape(period)}</p></div><dl><dt>Run</dt><dd>load {report.seq}</dd>'
        f"<dt>Made</dt><dd>{report.received_at:%Y-%m-%d %H:%M} UTC{escape(by)}</dd>"
        f"<dt>Rule set</dt><dd>{escape(rules)}</dd></dl></header>"
    )


def _tiles(report: VeeRunReport) -> str:
    sums = report.shares.select("slots", "estimated", "missing").sum().row(0)
    slots, estimated, missing = (int(value or 0) for value in sums)
    fails = report.findings.filter(~pl.col("severity").is_in(["warn", "info"])).height
    tiles = [
        ("Channel-days judged", f"{report.funnel.expected:,}", f"{slots:,} intervals", ""),
        ("Estimated", share_text(estimated, slots), f"{estimated:,} intervals", "made"),
        ("Still empty", share_text(missing, slots), f"{missing:,} intervals", "bad" if missing else ""),
        ("Findings", f"{report.findings.height:,}", f"{fails:,} fails", "bad" if fails else ""),
        ("Accounts held back", f"{report.parked_accounts:,}", "parked until resolved", ""),
        ("Money moved", *_money_tile(report.findings), ""),
    ]
    cells = "".join(
        f'<div class="tile {kind}"><p class="name">{escape(name)}</p><p class="figure">{escape(figure)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
        for name, figure, note, kind in tiles
    )
    return f'<section class="tiles">{cells}</section>'


def _money_tile(findings: pl.DataFrame) -> tuple[str, str]:
    moved = (
        findings.filter(pl.col("effect_minor").is_not_null() & pl.col("currency").is_not_null())
        .group_by("currency")
        .agg(pl.col("effect_minor").abs().sum())
        .sort("effect_minor", descending=True)
    )
    if moved.is_empty():
        return "0", "no price is known"
    texts = [f"{format_minor(minor, currency)} {currency}" for currency, minor in moved.iter_rows()]
    return texts[0], "up and down, at average prices" if len(texts) == 1 else "and " + ", ".join(texts[1:])


def _funnel(report: VeeRunReport) -> str:
    funnel = report.funnel
    methods = ", ".join(f"{count:,} by {name.replace('_', ' ')}" for name, count in report.slots_by_method.items())
    rows = [
        ("Expected", funnel.expected, "channels under an agreement, with a meter", ""),
        ("Landed", funnel.landed, f"{funnel.expected - funnel.landed:,} days without any reading", ""),
        ("Used as landed", funnel.as_landed, "every interval passed, or stands with a warning", ""),
        ("Estimated or edited", funnel.replaced, f"whole again; intervals: {methods or 'none'}", "made"),
        ("Refused or empty", funnel.left_empty, "not billed; their accounts are parked", "bad"),
    ]
    lines = "".join(
        f'<tr class="{kind}"><th scope="row">{escape(name)}</th><td class="num">{count:,}</td>'
        f'<td class="share num">{share_text(count, funnel.expected)}</td>'
        f'<td class="track"><span class="bar" style="width:{_width(count, funnel.expected)}%"></span></td>'
        f'<td class="soft">{escape(note)}</td></tr>'
        for name, count, note, kind in rows
    )
    return f'<section><h2>Channel-days</h2><table class="funnel"><tbody>{lines}</tbody></table></section>'


def _calendar(report: VeeRunReport) -> str:
    """Return a row of cells a month, a cell a day, darker the more was estimated; a red foot where some is empty."""
    by_day = {row["day"]: row for row in report.shares.iter_rows(named=True)}
    if not by_day:
        return ""
    top = max((row["estimated"] * 10**6 // max(row["slots"], 1) for row in by_day.values()), default=0)
    months = sorted({(day.year, day.month) for day in by_day})
    rows = "".join(_month(year, month, by_day, top) for year, month in months)
    worst = max(by_day.values(), key=lambda row: (row["estimated"] * 10**6 // max(row["slots"], 1), row["day"]))
    least = min(by_day.values(), key=lambda row: (row["estimated"] * 10**6 // max(row["slots"], 1), row["day"]))
    caption = (
        f"Most on {short_date(worst['day'])}: {share_text(worst['estimated'], worst['slots'])}. "
        f"Least on {short_date(least['day'])}: {share_text(least['estimated'], least['slots'])}."
    )
    legend = (
        '<p class="legend"><span class="cell" style="--share:0"></span> nothing estimated '
        f'<span class="cell" style="--share:100"></span> {share_text(top, 10**6)} '
        '<span class="cell empty" style="--share:0"></span> some still empty</p>'
    )
    return (
        f'<section><h2>Share estimated, day by day</h2><p class="soft">{escape(caption)}</p>'
        f'<div class="calendar">{rows}</div>{legend}</section>'
    )


def _month(year: int, month: int, by_day: dict[date, dict[str, int]], top: int) -> str:
    first = date(year, month, 1)
    days = [first + timedelta(days=step) for step in range(31) if (first + timedelta(days=step)).month == month]
    cells = []
    for day in days:
        row = by_day.get(day)
        if row is None:
            cells.append('<div class="day none"></div>')
            continue
        share = row["estimated"] * 10**6 // max(row["slots"], 1)
        text = (
            f"{long_date(day)}: {share_text(row['estimated'], row['slots'])} of {row['slots']:,} intervals estimated, "
            f"{row['missing']:,} empty"
        )
        kind = " empty" if row["missing"] else ""
        weekend = " weekend" if day.isoweekday() > 5 else ""
        cells.append(
            f'<div class="day{weekend}"><span class="cell{kind}" style="--share:{share * 100 // max(top, 1)}" '
            f'title="{escape(text, quote=True)}"></span><span class="date">{day.day}</span></div>'
        )
    return f'<div class="month"><span class="label">{_MONTHS[month - 1]}</span>{"".join(cells)}</div>'


def _counts(report: VeeRunReport) -> str:
    findings = report.findings
    if findings.is_empty():
        return '<section><h2>Findings</h2><p class="soft">None.</p></section>'
    return (
        '<section class="halves"><div><h2>Findings by rule</h2>'
        f"{_count_table(findings, ['rule', 'reason'])}</div><div><h2>Findings by branch</h2>"
        f"{_count_table(findings, ['branch_id'])}</div></section>"
    )


def _count_table(findings: pl.DataFrame, by: Sequence[str]) -> str:
    """Return counts by severity as stacked bars, most first."""
    counted = findings.group_by(by).agg(
        pl.len().alias("count"),
        *((pl.col("severity") == severity).sum().alias(severity) for severity in _SEVERITIES),
        channels=pl.col("channel_id").n_unique(),
    )
    ordered = counted.sort("count", *by, descending=[True] + [False] * len(by))
    top = int(ordered.item(0, "count"))
    lines = []
    for row in ordered.iter_rows(named=True):
        bars = "".join(
            f'<span class="bar {severity}" style="width:{_width(row[severity], top)}%" '
            f'title="{row[severity]:,} {severity}"></span>'
            for severity in _SEVERITIES
            if row[severity]
        )
        name = " ".join(f"<span>{escape(str(row[key]).replace('_', ' '))}</span>" for key in by)
        title = escape(rule_words(row["rule"]), quote=True) if "rule" in by else ""
        lines.append(
            f'<tr title="{title}"><th scope="row">{name}</th><td class="num">{row["count"]:,}</td>'
            f'<td class="track">{bars}</td><td class="num soft">{row["channels"]:,}</td></tr>'
        )
    keys = "".join(f'<span class="key {severity}">{severity}</span>' for severity in _SEVERITIES[1:])
    return (
        '<table class="counts"><thead><tr><th></th><th class="num">findings</th>'
        f'<th>{keys}</th><th class="num">channels</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
    )


def _worst(worst: Sequence[Worst]) -> str:
    if not worst:
        return ""
    cards = "".join(_card(one) for one in worst)
    keys = (
        '<p class="legend plots"><span class="swatch used"></span> used, as read '
        '<span class="swatch made"></span> used, estimated or edited <span class="swatch found"></span> came, not used '
        '<span class="swatch like"></span> like days: mean and range <span class="swatch concerned"></span> slots of '
        "the finding; heights are the energy of each interval</p>"
    )
    return (
        f'<section><h2>The {len(worst)} findings that moved most</h2>{keys}<div class="cards">{cards}</div></section>'
    )


def _card(worst: Worst) -> str:
    row, story = worst.row, worst.story
    money = money_words(row)
    hours, rest = divmod(len(story.clocks) * story.interval_minutes, 60)
    changed = "" if (hours, rest) == (24, 0) else f" <span class='tag'>{hours}{'½' if rest else ''} h</span>"
    label = f"{row['rule']} {row['reason']} on {row['day']}, channel {row['channel_id']}"
    amount, how = used_parts(row)
    made = f", {how}" if how else ""
    account = escape(row["account_id"] or "no account")
    return (
        f'<article class="card"><div class="top"><p><span class="sev {escape(row["severity"])}">'
        f"{escape(row['severity'])}</span> <b>{escape(row['rule'])} {escape(row['reason'].replace('_', ' '))}</b></p>"
        f'<p class="money">{escape(money or energy_words(row))}</p></div>'
        f'<p class="where">{escape(row["channel_id"])} · {story.day:%a} {escape(long_date(story.day))}{changed}, '
        f"{escape(slots_text(story))}</p>{svg_day_plot(story, label=label)}"
        f'<p class="told"><b>{escape(found_words(row))}</b> came; <b>{escape(amount)}</b> used{escape(made)}</p>'
        f'<p class="soft">{account} · branch {escape(row["branch_id"])} · {escape(row["measure"].replace("_", " "))} · '
        f"finding {escape(row['finding_id'][:8])}</p></article>"
    )


def _channels(channels: pl.DataFrame) -> str:
    if channels.is_empty():
        return ""
    heads = ("channel", "branch", "account", "measure", "findings", "fails", "days", "days left empty", "money moved")
    numbers = {"findings", "fails", "days", "days left empty", "money moved"}
    head = "".join(f'<th class="{"num" if name in numbers else ""}">{name}</th>' for name in heads)
    lines = "".join(
        f"<tr><th scope='row'>{escape(row['channel_id'])}</th><td>{escape(row['branch_id'])}</td>"
        f"<td>{escape(row['account_id'] or '-')}</td><td>{escape(row['measure'].replace('_', ' '))}</td>"
        f'<td class="num">{row["findings"]:,}</td><td class="num">{row["fails"]:,}</td>'
        f'<td class="num">{row["days"]:,}</td><td class="num {"hot" if row["days_empty"] else ""}">'
        f'{row["days_empty"] or ""}</td><td class="num">{escape(row["money"])}</td></tr>'
        for row in channels.iter_rows(named=True)
    )
    return (
        '<section><h2>Channels with most trouble</h2><table class="list"><thead><tr>'
        f"{head}</tr></thead><tbody>{lines}</tbody></table></section>"
    )


def _notes(report: VeeRunReport) -> str:
    rules = sorted(set(report.findings["rule"])) if report.findings.height else []
    listed = "".join(f"<dt>{escape(rule)}</dt><dd>{escape(rule_words(rule))}</dd>" for rule in rules)
    return (
        f'<section class="notes"><h2>How to read this</h2><dl class="rules">{listed}</dl>'
        "<p>Reads are never changed: an estimate is a version of the day beside the one that landed. Money is the "
        "energy moved at the average price of the account's last bill, or at the first energy price of its tariff; it "
        f"orders the work and bills nobody. One finding in words: billmill findings show ID.</p><p>Run {report.seq} of "
        f"{escape(report.utility)}.</p></section>"
    )


def _width(part: int, whole: int) -> str:
    """Return a share as a width in percent, at least a sliver where there is something."""
    if not part or not whole:
        return "0"
    return f"{max(part * 1000 // whole, 4) / 10:g}"
