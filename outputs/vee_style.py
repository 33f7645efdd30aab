"""The style of the page of a VEE run."""

from __future__ import annotations

STYLE = """
:root { --ink: #14212b; --soft: #5c6b76; --rule: #dbe2e7; --ground: #eef1f4; --page: #fff; --wash: #f5f8fa;
  --accent: #1b6f8a; --made: #d9822b; --bad: #c23b3b; --warn: #d9a441; --info: #8aa3b3; --band: #1b6f8a22;
  --concerned: #d9822b26; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eef3; --soft: #9aabb7; --rule: #2b3945; --ground: #0e151b; --page: #151f27; --wash: #1b2731;
    --accent: #5bb7d3; --made: #f0a04b; --bad: #ef6f6c; --warn: #e3b75e; --info: #7e95a5; --band: #5bb7d326;
    --concerned: #f0a04b1c; }
}
* { box-sizing: border-box; }
html { background: var(--ground); }
body { font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--page); max-width: 1180px; margin: 28px auto; padding: 40px 48px 36px;
  border-radius: 14px; font-variant-numeric: tabular-nums; }
h1 { font-size: 30px; letter-spacing: -.015em; margin: 2px 0 4px; font-weight: 680; }
h2 { font-size: 17px; margin: 0 0 10px; font-weight: 650; }
p { margin: 0; }
section { margin-top: 38px; }
header { display: flex; justify-content: space-between; align-items: flex-end; gap: 30px;
  border-bottom: 3px solid var(--accent); padding-bottom: 18px; }
header .kind { color: var(--accent); font-weight: 650; letter-spacing: .1em; text-transform: uppercase;
  font-size: 12px; }
header .period { color: var(--soft); font-size: 15px; }
dl { display: grid; grid-template-columns: auto auto; gap: 2px 16px; margin: 0; font-size: 13px; }
dt { color: var(--soft); }
dd { margin: 0; text-align: right; }
.soft { color: var(--soft); font-size: 12.5px; }
.num { text-align: right; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 12px; margin-top: 24px; }
.tile { background: var(--wash); border-radius: 10px; padding: 13px 15px; border-top: 3px solid var(--rule); }
.tile.made { border-color: var(--made); }
.tile.bad { border-color: var(--bad); }
.tile .name, .tile .note { color: var(--soft); font-size: 12px; }
.tile .figure { font-size: 23px; font-weight: 650; letter-spacing: -.01em; white-space: nowrap; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 550; }
thead th { color: var(--soft); font-size: 11.5px; font-weight: 500; border-bottom: 1px solid var(--rule);
  padding: 2px 0 5px; }
td, tbody th { border-bottom: 1px solid var(--rule); padding: 6px 0; }
td + td, th + td, thead th + th { padding-left: 14px; }
.bar { display: inline-block; height: 12px; background: var(--accent); vertical-align: -1px; }
.bar:first-child { border-radius: 3px 0 0 3px; }
.bar:last-child { border-radius: 0 3px 3px 0; }
.bar:only-child { border-radius: 3px; }
.funnel th { width: 165px; white-space: nowrap; }
.funnel .num { width: 1%; }
.funnel .share { color: var(--soft); }
.funnel .track { width: 38%; font-size: 0; }
.made .bar { background: var(--made); }
.bad .bar, .bar.fail, .bar.terminate { background: var(--bad); }
.bar.warn { background: var(--warn); }
.bar.info { background: var(--info); }
.calendar { margin-top: 10px; }
.month { display: grid; grid-template-columns: 40px repeat(31, 1fr); gap: 3px; align-items: start;
  margin-bottom: 8px; }
.month .label { color: var(--soft); font-size: 12.5px; padding-top: 6px; }
.cell { display: block; height: 30px; border-radius: 4px; border: 1px solid var(--rule);
  background: color-mix(in srgb, var(--made) calc(var(--share) * 1%), var(--wash)); }
.cell.empty { border-bottom: 4px solid var(--bad); }
.date { display: block; text-align: center; font-size: 10.5px; color: var(--soft); margin-top: 2px; }
.weekend .date { color: var(--ink); font-weight: 650; }
.legend { color: var(--soft); font-size: 12px; margin-top: 8px; }
.legend .cell { display: inline-block; width: 20px; height: 14px; vertical-align: -3px; margin: 0 3px 0 14px; }
.legend .cell:first-child { margin-left: 0; }
.halves { display: grid; grid-template-columns: 1.15fr 1fr; gap: 44px; }
.counts th[scope] { white-space: nowrap; padding-right: 6px; }
.counts th[scope] span:first-child:not(:last-child) { color: var(--soft); margin-right: 4px; }
.counts .track { width: 46%; font-size: 0; }
.key::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin: 0 4px 0 10px;
  background: var(--info); }
.key:first-child::before { margin-left: 0; }
.key.fail::before { background: var(--bad); }
.key.warn::before { background: var(--warn); }
.legend.plots { margin: 0 0 12px; }
.swatch { display: inline-block; width: 16px; height: 9px; margin: 0 4px 0 14px; }
.swatch:first-child { margin-left: 0; }
.swatch.used { border-top: 2.5px solid var(--accent); height: 4px; }
.swatch.made { border-top: 2.5px solid var(--made); height: 4px; }
.swatch.found { width: 8px; height: 8px; border-radius: 50%; background: var(--bad); }
.swatch.like { background: var(--band); border-bottom: 1.5px dashed var(--soft); }
.swatch.concerned { background: var(--concerned); }
.cards { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
.card { background: var(--wash); border-radius: 10px; padding: 13px 16px 11px; break-inside: avoid; }
.card .top { display: flex; justify-content: space-between; align-items: baseline; }
.card .money { font-weight: 650; font-size: 15px; white-space: nowrap; }
.card .where { color: var(--soft); font-size: 12.5px; }
.card .told { font-size: 13px; }
.sev { font-size: 11px; font-weight: 650; border-radius: 4px; padding: 1px 6px; color: #fff; background: var(--info); }
.sev.fail, .sev.terminate { background: var(--bad); }
.sev.warn { background: var(--warn); color: #33230a; }
.tag { border: 1px solid var(--made); color: var(--made); border-radius: 4px; padding: 0 4px; font-size: 11px; }
svg { display: block; width: 100%; height: auto; margin: 6px 0 4px; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg text { font-size: 10.5px; fill: var(--soft); }
svg .axis { text-anchor: end; }
svg .hour { text-anchor: middle; }
svg .hour.end { text-anchor: end; }
svg .concerned { fill: var(--concerned); }
svg .band { fill: var(--band); }
svg .like { fill: none; stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 2.5; }
svg .used { fill: none; stroke: var(--accent); stroke-width: 1.7; stroke-linejoin: round; }
svg .made { fill: none; stroke: var(--made); stroke-width: 2.2; stroke-linejoin: round; }
svg .found, svg .beyond { fill: var(--bad); }
svg .came { fill: var(--bad); font-weight: 600; }
.list td.hot { color: var(--bad); font-weight: 650; }
.notes { border-top: 1px solid var(--rule); padding-top: 18px; font-size: 12.5px; color: var(--soft); }
.notes .rules { grid-template-columns: 40px 1fr; margin-bottom: 10px; font-size: 12.5px; }
.notes dt { color: var(--ink); font-weight: 600; }
.notes dd { text-align: left; }
.notes p { margin-top: 6px; }
@media screen and (max-width: 860px) {
  .funnel .soft { display: none; }
  body { padding: 24px 18px; margin: 0; border-radius: 0; }
  header, .halves, .cards { display: block; }
  header dl { margin-top: 12px; justify-content: start; }
  .card { margin-bottom: 14px; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .month { gap: 1px; grid-template-columns: 30px repeat(31, 1fr); }
  .date { font-size: 8px; }
}
@page { size: A4; margin: 13mm 12mm; }
@media print {
  :root { --ink: #14212b; --soft: #5c6b76; --rule: #dbe2e7; --page: #fff; --wash: #f5f8fa; --accent: #1b6f8a;
    --made: #d9822b; --bad: #c23b3b; --warn: #d9a441; --info: #8aa3b3; --band: #1b6f8a22; --concerned: #d9822b26; }
  html, body { background: #fff; }
  body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  tr, .card, .tile { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
