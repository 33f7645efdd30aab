"""Deciding about versions of tariffs: approved by a second person, retired from a day on.

Nothing is overwritten: what was decided before closes (`superseded_at`), and what was billed by it can be billed
again as of then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from model.codes import TariffState
from model.control import TariffStates
from model.errors import ControlError, TariffError
from model.schema import arranged
from store.control import Connection, insert, query
from tariffs.file import parse_tariff
from tariffs.outside import missing_on_first_day
from tariffs.sheet import TariffFile, Version
from tariffs.states import VersionState, decided_versions, version_states
from tariffs.texts import tariff_texts, the_text


@dataclass(frozen=True)
class Approved:
    """What an approval did; without versions it changed nothing."""

    tariff_id: str
    versions: tuple[date, ...]
    withdrawn: tuple[date, ...]
    """First days of approved versions that the file no longer states: they are not billed any more."""
    warnings: tuple[str, ...]

    @property
    def is_new(self) -> bool:
        """Whether anything changed."""
        return bool(self.versions or self.withdrawn)


@dataclass(frozen=True)
class Retired:
    """What retiring a tariff did. `versions` are the first days of those that it ended or took back."""

    tariff_id: str
    end_date: date
    versions: tuple[date, ...]


@dataclass(frozen=True)
class Decision:
    """Who decides, when, and what was found about the texts before.

    `proved` holds the content hash of each text whose worked bills were rated, with the problem when one failed.
    """

    actor: str
    at: datetime
    proved: Mapping[str, TariffError | None]
    waiver: str | None = None
    """Why a file without worked bills is approved."""


def approve_tariff(
    connection: Connection, tariff_id: str, decision: Decision, *, valid_from: date | None = None
) -> Approved:
    """Approve what the file of a tariff says: all its drafts, or the version from `valid_from`. In a transaction.

    Approving the whole file withdraws approved versions that it leaves out. A retired version stays retired unless
    it is named, or the file says something else of it.

    Raises:
        TariffError: there is no such tariff or version.
        ControlError: the approver added the file, it has no worked bills, or one of them fails.
    """
    row = the_text(tariff_texts(connection), tariff_id)
    file = parse_tariff(str(row["text"]), str(row["file_name"]))
    states = version_states(connection, tariffs=[tariff_id])
    chosen = _chosen(file, states, valid_from)
    stated = {version.valid_from for version in file.versions}
    approved = [one.valid_from for one in states if one.state is TariffState.APPROVED]
    withdrawn = [] if valid_from else [day for day in approved if day not in stated]
    if chosen or withdrawn:
        _refuse_unless_fit(file, row, decision)
        at = _not_before(connection, tariff_id, decision.at)
        _close(connection, tariff_id, [*(version.valid_from for version in chosen), *withdrawn], at)
        _record(connection, [_approved_row(file, version, row, decision, at) for version in chosen])
    return Approved(
        tariff_id, tuple(version.valid_from for version in chosen), tuple(withdrawn),
        (*missing_on_first_day(connection, file, chosen), *_rider_warnings(connection, file)),
    )  # fmt: skip


def retire_tariff(
    connection: Connection, tariff_id: str, *, end_date: date, reason: str, at: datetime, actor: str
) -> Retired:
    """End a tariff: its approved versions hold until `end_date`, not included. Call it in a transaction.

    Raises:
        TariffError: there is no such tariff, no approved version of it, or it ends before that day already.
    """
    the_text(tariff_texts(connection), tariff_id)
    held = [one for one in decided_versions(connection, tariffs=[tariff_id]) if one.holds_a_day]
    if not held:
        raise TariffError(
            f"tariff `{tariff_id}`: expected an approved version to retire, found none",
            hint="see `billmill tariff list`",
        )
    first, last = held[0].valid_from, held[-1]
    if end_date < first:
        raise TariffError(
            f"tariff `{tariff_id}`: expected a day from {first} on, its first, found {end_date}",
            hint="the day is the first on which it no longer holds",
        )
    if last.valid_to is not None and last.valid_to < end_date:
        raise TariffError(
            f"tariff `{tariff_id}`: expected a day before {last.valid_to}, on which it ends already, found {end_date}",
            hint=f"to let it hold longer: billmill tariff approve {tariff_id} --version {last.valid_from} --by NAME",
        )
    # A version that ends on that day because the next one begins would go on once that one is taken back.
    ending = [one for one in held if one.valid_to is None or one.valid_to >= end_date]
    touched = [one for one in ending if one.own_end is None or one.own_end > end_date]
    if touched:
        at = _not_before(connection, tariff_id, at)
        _close(connection, tariff_id, [one.valid_from for one in touched], at)
        _record(connection, [_retired_row(one, end_date, reason, at, actor) for one in touched])
    return Retired(tariff_id, end_date, tuple(one.valid_from for one in touched))


def _chosen(file: TariffFile, states: Sequence[VersionState], valid_from: date | None) -> list[Version]:
    """Return the versions of the file to approve, in order of first day."""
    drafts = [one.version for one in states if one.state is TariffState.DRAFT]
    if valid_from is None:
        return drafts
    stated = {version.valid_from: version for version in file.versions}
    if valid_from not in stated:
        days = ", ".join(str(day) for day in stated)
        raise TariffError(
            f"tariff `{file.tariff}`: expected a version from {valid_from}, found none",
            hint=f"versions begin on {days}",
        )
    is_approved = any(one.valid_from == valid_from and one.state is TariffState.APPROVED for one in states)
    is_draft = any(version.valid_from == valid_from for version in drafts)
    return [stated[valid_from]] if is_draft or not is_approved else []


def _refuse_unless_fit(file: TariffFile, row: Mapping[str, object], decision: Decision) -> None:
    tariff_id = file.tariff
    if row["recorded_by"] == decision.actor:
        raise ControlError(
            f"tariff `{tariff_id}` was added by {decision.actor}; the same person cannot approve it",
            hint=f"another person approves: billmill tariff approve {tariff_id} --by NAME",
        )
    if not file.examples and not file.rider:  # a rider is proved by the worked bills of the tariffs that attach it
        if decision.waiver is None:
            raise ControlError(
                f"tariff `{tariff_id}`: expected at least one worked bill ([[examples]]), found none",
                hint="write one from the sheet and add the file again, or say why not: --without-examples REASON",
            )
        return
    text_hash = str(row["content_hash"])
    if text_hash not in decision.proved:
        raise ControlError(
            f"tariff `{tariff_id}` was changed while it was being approved", hint="run the same command again"
        )
    if (problem := decision.proved[text_hash]) is not None:
        raise ControlError(problem.message, hint=problem.hint)


def _rider_warnings(connection: Connection, file: TariffFile) -> list[str]:
    """Return a warning for each rider that is not approved yet."""
    held = decided_versions(connection, tariffs=file.riders)
    approved = {one.tariff_id for one in held if one.holds_a_day}
    return [
        f"tariff `{file.tariff}`: rider `{name}` is not approved; who is billed by the tariff is parked until it is"
        for name in file.riders
        if name not in approved
    ]


def _approved_row(
    file: TariffFile, version: Version, row: Mapping[str, object], decision: Decision, at: datetime
) -> dict[str, object]:
    return {
        "tariff_id": file.tariff, "valid_from": version.valid_from, "content_hash": row["content_hash"],
        "state": TariffState.APPROVED.value, "end_date": None, "approved_by": decision.actor, "approved_at": at,
        "reason": None if file.examples else decision.waiver, "recorded_at": at, "superseded_at": None,
        "recorded_by": decision.actor,
    }  # fmt: skip


def _retired_row(one: VersionState, end_date: date, reason: str, at: datetime, actor: str) -> dict[str, object]:
    return {
        "tariff_id": one.tariff_id, "valid_from": one.valid_from, "content_hash": one.content_hash,
        "state": TariffState.RETIRED.value, "end_date": end_date, "approved_by": one.approved_by,
        "approved_at": one.approved_at, "reason": reason, "recorded_at": at, "superseded_at": None,
        "recorded_by": actor,
    }  # fmt: skip


def _record(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        insert(connection, "tariff_state", arranged(TariffStates, pl.DataFrame(list(rows), infer_schema_length=None)))


def _close(connection: Connection, tariff_id: str, first_days: Sequence[date], at: datetime) -> None:
    connection.execute(
        """UPDATE tariff_state SET superseded_at = ?
           WHERE tariff_id = ? AND superseded_at IS NULL AND list_contains(?::DATE[], valid_from)""",
        [at, tariff_id, list(first_days)],
    )


def _not_before(connection: Connection, tariff_id: str, at: datetime) -> datetime:
    """Return `at`, or the time of what was recorded last: a command that waited for the lock brings an earlier one."""
    latest = query(
        connection,
        """SELECT max(recorded_at) AS at FROM (SELECT recorded_at FROM tariff_file WHERE tariff_id = ?
           UNION ALL SELECT recorded_at FROM tariff_state WHERE tariff_id = ?)""",
        [tariff_id, tariff_id],
    ).item()
    return at if latest is None else max(at, latest)
