"""Faults of a disk on a published workspace: what `verify` says of each, and whether a total was wrong.

A fault is told rightly when `verify` names the file or what it holds, or refuses to open the database, and the totals
that `query` gives are either those of the sound workspace or none.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from cycles.verify.workspace import verify_workspace
from model.errors import BillmillError
from model.progress import Silent
from outputs.query import analytics_frame
from store.audit_log import read_log
from store.workspace import Workspace, open_workspace

KINDS = (
    "lake/reads", "lake/vee", "tables/bill_lines", "tables/bills", "tables/journal_lines", "tables/open_items",
    "tables/determinants", "tables/invoices", "tables/parked", "plan/due", "plan/plan.json", "receipts/",
    "manifest.json", "published.json", "backups/books/", "control.duckdb", "audit.log", "analytics.duckdb",
)  # fmt: skip
TOTALS = "SELECT currency, count(*) AS bills, sum(total_minor) AS total FROM bills GROUP BY ALL ORDER BY ALL"


def truncate(path: Path, dice: random.Random, others: list[Path]) -> None:
    path.write_bytes(path.read_bytes()[: dice.randrange(path.stat().st_size)])


def flip(path: Path, dice: random.Random, others: list[Path]) -> None:
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def delete(path: Path, dice: random.Random, others: list[Path]) -> None:
    path.unlink()


def swap(path: Path, dice: random.Random, others: list[Path]) -> None:
    """Two files of the same kind, or else of any, take each other's place."""
    other = dice.choice(others)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def double(path: Path, dice: random.Random, others: list[Path]) -> None:
    path.with_name(f"{path.stem}-copy{path.suffix}").write_bytes(path.read_bytes())


FAULTS: tuple[Callable[[Path, random.Random, list[Path]], None], ...] = (truncate, flip, delete, swap, double)


def storage_faults(sound: Workspace, folder: Path, *, seed: int, count: int) -> Counter[str]:
    """Do `count` faults to copies of a sound workspace, kinds of files and faults in turn.

    Returns how often each fault was found, and the unexplained: faults not found, and totals that were wrong.
    """
    dice, told = random.Random(seed), Counter[str]()
    kept = copied(sound, folder / "w")  # each fault is done in the folder that the analysts' views name
    known = {workspace_totals(kept)}
    kept.root.rename(folder / "kept")
    for number in range(count):
        kind, fault = KINDS[number % len(KINDS)], FAULTS[(number + number // len(KINDS)) % len(FAULTS)]
        shutil.copytree(folder / "kept", folder / "w")
        workspace = open_workspace(folder / "w")
        victims = [path for path in files_of(workspace) if kind in path.relative_to(workspace.root).as_posix()]
        if not victims:
            told["not there"] += 1
            shutil.rmtree(workspace.root)
            continue
        victim = dice.choice(victims)
        before = victim.read_bytes()
        others = [path for path in files_of(workspace) if path.read_bytes() != before and path.parent == victim.parent]
        if fault is swap and not others:
            others = [path for path in files_of(workspace) if path.read_bytes() != before]
        make_writable(workspace)
        fault(victim, dice, others)
        name = victim.relative_to(workspace.root).as_posix()
        if is_found(workspace, name, fault):
            told[f"{fault.__name__} found"] += 1
        else:
            told[f"UNEXPLAINED {fault.__name__} of {name}, seed {seed}, number {number}"] += 1
        if workspace_totals(workspace) not in {*known, "refused"}:
            told[f"UNEXPLAINED total after {fault.__name__} of {name}, seed {seed}, number {number}"] += 1
        shutil.rmtree(workspace.root)
    return told


def is_found(workspace: Workspace, name: str, fault: Callable[..., None]) -> bool:
    """Tell whether `verify` names the file, or the thing in it."""
    try:
        problems = verify_workspace(workspace, deep=False, against=None, progress=Silent()).problems
    except BillmillError as error:
        return name in str(error)
    outside = name.split("/", maxsplit=1)[0] in {"control.duckdb", "audit.log", "analytics.duckdb", "backups"}
    if fault is double and outside:
        return True  # only the lake is ours alone; a copy elsewhere is nobody's business
    stem = name.rpartition("/")[2].removesuffix(".parquet").removesuffix(".json")
    told = " ".join(problems["subject"].to_list())
    if name == "audit.log" and fault is swap and "control.duckdb" in told:
        return True  # it took the place of the database, which is what is told then
    if name == "audit.log":  # what was cut from its end is written again, from the database
        return "audit" in told or [entry["entry_no"] for entry in read_log(workspace.root / name)] == list(range(1, 24))
    # A flipped bit of a database may lie in a page that nothing uses; then every table still is as it was.
    return stem in told or (name.endswith(".duckdb") and (problems.height > 0 or fault is flip))


def workspace_totals(workspace: Workspace) -> str:
    """Return the totals that an analyst is given, or that the question was refused."""
    try:
        return str(analytics_frame(workspace, TOTALS).rows())
    except BillmillError:
        return "refused"


def copied(sound: Workspace, root: Path) -> Workspace:
    """Return a copy of a workspace, with an analysts' database that looks at the copy."""
    shutil.copytree(sound.root, root)
    workspace = open_workspace(root)
    from outputs.analytics import build_analytics
    from store.control import control

    with control(workspace, purpose="test") as connection:
        build_analytics(workspace, connection)
    return workspace


def files_of(workspace: Workspace) -> list[Path]:
    return [path for path in sorted(workspace.root.rglob("*")) if path.is_file() and not path.name.startswith(".")]


def make_writable(workspace: Workspace) -> None:
    for path in files_of(workspace):
        path.chmod(0o600)
