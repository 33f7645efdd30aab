"""A month billed by machines that share a bucket and nothing else: each has a folder of its own, none the driver's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ray_machines import FAR, machines
from s3_server import Server
from whole_night import PLANNED, digest, prepare_books, request

from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runners.attempts import attempts
from cycles.runs.folders import read_manifest
from cycles.runs.plan import plan_cycle
from cycles.runs.run import run_cycle
from demo.night import DemoFiles
from model.progress import Silent
from store.bucket import LakeSettings
from store.workspace import CONFIG_NAME

KEYS = {"AWS_ACCESS_KEY_ID": "loopback", "AWS_SECRET_ACCESS_KEY": "loopback"}
WORKSPACE = "books"


def bill_on_a_bucket(home: Path, files: DemoFiles, partitions: int) -> tuple[str, dict[str, str]]:
    """Validate and bill October on Ray, the lake in a bucket; return the manifest's digest, and that of all bytes.

    The one machine that computes sees an empty folder where the driver's workspace is.
    """
    os.environ.update(KEYS)
    server = Server()
    driver, there = home / "driver", home / "there" / WORKSPACE
    lake = LakeSettings(f"s3://{server.make_bucket('october')}/books", server.endpoint)
    driver.mkdir(parents=True)
    there.mkdir(parents=True)
    try:
        with machines(0) as ray, ray.apart(driver, there):
            workspace = prepare_books(
                driver / WORKSPACE, files, lake=lake, runner=ray.runner(), channels_per_block=32,
                begin=lambda step: _configure(driver / WORKSPACE, there) if step == "vee" else None,
            )  # fmt: skip
            planned = plan_cycle(workspace, request(files, partitions=partitions))
            run_cycle(
                workspace, planned.run_id, workers=2, progress=Silent(), at=PLANNED, actor="night", runner=ray.runner()
            )
        assert {note.host for note in attempts(planned.folder)} == {FAR}
        assert not list(there.glob("*.duckdb"))
        approve_run(workspace, planned.run_id, at=PLANNED, actor="mira")
        publish_run(workspace, planned.run_id, at=PLANNED, actor="night")
        return str(read_manifest(planned.folder)["digest"]), digest(workspace)
    finally:
        server.stop()


def _configure(workspace: Path, there: Path) -> None:
    """Give the other machine what it needs: the configuration."""
    shutil.copy(workspace / CONFIG_NAME, there)
