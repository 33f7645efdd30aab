"""Bad inputs to cycles, runs and bills."""

from __future__ import annotations

from bad_kinds import BINARY, PLANNED, PUBLISHED, Wrong, after, first_lake_file, plain, run_file

PLAN = ("cycle", "plan", "2026-06", "--business-date")
CYCLES = [
    Wrong(
        "unknown cycle", plain("cycle", "plan", "2027-01", "--business-date", "2026-07-02"), 2, ("2027-01", "2026-06")
    ),
    Wrong("before the window", plain(*PLAN, "2026-06-30"), 2, ("outside its window", "hint")),
    Wrong("after the window", plain(*PLAN, "2026-07-11"), 2, ("outside its window", "hint")),
    Wrong("no date", plain(*PLAN, "tomorrow"), 2, ("tomorrow",)),
    Wrong("unknown branch", plain(*PLAN, "2026-07-05", "--branch", "SOUTH"), 2, ("SOUTH", "known branches: N")),
    Wrong("sequence 0", plain(*PLAN, "2026-07-05", "--sequence", "0"), 2, ("--sequence",)),
    Wrong("partitions -1", plain(*PLAN, "2026-07-05", "--partitions", "-1"), 2, ("--partitions",)),
    Wrong("run that is not known", plain("cycle", "run", "bill-x"), 2, ("bill-x", PLANNED)),
    Wrong("no workers", plain("cycle", "run", PLANNED, "--workers", "0"), 2, ("--workers",)),
    Wrong("status of no run", plain("cycle", "status", "bill-x"), 2, ("bill-x",)),
    Wrong("show of no run", plain("run", "show", "bill-x"), 2, ("bill-x",)),
    Wrong("approve no run", plain("cycle", "approve", "bill-x"), 2, ("bill-x",)),
    Wrong(
        "approve what is planned", plain("cycle", "approve", PLANNED, "--by", "mira"), 4, ("is planned", "cycle run")
    ),
    Wrong("publish what is planned", plain("cycle", "publish", PLANNED), 4, ("is planned", "cycle run")),
    Wrong("abandon what is published", plain("cycle", "abandon", PUBLISHED), 4, ("is published", "hint")),
    Wrong(
        "plan is garbage",
        after(lambda p: run_file(PLANNED, "plan/plan.json")(p).write_bytes(BINARY), "cycle", "run", PLANNED),
        2,
        (PLANNED, "--sequence"),
    ),
    Wrong(
        "plan is gone",
        after(lambda p: run_file(PLANNED, "plan/plan.json")(p).unlink(), "cycle", "run", PLANNED),
        2,
        (PLANNED, "--sequence"),
    ),
    Wrong(
        "a file of the plan was changed",
        after(lambda p: run_file(PLANNED, "plan/due.parquet")(p).write_bytes(BINARY), "cycle", "run", PLANNED),
        2,
        ("due.parquet", "--sequence"),
    ),
    Wrong(
        "a file of the plan is gone",
        after(lambda p: run_file(PLANNED, "plan/meters.parquet")(p).unlink(), "cycle", "run", PLANNED),
        2,
        ("meters.parquet", "--sequence"),
    ),
    Wrong(
        "a file of reads is gone",
        after(lambda p: first_lake_file(p, "register_reads").unlink(), "cycle", "run", PLANNED),
        4,
        ("register_reads", "backup"),
    ),
    Wrong(
        "a manifest is gone",
        after(lambda p: run_file(PUBLISHED, "manifest.json")(p).unlink(), "run", "show", PUBLISHED),
        4,
        ("manifest.json", "backup"),
    ),
    Wrong("unknown bill", plain("bill", "show", "A9.2026-06.r0"), 2, ("A9.2026-06.r0", "--run")),
    Wrong("explain an unknown bill", plain("bill", "explain", "X"), 2, ("`X`", "hint")),
    Wrong(
        "bill of a planned run",
        plain("bill", "show", "A3.2026-06.r0", "--run", PLANNED),
        2,
        ("no bills yet", "cycle run"),
    ),
    Wrong("bill of no run", plain("bill", "show", "A3.2026-06.r0", "--run", "x"), 2, ("`x`", "hint")),
    Wrong(
        "page in place of a folder",
        lambda p: ["bill", "show", "A1.2026-06.r0", "--html", p.folder],
        2,
        ("files", "hint"),
    ),
]
