"""A month of a utility of three accounts as a list of commands: each kind of act that writes, from `init` to `rebuild`.

The books are those of `tests/cli/books_by_hand.py`. Times are given, so that a command done again says the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nursery import DIGEST, Job, Left, Nursery

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from books_by_hand import (
    AUGUST,
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    REGISTER_HEADER,
    WATER,
    WATER_JULY,
    WATER_JUNE,
    WATER_LATE,
    hourly,
    write_accounts,
)

BEGIN = datetime(2026, 8, 2, 6, tzinfo=UTC)
PAYMENTS = (
    "channel,batch,reference,account_id,amount,booked_date,branch_id\n"
    "bank,1,R1,A1,300.00,2026-07-10,\nbank,1,R2,NOBODY,20.00,2026-07-10,N\n"
)


@dataclass(frozen=True)
class Step:
    """A command of the month. `{in}` stands for the folder of incoming files, `{box}` for that of the books."""

    name: str
    words: str
    again: int = 0
    """Exit code of the same command when all of it had been done before a fault came; 0 where it says so again."""
    apart: frozenset[str] = frozenset()
    """What may differ afterwards: an act that is done twice stands in the audit twice."""


STEPS = (
    Step("init", "init {w} --name Soak", again=2),
    Step("import", "accounts import {in}/accounts --all-or-nothing"),
    Step("tariffs", "tariff add {in}/flat.toml {in}/water.toml"),
    Step("tariffs approved", "tariff approve --all --without-examples worked-elsewhere --by mira"),
    Step("landing", "reads land {in}/june.csv {in}/water-june.csv"),
    Step("vee", "reads vee --from 2026-06-01 --to 2026-07-01"),
    Step("plan", "cycle plan 2026-06 --business-date 2026-07-02 --partitions 2 --json"),
    Step("run", "cycle run {plan} --workers 1 --parked-limit 100"),
    Step("approve", "cycle approve {plan} --by mira"),
    Step("publish", "cycle publish {plan}"),
    Step("payments", "ledger import {in}/payments.csv"),
    Step("adjustment", "ledger post credit_adjustment --account A1 --bill A1.2026-06.r0 --amount 26.51 --why fault "
         "--business-date 2026-07-20"),
    Step("cancel", "bill cancel A2.2026-06.r0 --business-date 2026-07-20 --why meter --json"),
    Step("cancel approved", "cycle approve {cancel} --by mira"),
    Step("cancel published", "cycle publish {cancel}"),
    Step("late reads", "reads land {in}/late.csv {in}/corrected.csv"),
    Step("vee again", "reads vee --from 2026-06-01 --to 2026-07-01"),
    Step("rebill plan", "rebill plan --business-date 2026-07-21 --why late --json"),
    Step("rebill apply", "rebill apply {rebill plan} --workers 1"),
    Step("rebill approved", "cycle approve {rebill plan} --by mira"),
    Step("rebill published", "cycle publish {rebill plan}"),
    Step("rebuild", "rebuild --into {box}/rebuilt", again=2),
    Step("rebuild in place", "rebuild --into {box}/rebuilt-again --replace", apart=frozenset({"table audit"})),
    Step("night", "cycle night --business-date 2026-08-02 --inbox {in}/inbox --workers 1"),
    Step("backup", "backup --to {box}/copies"),
    Step("restore", "restore {box}/copies --into {box}/drill", again=2),
)  # fmt: skip


@dataclass
class Month:
    """The month, done once without any fault: copies of the books before each step and after the last."""

    nursery: Nursery
    base: Path
    names: dict[str, str] = field(default_factory=dict)
    """Runs by the step that planned them."""
    _after: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, tuple[tuple[str, bool], ...]] = field(default_factory=dict)
    """The points that a step reaches, in order."""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def box(self) -> Path:
        """Where the books lie whenever something is done to them: views name their files by path."""
        return self.base / "box"

    def words(self, text: str, clock: datetime) -> tuple[str, ...]:
        """Return the words of a command."""
        places = {"w": str(self.box / "w"), "in": str(self.base / "in"), "box": str(self.box)} | self.names
        words = tuple(word.format_map(places) for word in _split(text))
        where = () if words[0] in {"init", "restore"} else ("--workspace", str(self.box / "w"))
        has_actor = words[0] not in {"backup", "restore"} and "--by" not in words and words[:2] not in _ACTORLESS
        return ("--clock", f"{clock:%Y-%m-%dT%H:%M:%S}", *words, *where, *(("--by", "ops") if has_actor else ()))

    def job(self, step: Step, **how: Any) -> Job:
        """Return the job of a step."""
        return Job(self.words(step.words, BEGIN + timedelta(minutes=STEPS.index(step))), **how)

    def before(self, step: Step) -> None:
        """Put the books back to what they were before a step."""
        self._put_back(STEPS.index(step))

    def after(self, step: Step) -> dict[str, Any]:
        """Return what the books hold after a step that nothing hurt; the books are put to that."""
        if step.name not in self._after:
            self._put_back(STEPS.index(step) + 1)
            self._after[step.name] = self.held()
        return self._after[step.name]

    def _put_back(self, number: int) -> None:
        shutil.rmtree(self.box, ignore_errors=True)
        shutil.copytree(self.base / "kept" / f"{number:02}", self.box)

    def held(self) -> dict[str, Any]:
        """Return what the books hold now."""
        left = self.nursery.alone(Job((DIGEST, str(self.box / "w"))))
        assert left.code == 0, left
        found: dict[str, Any] = json.loads(left.out)
        return found


_ACTORLESS = {("reads", "land"), ("reads", "vee"), ("ledger", "check")}


def play_month(nursery: Nursery, base: Path) -> Month:
    """Write the incoming files, do every step once, keep what each began with."""
    _write_incoming(base / "in")
    month = Month(nursery, base)
    month.box.mkdir()
    for number, step in enumerate(STEPS):
        shutil.copytree(month.box, base / "kept" / f"{number:02}")
        began = time.monotonic()
        left = nursery.alone(month.job(step, listens=True))
        month.seconds[step.name] = time.monotonic() - began
        assert left.code == 0, (step, left)
        _keep_name(month, step, left)
        month.points[step.name] = left.points
    shutil.copytree(month.box, base / "kept" / f"{len(STEPS):02}")
    problems = month.after(STEPS[-1])["problems"]
    assert not problems, problems
    return month


def _keep_name(month: Month, step: Step, left: Left) -> None:
    if step.words.endswith("--json"):
        month.names[step.name] = str(json.loads(left.out)["run_id"])


def _with_gap(lines: str) -> str:
    """Leave out an hour, so that validation has something to estimate."""
    return "".join(line for line in lines.splitlines(keepends=True) if "2026-06-15T05:" not in line)


def _split(text: str) -> list[str]:
    """Split a command at blanks outside of braces: names of steps have blanks."""
    words, depth = [""], 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if letter == " " and depth == 0:
            words.append("")
        else:
            words[-1] += letter
    return words


def _write_incoming(folder: Path) -> None:
    write_accounts(folder / "accounts")
    (folder / "inbox").mkdir()
    files = {
        "flat.toml": FLAT,
        "water.toml": WATER,
        "june.csv": LONG_HEADER + hourly("E1", JUNE, JULY, "0.500") + _with_gap(hourly("E2", JUNE, JULY, "0.250")),
        "water-june.csv": REGISTER_HEADER + WATER_JUNE,
        "payments.csv": PAYMENTS,
        "late.csv": REGISTER_HEADER + WATER_LATE,
        "corrected.csv": LONG_HEADER + "E1,E1,kWh,2026-06-03T05:00:00+10:00,0.900,A,2026-07-05T00:00:00Z\n",
        "inbox/july.csv": LONG_HEADER + hourly("E1", JULY, AUGUST, "0.500") + hourly("E2", JULY, AUGUST, "0.250"),
        "inbox/water-july.csv": REGISTER_HEADER + WATER_JULY,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
