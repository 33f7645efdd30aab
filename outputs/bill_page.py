"""The bill as one HTML page that prints on A4."""

from __future__ import annotations

from html import escape

from outputs.bill_text import ESTIMATE_NOTE
from outputs.chart import readable, svg_chart
from outputs.statement import PrintedLine, Section, Statement

_STYLE = """
:root { --ink: #16242b; --soft: #5b6b73; --rule: #d8e0e3; --accent: #1f6f78; --wash: #eef5f5; }
* { box-sizing: border-box; }
html { background: #e9edee; }
body { font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  color: var(--ink); background: #fff; max-width: 820px; margin: 24px auto; padding: 44px 50px 34px;
  font-variant-numeric: tabular-nums; }
header { display: flex; justify-content: space-between; align-items: baseline;
  border-bottom: 3px solid var(--accent); padding-bottom: 12px; }
header .branch { font-size: 24px; font-weight: 650; letter-spacing: -.01em; }
header .kind { color: var(--accent); font-weight: 600; letter-spacing: .14em; text-transform: uppercase; }
.top { display: flex; justify-content: space-between; gap: 36px; margin: 26px 0 24px; }
address { font-style: normal; font-size: 15px; }
address strong { font-weight: 600; }
dl { display: grid; grid-template-columns: auto auto; gap: 2px 18px; margin: 0; font-size: 13px; }
dt { color: var(--soft); }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.due { display: flex; justify-content: space-between; align-items: baseline; background: var(--accent); color: #fff;
  border-radius: 8px; padding: 15px 22px; margin-bottom: 10px; }
.due .label { font-size: 16px; }
.due .amount { font-size: 28px; font-weight: 650; white-space: nowrap; }
.due .amount small { font-size: 15px; font-weight: 500; opacity: .85; margin-right: 4px; }
section { margin-top: 26px; }
h2 { font-size: 17px; margin: 0; text-transform: capitalize; }
.where { color: var(--soft); font-size: 13px; margin: 1px 0 8px; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; color: var(--soft); font-size: 11.5px; font-weight: 500; border-bottom: 1px solid var(--ink);
  padding: 3px 0; }
td { border-bottom: 1px solid var(--rule); padding: 5px 0; vertical-align: top; }
td.factor, th.factor { text-align: right; padding-left: 16px; color: var(--soft); white-space: nowrap; }
td.amount, th.amount { text-align: right; white-space: nowrap; padding-left: 24px; width: 1%; }
td small { color: var(--soft); margin-left: 6px; }
.mark { color: #8a5a00; background: #fdf1d8; border-radius: 3px; padding: 0 5px; font-size: 11px; font-weight: 600;
  margin-left: 6px; }
tr.sum td { font-weight: 600; border-bottom: 0; }
figure { margin: 12px 0 0; background: var(--wash); border-radius: 8px; padding: 12px 16px 8px; }
figcaption { display: flex; justify-content: space-between; font-size: 12.5px; color: var(--soft); }
figcaption strong { color: var(--ink); font-weight: 600; }
.hatch { display: inline-block; width: 11px; height: 11px; margin-right: 5px; vertical-align: -1px;
  border: 1px solid var(--accent);
  background: repeating-linear-gradient(135deg, var(--accent) 0 2px, #fff 2px 4.5px); }
svg { display: block; width: 100%; height: auto; margin-top: 6px; }
svg .bar { stroke: none; fill: var(--accent); }
svg .bar.est { fill: revert-layer; stroke: var(--accent); stroke-width: .8; }
svg line { stroke: #c6d4d7; stroke-width: 1; }
svg text { font-size: 11px; fill: var(--soft); }
svg .axis { text-anchor: end; }
svg .day { text-anchor: middle; }
.totals { margin-top: 28px; border-top: 2px solid var(--ink); padding-top: 6px; break-inside: avoid; }
.totals tr.grand td { font-size: 18px; font-weight: 650; border-bottom: 0; border-top: 2px solid var(--ink);
  padding-top: 9px; }
.notes { margin-top: 24px; font-size: 12.5px; color: var(--soft); }
.notes p { margin: 0 0 6px; }
@page { size: A4; margin: 14mm 15mm; }
@media print {
  html { background: #fff; }
  body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; }
  .due, figure, .mark, .hatch { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  tr, figure { break-inside: avoid; }
  h2, .where { break-after: avoid; }
}
"""


