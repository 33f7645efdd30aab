"""What `billmill tariff diff` compares: two files or tariffs, two days, or drafts and what is approved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model.codes import TariffState
from model.errors import TariffError
from store.control import control
from store.workspace import Workspace
from tariffs.catalogue import load_tariff
from tariffs.diff import Change, Section, compare_files, compare_headers, compare_versions
from tariffs.file import parse_tariff
from tariffs.library import tariff_text
from tariffs.sheet import TariffFile, Version
from tariffs.states import VersionState, version_states

FIRST_DAY = date(1900, 1, 1)
# Opened only when a tariff of a workspace is named: two files need none.
Opener = Callable[[], Workspace]


@dataclass(frozen=True)
class Side:
    """One version of a tariff; `title` tells which."""

    title: str
    file: TariffFile
    version: Version

    def always(self, tariff_id: str) -> TariffFile:
        """Return a file of this version alone, under a tariff's id, that holds on all days."""
        version = self.version.model_copy(update={"valid_from": FIRST_DAY, "valid_to": None})
        return self.file.model_copy(update={"tariff": tariff_id, "versions": (version,)})


def sides_of_dates(workspace: Opener, tariff: str, before: date, after: date) -> tuple[Side, Side]:
    """Return the versions of a tariff that hold on two days; drafts are taken like what is approved.

    Raises:
        TariffError: there is no such tariff, or no version of it on one of the days.
    """
    file = _named(workspace, tariff)
    old, new = (_version_on(file, day) for day in (before, after))
    return _side(file, old), _side(file, new)


def sides_of_tariffs(workspace: Opener, before: str, after: str, day: date) -> tuple[Side, Side]:
    """Return the versions of two tariffs that hold on a day, or the last ones; each is named as in `compare_tariffs`.

    Raises:
        TariffError: there is no such tariff, or a file cannot be used.
    """
    old, new = (_side_near(workspace, name, day) for name in (before, after))
    return old, new


def sides_of_drafts(workspace: Opener, tariff: str) -> tuple[Side, Side]:
    """Return the first draft of a tariff after what it takes the place of; without drafts the last two versions.

    Raises:
        TariffError: there is no such tariff, or nothing comes before the draft, or it has one version.
    """
    file = _named(workspace, tariff)
    states: list[VersionState] = []
    if not _is_file(tariff):
        with control(workspace(), purpose="tariff diff") as connection:
            states = version_states(connection, tariffs=[tariff])
    drafts = [one for one in states if one.state is TariffState.DRAFT]
    decided = [one for one in states if one.state is not TariffState.DRAFT]
    if drafts:
        other = _before_draft(drafts[0], drafts, decided)
        if other is None:
            raise TariffError(
                f"tariff `{tariff}`: expected a version before the draft from {drafts[0].valid_from}, found none",
                hint="nobody has been billed by it; compare it with: billmill tariff compare",
            )
        new = drafts[0]
        return (
            Side(f"{other.state.value} version from {other.valid_from}", other.file, other.version),
            Side(f"draft from {new.valid_from}", new.file, new.version),
        )
    if len(file.versions) < 2:
        raise _one_version(file, tariff)
    old, newest = file.versions[-2:]
    return _side(file, old), _side(file, newest)


def _side(file: TariffFile, version: Version) -> Side:
    return Side(f"{file.tariff}, version from {version.valid_from}", file, version)


def _side_near(workspace: Opener, name: str, day: date) -> Side:
    file = _named(workspace, name)
    version = _version_near(file, day)
    return Side(f"{name}, version from {version.valid_from}", file, version)


def _version_near(file: TariffFile, day: date) -> Version:
    held = [version for version in file.versions if version.valid_from <= day]
    return held[-1] if held else file.versions[0]


def compare_tariffs(workspace: Opener, before: str, after: str) -> list[Section]:
    """Return what two tariffs say differently; each is a tariff of the workspace as added last, or a tariff file.

    Raises:
        TariffError: there is no such tariff, or a file cannot be used.
    """
    return compare_files(*(_named(workspace, name) for name in (before, after)))


