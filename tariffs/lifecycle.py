"""The life of tariffs in a workspace: approved, retired, listed, and what is said to who waits for one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime

import polars as pl

from model.codes import TariffState
from model.errors import BillmillError, ConfigError, ControlError, TariffError
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts
from store.workspace import Workspace
from tariffs.approval import Approved, Decision, Retired, approve_tariff, retire_tariff
from tariffs.catalogue import load_riders
from tariffs.file import parse_tariff
from tariffs.riders import attached_or_refused, billed_files
from tariffs.sheet import TariffFile
from tariffs.states import decided_versions, files_in_force, version_states
from tariffs.texts import tariff_texts, the_text

# Rates the worked bills of tariffs, each given with the name of its file; returns for each why they fail, or None.
Prove = Callable[[Sequence[tuple[TariffFile, str]]], Sequence[TariffError | None]]


def approve_tariffs(
    workspace: Workspace,
    tariffs: Sequence[str] | None,
    *,
    at: datetime,
    actor: str,
    prove: Prove,
    valid_from: date | None = None,
    waiver: str | None = None,
) -> list[Approved]:
    """Approve tariffs in one transaction: all of them, or none. `tariffs` None means every one with a draft.

    `prove` rates the worked bills of all of them.

    Raises:
        TariffError: there is no such tariff or version.
        ControlError: one of them must not be approved; the message names every one.
        ConfigError: the reason for a lack of worked bills is empty.
    """
    if waiver is not None and not waiver.strip():
        raise ConfigError("option --without-examples: expected why there are none, found nothing")
    with control(workspace, purpose="tariff approve") as connection:
        names = waiting_tariffs(connection) if tariffs is None else list(dict.fromkeys(tariffs))
        texts = tariff_texts(connection)
        rows = [the_text(texts, name) for name in names]
        riders = load_riders(connection)
    # Rating takes time, and nobody else should wait for it.
    decision = Decision(actor, at, _problems(rows, riders, prove), waiver)
    with control(workspace, purpose="tariff approve") as connection, transaction(connection):
        done, refused = [], []
        for name in names:
            try:
                done.append(approve_tariff(connection, name, decision, valid_from=valid_from))
            except ControlError as error:
                refused.append(error)
        if refused:
            raise _together(refused)
        for approved in done:
            _record_approval(connection, approved, decision)
    return done


def retire(
    workspace: Workspace, tariff_id: str, *, end_date: date, reason: str, at: datetime, actor: str
) -> tuple[Retired, int]:
    """Retire a tariff from a day on; return what that did, and how many agreements run on it beyond that day.

    Raises:
        TariffError: there is no such tariff, or it does not hold on that day.
        ConfigError: no reason is given.
    """
    if not reason.strip():
        raise ConfigError("option --reason: expected why the tariff is retired, found nothing")
    with control(workspace, purpose="tariff retire") as connection, transaction(connection):
        retired = retire_tariff(connection, tariff_id, end_date=end_date, reason=reason, at=at, actor=actor)
        if retired.versions:
            detail = f"from {end_date}: {reason}"
            record(connection, at=at, actor=actor, action="retire_tariff", subject=tariff_id, detail=detail)
        beyond = query(
            connection,
            """SELECT count(*) AS n FROM agreements
               WHERE superseded_at IS NULL AND tariff_id = ? AND (end_date IS NULL OR end_date > ?)""",
            [tariff_id, end_date],
        ).item()
    return retired, int(beyond)


def waiting_tariffs(connection: Connection) -> list[str]:
    """Return the tariffs whose file says something that is not approved, or leaves out what is."""
    states = version_states(connection)
    waiting = {one.tariff_id for one in states if one.state is TariffState.DRAFT}
    stated = set()
    for row in tariff_texts(connection).filter(pl.col("tariff_id").is_in(waiting).not_()).iter_rows(named=True):
        file = parse_tariff(row["text"], row["file_name"])
        stated |= {(file.tariff, version.valid_from) for version in file.versions}
    approved = {(one.tariff_id, one.valid_from) for one in states if one.state is TariffState.APPROVED}
    return sorted(waiting | {tariff_id for tariff_id, _ in approved - stated})


def tariff_versions(workspace: Workspace) -> pl.DataFrame:
    """Return the versions of all tariffs, where each stands, and how many agreements run in its days."""
    with control(workspace, purpose="tariff list") as connection:
        states = version_states(connection)
        agreements = facts(connection, "agreements").select("tariff_id", "agreement_id", "start_date", "end_date")
    rows = [
        {
            "tariff_id": one.tariff_id, "state": one.state.value, "valid_from": one.valid_from,
            "valid_to": one.valid_to, "title": one.file.title,
            "commodity": None if one.file.rider else one.file.commodity.value, "currency": one.file.currency,
            "source": one.version.source, "file_name": one.file_name,
            "version_id": one.version_id, "added_by": one.added_by, "added_at": one.added_at,
            "approved_by": one.approved_by, "approved_at": one.approved_at, "reason": one.reason,
        }
        for one in states
    ]  # fmt: skip
    return _with_agreements(pl.DataFrame(rows, schema=_LISTED), agreements)


def waiting_notes(connection: Connection, tariffs: Collection[str]) -> dict[str, str]:
    """Return, for each tariff that may lack a version, what somebody should know who misses it.

    It has a draft or a retired version, a rider that is not approved, or is a rider itself.
    """
    notes: dict[str, list[str]] = {}
    _, left_out = billed_files(files_in_force(connection, tariffs=_with_their_riders(connection, tariffs)))
    for tariff_id in sorted(left_out.keys() & set(tariffs)):
        notes[tariff_id] = [left_out[tariff_id]]
    for one in version_states(connection, tariffs=tariffs):
        said = notes.setdefault(one.tariff_id, [])
        if one.state is TariffState.DRAFT:
            said.append(f"a draft from {one.valid_from} waits: billmill tariff approve {one.tariff_id}")
        elif one.state is TariffState.RETIRED:
            said.append(f"retired from {one.valid_to}: {one.reason}")
    return {tariff_id: "; ".join(dict.fromkeys(said)) for tariff_id, said in notes.items() if said}


def _with_their_riders(connection: Connection, tariffs: Collection[str]) -> set[str]:
    decided = decided_versions(connection, tariffs=tariffs)
    return set(tariffs) | {rider for one in decided for rider in one.file.riders}


_LISTED = {
    "tariff_id": pl.String(), "state": pl.String(), "valid_from": pl.Date(), "valid_to": pl.Date(),
    "title": pl.String(), "commodity": pl.String(), "currency": pl.String(), "source": pl.String(),
    "file_name": pl.String(), "version_id": pl.String(), "added_by": pl.String(),
    "added_at": pl.Datetime("us", "UTC"), "approved_by": pl.String(), "approved_at": pl.Datetime("us", "UTC"),
    "reason": pl.String(),
}  # fmt: skip


def _with_agreements(versions: pl.DataFrame, agreements: pl.DataFrame) -> pl.DataFrame:
    """Return the versions with the number of agreements that run on one of their days."""
    numbered = versions.with_row_index("row")
    spans = numbered.select("row", "tariff_id", "valid_from", "valid_to")
    runs = (pl.col("end_date").is_null() | (pl.col("end_date") > pl.col("valid_from"))) & (
        pl.col("valid_to").is_null() | (pl.col("start_date") < pl.col("valid_to"))
    )
    counts = (
        spans.join(agreements, on="tariff_id", how="inner", validate="m:m")
        .filter(runs)
        .group_by("row")
        .agg(pl.len().cast(pl.Int64).alias("agreements"))
    )
    return (
        numbered.join(counts, on="row", how="left", validate="1:1")
        .with_columns(pl.col("agreements").fill_null(0))
        .sort("row")
        .drop("row")
    )


def _problems(
    rows: Sequence[dict[str, object]], riders: Sequence[TariffFile], prove: Prove
) -> dict[str, TariffError | None]:
    """Return by the hash of each text why it cannot be approved; None where its worked bills hold."""
    found: dict[str, TariffError | None] = {}
    whole: dict[str, tuple[TariffFile, str]] = {}
    for row in rows:
        text_hash, name = str(row["content_hash"]), str(row["file_name"])
        try:
            whole[text_hash] = (attached_or_refused(parse_tariff(str(row["text"]), name), riders, name), name)
        except TariffError as error:
            found[text_hash] = error
    return found | dict(zip(whole, prove(list(whole.values())), strict=True))


def _together(refused: Sequence[BillmillError]) -> ControlError:
    if len(refused) == 1:
        return ControlError(refused[0].message, hint=refused[0].hint)
    return ControlError("\n".join(str(error) for error in refused))


def _record_approval(connection: Connection, approved: Approved, decision: Decision) -> None:
    if not approved.is_new:
        return
    said = [", ".join(str(day) for day in approved.versions)]
    if approved.withdrawn:
        said.append("withdrawn " + ", ".join(str(day) for day in approved.withdrawn))
    if decision.waiver is not None:
        said.append(f"without examples: {decision.waiver}")
    detail = "; ".join(part for part in said if part)
    record(
        connection, at=decision.at, actor=decision.actor, action="approve_tariff", subject=approved.tariff_id,
        detail=detail,
    )  # fmt: skip
