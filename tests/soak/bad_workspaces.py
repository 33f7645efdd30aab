"""Bad inputs to the workspace itself and to the commands that keep it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from bad_kinds import BINARY, PLANNED, PUBLISHED, Place, Wrong, after, first_lake_file, plain, refused, run_file

from store.workspace import LAYOUT

WORKSPACES = [
    Wrong("init without a folder", plain("init"), 2, ("Missing argument",)),
    Wrong("init of a workspace", lambda p: ["init", p.books], 2, ("is a workspace already", "hint")),
    Wrong("init of a file", lambda p: ["init", p.file("books.txt", "x")], 2, ("is a file", "hint")),
    Wrong("init of a full folder", lambda p: ["init", p.file("a.txt", "x").parent], 2, ("a.txt", "hint")),
    Wrong("unknown option", plain("run", "list", "--frobnicate"), 2, ("--frobnicate",)),
    Wrong("unknown command", plain("frobnicate"), 2, ("frobnicate",)),
    Wrong("no workspace", lambda p: ["run", "list", "-w", p.folder], 2, ("is not a workspace", "billmill init")),
    Wrong("workspace is a file", lambda p: ["run", "list", "-w", p.file("w", "x")], 2, ("is not a workspace",)),
    Wrong("workspace is nowhere", lambda p: ["run", "list", "-w", p.folder / "no"], 2, ("is not a workspace",)),
    Wrong(
        "another layout",
        after(lambda p: (p.books / "billmill.toml").write_text('name = "x"\nlayout = 99\n'), "run", "list"),
        2,
        (f"expected layout {LAYOUT}, found 99", "hint"),
        is_damage=True,
    ),
    Wrong(
        "configuration is no TOML",
        after(lambda p: (p.books / "billmill.toml").write_bytes(BINARY), "run", "list"),
        2,
        ("billmill.toml", "hint"),
        is_damage=True,
    ),
    Wrong(
        "control database is garbage",
        after(lambda p: (p.books / "control.duckdb").write_bytes(BINARY), "run", "list"),
        4,
        ("control.duckdb", "billmill repair"),
        is_damage=True,
    ),
    Wrong(
        "control database is gone",
        after(lambda p: (p.books / "control.duckdb").unlink(), "run", "list"),
        4,
        ("control.duckdb", "billmill restore"),
        is_damage=True,
    ),
    Wrong(
        "analysts' database is gone",
        after(lambda p: (p.books / "analytics.duckdb").unlink(), "query", "SELECT 1"),
        2,
        ("analytics.duckdb", "hint"),
    ),
    Wrong(
        "analysts' database is garbage",
        after(lambda p: (p.books / "analytics.duckdb").write_bytes(BINARY), "query", "SELECT 1"),
        2,
        ("analytics.duckdb", "hint"),
    ),
    Wrong("demo into a full folder", lambda p: ["demo", p.file("a.txt", "x").parent], 2, ("something else", "hint")),
    Wrong("demo of ten points", lambda p: ["demo", p.folder / "d", "--points", "10"], 2, ("--points", "50")),
]


def config(text: str) -> Callable[[Place], object]:
    """Return a change of the workspace's configuration."""
    return lambda place: (place.books / "billmill.toml").write_text(text, encoding="utf-8")


def swapped(path: str, target: str) -> Callable[[Place], object]:
    """Put a symbolic link in the place of a file of the workspace."""

    def change(place: Place) -> None:
        (place.books / path).unlink()
        (place.books / path).symlink_to(target)

    return change


def damaged(what: str, change: Callable[[Place], object], line: str, code: int, *says: str) -> Wrong:
    return Wrong(what, after(change, *shlex.split(line)), code, says, is_damage=True)


def edited(path: Callable[[Place], Path], old: bytes, new: bytes) -> Callable[[Place], object]:
    def change(place: Place) -> None:
        content = path(place).read_bytes()
        assert old in content, old
        path(place).chmod(0o600)
        path(place).write_bytes(content.replace(old, new, 1))

    return change


