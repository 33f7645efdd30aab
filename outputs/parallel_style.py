"""What the page of a comparison adds to the style of reports."""

from __future__ import annotations

from outputs.vee_style import STYLE as REPORT_STYLE

STYLE = (
    REPORT_STYLE
    + """
:root { --c-equal: #2f8f63; --c-rounding: #7e9cb0; --c-proration: #4a78b5; --c-tariff: #7b5fb0; --c-read: #d9822b;
  --c-tax: #b0893a; --c-missing_here: #c4567e; --c-missing_there: #a3476a; --c-several: #6d7780;
  --c-unexplained: #c23b3b; }
@media (prefers-color-scheme: dark) {
  :root { --c-equal: #4cb687; --c-rounding: #93b1c4; --c-proration: #6e9ddb; --c-tariff: #a38ad6; --c-read: #f0a04b;
    --c-tax: #d4ad5e; --c-missing_here: #e283a5; --c-missing_there: #c96d90; --c-several: #97a2ab;
    --c-unexplained: #ef6f6c; }
}
.verdict { margin-top: 24px; border-radius: 10px; padding: 14px 18px; background: var(--wash);
  border-left: 5px solid var(--c-equal); }
.verdict.open { border-color: var(--bad); }
.verdict b { font-size: 16px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 8px; }
.classes td.words { color: var(--soft); font-size: 12.5px; }
.classes th, .matrix th, .list th { white-space: nowrap; }
.matrix td.num, .matrix thead th { text-align: right; }
.matrix td.none { color: var(--rule); }
.mix { display: flex; height: 12px; min-width: 120px; border-radius: 3px; overflow: hidden; background: var(--rule); }
.mix span { display: block; }
.list td { vertical-align: top; }
.list td.words { font-size: 12.5px; min-width: 260px; }
.list .id { color: var(--soft); font-size: 11px; display: block; white-space: nowrap; }
.chip { font-size: 11px; font-weight: 650; border-radius: 4px; padding: 1px 6px; color: #fff; white-space: nowrap; }
ol.next { margin: 0; padding-left: 20px; }
ol.next li { margin: 5px 0; }
code { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; background: var(--wash); border-radius: 4px;
  padding: 1px 5px; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { .chip { color: #10181f; } }
@media screen and (max-width: 860px) { .wide { overflow-x: auto; } }
@media print {
  :root { --c-equal: #2f8f63; --c-rounding: #7e9cb0; --c-proration: #4a78b5; --c-tariff: #7b5fb0; --c-read: #d9822b;
    --c-tax: #b0893a; --c-missing_here: #c4567e; --c-missing_there: #a3476a; --c-several: #6d7780;
    --c-unexplained: #c23b3b; }
  .chip { color: #fff; }
  .list td.words { min-width: 0; }
}
"""
)
