"""`python -m benchmarks.objects`: a partition whose lake lies in an S3 bucket on loopback, beside one on this disk."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from rich.console import Console

from benchmarks.month import copy_books, tell
from benchmarks.month_data import DRAWN_AT, DrawnBooks, Say, draw_books
from benchmarks.record import Sheet
from benchmarks.stages import StageMeasured, apart, measure_stage, medians
from cycles.runs.one_partition import compute_alone
from cycles.runs.plan import PlanRequest, plan_cycle
from store.bucket import Bucket, LakeSettings
from store.files import file_sha256
from store.workspace import CONFIG_NAME, open_workspace

LOCAL, EMPTY, AT_HAND = "this disk", "bucket, no copy here", "bucket, reads and plan copied before"


def plan(root: Path, drawn: DrawnBooks, partitions: int) -> str:
    """Plan the cycle."""
    request = PlanRequest(drawn.cycle_id, drawn.business_date, (), 1, partitions, known_at=DRAWN_AT, actor="benchmark")
    return plan_cycle(open_workspace(root), request).run_id


def compute(root: Path, run_id: str, index: int) -> str:
    """Compute a partition as `cycle run-partition` does; return its receipt's content."""
    return compute_alone(open_workspace(root), run_id, index)[0].as_json().decode()


def fill(settings: LakeSettings, root: Path, without: str = "/tables/") -> int:
    """Put the lake of a workspace into a bucket; return its bytes."""
    bucket, size = Bucket(settings), 0
    for path in sorted((root / "lake").rglob("*")):
        key = path.relative_to(root / "lake").as_posix()
        if path.is_file() and not path.name.startswith(".") and without not in key and "/receipts/" not in key:
            bucket.put(key, path, file_sha256(path))
            size += path.stat().st_size
    return size


def turn(folder: Path, local: Path, run_id: str, settings: LakeSettings) -> dict[str, StageMeasured]:
    """Compute a partition on this disk and on two machines that have a bucket; all must come to the same."""
    taken: dict[str, StageMeasured] = {}
    here = copy_books(local, folder / "here")
    taken[LOCAL], expected = measure_stage(compute, here, run_id, 0)
    for name, prefix in ((EMPTY, "empty"), (AT_HAND, "copied")):
        lake = LakeSettings(f"{settings.url}/{prefix}-{folder.name}", settings.endpoint)
        fill(lake, local)
        root = folder / prefix
        root.mkdir()
        config = (local / CONFIG_NAME).read_text(encoding="utf-8")
        lines = f'{config}\n[lake]\nurl = "{lake.url}"\nendpoint = "{lake.endpoint}"\n'
        (root / CONFIG_NAME).write_text(lines, encoding="utf-8")
        if name == AT_HAND:
            shutil.copytree(local / "lake", root / "lake")
        taken[name], found = measure_stage(compute, root, run_id, 0)
        assert found == expected, f"{name}: another receipt"
    return taken


@contextmanager
def server() -> Iterator[str]:
    """Run an S3 server on loopback, in a process of its own; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], **quiet)  # type: ignore[call-overload]
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urlopen(Request(f"{address}/bench", method="PUT")).close()
                break
            except URLError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def run(folder: Path, meters: int, partitions: int, repeat: int, say: Say) -> Sheet:
    """Draw a utility, plan its month, compute its first partition in turns; return what that took."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "loopback")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "loopback")
    drawn = apart(draw_books, folder, meters, 31, 7, os.cpu_count() or 1, say)
    run_id = apart(plan, drawn.root, drawn, partitions)
    apart(compute, copy_books(drawn.root, folder / "warm"), run_id, 0)  # kernels are compiled, files are in memory
    turns = []
    with server() as address:
        for number in range(repeat):
            say(f"turn {number + 1} of {repeat}")
            (folder / f"t{number}").mkdir()
            turns.append(turn(folder / f"t{number}", drawn.root, run_id, LakeSettings("s3://bench/lake", address)))
            shutil.rmtree(folder / f"t{number}")
    found = {name: medians([taken[name] for taken in turns]) for name in turns[0]}
    rows = [
        [name, f"{one.wall_seconds:.2f}", f"{one.cpu_seconds:.2f}", f"{one.cpu_seconds / found[LOCAL].cpu_seconds:.2f}"]
        for name, one in found.items()
    ]
    title = (
        f"A partition of {drawn.agreements // partitions:,} agreements, of {drawn.interval_channels:,} channels' month"
    )
    return Sheet(title, ("lake on", "s", "CPU s", "CPU, local = 1"), rows, [f"lake: {drawn.lake_bytes / 1e6:,.0f} MB"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.objects", description=__doc__)
    parser.add_argument("--meters", type=int, default=10_000, help="15-minute channels, about")
    parser.add_argument("--partitions", type=int, default=4, help="partitions of the run; the first is measured")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are shown")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="billmill-objects-") as folder:
        sheet = run(Path(folder), asked.meters, asked.partitions, asked.repeat, partial(tell, time.monotonic()))
    Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())


if __name__ == "__main__":
    main()
