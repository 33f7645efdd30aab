"""A comparison with a legacy system as one HTML file: no script, nothing from outside, light and dark, prints on A4."""

from __future__ import annotations

from html import escape
from typing import Any

import polars as pl

from model.money import format_minor
from outputs.parallel_report import CLASSES, TOP_OF_CLASS, ParallelReport
from outputs.parallel_style import STYLE
from outputs.vee_report import share_text

_WORDS = {
    "equal": "The same amount on both sides.",
    "rounding": "The same sum, rounded at another place or in another way.",
    "proration": "Days counted otherwise: months of 30 days, the last day, no sharing.",
    "tariff": "Another version or another price.",
    "read": "Another quantity was billed.",
    "tax": "Another rate or base of tax, or tax reckoned line by line.",
    "missing_here": "The legacy system has a line that we do not have.",
    "missing_there": "We have a line that the legacy system does not have.",
    "several": "Two causes together.",
    "unexplained": "Nothing that was tried brings the legacy amount: somebody has to look.",
}
_REJECTS = 20


def parallel_page(report: ParallelReport) -> str:
    """Return the page. All text in it is escaped."""
    body = [_head(report), _verdict(report), _tiles(report), _classes(report), _branches(report), _matrix(report),
            _largest(report), _next(report), _rejects(report), _notes(report)]  # fmt: skip
    title = escape(f"Parallel run {report.row['run_id']}, {report.utility}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _head(report: ParallelReport) -> str:
    row = report.row
    return (
        f'<header><div><p class="kind">Parallel run</p><h1>{escape(report.utility)}</h1>'
        f'<p class="period">Run {escape(row["run_id"])} beside {escape(row["legacy_name"])}</p></div>'
        f"<dl><dt>Comparison</dt><dd>{escape(row['comparison_id'])}</dd>"
        f"<dt>Made</dt><dd>{row['made_at']:%Y-%m-%d %H:%M} UTC by {escape(row['made_by'])}</dd>"
        f"<dt>Tolerance</dt><dd>{_money(report, row['tolerance_minor'])} {escape(row['currency'])} a line</dd>"
        "</dl></header>"
    )


def _verdict(report: ParallelReport) -> str:
    cells = int(report.row["cells"])
    share = share_text(report.open_lines, cells)
    if report.open_lines == 0:
        said = "Every line is within tolerance or explained. A second person can sign."
        return f'<section class="verdict"><b>Ready to sign.</b> {said}</section>'
    state = "above" if report.is_above else "within"
    return (
        f'<section class="verdict {"open" if report.is_above else ""}"><b>{report.open_lines:,} lines are open</b> '
        f"({share} of {cells:,}, {state} the threshold of {report.threshold_percent:g} %): they are unexplained or "
        "beyond tolerance, and nobody has said why yet.</section>"
    )


def _tiles(report: ParallelReport) -> str:
    row = report.row
    cells, differing = int(row["cells"]), int(row["differing"])
    apart = row["ours_minor"] - row["legacy_minor"]
    accounts = int(report.branches["accounts"].sum())
    apart_accounts = int(report.branches["accounts_differing"].sum())
    tiles = [
        ("Lines compared", f"{cells:,}", f"{accounts:,} accounts", ""),
        ("Equal", share_text(cells - differing, cells), f"{cells - differing:,} lines", ""),
        ("Differ", f"{differing:,}", f"{apart_accounts:,} accounts", "made" if differing else ""),
        ("Open", f"{report.open_lines:,}", "nobody has said why", "bad" if report.open_lines else ""),
        ("Ours less theirs", _money(report, apart), row["currency"], ""),
        ("Rows not compared", f"{report.rejects.height:,}", f"of {report.legacy_rows:,}",
         "bad" if report.rejects.height else ""),
    ]  # fmt: skip
    found = "".join(
        f'<div class="tile {kind}"><p class="name">{escape(name)}</p><p class="figure">{escape(figure)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
        for name, figure, note, kind in tiles
    )
    return f'<section class="tiles">{found}</section>'


def _classes(report: ParallelReport) -> str:
    lines = "".join(
        f'<tr><th scope="row">{_dot(row["cause"])}{_name(row["cause"])}</th>'
        f'<td class="words">{escape(_WORDS[row["cause"]])}</td>'
        f'<td class="num">{row["lines"]:,}</td><td class="num">{row["services"] or ""}</td>'
        f'<td class="num">{_money(report, row["apart_minor"]) if row["cause"] != "equal" else ""}</td>'
        f'<td class="num">{_money(report, row["size_minor"]) if row["cause"] != "equal" else ""}</td>'
        f'<td class="num">{row["explained"] or ""}</td>'
        f'<td class="num {"hot" if row["open"] else ""}">{row["open"] or ""}</td></tr>'
        for row in report.classes.iter_rows(named=True)
        if row["lines"]
    )
    head = _heads("", "", "lines", "services", "ours less theirs", "size", "explained", "open")
    return (
        f'<section><h2>Why lines differ</h2><div class="wide"><table class="classes list">{head}<tbody>{lines}</tbody>'
        '</table></div><p class="soft">Size is the sum of all differences, whichever way they go.</p></section>'
    )


def _branches(report: ParallelReport) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(row["branch_id"] or "not known")}</th><td class="num">{row["accounts"]:,}</td>'
        f'<td class="num">{row["accounts_differing"]:,}</td><td class="num">{row["lines"]:,}</td>'
        f'<td class="num">{share_text(row["equal"], row["lines"])}</td>'
        f"<td>{_mix(report, row['branch_id'])}</td>"
        f'<td class="num">{_money(report, row["ours_minor"] or 0)}</td>'
        f'<td class="num">{_money(report, row["legacy_minor"] or 0)}</td>'
        f'<td class="num">{_money(report, (row["ours_minor"] or 0) - (row["legacy_minor"] or 0))}</td></tr>'
        for row in report.branches.iter_rows(named=True)
    )
    head = _heads("branch", "accounts", "that differ", "lines", "equal", "what differs", "ours", "theirs", "apart",
                  plain={"branch", "what differs"})  # fmt: skip
    keys = " ".join(f"{_dot(cause)}{_name(cause)}&ensp;" for cause in CLASSES[1:])
    return (
        f'<section><h2>By branch</h2><div class="wide"><table class="list">{head}<tbody>{lines}</tbody></table></div>'
        f'<p class="legend">{keys}</p></section>'
    )


