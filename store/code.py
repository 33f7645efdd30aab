"""Which Billmill this is: part of a run's fingerprint, because other code may give other bytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("model", "store", "accounts", "tariffs", "ingest", "rating", "ledger", "outputs", "cycles")
# Libraries whose version can change a number or a byte of a file.
LIBRARIES = ("polars", "numba", "numpy", "duckdb", "pyarrow")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a hash over Billmill's own source and the versions of the libraries that compute and write."""
    digest = hashlib.sha256()
    home = Path(__file__).resolve().parents[1]
    for package in PACKAGES:
        for path in sorted((home / package).glob("**/*.py")):
            digest.update(path.relative_to(home).as_posix().encode())
            digest.update(path.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library}={version(library)}".encode())
    return digest.hexdigest()
