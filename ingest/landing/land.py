"""Landing: meter files to immutable wide Parquet, each file once, all of a call in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.detect import UNKNOWN, Reading, read_member
from ingest.formats.parsed import gather_rejects
from ingest.landing.open import Opened, opened_groups
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import place_records
from ingest.landing.report import LandedFile, LandReport, LandStatus, energy_by_unit
from ingest.landing.touched import touched_bills
from ingest.landing.unfit import unfit_readings
from ingest.landing.write import fresh_days, fresh_readings, write_days, write_readings, write_rejects
from model.accounts import ChannelNumbers
from model.progress import SILENT, Progress
from model.reads import Rejects
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, query, transaction
from store.csv_text import csv_for_people
from store.facts import facts
from store.files import PRIVATE, remove, write_bytes_atomic
from store.lake import LakeFile, register_files
from store.loads import Load, find_loads, next_seq, record_load
from store.workspace import Workspace

PARSERS_MAX = 2  # files parsed at a time; each takes several times its size in memory while it is

_PURPOSE = "landing reads"


@dataclass(frozen=True)
class _Taken:
    """A file of this call. `parsed` is None when its bytes landed before; `seq` is the load that brought them.

    `earlier` holds the first and the last load of the same bytes when lines of them were rejected: what can be taken
    of them now is landed; `still_rejected` are those that cannot be taken now either.
    """

    name: str
    sha256: str
    parsed: ParsedFile | None
    seq: int | None
    earlier: tuple[int, int] | None = None
    still_rejected: DataFrame[Rejects] | None = None

    @property
    def is_new(self) -> bool:
        return self.parsed is not None and self.parsed.is_usable


@dataclass
class _Call:
    """What the files of one call have come to so far, group by group; nothing of it counts before the last."""

    workspace: Workspace
    connection: Connection
    channels: DataFrame[ChannelNumbers]
    seq: int
    reading: Reading | None = None
    is_carried: bool = False
    landed: dict[str, int] = field(default_factory=dict)
    reports: list[LandedFile] = field(default_factory=list)
    files: list[LakeFile] = field(default_factory=list)

    @property
    def read_by(self) -> str:
        """What told how the files are read, beside their content: the same bytes read otherwise are another load."""
        told = [self.reading.named] if self.reading else []
        return ", ".join([*told, "carry"] if self.is_carried else told)


def land_files(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    received_at: datetime,
    progress: Progress = SILENT,
    actor: str = "system",
    reading: Reading | None = None,
    is_carried: bool = False,
) -> LandReport:
    """Land meter files; members of a packed file are files of their own.

    Files are taken in order of name, in groups of bounded bytes, so that memory does not grow with their number. One
    that landed before (same bytes, read the same way) is skipped; but when lines of it were rejected and can be taken
    now, since the channels that they name have become known, these land. One that cannot be used is reported and left
    out; the good rows of all others land in one transaction, so a kill leaves all of it or nothing.
    Rejects are also written to the quarantine folder, a CSV per file. `reading` reads the files whatever their content
    looks like, as `read_member` says. `is_carried` carries what is finer than the smallest unit from interval to
    interval, as `carry_fractions` says, by the days of each service point.

    Raises:
        LockedError: another process works on the workspace.
    """
    assert received_at.tzinfo is not None, "received_at is an instant"
    with control(workspace, purpose=_PURPOSE) as connection:
        channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
        progress.begin("land", len(paths), "files")
        first = next_seq(connection)
        call = _Call(workspace, connection, channels, first, reading, is_carried)
        for group, opened_paths in opened_groups(paths):
            _land_group(call, group)
            progress.advance("land", opened_paths)
        done = LandReport(tuple(call.reports), touched_bills(workspace, connection, call.files))
        # Files read again for their rejected lines, and left as they were, are no load: nothing is recorded of them.
        landed = [report for report in call.reports if report.status == LandStatus.LANDED]
        if landed:
            with transaction(connection):
                for report in landed:
                    record_load(connection, _load(report, received_at, call.read_by))
                register_files(connection, call.files, owner=f"load:{landed[0].seq}")
                told = f"{len(landed)} files, {done.rejected} lines rejected"
                subject = f"loads {landed[0].seq} to {landed[-1].seq}"
                record(connection, at=received_at, actor=actor, action="land", subject=subject, detail=told)
    progress.end("land", channel_days=done.days, readings=done.readings, rejected=done.rejected)
    return done


def _land_group(call: _Call, group: Sequence[Opened]) -> None:
    """Parse a group of files and write what is new in them; it counts when the call registers it."""
    taken = _take(call, group)
    new = _by_load(taken)
    first_seqs = {file.seq: file.earlier[0] for file in taken if file.earlier and file.seq}
    days = fresh_days(call.workspace, call.connection, new, first_seqs, call.files)
    readings = fresh_readings(call.workspace, call.connection, new, first_seqs, call.files)
    taken = _without_idle(taken, days, readings)
    new = _by_load(taken)
    unfit = unfit_readings(readings, call.channels, facts(call.connection, "meters")) if readings.height else None
    call.reports += [_with_unfit(_report(call.workspace, file, days, readings, call.channels), unfit) for file in taken]
    if new:
        # A file that landed before left its rejects then; they are not listed twice.
        rejects = gather_rejects(file.rejects for seq, file in new.items() if seq not in first_seqs)
        call.files += write_days(call.workspace, days) + write_readings(call.workspace, readings)
        call.files += write_rejects(call.workspace, rejects)


def _take(call: _Call, group: Sequence[Opened]) -> list[_Taken]:
    """Parse what has not landed yet; usable files get the next sequences, in order."""
    digests = [file.sha256 if isinstance(file, ParsedFile) else hashlib.sha256(file.data).hexdigest() for file in group]
    known = {
        digest: loads
        for digest in set(digests)
        if digest and digest not in call.landed and (loads := find_loads(call.connection, digest, call.read_by))
    }

    def parse(file: Opened, digest: str) -> ParsedFile | None:
        if isinstance(file, ParsedFile):
            return file
        is_done = digest in call.landed or (digest in known and not known[digest][-1].rejected)
        if is_done:
            return None
        records = read_member(file, call.reading, digest=digest)
        return place_records(records, call.channels, is_carried=call.is_carried)

    # Files are parsed beside each other, each by itself; the order in which they count is that of their names.
    with ThreadPoolExecutor(PARSERS_MAX) as pool:
        every = list(pool.map(parse, group, digests))
    taken: list[_Taken] = []
    call.landed |= {digest: loads[-1].seq for digest, loads in known.items()}
    for file, digest, parsed in zip(group, digests, every, strict=True):
        loads = known.pop(digest, [])
        if parsed is None or (parsed.is_usable and digest in call.landed and not loads):
            taken.append(_Taken(file.name, digest, None, call.landed[digest]))
            continue
        earlier = (loads[0].seq, loads[-1].seq) if loads else None
        taken.append(_Taken(file.name, digest, parsed, call.seq if parsed.is_usable else None, earlier))
        if parsed.is_usable:
            call.landed[digest] = call.seq
            call.seq += 1
    return taken


def _by_load(taken: Sequence[_Taken]) -> dict[int, ParsedFile]:
    return {file.seq: file.parsed for file in taken if file.is_new and file.seq and file.parsed}


def _without_idle(taken: Sequence[_Taken], days: dict[int, pl.DataFrame], readings: pl.DataFrame) -> list[_Taken]:
    """Leave files that landed before as they are when nothing more of them can be taken now."""
    fresh = set(readings["seq"].unique()).union(*(frame["seq"].unique() for frame in days.values()))
    return [
        _Taken(file.name, file.sha256, None, file.earlier[1], still_rejected=file.parsed.rejects)
        if file.parsed and file.earlier and file.seq not in fresh
        else file
        for file in taken
    ]


def _report(
    workspace: Workspace,
    file: _Taken,
    days: dict[int, pl.DataFrame],
    readings: pl.DataFrame,
    channels: DataFrame[ChannelNumbers],
) -> LandedFile:
    """Return what became of a file, and leave its rejects in the quarantine."""
    if file.parsed is None:
        return _report_known(workspace, file)
    parsed = file.parsed
    reasons = _reasons(parsed.rejects)
    quarantine = _quarantine(workspace, parsed.sha256, parsed.rejects)
    if not parsed.is_usable:
        return LandedFile(
            file.name, file.sha256, parsed.file_format, LandStatus.UNUSABLE, rejected=parsed.rejects.height,
            reasons=reasons, quarantine=quarantine, message=parsed.rejects["detail"][0],
        )  # fmt: skip
    mine = {minutes: frame.filter(pl.col("seq") == file.seq) for minutes, frame in days.items()}
    mine = {minutes: frame for minutes, frame in mine.items() if frame.height}
    read = readings.filter(pl.col("seq") == file.seq)
    landed = sum(frame.height for frame in mine.values())
    found = sum(frame.height for frame in parsed.days.values()) + parsed.registers.height
    dates = pl.concat([*(frame["day"] for frame in mine.values()), read["read_date"].rename("day")])
    return LandedFile(
        file.name, file.sha256, parsed.file_format, LandStatus.LANDED, file.seq,
        days=landed,
        readings=read.height,
        unchanged=found - landed - read.height,
        rejected=parsed.rejects.height,
        reasons=reasons,
        energy=energy_by_unit(mine, channels),
        first_day=dates.min(),  # type: ignore[arg-type]  # a column of dates
        last_day=dates.max(),  # type: ignore[arg-type]
        quarantine=quarantine,
    )  # fmt: skip


def _with_unfit(report: LandedFile, unfit: pl.DataFrame | None) -> LandedFile:
    """Return a report with the readings of its load that VEE will refuse."""
    if unfit is None or report.seq is None or report.status != LandStatus.LANDED:
        return report
    mine = unfit.filter(pl.col("seq") == report.seq)
    return replace(report, unfit=dict(mine.select("reason", "count").iter_rows())) if mine.height else report


def _report_known(workspace: Workspace, file: _Taken) -> LandedFile:
    """Return what is told of a file that landed before: with its lines that still cannot be taken, if it has any."""
    message = f"already landed as load {file.seq}"
    rejects = file.still_rejected
    if rejects is None or rejects.is_empty():
        return LandedFile(file.name, file.sha256, UNKNOWN, LandStatus.ALREADY_LANDED, file.seq, message=message)
    lines = "1 line is" if rejects.height == 1 else f"{rejects.height:,} lines are"
    return LandedFile(
        file.name, file.sha256, UNKNOWN, LandStatus.ALREADY_LANDED, file.seq,
        rejected=rejects.height,
        reasons=_reasons(rejects),
        quarantine=_quarantine(workspace, file.sha256, rejects),
        message=f"{message}; {lines} still rejected",
    )  # fmt: skip


def _reasons(rejects: DataFrame[Rejects]) -> dict[str, int]:
    return dict(rejects["reason"].value_counts().sort("reason").iter_rows())


def _quarantine(workspace: Workspace, sha256: str, rejects: DataFrame[Rejects]) -> Path | None:
    """Write the rejects of a file for people; the same file gives the same name and bytes."""
    path = workspace.quarantine / f"{sha256[:12]}.rejects.csv"
    if rejects.is_empty() or not sha256:
        remove(path)  # what was rejected earlier has been taken now
        return None
    write_bytes_atomic(path, csv_for_people(rejects).encode(), mode=PRIVATE)
    return path


def _load(report: LandedFile, received_at: datetime, read_by: str) -> Load:
    assert report.seq is not None, "only usable files are recorded as loads"
    rows = report.days + report.readings
    return Load(
        report.seq, "land", report.name, report.sha256, received_at, rows, report.rejected, report.detail, read_by
    )
