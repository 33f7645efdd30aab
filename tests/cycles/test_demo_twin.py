"""The whole demo utility rated twice: by the columnar core and by plain Python with Decimal and Fraction."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from twin import differences
from whole_night import PLANNED, prepare_books

from cycles.runs.partition import STEPS, work_on
from cycles.runs.plan import PlanRequest, plan_cycle
from demo.night import DEMO_POINTS, DEMO_SEED, prepare


def test_every_demo_agreement_is_rated_alike_by_the_slow_twin(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("demo")
    files = prepare(folder / "incoming", DEMO_POINTS, DEMO_SEED)
    workspace = prepare_books(folder / "books", files)
    request = PlanRequest(files.cycle_id, files.business_date, (), 1, 1, known_at=PLANNED, actor="night")
    work = work_on(workspace, plan_cycle(workspace, request).run_id, pl.lit(True))
    for step in STEPS[:2]:
        step.run(work)
    assert work.rating_input is not None and work.rated is not None
    assert (
        work.rated.lines["agreement_id"].n_unique() + work.rated.parked.height == work.rating_input.due.height > 1_900
    )
    assert differences(work.rating_input, work.rated) == []
