"""Rows, links and entries that somebody changed: each is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from storage_faults import copied
from whole_night import PLANNED, bill_cycle, request

from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from cycles.verify.workspace import verify_workspace
from demo.night import DemoFiles
from model.errors import ControlError, StaleError
from model.progress import Silent
from store.audit import record
from store.audit_log import log_path, read_log
from store.control import control, transaction
from store.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def sound(books: Path, files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = copied(open_workspace(books), tmp_path_factory.mktemp("sound") / "w")
    bill_cycle(workspace, files)
    return workspace


@pytest.fixture
def changed(sound: Workspace, tmp_path: Path) -> Workspace:
    return copied(sound, tmp_path / "w")


def told(workspace: Workspace) -> list[tuple[str, str]]:
    found = verify_workspace(workspace, deep=False, against=None, progress=Silent()).problems
    return list(found.select("kind", "subject").iter_rows())


def execute(workspace: Workspace, sql: str) -> None:
    with control(workspace, purpose="test", though_behind=True) as connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    ("sql", "kind", "subject"),
    [
        ("INSERT INTO posted_line SELECT * FROM journal_line WHERE leg_no = 1 LIMIT 1",
         "row", "posted_line journal_id "),
        ("INSERT INTO posted_item SELECT * FROM open_item LIMIT 1", "row", "posted_item item_id "),
        ("INSERT INTO posted_item SELECT * REPLACE ('nobody' AS item_id, NULL AS bill_id) FROM open_item LIMIT 1",
         "row", "posted_item item_id nobody"),
        ("DELETE FROM lake_file WHERE table_name = 'journal_lines'", "row", "lake_file lake/runs/"),
        ("UPDATE segment_key SET period_end_date = period_end_date + 1 WHERE agreement_id = (SELECT min(agreement_id) "
         "FROM segment_key)", "row", "segment_key agreement_id "),
        ("UPDATE invoice_series SET last_no = last_no + 1 WHERE series = (SELECT min(series) FROM invoice_series)",
         "row", "invoice_series "),
        ("UPDATE run SET total_minor = total_minor - 1", "row", "run bill-2026-10-20261104-1: total_minor"),
        ("DELETE FROM run", "row", "run bill-2026-10-20261104-1"),
        ("UPDATE lake_file SET row_count = row_count + 1 WHERE table_name = 'bills'", "row", "lake_file lake/runs/"),
        ("DELETE FROM lake_file WHERE table_name = 'determinants'", "row", "lake_file lake/runs/"),
        ("UPDATE accounts SET payment_days = 90 WHERE account_id = (SELECT min(account_id) FROM accounts)",
         "row", "accounts account_id "),
        ("UPDATE tariff_file SET text = replace(text, '0.', '1.')", "row", "tariff_file "),
        ("UPDATE audit SET actor = 'nobody' WHERE entry_no = 3", "altered", "audit entry 3"),
        ("DELETE FROM audit WHERE entry_no = 3", "missing", "audit entry 3"),
        ("DELETE FROM audit WHERE entry_no = (SELECT max(entry_no) FROM audit)", "missing", "audit entry 23"),
    ],
)  # fmt: skip
def test_a_changed_row_is_named(changed: Workspace, sql: str, kind: str, subject: str) -> None:
    execute(changed, sql)
    assert any(found_kind == kind and found.startswith(subject) for found_kind, found in told(changed)), told(changed)


def test_a_damaged_file_of_legs_stops_who_reads_them_and_nobody_else(changed: Workspace) -> None:
    path = next(changed.runs.rglob("journal_lines-*.parquet"))
    path.unlink()
    for left in (None, b"PAR1"):  # gone, then cut short
        if left is not None:
            path.write_bytes(left)
        execute(changed, "SELECT count(*) FROM open_item")
        with pytest.raises(ControlError, match=path.name):
            execute(changed, "SELECT count(*) FROM journal_line")
    assert path.relative_to(changed.root).as_posix() in {subject for _, subject in told(changed)}


def test_a_sound_workspace_has_nothing_wrong(sound: Workspace) -> None:
    assert told(sound) == []


def test_a_receipt_that_was_changed_anywhere_is_named(changed: Workspace) -> None:
    path = next((changed.runs / "bill-2026-10-20261104-1" / "receipts").glob("p*1.json"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"due": ', b'"due": 1'))
    assert told(changed) == [("altered", path.relative_to(changed.root).as_posix())]


def test_a_history_that_is_written_anew_no_longer_fits_what_names_it(changed: Workspace) -> None:
    """Whoever writes the whole audit anew, hashes and log too, still has the plan and the kept books against him."""
    with control(changed, purpose="test") as connection:
        rows = connection.execute("SELECT actor, action, subject, detail FROM audit ORDER BY entry_no").fetchall()
        with transaction(connection):
            connection.execute("DELETE FROM audit")
            for number, (_, action, subject, detail) in enumerate(rows):
                actor = "forger" if number == 4 else "night"
                record(connection, at=PLANNED, actor=actor, action=action, subject=subject, detail=detail)
    log_path(changed.root).unlink()
    links = [subject for kind, subject in told(changed) if kind == "link"]
    assert links and all(subject.startswith("audit entry ") for subject in links)


def test_the_log_is_finished_when_a_kill_came_between_a_commit_and_its_line(changed: Workspace) -> None:
    log = log_path(changed.root)
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # a power cut took half of the last line
    execute(changed, "SELECT 1")
    assert log.read_bytes() == whole
    assert [entry["entry_no"] for entry in read_log(log)] == list(range(1, len(lines) + 1))


def test_books_that_lost_their_last_acts_are_not_worked_on(changed: Workspace) -> None:
    execute(changed, "DELETE FROM audit WHERE entry_no >= 22")
    with pytest.raises(ControlError, match=r"ends before entry 22 of its audit; gone: 2 acts, first: approve of bill-"):
        execute_strictly(changed)


def execute_strictly(workspace: Workspace) -> None:
    with control(workspace, purpose="test"):
        pass


def test_a_plan_that_was_touched_after_approval_is_not_published(books: Path, files: DemoFiles, tmp_path: Path) -> None:
    workspace = copied(open_workspace(books), tmp_path / "w")
    planned = plan_cycle(workspace, request(files))
    run_cycle(workspace, planned.run_id, workers=1, progress=Silent(), at=PLANNED, actor="night")
    approve_run(workspace, planned.run_id, at=PLANNED, actor="mira")
    manifest = planned.folder / "manifest.json"
    due, sound_manifest = planned.folder / "plan" / "due.parquet", manifest.read_bytes()
    sound = due.read_bytes()
    due.chmod(0o600)
    due.write_bytes(sound[:-1] + b"x")
    with pytest.raises(StaleError, match=r"file `due\.parquet` of the plan .* was changed"):
        publish_run(workspace, planned.run_id, at=PLANNED, actor="night")
    due.write_bytes(sound)
    manifest.chmod(0o600)
    content = json.loads(sound_manifest)
    content["totals"]["net_minor"] += 1
    manifest.write_text(json.dumps(content, indent=1, sort_keys=True))
    with pytest.raises(ControlError, match="is not the one that was staged"):
        publish_run(workspace, planned.run_id, at=PLANNED, actor="night")
    manifest.write_bytes(sound_manifest)
    assert publish_run(workspace, planned.run_id, at=PLANNED, actor="night").is_new
    assert told(workspace) == []


def test_files_of_the_books_are_for_their_owner_and_sealed_ones_for_nobody_to_write(sound: Workspace) -> None:
    def mode(name: str) -> int:
        return next(iter(sound.root.glob(name))).stat().st_mode & 0o777

    assert mode("lake/runs/*/tables/bills-*.parquet") == mode("lake/runs/*/manifest.json") == 0o444
    assert mode("lake/runs/*/plan/due.parquet") == mode("lake/runs/*/published.json") == 0o444
    assert mode("audit.log") == mode("backups/control-*.duckdb") == 0o600
    assert mode("backups") == mode("backups/books") == 0o700
    assert mode("analytics.duckdb") == 0o444
