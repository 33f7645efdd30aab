"""The resident memory of this process: what it is, and how high it was."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
_STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """Return the resident memory now, and let the highest be counted from here."""
    if not _STATUS.exists():
        return peak_bytes()
    # Otherwise the highest of the parent, which drew the data, would count: a child inherits it.
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def peak_bytes() -> int:
    """Return the highest resident memory; where there is no /proc, that since the process began."""
    if _STATUS.exists():
        return _status_bytes("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_UNIT


def _status_bytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
