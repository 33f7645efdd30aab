"""A validation whose blocks a job array judges leaves, to the byte, the books of one command; cut, it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from whole_night import RECEIVED

from cycles.runners import vee_array
from cycles.runners.tasks import ASIDE
from cycles.runners.vee_array import Committed, commit_blocks, judge_alone, plan_blocks
from cycles.runners.vee_plan import VeePlan, read_plan
from ingest.rules.rule_store import STANDARD_FILE, add_rule_sets
from ingest.vee.report import VeeReport
from ingest.vee.run import run_vee
from model.errors import ConfigError, ControlError, LockedError, StaleError
from store.control import control, query
from store.workspace import Workspace, open_workspace

# The fixture's books are validated until November; the standard rule set is new, so it finds what none has found.
FROM, TO, LATER = date(2026, 10, 1), date(2026, 11, 1), RECEIVED + timedelta(hours=1)
BLOCK = 24
Kept = dict[str, list[tuple[object, ...]]]
Whole = tuple[VeeReport, Kept]


@pytest.fixture(scope="module")
def ruled(books: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small utility under the standard rule set, which has judged nothing yet."""
    root = Path(shutil.copytree(books, tmp_path_factory.mktemp("ruled") / "w"))
    add_rule_sets(open_workspace(root), [STANDARD_FILE], at=RECEIVED, actor="mira")
    return root


