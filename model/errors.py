"""The tree of errors: a message that names the thing, the expected, the found and the next step."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line. 1 is the interpreter's own: a crash."""

    DONE = 0
    REFUSED = 2
    PARKED_ABOVE_LIMIT = 3
    BLOCKED_BY_CONTROL = 4
    RESTARTABLE = 20
    LOCKED = 75
    INTERRUPTED = 130


class BillmillError(Exception):
    """Bad input, a bad option or a blocked action: printed without a traceback.

    `message` names the thing, what was expected and what was found; `hint` is the next step.
    """

    exit_code: ExitCode = ExitCode.REFUSED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class ConfigError(BillmillError):
    """An option or the workspace's configuration is not usable."""


class NothingDueError(ConfigError):
    """Nothing is left to bill in a cycle. A person asked for the wrong thing; to a night it is good news."""


class StoppedError(BillmillError):
    """The system asked to stop; what was done is kept, and the same command goes on from there."""

    exit_code = ExitCode.RESTARTABLE


class StorageError(BillmillError):
    """The store that holds the lake does not answer, or not soundly; the same command goes on from what was done."""

    exit_code = ExitCode.RESTARTABLE


class InputError(BillmillError):
    """A file cannot be read as what it should be."""


class TariffError(BillmillError):
    """A tariff file has unknown keys, gaps, overlaps or prices that cannot be used."""


class StaleError(BillmillError):
    """A plan no longer matches its inputs, or a run of this name had other inputs."""


class ControlError(BillmillError):
    """Totals do not meet, or an approval is missing."""

    exit_code = ExitCode.BLOCKED_BY_CONTROL


class RoleError(ControlError):
    """Who acts has no role that allows it."""


class LockedError(BillmillError):
    """Another process works on this workspace."""

    exit_code = ExitCode.LOCKED
