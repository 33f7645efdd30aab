"""Objects of an S3 server that answers as servers do: late, cut off, busy, not at all, or that somebody was first."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

sys.path.append(str(Path(__file__).parents[1] / "cycles"))

pytest.importorskip("obstore", reason="the extra `s3` is not installed")
pytest.importorskip("moto.server", reason="moto and flask are not installed")
pytest.importorskip("flask_cors", reason="moto and flask are not installed")

from s3_server import Server

from model.errors import ConfigError, ControlError, StorageError
from store import bucket as client
from store import failpoints
from store.bring import bring, bring_run
from store.bucket import Bucket, LakeSettings
from store.files import create_only, write_bytes_atomic
from store.lake import scan_lake, verify_file, write_lake_file
from store.mount import claim_lake, mount
from store.workspace import Workspace

ROWS = pl.DataFrame({"channel_no": [1, 2, 3], "wh": [10, 20, 30]})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "loopback")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET-OF-LOOPBACK")
        patch.setattr(client, "FIRST_PAUSE", 0.01)
        patch.setattr(client, "RETRIES", 2)
        running = Server()
        running.make_bucket("lake")
        yield running
        running.stop()


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> LakeSettings:
    return LakeSettings(f"s3://lake/{tmp_path.name}", server.endpoint)


def machine(folder: Path, settings: LakeSettings) -> Workspace:
    workspace = Workspace(folder, "w")
    workspace.runs.mkdir(parents=True)
    mount(workspace.lake, settings)
    return workspace


@pytest.fixture
def here(settings: LakeSettings, tmp_path: Path) -> Workspace:
    return machine(tmp_path / "here", settings)


@pytest.fixture
def there(settings: LakeSettings, tmp_path: Path) -> Workspace:
    return machine(tmp_path / "there", settings)


def receipt_of(workspace: Workspace) -> Path:
    return workspace.runs / "bill-1" / "receipts" / "p00000.json"


def test_what_one_machine_writes_another_reads(here: Workspace, there: Workspace) -> None:
    file = write_lake_file(here, "days", "days/2026-06", ROWS)
    assert scan_lake(there, [file]).collect().equals(ROWS)
    assert (there.root / file.path).stat().st_mode & 0o222 == 0  # a copy, too, is written by nobody
    assert write_lake_file(there, "days", "days/2026-06", ROWS) == file


def test_only_the_first_of_two_machines_leaves_a_receipt(here: Workspace, there: Workspace) -> None:
    assert create_only(receipt_of(here), b"mine")
    assert not create_only(receipt_of(there), b"theirs")
    assert receipt_of(there).read_bytes() == b"mine"
    assert not create_only(receipt_of(here), b"again")


def test_a_receipt_lost_between_asking_and_putting_is_the_others(
    server: Server, here: Workspace, there: Workspace
) -> None:
    with server.fault("PUT .*receipts", before=lambda: create_only(receipt_of(there), b"theirs")):
        assert not create_only(receipt_of(here), b"mine")
    assert receipt_of(here).read_bytes() == b"theirs"


def test_a_put_whose_answer_is_lost_is_not_told_as_another_s(server: Server, here: Workspace) -> None:
    with server.fault("PUT .*receipts", unheard=True) as fault:
        assert create_only(receipt_of(here), b"mine")
    assert fault.seen == 1
    assert receipt_of(here).read_bytes() == b"mine"


def test_a_kill_between_the_put_and_the_name_is_made_good_by_doing_it_again(here: Workspace, there: Workspace) -> None:
    for point, write in (
        ("after put of receipts/p0.json", lambda: create_only(receipt_of(here), b"mine")),
        ("after put of days/a table", lambda: write_lake_file(here, "days", "days", ROWS)),
    ):
        failpoints.arm(point, "stop")
        try:
            with pytest.raises(failpoints.StoppedHereError):
                write()
        finally:
            failpoints.listen(None)
        assert not [path for path in here.lake.rglob("*") if path.is_file()]
        assert write()
        shutil.rmtree(here.lake)
    assert not create_only(receipt_of(there), b"theirs")


@pytest.mark.parametrize("status", [500, 503])
def test_a_busy_store_is_asked_again(server: Server, here: Workspace, there: Workspace, status: int) -> None:
    with server.fault("PUT", status=status, times=2):
        file = write_lake_file(here, "days", "days/2026-06", ROWS)
    with server.fault("GET", status=status, times=2) as fault:
        assert scan_lake(there, [file]).collect().equals(ROWS)
    assert fault.seen == 2


def test_a_file_that_is_cut_off_is_got_again(server: Server, here: Workspace, there: Workspace) -> None:
    file = write_lake_file(here, "days", "days/2026-06", ROWS)
    with server.fault("GET .*days-", cut=100, times=2) as fault:
        assert scan_lake(there, [file]).collect().equals(ROWS)
    assert fault.seen >= 1


def test_a_store_that_stays_down_is_told_and_nothing_is_left(server: Server, here: Workspace, there: Workspace) -> None:
    with server.fault("PUT", status=503, times=99), pytest.raises(StorageError, match="SlowDown") as told:
        write_lake_file(here, "days", "days/2026-06", ROWS)
    assert not list(here.lake.rglob("*.parquet"))
    assert "run the same command again" in str(told.value)
    assert "SECRET" not in str(told.value)


def test_an_object_that_is_not_what_was_put_is_refused(server: Server, here: Workspace, there: Workspace) -> None:
    file = write_lake_file(here, "days", "days/2026-06", ROWS)
    key = f"{here.root.parent.name}/{file.path.removeprefix('lake/')}"
    server.put("lake", key, b"x" * file.bytes)
    with pytest.raises(StorageError, match="is not what was put"):
        scan_lake(there, [file])
    assert not (there.root / file.path).exists()
    server.put("lake", key, b"short")
    with pytest.raises(ControlError, match=rf"expected {file.bytes} bytes, found 5"):
        write_lake_file(there, "days", "days/2026-06", ROWS)
    server.delete("lake", key)
    with pytest.raises(ControlError, match="is missing"):
        scan_lake(there, [file])


def test_a_copy_that_was_changed_is_got_again(here: Workspace) -> None:
    file = write_lake_file(here, "days", "days/2026-06", ROWS)
    path = here.root / file.path
    path.chmod(0o644)
    path.write_bytes(b"short")
    assert scan_lake(here, [file]).collect().equals(ROWS)
    path.chmod(0o644)
    path.write_bytes(b"x" * file.bytes)
    verify_file(here, file)
    assert scan_lake(here, [file]).collect().equals(ROWS)


def test_a_run_s_folder_is_brought_but_not_its_tables(here: Workspace, there: Workspace) -> None:
    folder = here.runs / "bill-1"
    write_bytes_atomic(folder / "plan" / "due.parquet", b"due")
    write_bytes_atomic(folder / "plan" / "plan.json", b"{}")
    create_only(receipt_of(here), b"receipt")
    write_bytes_atomic(folder / ".stage", b"of this machine")
    file = write_lake_file(here, "bills", "runs/bill-1/tables", ROWS)
    bring_run(there.runs / "bill-1")
    brought = sorted(
        path.relative_to(there.runs / "bill-1").as_posix() for path in there.runs.rglob("*") if path.is_file()
    )
    assert brought == ["plan/due.parquet", "plan/plan.json", "receipts/p00000.json"]
    assert receipt_of(there).stat().st_mtime > datetime(2026, 1, 1).timestamp()
    assert not (there.root / file.path).exists()


def test_a_plan_is_written_over_until_it_was_computed(here: Workspace, there: Workspace) -> None:
    plan = Path("bill-1", "plan", "plan.json")
    write_bytes_atomic(here.runs / plan, b"one")
    write_bytes_atomic(there.runs / plan, b"two")
    create_only(receipt_of(there), b"receipt")
    write_bytes_atomic(there.runs / plan, b"two")
    with pytest.raises(ControlError, match=r"holds another `runs/bill-1/plan/plan\.json`, which was computed"):
        write_bytes_atomic(here.runs / plan, b"three")


def test_what_is_not_there_is_not_brought(here: Workspace) -> None:
    assert not bring(here.lake / "days" / "nothing.parquet")


@pytest.mark.parametrize(("status", "message"), [(403, r"cannot be put: refused \(AccessDenied\)")])
def test_credentials_that_are_refused_are_told(server: Server, here: Workspace, status: int, message: str) -> None:
    with server.fault("PUT", status=status, times=9) as fault, pytest.raises(ConfigError, match=message) as told:
        write_lake_file(here, "days", "days/2026-06", ROWS)
    assert fault.seen == 1  # the same again would be refused again
    assert "AWS_ACCESS_KEY_ID" in str(told.value)


def test_a_bucket_that_is_missing_is_told(server: Server, tmp_path: Path) -> None:
    missing = LakeSettings("s3://nobodys/books", server.endpoint)
    with pytest.raises(ConfigError, match="there is no such bucket"):
        claim_lake(missing, b"{}")
    elsewhere = machine(tmp_path / "elsewhere", missing)
    with pytest.raises(ConfigError, match="there is no such bucket"):
        write_lake_file(elsewhere, "days", "days/2026-06", ROWS)
    with pytest.raises(ConfigError, match="there is no such bucket"):
        bring(elsewhere.lake / "days" / "days.parquet")


def test_a_lake_is_claimed_once(server: Server, settings: LakeSettings) -> None:
    claim_lake(settings, b"mine")
    claim_lake(settings, b"mine")  # of an `init` that was killed
    with pytest.raises(ConfigError, match="is that of another workspace"):
        claim_lake(settings, b"another's")
    Bucket(settings).create("days/file", b"1", "")
    with pytest.raises(ConfigError, match="is not empty: it holds `days/file`"):
        claim_lake(settings, b"mine")


def test_a_shared_folder_is_a_lake_too(tmp_path: Path) -> None:
    shared = LakeSettings(f"file://{tmp_path}/shared")
    claim_lake(shared, b"mine")
    one, other = (machine(tmp_path / name, shared) for name in ("one", "other"))
    file = write_lake_file(one, "days", "days/2026-06", ROWS)
    assert scan_lake(other, [file]).collect().equals(ROWS)
    assert create_only(receipt_of(one), b"mine")
    assert not create_only(receipt_of(other), b"theirs")
    assert receipt_of(other).read_bytes() == b"mine"


def test_without_the_client_the_next_step_is_told(monkeypatch: pytest.MonkeyPatch, here: Workspace) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match="obstore, which reads it, is not installed\nhint: pip install"):
        write_lake_file(here, "days", "days/2026-06", ROWS)