def html_page(statement: Statement) -> str:
    """Return the page. It loads nothing from outside, and every text in it is escaped."""
    title = escape(f"{statement.kind} for {statement.customer_name}")
    body = [
        f'<header><div class="branch">{escape(statement.branch_name)}</div><div class="kind">{escape(statement.kind)}'
        "</div></header>",
        _top(statement),
        _due(statement),
        *(_section(section, place) for place, section in enumerate(statement.sections, start=1)),
        _totals(statement),
        _notes(statement),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _top(statement: Statement) -> str:
    lines = "<br>".join(escape(text) for text in statement.address_lines if text)
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in statement.facts)
    name = escape(statement.customer_name)
    return f'<div class="top"><address><strong>{name}</strong><br>{lines}</address><dl>{facts}</dl></div>'


def _due(statement: Statement) -> str:
    return (
        f'<div class="due"><span class="label">{escape(statement.due_label)}</span>'
        f'<span class="amount"><small>{escape(statement.currency)}</small> {escape(statement.total)}</span></div>'
    )


def _section(section: Section, place: int) -> str:
    where = [f"Service point {section.service_point_id}"]
    where += [f"meter {section.meter}"] if section.meter else []
    where += [section.address] if section.address else []
    rows = "".join(_row(line) for line in section.lines)
    return (
        f"<section><h2>{escape(section.commodity)}</h2>"
        f'<p class="where">{escape(", ".join(where))}<br>{escape(section.period)}</p>'
        '<table><thead><tr><th>Charge</th><th class="factor">Quantity × price</th>'
        f'<th class="amount">Amount</th></tr></thead><tbody>{rows}'
        f'<tr class="sum"><td colspan="2">Subtotal</td><td class="amount">{escape(section.subtotal)}</td></tr>'
        f"</tbody></table>{_figure(section, place)}</section>"
    )


def _figure(section: Section, place: int) -> str:
    if not section.days:
        return ""
    total = escape(readable(sum(day.quantity for day in section.days), section.unit))
    estimated = sum(day.is_estimated for day in section.days)
    count = f"{estimated} estimated {'day' if estimated == 1 else 'days'}"
    legend = f'<span><span class="hatch"></span>{count}</span>' if estimated else ""
    chart = svg_chart(section.days, section.unit, chart_id=f"use{place}")
    caption = f"<figcaption><span><strong>Daily use</strong> · {total} in {len(section.days)} days</span>{legend}"
    return f"<figure>{caption}</figcaption>{chart}</figure>"


def _row(line: PrintedLine) -> str:
    note = f"<small>{escape(line.note)}</small>" if line.note else ""
    mark = '<span class="mark" title="Rests on an estimate">E</span>' if line.is_estimated else ""
    return (
        f'<tr><td>{escape(line.text)}{note}{mark}</td><td class="factor">{escape(line.factor)}</td>'
        f'<td class="amount">{escape(line.amount)}</td></tr>'
    )


def _totals(statement: Statement) -> str:
    rows = [f'<tr><td colspan="2">Charges before tax</td><td class="amount">{escape(statement.net)}</td></tr>']
    rows += [_row(tax) for tax in statement.taxes]
    if len(statement.taxes) > 1:
        tax_total = escape(statement.tax_total)
        rows.append(f'<tr><td colspan="2">Taxes together</td><td class="amount">{tax_total}</td></tr>')
    total = escape(f"{statement.currency} {statement.total}")
    rows.append(f'<tr class="grand"><td colspan="2">Total</td><td class="amount">{total}</td></tr>')
    return f'<div class="totals"><table><tbody>{"".join(rows)}</tbody></table></div>'


def _notes(statement: Statement) -> str:
    texts = [*([ESTIMATE_NOTE] if statement.is_estimated else []), *statement.messages]
    return f'<div class="notes">{"".join(f"<p>{escape(text)}</p>" for text in texts)}</div>' if texts else ""
