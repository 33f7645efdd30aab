"""A small utility, landed and validated once for all tests of a worker; each test gets its own copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from whole_night import prepare_books

from demo.night import DemoFiles, prepare
from store.workspace import Workspace, open_workspace


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return prepare(tmp_path_factory.mktemp("incoming"), 60, 5)


@pytest.fixture(scope="session")
def books(files: DemoFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with validated reads, to be copied."""
    return prepare_books(tmp_path_factory.mktemp("books") / "w", files).root


@pytest.fixture
def workspace(books: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(books, tmp_path / "w")
    return open_workspace(tmp_path / "w")