@pytest.fixture(scope="module")
def whole(ruled: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The same validated by one command."""
    workspace = open_workspace(Path(shutil.copytree(ruled, tmp_path_factory.mktemp("whole") / "w")))
    report = run_vee(workspace, from_date=FROM, to_date=TO, received_at=LATER, actor="night")
    assert report.seq is not None
    return report, kept(workspace)


@pytest.fixture(scope="module")
def judged_books(ruled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a plan of which every block is judged, the last one first."""
    workspace = open_workspace(Path(shutil.copytree(ruled, tmp_path_factory.mktemp("judged") / "w")))
    judged(workspace)
    return workspace.root


@pytest.fixture
def workspace(ruled: Path, tmp_path: Path) -> Workspace:
    return open_workspace(Path(shutil.copytree(ruled, tmp_path / "w")))


@pytest.fixture
def ready(judged_books: Path, tmp_path: Path) -> tuple[Workspace, VeePlan]:
    """Books, and a plan whose blocks are judged."""
    workspace = open_workspace(Path(shutil.copytree(judged_books, tmp_path / "w")))
    (folder,) = (workspace.root / ASIDE).iterdir()
    return workspace, read_plan(workspace, folder.name)


def planned(workspace: Workspace) -> tuple[VeePlan, bool]:
    return plan_blocks(workspace, from_date=FROM, to_date=TO, received_at=RECEIVED, channels_per_block=BLOCK)


def committed(workspace: Workspace, plan: VeePlan) -> Committed:
    return commit_blocks(workspace, plan.name, at=LATER, actor="night")


def judged(workspace: Workspace) -> VeePlan:
    """Return a plan of which every block is judged."""
    plan, _ = planned(workspace)
    for index in reversed(range(plan.blocks)):
        assert judge_alone(workspace, plan.name, index)[1]
    return plan


def kept(workspace: Workspace) -> Kept:
    """What a validation leaves in the books: files by path and hash, loads, the audit trail."""
    with control(workspace, purpose="test") as connection:
        return {
            "files": query(connection, "SELECT path, sha256, owner FROM lake_file ORDER BY ALL").rows(),
            "loads": query(connection, "SELECT * FROM load ORDER BY ALL").rows(),
            "audit": query(connection, "SELECT * FROM audit ORDER BY ALL").rows(),
        }


def test_an_array_leaves_the_books_of_one_command_whatever_is_done_twice(
    ready: tuple[Workspace, VeePlan], whole: Whole
) -> None:
    workspace, plan = ready
    report, books = whole
    assert plan.blocks == 2
    assert planned(workspace) == (plan, False), "nothing has changed: the same plan, and what was judged stays"
    assert not judge_alone(workspace, plan.name, 1)[1]
    assert committed(workspace, plan) == Committed(plan, report.seq, report)
    assert kept(workspace) == books
    assert not list((workspace.root / ASIDE).rglob("*.pickle")), "what was found is in the books alone"
    assert committed(workspace, plan) == Committed(plan, report.seq, None)
    assert kept(workspace) == books


def test_a_commit_names_the_blocks_that_are_missing_and_changes_nothing(workspace: Workspace) -> None:
    before = kept(workspace)
    plan, _ = planned(workspace)
    judge_alone(workspace, plan.name, 1)
    rest = ", ".join(str(number) for number in range(plan.blocks) if number != 1)
    with pytest.raises(ControlError, match=rf"{plan.blocks - 1} of {plan.blocks} blocks have no receipt: {rest}"):
        committed(workspace, plan)
    assert kept(workspace) == before


def test_books_that_changed_since_refuse_the_commit_and_another_plan_takes_its_place(
    ready: tuple[Workspace, VeePlan], tmp_path: Path
) -> None:
    workspace, plan = ready
    strict = tmp_path / "strict.toml"
    strict.write_text(STANDARD_FILE.read_text(encoding="utf-8").replace('"standard"', '"other"', 1))
    add_rule_sets(workspace, [strict], at=LATER, actor="mira")
    before = kept(workspace)
    with pytest.raises(StaleError, match="have changed since it was planned"):
        committed(workspace, plan)
    assert kept(workspace) == before
    other, is_new = planned(workspace)
    assert is_new
    assert other.name != plan.name
    with pytest.raises(ConfigError, match=f"validation `{plan.name}` has no plan"):
        judge_alone(workspace, plan.name, 0)


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", ["judged_block", "_put", "remove"])
def test_a_commit_that_is_killed_is_given_again(
    ready: tuple[Workspace, VeePlan], whole: Whole, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    workspace, plan = ready
    before, (report, books) = kept(workspace), whole
    real_put: Callable[..., None] = vee_array._put

    def put(path: Path, load: int | None) -> None:
        """Die between the books and the note that tells of them."""
        real_put(path, load) if path.name == "begun.json" else killed()

    monkeypatch.setattr(vee_array, at, put if at == "_put" else killed)
    with pytest.raises(KeyboardInterrupt):
        committed(workspace, plan)
    assert kept(workspace) == (before if at == "judged_block" else books)
    monkeypatch.undo()
    assert committed(workspace, plan).seq == report.seq
    assert kept(workspace) == books


def test_a_validation_that_was_committed_can_be_planned_again_and_finds_nothing(
    ready: tuple[Workspace, VeePlan],
) -> None:
    workspace, plan = ready
    committed(workspace, plan)
    again = judged(workspace)
    done = committed(workspace, again)
    assert done.report is not None
    assert (done.seq, done.report.rows_written) == (None, 0)


def test_what_is_not_planned_here_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _ = planned(workspace)
    with pytest.raises(ConfigError, match=rf"block {plan.blocks}: .* has {plan.blocks}, from 0 to {plan.blocks - 1}"):
        judge_alone(workspace, plan.name, plan.blocks)
    for name in ("vee-2026-10-01-0123456789abcdef", "../../etc", "", plan.name.upper()):
        with pytest.raises(ConfigError, match="has no plan"):
            judge_alone(workspace, name, 0)
    with pytest.raises(ConfigError, match="no channel is due from 1990-01-01 to 1990-02-01"):
        plan_blocks(workspace, from_date=date(1990, 1, 1), to_date=date(1990, 2, 1), received_at=RECEIVED)
    monkeypatch.setattr("cycles.runners.vee_plan.code_version", lambda: "0" * 64)
    tries: list[Callable[[], object]] = [
        lambda: judge_alone(workspace, plan.name, 0), lambda: committed(workspace, plan),
    ]  # fmt: skip
    for again in tries:
        with pytest.raises(StaleError, match="planned by another version of Billmill"):
            again()


def test_a_plan_or_what_it_names_that_was_changed_is_refused(workspace: Workspace) -> None:
    plan, _ = planned(workspace)
    folder = workspace.root / ASIDE / plan.name
    (folder / "blocks.pickle").write_bytes(b"else")
    with pytest.raises(ControlError, match=r"blocks\.pickle` is not what was written there"):
        judge_alone(workspace, plan.name, 0)
    (folder / "plan.json").write_text((folder / "plan.json").read_text().replace('"blocks": ', '"blocks": 1'))
    with pytest.raises(StaleError, match="is not the one that was planned"):
        judge_alone(workspace, plan.name, 0)


def test_while_one_commits_another_is_refused(ready: tuple[Workspace, VeePlan]) -> None:
    workspace, plan = ready
    lock = str(workspace.root / ASIDE / plan.name / ".driver")
    with FileLock(lock), pytest.raises(LockedError):  # as another process holds it
        committed(workspace, plan)