def _mix(report: ParallelReport, branch_id: str) -> str:
    """Return a bar of the classes of a branch's lines that differ, each as wide as its share."""
    counts = {
        row["cause"]: row["lines"]
        for row in report.by_branch.filter(pl.col("branch_id") == branch_id).iter_rows(named=True)
    }
    parts = "".join(
        f'<span style="flex:{counts[cause]};background:var(--c-{cause})" '
        f'title="{counts[cause]:,} {_name(cause)}"></span>'
        for cause in CLASSES
        if cause in counts
    )
    return f'<div class="mix">{parts}</div>' if parts else ""


def _matrix(report: ParallelReport) -> str:
    """Return money by branch and class: ours less the legacy amount."""
    causes = [cause for cause in CLASSES if cause in set(report.by_branch["cause"])]
    if not causes:
        return ""
    sums = {(row["branch_id"], row["cause"]): row["apart_minor"] for row in report.by_branch.iter_rows(named=True)}
    lines = []
    for branch in report.branches["branch_id"]:
        cells = "".join(
            f'<td class="num">{_money(report, sums[branch, cause])}</td>' if (branch, cause) in sums
            else '<td class="num none">·</td>' for cause in causes
        )  # fmt: skip
        lines.append(f'<tr><th scope="row">{escape(branch or "not known")}</th>{cells}</tr>')
    totals = "".join(
        f'<td class="num"><b>{_money(report, sum(value for (_, of), value in sums.items() if of == cause))}</b></td>'
        for cause in causes
    )
    head = _heads("branch", *(_name(cause) for cause in causes), plain={"branch"})
    return (
        f'<section><h2>Money by branch and class, {escape(report.row["currency"])}</h2><div class="wide">'
        f'<table class="matrix list">{head}<tbody>{"".join(lines)}'
        f'<tr><th scope="row">all</th>{totals}</tr></tbody></table>'
        '</div><p class="soft">Ours less theirs; below zero we bill less than the legacy system.</p></section>'
    )


def _largest(report: ParallelReport) -> str:
    top = report.top
    if top.is_empty():
        return '<section><h2>Largest differences</h2><p class="soft">None: every line is equal.</p></section>'
    lines = "".join(_difference(report, row) for row in top.iter_rows(named=True))
    head = _heads("account", "line", "ours", "theirs", "apart", "class", "what it is",
                  plain={"account", "line", "class", "what it is"})  # fmt: skip
    left = report.differences.height - top.height
    more = f'<p class="soft">{left:,} more in the CSV: <code>--csv FILE</code>.</p>' if left else ""
    return (
        f"<section><h2>The largest differences, up to {TOP_OF_CLASS} of each class</h2>"
        f'<div class="wide"><table class="list">{head}'
        f"<tbody>{lines}</tbody></table></div>{more}</section>"
    )


