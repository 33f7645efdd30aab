"""The benchmark of injected faults runs, finds most of them, and gives the same twice."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.anomalies import REASONS, findings_of, main, measure, score
from benchmarks.anomaly_data import draw
from benchmarks.anomaly_faults import FAULTS_AND_SWAPS
from ingest.rules.rule_store import standard_rules


def test_faults_are_found_whatever_the_blocks(tmp_path: Path) -> None:
    drawn = draw(5, 1)
    rules = standard_rules()
    found = findings_of(drawn, rules)
    order = ["channel_no", "day", "reason", "detail"]
    apart = findings_of(drawn, rules, channels_per_block=97)
    assert found.sort(order).equals(apart.sort(order))
    rows = {one.kind: one for one in score(drawn, found)}
    assert set(rows) == set(FAULTS_AND_SWAPS) == set(REASONS)
    for kind in ("negative", "spike", "over_capacity", "stuck", "stopped", "vacant"):
        assert (kind, rows[kind].recall) == (kind, 1.0)
    healthy = drawn.places.channels.height - drawn.faults["channel_no"].n_unique()
    false_alarms = found.filter(~pl.col("channel_no").is_in(drawn.faults["channel_no"].implode()))
    told = false_alarms.filter(~pl.col("reason").is_in(["shape_changed", "peak_change"]))
    assert told["channel_no"].n_unique() * 20 < healthy


def test_the_table_is_written(tmp_path: Path) -> None:
    main(["--blocks", "1", "--seeds", "5", "--markdown", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json")])
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert text.count("\n| ") >= len(FAULTS_AND_SWAPS) and "million a CPU second" in text
    assert measure(5, 1, standard_rules())[1] > 500
