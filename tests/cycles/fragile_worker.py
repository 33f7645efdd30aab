"""Work that dies: for tests of the runner, which spawns processes that import this module."""

from __future__ import annotations

import os
import signal

from cycles.runners.tasks import Receipt, Task


def die_once(task: Task) -> Receipt:
    """Die on the first attempt at partition 1; otherwise say which attempt it was."""
    if task.partition == 1 and task.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return Receipt(task.run_id, task.partition, (), {"attempt": task.attempt}, {})


def die_always(task: Task) -> Receipt:
    """Die on every attempt at partition 2."""
    if task.partition == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return Receipt(task.run_id, task.partition, (), {}, {})
