"""A night in one line, and what a person has to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def night_line(content: Mapping[str, Any], path: Path, *, is_new: bool, as_json: bool) -> str:
    """Return the summary of a night (`run.json`'s content) as one line: a sentence, or JSON for a scheduler."""
    totals = night_totals(content)
    if as_json:
        told = {"business_date": content["business_date"], "skipped": not is_new, **totals, "manifest": str(path)}
        return json.dumps(told)
    counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in totals.items())
    begin = f"night {content['business_date']}" + ("" if is_new else ": nothing left to do, skipped")
    return f"{begin}: {counts}; {path}"


def night_totals(content: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a night: runs published, cycles due, agreements billed and parked, what is left."""
    return {
        "published": sum(run["state"] == "published" for run in content["published"]),
        "cycles": len(content["cycles"]),
        "billed": sum(run["billed"] or 0 for run in content["runs"]),
        "parked": sum(run["parked"] or 0 for run in content["runs"]),
        "waiting_for_approval": sum(run["state"] == "validated" for run in content["waiting"]),
        "exceptions_opened": len(content["exceptions"]["opened"]),
        "exceptions_open": content["exceptions"]["open"],
        "unusable_files": len(content["unusable_files"]),
        "failures": len(content["failures"]),
    }


def night_notes(content: Mapping[str, Any]) -> list[str]:
    """Return sentences for stderr: failures, files that cannot be used, next commands."""
    failed = []
    for item in content["failures"]:
        failed.append(f"error: {item['subject']}: {item['message']}")
        failed += [f"hint: {item['hint']}"] if item.get("hint") else []
    unusable = [f"file left out: {text}" for text in content["unusable_files"]]
    return [*failed, *unusable, *(f"next: {command}" for command in content["next"])]
