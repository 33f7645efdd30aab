"""The bill as text of 80 columns."""

from __future__ import annotations

import textwrap

from outputs.chart import readable, text_chart
from outputs.statement import PrintedLine, Section, Statement

WIDTH = 80
ESTIMATE_NOTE = "E  This rests on an estimate, because not every reading was there when the bill was made."
_AMOUNT = 14
_FACTOR = 30
_TEXT = WIDTH - _AMOUNT - _FACTOR - 4  # two columns for the mark of an estimate, two between


def text_page(statement: Statement) -> str:
    """Return the whole bill; every line has at most 80 columns and no trailing blanks."""
    rows = [*_head(statement), *_due(statement)]
    for section in statement.sections:
        rows += ["", *_section(section)]
    rows += ["", *_totals(statement)]
    if statement.is_estimated:
        rows += ["", *_wrapped(ESTIMATE_NOTE)]
    for message in statement.messages:
        rows += ["", *_wrapped(message)]
    return "\n".join(row.rstrip() for row in rows) + "\n"


def _head(statement: Statement) -> list[str]:
    rows = [
        _ends(_cut(statement.branch_name.upper(), WIDTH - len(statement.kind) - 2), statement.kind.upper()),
        "=" * WIDTH,
        "",
    ]
    rows += [_cut(text, WIDTH) for text in (statement.customer_name, *statement.address_lines) if text]
    rows.append("")
    for label, value in statement.facts:
        rows += textwrap.wrap(f"{label:<16}{value}", WIDTH, subsequent_indent=" " * 16)
    return rows


def _due(statement: Statement) -> list[str]:
    amount = f"{statement.currency} {statement.total}"
    return ["", "┌" + "─" * (WIDTH - 2) + "┐", f"│ {_ends(statement.due_label, amount, WIDTH - 4)} │",
            "└" + "─" * (WIDTH - 2) + "┘"]  # fmt: skip


def _section(section: Section) -> list[str]:
    place = f"service point {section.service_point_id}" + (f", meter {section.meter}" if section.meter else "")
    rows = [_ends(section.commodity.upper(), _cut(place, WIDTH - 14))]
    rows += [_cut(section.address, WIDTH)] if section.address else []
    rows += [section.period, "-" * WIDTH]
    for line in section.lines:
        rows += _line(line)
    rows += [f"{'':{WIDTH - _AMOUNT}}{'-' * _AMOUNT}", _ends(f"Subtotal {section.commodity}", section.subtotal)]
    if section.days:
        total = readable(sum(day.quantity for day in section.days), section.unit)
        estimated = sum(day.is_estimated for day in section.days)
        legend = f", ░ {estimated} estimated" if estimated else ""
        rows += ["", f"Daily use: {total} in {len(section.days)} days{legend}"]
        rows += text_chart(section.days, section.unit)
    return rows


def _line(line: PrintedLine) -> list[str]:
    """Return a line of the bill: text and note at the left, wrapped; factor and amount on its last row."""
    text = f"{line.text}, {line.note}" if line.note else line.text
    wrapped = textwrap.wrap(text, _TEXT) or [""]
    if len(line.factor) > _FACTOR:  # too long to stand beside the text
        return [*wrapped, _ends(f"  {line.factor}{' E' if line.is_estimated else ''}", line.amount)]
    mark = "E" if line.is_estimated else " "
    return [*wrapped[:-1], f"{wrapped[-1]:<{_TEXT}} {line.factor:>{_FACTOR}} {mark} {line.amount:>{_AMOUNT}}"]


def _totals(statement: Statement) -> list[str]:
    rows = ["=" * WIDTH, _ends("Charges before tax", statement.net)]
    for tax in statement.taxes:
        rows += _line(tax)
    if len(statement.taxes) > 1:
        rows.append(_ends("Taxes together", statement.tax_total))
    return [*rows, "-" * WIDTH, _ends("TOTAL", f"{statement.currency} {statement.total}")]


def _ends(left: str, right: str, width: int = WIDTH) -> str:
    """Set one text at the left and one at the right end of a row."""
    return f"{left}{right:>{max(width - len(left), len(right) + 1)}}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
