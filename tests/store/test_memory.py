"""What Polars is told about memory that it gave back."""

from __future__ import annotations

import os

import pytest

from store.memory import keep_freed_memory

VARIABLE = "_RJEM_MALLOC_CONF"


def test_freed_memory_is_kept_unless_somebody_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    keep_freed_memory()
    assert os.environ[VARIABLE] == "dirty_decay_ms:20000,muzzy_decay_ms:20000"
    monkeypatch.setenv(VARIABLE, "dirty_decay_ms:0")
    keep_freed_memory()
    assert os.environ[VARIABLE] == "dirty_decay_ms:0"
