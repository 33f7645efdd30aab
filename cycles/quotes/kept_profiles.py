"""Days added up by kind, kept in the workspace: who compares a second proposal need not read the month again.

What is kept is found by a hash of all that it was made of: the files of reads, the channels, the agreements' days, the
kinds of days, the code. So what is stale is not found. It only serves comparisons, whose amounts nobody owes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import polars as pl

from cycles.quotes.unplanned import Unplanned
from model.rating import RatingInput
from rating.profiles import DayKinds, Profiled, added_days, cut_by_accounts
from store.code import code_version
from store.kept import keep_frames, kept_frames

_DUE = ["agreement_id", "account_id", "tz_name", "start_date", "end_date", "cycle_start_date", "cycle_end_date"]
_CHANNEL = ["agreement_id", "channel_no", "interval_minutes", "from_date", "to_date"]


def cut_partition(gathered: Unplanned, partition: int, kinds: DayKinds) -> Profiled:
    """Return the input of a partition cut in two (`rating.profiles`), from what was kept or from its reads."""
    folder = gathered.workspace.profiles
    without = gathered.rating_input(partition, with_days=False)
    key, lengths = _key(gathered, without, kinds), sorted(without.days)
    found = kept_frames(folder, key, [f"{kind}-{minutes}" for minutes in lengths for kind in ("days", "kinds")])
    if found is not None:
        rows = replace(without, days={minutes: found[f"days-{minutes}"] for minutes in lengths})
        return cut_by_accounts(rows, kinds, {minutes: found[f"kinds-{minutes}"] for minutes in lengths})
    given = gathered.rating_input(partition)
    parts = added_days(given, kinds)
    cut = cut_by_accounts(given, kinds, parts)
    frames = {f"days-{minutes}": wide for minutes, wide in cut.rest.days.items()}
    keep_frames(folder, key, frames | {f"kinds-{minutes}": part for minutes, part in parts.items()})
    return cut


def _key(gathered: Unplanned, given: RatingInput, kinds: DayKinds) -> str:
    """Return the hash of all that the added-up days of a partition are made of."""
    numbers = given.channels["channel_no"]
    low, high = int(numbers.min() or 0), int(numbers.max() or 0)  # type: ignore[arg-type]  # integers
    files = [
        file
        for table, listed in sorted(gathered.inputs.listed().items())
        if "_day_" in table
        for file in listed
        if file["channel_min"] is None or (file["channel_min"] <= high and file["channel_max"] >= low)
    ]
    frames = [
        given.due.select(_DUE).sort(pl.all()), given.channels.select(_CHANNEL).sort(pl.all()),
        gathered.inputs.frames["corrections"], *(kinds.of_length[minutes] for minutes in sorted(given.days)),
    ]  # fmt: skip
    told = [code_version(), str(kinds.start_date), str(kinds.end_date), json.dumps(files, sort_keys=True, default=str)]
    return sha256("\n".join([*told, *(frame.write_csv() for frame in frames)]).encode()).hexdigest()[:32]
