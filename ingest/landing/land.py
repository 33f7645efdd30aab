"""Landing: meter files to immutable wide Parquet, each file once, all of a call in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.archive import BadArchive, Member, open_members
from ingest.formats.detect import UNKNOWN, read_member
from ingest.formats.parsed import gather_rejects, reject_file
from ingest.landing.parsed import ParsedFile
from ingest.landing.place import place_records
from ingest.landing.report import LandedFile, LandReport, LandStatus, energy_by_unit
from ingest.landing.write import fresh_days, fresh_readings, write_days, write_readings, write_rejects
from model.accounts import ChannelNumbers
from model.errors import InputError
from model.progress import SILENT, Progress
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, query, transaction
from store.files import read_bytes, write_bytes_atomic
from store.lake import register_files
from store.loads import Load, find_loads, next_seq, record_load
from store.workspace import Workspace

PARSERS_MAX = 2  # files parsed at a time; each takes several times its size in memory while it is

_PURPOSE = "landing reads"


@dataclass(frozen=True)
class _Taken:
    """A file of this call. `parsed` is None when its bytes landed before; `seq` is the load that brought them.

    `earlier` holds the first and the last load of the same bytes when lines of them were rejected: what can be taken
    of them now is landed.
    """

    name: str
    sha256: str
    parsed: ParsedFile | None
    seq: int | None
    earlier: tuple[int, int] | None = None

    @property
    def is_new(self) -> bool:
        return self.parsed is not None and self.parsed.is_usable


def land_files(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    received_at: datetime,
    progress: Progress = SILENT,
    actor: str = "system",
) -> LandReport:
    """Land meter files; members of a zip are files of their own.

    Files are taken in order of name. One that landed before (same bytes) is skipped; but when lines of it were
    rejected and can be taken now, since the channels that they name have become known, these land. One that cannot be
    used is reported and left out; the good rows of all others land in one transaction, so a kill leaves all of it or
    nothing.
    Rejects are also written to the quarantine folder, a CSV per file.

    Raises:
        LockedError: another process works on the workspace.
    """
    assert received_at.tzinfo is not None, "received_at is an instant"
    opened = _open_files(paths)
    with control(workspace, purpose=_PURPOSE) as connection:
        channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
        progress.begin("land", len(opened), "files")
        taken = _take(connection, opened, channels, progress)
        parsed = _by_load(taken)
        first_seqs = {file.seq: file.earlier[0] for file in taken if file.earlier and file.seq}
        days = fresh_days(workspace, connection, parsed, first_seqs)
        readings = fresh_readings(workspace, connection, parsed, first_seqs)
        taken = _without_idle(taken, days, readings)
        new = _by_load(taken)
        reports = [_report(workspace, file, days, readings, channels) for file in taken]
        if new:
            # A file that landed before left its rejects then; they are not listed twice.
            rejects = gather_rejects(file.rejects for seq, file in new.items() if seq not in first_seqs)
            files = (
                write_days(workspace, days) + write_readings(workspace, readings) + write_rejects(workspace, rejects)
            )
            with transaction(connection):
                for report in reports:
                    if report.status == LandStatus.LANDED:
                        record_load(connection, _load(report, received_at))
                register_files(connection, files, owner=f"load:{min(new)}")
                loads = f"loads {min(new)} to {max(new)}"
                told = f"{len(new)} files, {sum(report.rejected for report in reports)} lines rejected"
                record(connection, at=received_at, actor=actor, action="land", subject=loads, detail=told)
    done = LandReport(tuple(reports))
    progress.end("land", channel_days=done.days, readings=done.readings, rejected=done.rejected)
    return done


def _open_files(paths: Sequence[Path]) -> list[Member | BadArchive | ParsedFile]:
    """Return the files in order of name, packed ones as their members; what cannot be opened is refused."""
    opened: list[Member | BadArchive | ParsedFile] = []
    for path in sorted(paths, key=lambda path: (path.name, str(path))):
        try:
            data = read_bytes(path)
        except InputError as error:
            rejects = reject_file(str(path), "", "unreadable_file", error.message)
            opened.append(ParsedFile(str(path), "", UNKNOWN, rejects))
            continue
        opened.extend(open_members(str(path), data))
    return opened


def _take(
    connection: Connection,
    opened: Sequence[Member | BadArchive | ParsedFile],
    channels: DataFrame[ChannelNumbers],
    progress: Progress,
) -> list[_Taken]:
    """Parse what has not landed yet; usable files get the next sequences, in order."""
    digests = [
        file.sha256 if isinstance(file, ParsedFile) else hashlib.sha256(file.data).hexdigest() for file in opened
    ]
    known = {digest: loads for digest in set(digests) if digest and (loads := find_loads(connection, digest))}

    def parse(file: Member | BadArchive | ParsedFile, digest: str) -> ParsedFile | None:
        if isinstance(file, ParsedFile):
            return file
        is_done = digest in known and not known[digest][-1].rejected
        return None if is_done else place_records(read_member(file), channels)

    # Files are parsed beside each other, each by itself; the order in which they count is that of their names.
    with ThreadPoolExecutor(PARSERS_MAX) as pool:
        every = []
        for parsed in pool.map(parse, opened, digests):
            every.append(parsed)
            progress.advance("land")
    taken: list[_Taken] = []
    seq = next_seq(connection)
    landed = {digest: loads[-1].seq for digest, loads in known.items()}
    for file, digest, parsed in zip(opened, digests, every, strict=True):
        loads = known.pop(digest, [])
        if parsed is None or (parsed.is_usable and digest in landed and not loads):
            taken.append(_Taken(file.name, digest, None, landed[digest]))
            continue
        earlier = (loads[0].seq, loads[-1].seq) if loads else None
        taken.append(_Taken(file.name, digest, parsed, seq if parsed.is_usable else None, earlier))
        if parsed.is_usable:
            landed[digest] = seq
            seq += 1
    return taken


def _by_load(taken: Sequence[_Taken]) -> dict[int, ParsedFile]:
    return {file.seq: file.parsed for file in taken if file.is_new and file.seq and file.parsed}


def _without_idle(taken: Sequence[_Taken], days: dict[int, pl.DataFrame], readings: pl.DataFrame) -> list[_Taken]:
    """Leave files that landed before as they are when nothing more of them can be taken now."""
    fresh = set(readings["seq"].unique()).union(*(frame["seq"].unique() for frame in days.values()))
    return [
        _Taken(file.name, file.sha256, None, file.earlier[1]) if file.earlier and file.seq not in fresh else file
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
        message = f"already landed as load {file.seq}"
        return LandedFile(file.name, file.sha256, UNKNOWN, LandStatus.ALREADY_LANDED, file.seq, message=message)
    parsed = file.parsed
    reasons = dict(parsed.rejects["reason"].value_counts().sort("reason").iter_rows())
    quarantine = _quarantine(workspace, parsed)
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


def _quarantine(workspace: Workspace, parsed: ParsedFile) -> Path | None:
    """Write the rejects of a file for people; the same file gives the same name and bytes."""
    path = workspace.quarantine / f"{parsed.sha256[:12]}.rejects.csv"
    if parsed.rejects.is_empty() or not parsed.sha256:
        path.unlink(missing_ok=True)  # what was rejected earlier has been taken now
        return None
    write_bytes_atomic(path, parsed.rejects.write_csv().encode())
    return path


def _load(report: LandedFile, received_at: datetime) -> Load:
    assert report.seq is not None, "only usable files are recorded as loads"
    rows = report.days + report.readings
    return Load(report.seq, "land", report.name, report.sha256, received_at, rows, report.rejected, report.detail)
