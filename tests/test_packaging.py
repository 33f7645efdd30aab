"""The wheel and the source distribution work with the locked packages alone, without the development packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
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


def locked(name: str) -> dict[tuple[str, str], set[str]]:
    """Return the hashes of each package and version in a lock."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text)
    return {
        (found[1], found[2]): set(re.findall(r"--hash=(\S+)", entry))
        for entry in entries
        if (found := re.match(r"([^=\s]+)==(\S+)", entry))
    }


def test_what_users_install_is_what_developers_tested() -> None:
    for_users, for_developers = locked("requirements.lock"), locked("requirements-dev.lock")
    assert len(for_users) > 20 and all(for_users.values())
    assert {key: for_developers.get(key) for key in for_users} == for_users


def environment_of_the_lock(folder: Path) -> Path:
    """Make an environment that sees the packages of requirements.lock and nothing else; returns its Python.

    The packages are those of this environment, which `make` installs by their hashes: linked, as to download and unpack
    them again takes a minute and tells of the index rather than of the wheel.
    """
    venv.create(folder)
    place = subprocess.run(
        [folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name, version in locked("requirements.lock"):
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system
        if package.version != version:
            continue  # for another Python
        assert package.files is not None
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            (Path(place.stdout.strip()) / top).symlink_to(package.locate_file(top))
    return folder / "bin" / "python"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_the_installed_wheel_bills_a_utility_without_development_packages(built: Path, tmp_path: Path) -> None:
    wheel = next(built.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "demo/tariffs/res-tou.toml" in names and not any(name.startswith(("tests/", "docs/")) for name in names)
    python = environment_of_the_lock(tmp_path / "env")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # With its requirements checked, and no index to take a missing one from.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-compile", "--no-index", str(wheel)], check=True, env=outside)
    asked = "import importlib.util as u, sys; print([name for name in sys.argv[1:] if u.find_spec(name)])"
    packages = ("pytest", "hypothesis", "mypy", "ruff", "hatchling", "rating")
    found = subprocess.run(
        [python, "-c", asked, *packages], check=True, capture_output=True, text=True, cwd=tmp_path, env=outside
    )
    assert found.stdout == "['rating']\n", "a development package must not be needed, nor be there"
    command = [str(python.with_name("billmill")), "demo", str(tmp_path / "utility"), "--points", "60", "--workers", "1"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, env=outside)
    assert result.returncode == 0, result.stderr
    assert "Computed again" in result.stdout and "published by run bill-2026-10-20261104-1" in result.stdout
