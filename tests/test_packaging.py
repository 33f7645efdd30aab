"""The wheel and the source distribution work in an empty environment, without the development packages."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist, as a package index would get them."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(PROJECT)],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_source_distribution_holds_the_sources_and_the_samples(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"cli.py", "README.md", "rating/stages.py", "data/samples/tariffs/res-tou.toml"} <= names


def test_the_installed_wheel_bills_a_utility_without_development_packages(built: Path, tmp_path: Path) -> None:
    wheel = next(built.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "demo/tariffs/res-tou.toml" in names and not any(name.startswith(("tests/", "docs/")) for name in names)
    environment = tmp_path / "env"
    venv.create(environment)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    pip.append("--no-compile")  # what is not imported need not be compiled
    subprocess.run([*pip, "--require-hashes", "-r", str(PROJECT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    for package in ("pytest", "hypothesis", "mypy", "ruff", "hatchling"):
        missing = subprocess.run([str(python), "-c", f"import {package}"], capture_output=True, check=False)
        assert missing.returncode == 1, f"{package} is a development package and must not be needed"
    command = [str(python.with_name("billmill")), "demo", str(tmp_path / "utility"), "--points", "60", "--workers", "1"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert "Computed again" in result.stdout and "published by run bill-2026-10-20261104-1" in result.stdout
