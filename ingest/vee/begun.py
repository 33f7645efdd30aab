"""Work that goes on beside what was begun after it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Begun(Generic[Made]):
    """What some work comes to. Sent to another process, it is waited for, and what came of it goes there."""

    def __init__(self, work: Future[Made]) -> None:
        self._work = work

    def result(self) -> Made:
        """Wait for the work; return what came of it, or raise what it raised."""
        return self._work.result()

    def __reduce__(self) -> tuple[Callable[[Made], Begun[Made]], tuple[Made]]:
        return come, (self.result(),)


def come(made: Made) -> Begun[Made]:
    """Return work that is done."""
    done: Future[Made] = Future()
    done.set_result(made)
    return Begun(done)