def half(path: Callable[[Place], Path]) -> Callable[[Place], object]:
    """Cut a file in the middle."""

    def change(place: Place) -> None:
        content = path(place).read_bytes()
        path(place).chmod(0o600)
        path(place).write_bytes(content[: len(content) // 2])

    return change


MANIFEST = run_file(PUBLISHED, "manifest.json")
KEEPING = [
    damaged("configuration: empty", config(""), "run list", 2, "billmill.toml", "layout"),
    damaged("configuration: no layout", config('name = "x"\n'), "run list", 2, "layout"),
    damaged("configuration: layout is a text", config('name = "x"\nlayout = "five"\n'), "run list", 2, "layout"),
    damaged("configuration: layout below zero", config('name = "x"\nlayout = -1\n'), "run list", 2, "layout", "-1"),
    damaged("configuration: an unknown key", lambda p: config((p.books / "billmill.toml").read_text() + "\ncolour = 1\n")(p), "run list", 2, "colour"),
    damaged("configuration: gone", lambda p: (p.books / "billmill.toml").unlink(), "run list", 2, "is not a workspace"),
    damaged("configuration: a folder", lambda p: ((p.books / "billmill.toml").unlink(), (p.books / "billmill.toml").mkdir()), "run list", 2, "billmill.toml"),
    damaged("configuration: a link to nowhere", swapped("billmill.toml", "/nowhere/x"), "run list", 2, "is not a workspace"),
    damaged("control database: a link to nowhere", swapped("control.duckdb", "/nowhere/x"), "run list", 4, "control.duckdb"),
    damaged("control database: a folder", lambda p: ((p.books / "control.duckdb").unlink(), (p.books / "control.duckdb").mkdir()), "run list", 4, "control.duckdb"),
    damaged("control database: empty", lambda p: (p.books / "control.duckdb").write_bytes(b""), "run list", 4, "control.duckdb"),
    damaged("control database: half", half(lambda p: p.books / "control.duckdb"), "run list", 4, "control.duckdb"),
    damaged("analysts' database: half", half(lambda p: p.books / "analytics.duckdb"), "query 'SELECT * FROM invoices'", 2, "analytics.duckdb", "hint"),
    damaged("manifest: half", half(MANIFEST), f"run show {PUBLISHED}", 4, "manifest.json"),
    damaged("manifest: verify", half(MANIFEST), "verify", 4, "manifest.json"),
    damaged("manifest: a path that leaves the workspace", edited(MANIFEST, b"bills", b"../../"), "verify", 4, "manifest.json"),
    damaged("bills: half a file", half(lambda p: sorted((p.books / "lake" / "runs" / PUBLISHED).rglob("*.parquet"))[0]), "verify", 4, PUBLISHED),
    damaged("reads: half a file", half(lambda p: first_lake_file(p, "register_reads")), "verify", 4, "register_reads"),
    damaged("reads: half a file, then a run", half(lambda p: first_lake_file(p, "register_reads")), f"cycle run {PLANNED} --workers 1", 4, "register_reads"),
    damaged("audit log: a line changed", edited(lambda p: p.books / "audit.log", b"publish", b"pablish"), "verify", 4, "audit"),
    damaged("a strange file in the lake", lambda p: (p.books / "lake" / "register_reads" / "guest.parquet").write_bytes(BINARY), "verify", 4, "guest.parquet"),
    damaged("plan: half", half(run_file(PLANNED, "plan/plan.json")), f"cycle run {PLANNED}", 2, PLANNED),
    damaged("plan: another hash inside", edited(run_file(PLANNED, "plan/plan.json"), b'"2026-06"', b'"2026-07"'), f"cycle run {PLANNED}", 2, PLANNED),
    damaged("plan: a link", lambda p: (run_file(PLANNED, "plan/due.parquet")(p).unlink(), run_file(PLANNED, "plan/due.parquet")(p).symlink_to("/etc/passwd")), f"cycle run {PLANNED}", 2, "due.parquet"),
    refused("restore {folder}/none", "none"),
    refused("restore {folder} --into {folder}/x", "backup"),
    refused("restore", "FROM"),
    refused("verify --against {folder}/none", "none"),
    refused("backup --to /proc/nowhere", "/proc/nowhere"),
    Wrong("backup into a file", lambda p: ["backup", "--to", p.file("f", "x")], 2, ("f", "hint")),
    Wrong("backup into the workspace", lambda p: ["backup", "--to", p.books / "lake" / "b"], 2, ("hint",)),
    Wrong("rebuild into a file", lambda p: ["rebuild", "--into", p.file("f", "x")], 2, ("f", "hint")),
    refused("audit show 999999", "999999"),
    refused("audit show -- -1", "entry"),
    refused("audit show first", "entry"),
    refused("audit list --since yesterday", "yesterday"),
    refused("run show ../../../etc", "../../../etc"),
    refused("run show \"x' OR '1'='1\"", "OR"),
    refused("run show ''", "hint"),
    refused(f"run show {'x' * 3000}", "xxx"),
    refused("init /proc/billmill", "/proc/billmill"),
]  # fmt: skip
WORKSPACES += KEEPING
