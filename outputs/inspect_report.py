"""What meter files hold, for a person and for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import polars as pl

from ingest.describe.facts import ChannelFacts, FileFacts
from outputs.console import print_frame

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
        print(_headline(facts))
        if facts.channels:
            print_frame(pl.DataFrame([_channel_row(channel) for channel in facts.channels], infer_schema_length=None))
        if facts.rejects.height:
            rejects = facts.rejects.select("line", "reason", "detail")
            title = f"\nNot taken: {_counted(rejects.height, 'line')}" if facts.is_usable else None
            print_frame(rejects, title, limit=_REJECTS_SHOWN)
        for name, text in facts.notes.items():
            print(f"{name.replace('_', ' ')}: {text}")


def _headline(facts: FileFacts) -> str:
    if not facts.is_usable:
        return f"{facts.name}: cannot be used"
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
