"""The demo's last page: what came in, what went out, what waits, one bill explained, what to ask next."""

from __future__ import annotations

from rich.markup import escape

from demo.chain import DemoReport
from model.money import format_minor
from outputs.console import print_frame, stdout

CURRENCY = "AUD"
QUERIES = (
    "SELECT branch_id, count(*) AS invoices, sum(total) AS total FROM invoices GROUP BY ALL ORDER BY ALL",
    "SELECT tou, round(sum(quantity) / 1e6, 1) AS mwh, sum(amount) AS amount FROM bill_lines "
    "WHERE component_id = 'energy' AND commodity = 'electricity' GROUP BY ALL ORDER BY ALL",
    "SELECT day, round(sum(quantity) / 1e6, 1) AS mwh, sum(estimated_slots) AS estimated_slots FROM usage_daily "
    "WHERE measure = 'import_energy' AND day >= DATE '2026-10-01' GROUP BY day ORDER BY day LIMIT 10",
)
_REASONS_SHOWN = 8


def print_report(report: DemoReport) -> None:
    """Print the summary of a demo to stdout."""
    console = stdout()
    console.rule("[bold]Reads")
    landed, judged = report.landed, report.judged
    assert landed is not None and judged is not None
    energy = ", ".join(f"{amount} {unit}" for unit, amount in landed.energy.items())
    console.print(
        f"{len(landed.files)} files: {landed.days:,} channel-days and {landed.readings:,} register readings landed "
        f"({energy}); {landed.unchanged:,} repeated, {landed.rejected:,} lines rejected (see books/quarantine)"
    )
    slots = ", ".join(f"{count:,} slots {method}" for method, count in sorted(judged.slots_by_method.items()))
    found = sorted(judged.findings.items(), key=lambda item: -item[1])[:_REASONS_SHOWN]
    told = ", ".join(f"{count:,} {reason} ({severity})" for (reason, severity), count in found)
    console.print(f"VEE judged {judged.days_judged:,} channel-days: estimated {slots}; findings: {told}")
    for title, frame in report.tables.items():
        console.print()
        print_frame(frame, title)
    console.print()
    console.rule("[bold]One bill, explained")
    for line in report.explained:
        console.print(escape(line))
    console.print()
    console.rule("[bold]Next")
    total = format_minor(report.total_minor, CURRENCY)
    took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in report.seconds.items())
    console.print(f"{report.invoices:,} invoices over {total} {CURRENCY} published by run {report.run_id} ({took})")
    console.print(f"billmill bill show {report.bill_id} --workspace {report.workspace} --html bill.html")
    console.print("What VEE found, as work, and as one page:")
    console.print(f"  billmill findings list --workspace {report.workspace}", soft_wrap=True)
    console.print(f"  billmill reads report --out vee.html --workspace {report.workspace}", soft_wrap=True)
    console.print("Ask the analysts' database:")
    for sql in QUERIES:
        console.print(f'  billmill query --workspace {report.workspace} "{escape(sql)}"', soft_wrap=True)
