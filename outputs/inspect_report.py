"""What meter files hold, for a person and for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import polars as pl

from ingest.describe.facts import ChannelFacts, FileFacts
from outputs.console import cell_text, print_frame
from outputs.next_steps import next_step

_REJECTS_SHOWN = 10


def inspected_file(facts: FileFacts) -> dict[str, object]:
    """Return one file as JSON has it; amounts are exact decimal text."""
    return {
        "file": facts.name,
        "format": facts.file_format,
        "channels": [asdict(channel) for channel in facts.channels],
        "rejects": facts.rejects.select("line", "reason", "detail"),
        "notes": dict(facts.notes),
    }


def print_inspected(files: Sequence[FileFacts]) -> None:
    """Print each file: its format, a row per channel, what was not taken, what else it says."""
    for number, facts in enumerate(files):
        if number:
            print()
        if not facts.is_usable:
            print(_refusal(facts))
            continue
        print(_headline(facts))
        if facts.channels:
            print_frame(pl.DataFrame([_channel_row(channel) for channel in facts.channels], infer_schema_length=None))
        if facts.rejects.height:
            rejects = facts.rejects.select("line", "reason", "detail")
            print_frame(rejects, f"\nTo look at: {_counted(rejects.height, 'line')}", limit=_REJECTS_SHOWN)
        told = "\n".join(facts.rejects["detail"])
        for name, text in facts.notes.items():
            if text not in told:
                print(f"{name.replace('_', ' ')}: {text}")


def inspected_in_all(files: Sequence[FileFacts]) -> str | None:
    """Return what several files come to, in a sentence; None for one file."""
    if len(files) < 2:
        return None
    usable = [facts for facts in files if facts.is_usable]
    readings = sum(channel.readings for facts in usable for channel in facts.channels)
    lines = _counted(sum(facts.rejects.height for facts in usable), "line")
    return f"{len(usable):,} of {len(files):,} files can be used: {_counted(readings, 'reading')}, {lines} to look at"


def _refusal(facts: FileFacts) -> str:
    _, reason, detail = facts.rejects.filter(pl.col("line") == 0).select("line", "reason", "detail").row(0)
    return f"{facts.name}: cannot be used\n{cell_text(detail)} ({reason})\nhint: {next_step(reason)}"


def _headline(facts: FileFacts) -> str:
    readings = sum(channel.readings for channel in facts.channels)
    counted = f"{_counted(len(facts.channels), 'channel')}, {_counted(readings, 'reading')}"
    return f"{facts.name}: {facts.file_format}, {counted}"


def _channel_row(channel: ChannelFacts) -> dict[str, object]:
    return {
        "meter_point": channel.meter_point,
        "channel": channel.channel,
        "minutes": _length(channel),
        "readings": channel.readings,
        "total": _grouped(channel.total),
        "unit": channel.unit,
        "first": _time(channel.first),
        "last": _time(channel.last),
        "quality": _counts(channel.quality),
    }


def _length(channel: ChannelFacts) -> str:
    match channel.interval_minutes:
        case None:
            return "several"
        case 0:
            return "register"
        case minutes:
            return str(minutes)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _grouped(total: str) -> str:
    """Return a decimal with thousands apart, its places as they are."""
    whole, point, places = total.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-') or '0'):,}{point}{places}"


def _time(iso: str | None) -> str:
    """Return a time to the minute as a person reads it."""
    if iso is None:
        return ""
    zone = " UTC" if iso.endswith("Z") else ""
    return iso[:16].replace("T", " ") + zone
