"""The commit of a run: its manifest over the receipts of all partitions, once every file is what a receipt says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from cycles.runners.tasks import read_receipt
from cycles.runs.controls import manifest_of
from cycles.runs.folders import read_manifest
from cycles.runs.listed import listing_text
from cycles.runs.plan import Planned
from model.errors import ControlError
from store.bring import bring_run
from store.files import create_only
from store.lake import LakeFile, verify_file
from store.workspace import Workspace


def commit_manifest(workspace: Workspace, plan: Planned) -> dict[str, Any]:
    """Write the create-only manifest over all receipts; the same again changes nothing, another is refused."""
    bring_run(plan.folder)  # receipts that other machines left in a bucket
    receipts = [read_receipt(plan.folder, number) for number in range(int(plan.content["partitions"]))]
    complete = [receipt for receipt in receipts if receipt is not None]
    assert len(complete) == len(receipts), "a partition has no receipt"
    verify_files(workspace, (file for receipt in complete for file in (*receipt.files, *receipt.beside)))
    manifest = manifest_of(plan.run_id, plan.sha256, int(plan.content["selected"]), complete)
    text = listing_text(plan.folder, manifest)
    path = plan.folder / "manifest.json"
    if not create_only(path, text) and path.read_bytes() != text:
        raise ControlError(
            f"run `{plan.run_id}` has a manifest already, of other files",
            hint="files of the run were changed; abandon it and plan again with a higher --sequence",
        )
    return read_manifest(plan.folder)


def verify_files(workspace: Workspace, files: Iterable[LakeFile]) -> None:
    """Check that files still hold the bytes that were registered, as many at a time as there are cores.

    Raises:
        ControlError: one is gone or was changed; of several the first.
    """
    with ThreadPoolExecutor(os.cpu_count()) as readers:  # hashing lets go of Python's lock
        for _ in readers.map(partial(verify_file, workspace), files):
            pass


@contextmanager
def verified(workspace: Workspace, files: Iterable[LakeFile]) -> Iterator[None]:
    """Check files as `verify_files` does beside what the block does, which must not be the last word about them.

    What is wrong with a file is told before what the block made of it.
    """
    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(verify_files, workspace, files)
        try:
            yield
        finally:
            checking.result()
