"""Fuzzing guided by coverage: every reader, one process each, with what it reaches told in a table.

    PYTHONPATH=.:tests/ingest:tests/fuzz python -m guided --seconds 60 --format nem12

Inputs are mutated as meter files are damaged (see mutations) and by libFuzzer itself. It keeps those that reach new
branches of our code, or a reject reason not seen before. A failed check does not end the run: each kind is kept once,
as its shortest input. An input that takes longer than a few seconds, or memory beyond the bound, ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

SECONDS_MAX = 30  # of one input, on a machine that does other things as well
MEMORY_MB_MAX = 3_000
DEEP_EVERY = 4  # describing and placing take longer than reading: every fourth input is taken so far
BYTES_MAX = 32_000
_BUCKETS = 512


class Row(NamedTuple):
    """What the fuzzing of a format came to."""

    format: str
    seconds: int
    executions: int
    corpus: int
    reasons: int
    findings: int
    slowest_ms: int


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one format in this process; does not return."""
    import atheris

    # Kernels are compiled by numba from their own bytecode, which must stay as it is.
    with atheris.instrument_imports(include=["ingest"], exclude=["ingest.formats.kernels", "ingest.vee.kernels"]):
        import oracle
        import seeds
    import mutations

    target = seeds.targets()[name]
    first = [*target.seeds, *seeds.real_files(target)]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in first:
        (corpus / f"seed-{zlib.crc32(data):08x}").write_bytes(data)
    run = _Run(folder)
    counters = [atheris._reserve_counter() for _ in range(_BUCKETS)]

    def one_input(data: bytes) -> None:
        began = time.perf_counter()
        try:
            for found in target.records(data):
                seen = oracle.check(found, deep=run.executions % DEEP_EVERY == 0)
                run.reasons |= seen.reasons
                for reason in (*seen.reasons, min(seen.readings, 3), seen.file_format):
                    atheris._trace_branch(counters[zlib.crc32(str(reason).encode()) % _BUCKETS])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of a library is none of Exception
            run.keep(data, error)
        run.count(time.perf_counter() - began)

    def changed(data: bytes, size_max: int, seed: int) -> bytes:
        draw = Random(seed)
        if draw.random() < 0.15:
            return bytes(atheris.Mutate(data, size_max))
        return mutations.mutated(data, draw, first)[:size_max]

    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}"]
    options += [f"-max_len={BYTES_MAX}", f"-artifact_prefix={folder}/ended-", "-print_final_stats=1", "-seed=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=changed)
    atheris.Fuzz()


class _Run:
    """What one process has seen, written down after every input that tells something new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.executions = 0
        self.slowest = 0.0
        self.reasons: set[tuple[str, str]] = set()
        self.sizes: dict[str, int] = {}
        self.told = 0.0

    def count(self, seconds: float) -> None:
        self.executions += 1
        self.slowest = max(self.slowest, seconds)
        if time.monotonic() - self.told > 1:
            self.told = time.monotonic()
            told = {"executions": self.executions, "slowest": self.slowest, "reasons": len(self.reasons)}
            (self.folder / "run.json").write_text(json.dumps(told), encoding="utf-8")

    def keep(self, data: bytes, error: BaseException) -> None:
        """Write the input of a failed check, the shortest of its kind."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
        place = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}-{type(error).__name__}"
        if len(data) < self.sizes.get(place, sys.maxsize):
            self.sizes[place] = len(data)
            (self.folder / f"found-{place}").write_bytes(data)
            told = "".join(traceback.format_exception(error))
            (self.folder / f"told-{place}.txt").write_text(told, encoding="utf-8", errors="replace")


def run(name: str, seconds: int, folder: Path) -> Row:
    """Fuzz one format in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "guided", "--only", name, "--seconds", str(seconds), "--folder", str(folder)]
    # A thread for each process: its frames are tiny, and two processes may run beside each other.
    quiet = {**os.environ, "POLARS_MAX_THREADS": "1", "RUST_BACKTRACE": "0"}
    began = time.monotonic()
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=quiet, check=False)
    text = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    counted = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
    told_path = folder / "run.json"
    told = json.loads(told_path.read_text(encoding="utf-8")) if told_path.is_file() else {}
    findings = len([*folder.glob("found-*"), *folder.glob("ended-*")])
    if not counted and not findings:
        raise SystemExit(f"{name}: the run ended early:\n{text[-2000:]}")
    return Row(
        name,
        round(time.monotonic() - began),
        int(counted[1]) if counted else int(told.get("executions", 0)),
        len([*(folder / "corpus").iterdir()]),
        int(told.get("reasons", 0)),
        findings,
        round(1000 * float(told.get("slowest", 0))),
    )


def report(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    head = ["format", "seconds", "executions", "corpus", "reasons", "findings", "slowest ms"]
    lines = [" | ".join(["", *head, ""]).strip(), "|---|" + "--:|" * (len(head) - 1)]
    lines += [f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |" for row in rows]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz from the command line; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", action="append", help="A format; may be given several times. All unless given.")
    parser.add_argument("--seconds", type=int, default=60, help="For each format.")
    parser.add_argument("--folder", type=Path, help="Where corpus and findings are kept between runs.")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.only:
        fuzz(chosen.only, chosen.seconds, chosen.folder)
        return 0
    import seeds

    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    rows = [run(name, chosen.seconds, folder / name) for name in chosen.format or seeds.targets()]
    print(report(rows))
    print(f"Corpus and findings: {folder}", file=sys.stderr)
    return 1 if any(row.findings for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
