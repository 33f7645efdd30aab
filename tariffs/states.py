"""Where each version of a tariff stands: draft, approved or retired; and the files of what is in force.

What is decided is a version as one text states it. A later text leaves it in force until that text is approved, so
nothing that is only being written can reach a bill.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

import polars as pl

from model.codes import TariffState
from store.control import Connection, query
from tariffs.compile import compile_tariffs
from tariffs.file import parse_tariff
from tariffs.sheet import TariffFile, Version
from tariffs.texts import all_texts, tariff_texts

_DECIDED = "tariff_id, valid_from, content_hash, state, end_date, approved_by, approved_at, reason"

# Ids of versions as a text states them. They follow from the text alone, and to find one the text is compiled.
_IDS: dict[tuple[str, str, date], str] = {}
_IDS_MAX = 100_000


@dataclass(frozen=True)
class VersionState:
    """A version of a tariff, and where it stands.

    `own_end` is the day on which it stops by itself: stated, or from which it was retired; `valid_to` that day, or
    the one on which the next version begins.
    """

    file: TariffFile
    version: Version
    version_id: str
    state: TariffState
    own_end: date | None
    valid_to: date | None
    content_hash: str
    file_name: str
    added_by: str
    added_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    reason: str | None = None

    @property
    def tariff_id(self) -> str:
        """Tariff."""
        return self.file.tariff

    @property
    def valid_from(self) -> date:
        """First day on which it holds."""
        return self.version.valid_from

    @property
    def holds_a_day(self) -> bool:
        """Whether it was not retired before it began."""
        return self.valid_to is None or self.valid_from < self.valid_to


def version_states(
    connection: Connection, *, known_at: datetime | None = None, tariffs: Collection[str] | None = None
) -> list[VersionState]:
    """Return the versions of tariffs as known at a time (now when None), in order of tariff, first day and state.

    A version of the tariff's text that is not decided, or says something else than what was decided for its first
    day, is a draft. `tariffs` None means all.
    """
    decided = decided_versions(connection, known_at=known_at, tariffs=tariffs)
    texts = _of(tariff_texts(connection, known_at), tariffs)
    known = {(state.tariff_id, state.valid_from): state for state in decided}
    drafts: list[VersionState] = []
    for text in texts.iter_rows(named=True):
        file = parse_tariff(text["text"], text["file_name"])
        last = [*(version.valid_from for version in file.versions[1:]), None]
        drafts += [
            VersionState(
                file, version, "", TariffState.DRAFT, version.valid_to, version.valid_to or later, text["content_hash"],
                text["file_name"], text["recorded_by"], text["recorded_at"],
            )
            for version, later in zip(file.versions, last, strict=True)
            if not _is_of_text(known.get((file.tariff, version.valid_from)), text["content_hash"])
        ]  # fmt: skip
    named = [
        draft
        for draft in _with_ids(drafts)
        if not _says_the_same(known.get((draft.tariff_id, draft.valid_from)), draft)
    ]
    return sorted([*decided, *named], key=lambda one: (one.tariff_id, one.valid_from, one.state is TariffState.DRAFT))


def decided_versions(
    connection: Connection, *, known_at: datetime | None = None, tariffs: Collection[str] | None = None
) -> list[VersionState]:
    """Return the approved and the retired versions as known at a time (now when None), by tariff and first day."""
    return _with_ids(_decided(connection, known_at, tariffs))


def files_in_force(
    connection: Connection, *, known_at: datetime | None = None, tariffs: Collection[str] | None = None
) -> list[TariffFile]:
    """Return the files of the approved versions as known at a time, each with those versions only.

    A tariff whose versions were approved in several texts has a file for each of them. Every version but the last
    says where it ends. `tariffs` None means all.
    """
    held = [one for one in _decided(connection, known_at, tariffs) if one.holds_a_day]
    ordered = sorted(held, key=lambda one: (one.tariff_id, one.content_hash, one.valid_from))
    files = []
    for _, group in groupby(ordered, key=lambda one: (one.tariff_id, one.content_hash)):
        states = list(group)
        versions = tuple(one.version.model_copy(update={"valid_to": one.valid_to}) for one in states)
        files.append(states[0].file.model_copy(update={"versions": versions}))
    return files


def _decided(connection: Connection, known_at: datetime | None, tariffs: Collection[str] | None) -> list[VersionState]:
    """Return what `decided_versions` does, without the version ids."""
    rows = _of(_decisions(connection, known_at), tariffs)
    texts = all_texts(connection).rename({"recorded_at": "added_at", "recorded_by": "added_by"})
    stated = rows.join(texts, how="left", on=["tariff_id", "content_hash"], validate="m:1")
    files: dict[str, TariffFile] = {}
    found = []
    for row in stated.sort("tariff_id", "valid_from").iter_rows(named=True):
        file = files.get(row["content_hash"]) or parse_tariff(row["text"], row["file_name"])
        files[row["content_hash"]] = file
        version = next(version for version in file.versions if version.valid_from == row["valid_from"])
        ends = [day for day in (version.valid_to, row["end_date"]) if day is not None]
        found.append(
            VersionState(
                file, version, "", TariffState(row["state"]), min(ends, default=None), min(ends, default=None),
                row["content_hash"], row["file_name"], row["added_by"], row["added_at"], row["approved_by"],
                row["approved_at"], row["reason"],
            )
        )  # fmt: skip
    return _ended_where_the_next_begins(found)


def _ended_where_the_next_begins(found: Sequence[VersionState]) -> list[VersionState]:
    """Return versions in order of tariff and first day; one that never holds bounds none before it."""
    ended: list[VersionState] = []
    following: VersionState | None = None
    for one in reversed(found):
        last = one.valid_to
        if following is not None and following.tariff_id == one.tariff_id:
            last = min(last or following.valid_from, following.valid_from)
        ended.append(replace(one, valid_to=last))
        if ended[-1].holds_a_day:
            following = one
    return ended[::-1]


def _with_ids(found: Sequence[VersionState]) -> list[VersionState]:
    """Return versions with their ids: at most one of each tariff and first day."""
    _compile_ids([one for one in found if _key(one) not in _IDS])
    named = [replace(one, version_id=_IDS[_key(one)]) for one in found]
    if len(_IDS) > _IDS_MAX:
        _IDS.clear()
    return named


def _compile_ids(found: Sequence[VersionState]) -> None:
    """Find the ids of versions by compiling their files, and keep them."""
    if not found:
        return
    files = {(one.tariff_id, one.content_hash): one.file for one in found}
    wanted: dict[tuple[str, str], list[Version]] = {}
    for one in found:
        wanted.setdefault((one.tariff_id, one.content_hash), []).append(one.version)
    compiled = compile_tariffs(
        [files[key].model_copy(update={"versions": tuple(wanted[key])}) for key in files], are_alone=True
    )
    ids = {
        (tariff_id, valid_from): version_id
        for tariff_id, valid_from, version_id in compiled.versions.select(
            "tariff_id", "valid_from", "version_id"
        ).iter_rows()
    }
    _IDS.update({_key(one): ids[one.tariff_id, one.valid_from] for one in found})


def _key(one: VersionState) -> tuple[str, str, date]:
    return one.tariff_id, one.content_hash, one.valid_from


def _decisions(connection: Connection, known_at: datetime | None) -> pl.DataFrame:
    if known_at is None:
        return query(connection, f"SELECT {_DECIDED} FROM tariff_state WHERE superseded_at IS NULL")
    return query(
        connection,
        f"""SELECT {_DECIDED} FROM tariff_state
            WHERE recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)""",
        [known_at, known_at],
    )


def _of(frame: pl.DataFrame, tariffs: Collection[str] | None) -> pl.DataFrame:
    return frame if tariffs is None else frame.filter(pl.col("tariff_id").is_in(list(tariffs)))


def _is_of_text(decided: VersionState | None, content_hash: str) -> bool:
    return decided is not None and decided.content_hash == content_hash


def _says_the_same(decided: VersionState | None, draft: VersionState) -> bool:
    # The day on which a version ends is no part of its id, but what the file states of it is to be approved.
    return (
        decided is not None
        and decided.version_id == draft.version_id
        and decided.version.valid_to == draft.version.valid_to
    )