def _difference(report: ParallelReport, row: dict[str, Any]) -> str:
    said = f" <b>{escape(row['code'])}</b>: {escape(row['why'])} ({escape(row['said_by'])})" if row["code"] else ""
    also = f" Also brought by {escape(row['also'].replace('_', ' '))}." if row["also"] else ""
    return (
        f'<tr><td>{escape(row["account_id"])}<span class="id">{escape(row["branch_id"])} · '
        f"{escape(row['service_point_id'] or 'whole bill')}</span>"
        f'<span class="id">{escape(row["difference_id"])}</span></td>'
        f'<td>{escape(row["line"])}<span class="id">{row["period_start_date"]:%d %b} to {row["period_end_date"]:%d %b}'
        f'</span></td><td class="num">{_money(report, row["ours_minor"])}</td>'
        f'<td class="num">{_money(report, row["legacy_minor"])}</td>'
        f'<td class="num">{_money(report, row["apart_minor"])}</td>'
        f'<td><span class="chip" style="background:var(--c-{row["cause"]})">{_name(row["cause"])}</span></td>'
        f'<td class="words">{escape(row["explanation"])}{also}{said}</td></tr>'
    )


def _next(report: ParallelReport) -> str:
    name = report.row["comparison_id"]
    steps = []
    if report.rejects.height:
        steps.append(f"Have {report.rejects.height:,} rows of the legacy file mended: they were not compared.")
    is_open = report.differences.filter("is_open")
    by_cause = dict(is_open.group_by("cause").len().iter_rows())
    for cause in CLASSES:
        if cause in by_cause and cause != "unexplained":
            steps.append(
                f"{by_cause[cause]:,} lines by {_name(cause)}: decide which side is right, then "
                f'<code>billmill compare explain {cause} --comparison {name} --code CODE --why "..."</code>'
            )
    if "unexplained" in by_cause:
        steps.append(
            f"{by_cause['unexplained']:,} unexplained lines: look at each bill "
            f"(<code>billmill bill explain BILL --run {escape(report.row['run_id'])}</code>), then explain each by its "
            "id."
        )
    steps.append(f"When nothing is open: <code>billmill compare sign-off --comparison {name} --by ANOTHER</code>")
    listed = "".join(f"<li>{step}</li>" for step in steps)
    return f'<section><h2>What to do next</h2><ol class="next">{listed}</ol></section>'


def _rejects(report: ParallelReport) -> str:
    if report.rejects.is_empty():
        return ""
    lines = "".join(
        f'<tr><td class="num">{row["row"]:,}</td><td>{escape(row["reason"])}</td>'
        f'<td class="soft">{escape(row["text"])}</td></tr>'
        for row in report.rejects.head(_REJECTS).iter_rows(named=True)
    )
    head = _heads("row", "reason", "row as written", plain={"reason", "row as written"})
    return f'<section><h2>Rows not compared</h2><table class="list">{head}<tbody>{lines}</tbody></table></section>'


def _notes(report: ParallelReport) -> str:
    row = report.row
    total = _money(report, report.legacy_total_minor)
    return (
        '<section class="notes"><h2>How to read this</h2><p>A line is what both systems print for a service point, a '
        "period and a charge, added up where one side prints several. The class of a difference is found by reckoning "
        "our bill again with one rule changed, and comparing to the cent; its size plays no part. A charge over "
        "others, such as a tax, has the class of the lines that it follows from.</p>"
        f"<p>The legacy file has {report.legacy_rows:,} rows that add up to {total} {escape(row['currency'])}; SHA-256 "
        f"<code>{escape(row['legacy_sha256'])}</code>.</p></section>"
    )


def _heads(*names: str, plain: set[str] | None = None) -> str:
    texts = plain or {""}
    cells = "".join(f'<th class="{"" if name in texts or not name else "num"}">{escape(name)}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead>"


def _dot(cause: str) -> str:
    return f'<span class="dot" style="background:var(--c-{cause})"></span>'


def _name(cause: str) -> str:
    return cause.replace("_", " ")


def _money(report: ParallelReport, minor: int | None) -> str:
    return "none" if minor is None else format_minor(minor, report.row["currency"])