def compare_dates(workspace: Opener, tariff: str, before: date, after: date) -> list[Section]:
    """Return what a tariff says differently on two days: drafts are compared like what is approved.

    Raises:
        TariffError: there is no such tariff, or no version of it on one of the days.
    """
    file = _named(workspace, tariff)
    old, new = (_version_on(file, day) for day in (before, after))
    return [_between(file, old, new)]


def compare_drafts(workspace: Opener, tariff: str) -> list[Section]:
    """Return what approving a tariff would change; without drafts, or for a file, how its last two versions differ.

    Raises:
        TariffError: there is no such tariff, or it has one version and no draft.
    """
    file = _named(workspace, tariff)
    states: list[VersionState] = []
    if not _is_file(tariff):
        with control(workspace(), purpose="tariff diff") as connection:
            states = version_states(connection, tariffs=[tariff])
    drafts = [one for one in states if one.state is TariffState.DRAFT]
    decided = [one for one in states if one.state is not TariffState.DRAFT]
    stated = {version.valid_from for version in file.versions}
    left_out = [one for one in decided if one.state is TariffState.APPROVED and one.valid_from not in stated]
    if drafts or left_out:
        return _draft_sections(file, drafts, decided, left_out)
    if len(file.versions) < 2:
        raise _one_version(file, tariff)
    return [_between(file, *file.versions[-2:])]


def _one_version(file: TariffFile, name: str) -> TariffError:
    return TariffError(
        f"tariff `{file.tariff}`: expected two versions to compare, found one",
        hint=f"name another tariff or a file: billmill tariff diff {name} FILE",
    )


def _draft_sections(
    file: TariffFile, drafts: Sequence[VersionState], decided: Sequence[VersionState], left_out: Sequence[VersionState]
) -> list[Section]:
    sections = []
    if decided and (changes := compare_headers(decided[-1].file, file)):
        sections.append(Section("for all versions", changes))
    for draft in drafts:
        title = f"draft from {draft.valid_from}"
        other = _before_draft(draft, drafts, decided)
        if other is None:
            sections.append(Section(title, (Change.of_version("added", draft.valid_from),)))
            continue
        changes = compare_versions((other.file, other.version), (draft.file, draft.version))
        sections.append(Section(f"{title}, beside the {other.state.value} one from {other.valid_from}", changes))
    return sections + [
        Section(
            f"approved from {one.valid_from}: the file leaves it out, and approving withdraws it",
            (Change.of_version("removed", one.valid_from),),
        )
        for one in left_out
    ]


def _before_draft(
    draft: VersionState, drafts: Sequence[VersionState], decided: Sequence[VersionState]
) -> VersionState | None:
    """Return what a draft takes the place of.

    It is what was decided for its day; otherwise the version before, as it will be once this file is approved.
    """
    same = [one for one in decided if one.valid_from == draft.valid_from]
    earlier = [one for one in [*decided, *drafts] if one.valid_from < draft.valid_from]
    others = same or sorted(earlier, key=lambda one: (one.valid_from, one.state is TariffState.DRAFT))
    return others[-1] if others else None


def _between(file: TariffFile, old: Version, new: Version) -> Section:
    title = f"version from {new.valid_from}, beside the one from {old.valid_from}"
    return Section(title, compare_versions((file, old), (file, new)))


def _is_file(name: str) -> bool:
    return Path(name).suffix == ".toml"


def _named(workspace: Opener, name: str) -> TariffFile:
    path = Path(name)
    if _is_file(name):
        return parse_tariff(tariff_text(path), path.name)
    with control(workspace(), purpose="tariff diff") as connection:
        return load_tariff(connection, name)


def _version_on(file: TariffFile, day: date) -> Version:
    held = [version for version in file.versions if version.valid_from <= day]
    if not held or (held[-1].valid_to is not None and held[-1].valid_to <= day):
        days = ", ".join(str(version.valid_from) for version in file.versions)
        raise TariffError(
            f"tariff `{file.tariff}`: expected a version that holds on {day}, found none",
            hint=f"versions begin on {days}",
        )
    return held[-1]
