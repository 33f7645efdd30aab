"""What a night tells on stderr."""

from __future__ import annotations

from outputs.night_summary import night_notes


def test_a_failure_is_told_with_its_next_step() -> None:
    content = {
        "failures": [
            {"subject": "2026-07", "message": "the disk is full", "hint": "make room"},
            {"subject": "2026-08", "message": "not known", "hint": None},
        ],
        "unusable_files": ["a.csv"],
        "next": ["billmill cycle list"],
    }
    assert night_notes(content) == [
        "error: 2026-07: the disk is full", "hint: make room", "error: 2026-08: not known",
        "file left out: a.csv", "next: billmill cycle list",
    ]  # fmt: skip
