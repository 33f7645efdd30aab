"""Samples say which of the project's functions the time goes to."""

from __future__ import annotations

import time

from benchmarks.profile import stage_sheet
from benchmarks.sampling import Samples, module_of, sampled
from model.ids import content_hash


def test_time_goes_to_the_function_of_the_project_that_is_at_work() -> None:
    with sampled() as samples:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            content_hash(*["x" * 1_000] * 2_000)
    first, seconds = next(iter(samples.innermost().items()))
    assert first == "model.ids:content_hash"
    assert seconds > 0.5 * sum(samples.cpu.values())
    assert samples.within("model.ids:content_hash") >= seconds


def test_the_table_adds_up() -> None:
    samples = Samples()
    samples.add(("a:outer", "b:inner"), 3.0, 3.0)
    samples.add(("a:outer",), 1.0, 2.0)
    samples.add((), 1.0, 1.0)
    sheet = stage_sheet("rate", samples, 2)
    assert sheet.title == "rate: 5.00 CPU s, 6.00 s on the clock, one worker"
    assert sheet.rows == [
        ["b:inner", "3.00", "60.0%", "3.00", "60.0%"],
        ["(outside)", "1.00", "20.0%", "1.00", "20.0%"],
        ["all others", "1.00", "20.0%", "", ""],
    ]
    assert samples.innermost(module_of) == {"b": 3.0, "(outside)": 1.0, "a": 1.0}
    assert samples.within("a", module_of) == 4.0
    assert samples.folded("rate") == ["rate 1000000", "rate;a:outer 1000000", "rate;a:outer;b:inner 3000000"]
