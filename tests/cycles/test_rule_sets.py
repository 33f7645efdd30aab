"""A run bills by the rule set in force when it was planned: what the set refuses is parked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from whole_night import PLANNED, request

from cycles.review.review import abandon_run
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from ingest.rules.rule_store import add_rule_sets
from model.progress import Silent
from store.workspace import Workspace

STRICT = """rule_set = "strict"
version = 1
[[rules]]
check = "delta_outside"
severity = "fail"
high = 1
measures = ["water_volume"]
classes = ["residential"]
"""


def parked(workspace: Workspace, run: str) -> int:
    return int(run_cycle(workspace, run, workers=1, progress=Silent(), at=PLANNED, actor="night").totals["parked"])


def add(workspace: Workspace, folder: Path, text: str, days_before: int = 1) -> None:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    add_rule_sets(workspace, [path], at=PLANNED - timedelta(days=days_before), actor="mira")


def test_what_the_rule_set_refuses_is_parked(workspace: Workspace, files: DemoFiles, tmp_path: Path) -> None:
    plain = plan_cycle(workspace, request(files))
    usual = parked(workspace, plain.run_id)
    abandon_run(workspace, plain.run_id, at=PLANNED, actor="night")
    add(workspace, tmp_path, STRICT)
    strict = plan_cycle(workspace, request(files, sequence=2))
    assert (plain.content["rule_set"], strict.content["rule_set"]) == ("standard.v1", "strict.v1")
    assert plain.content["fingerprint"] != strict.content["fingerprint"]
    # A set that comes after planning does not change the run.
    add(workspace, tmp_path, STRICT.replace("version = 1", "version = 2").replace("high = 1", "high = 1000000"))
    assert parked(workspace, strict.run_id) > usual
    abandon_run(workspace, strict.run_id, at=PLANNED, actor="night")
    wide = plan_cycle(workspace, request(files, sequence=3))
    assert parked(workspace, wide.run_id) == usual
