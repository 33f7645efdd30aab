"""The night that `billmill demo` shows: which utility, which files, which cycle, which business date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from demo.files import write_files
from demo.utility import draw_utility
from model.errors import ConfigError

DEMO_SEED = 20261101
DEMO_POINTS = 2_000
DEMO_BUSINESS_DATE = date(2026, 11, 4)


@dataclass(frozen=True)
class DemoFiles:
    """What the demo's chain takes."""

    accounts_dir: Path
    reads: list[Path]
    tariffs: list[Path]
    factors: Path
    cycle_id: str
    business_date: date


def tariffs_folder() -> Path:
    """Return the folder of the sample tariffs: beside this module when installed, in the project otherwise.

    Raises:
        ConfigError: there is neither.
    """
    installed = Path(__file__).parent / "tariffs"
    sources = Path(__file__).parents[1] / "data" / "samples" / "tariffs"
    for folder in (installed, sources):
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"the sample tariffs are not there: expected the folder `{installed}` or `{sources}`",
        hint="install Billmill again",
    )


def prepare(folder: Path, points: int = DEMO_POINTS, seed: int = DEMO_SEED) -> DemoFiles:
    """Draw the demo utility and write its files below `folder`: `accounts/` and `reads/`.

    Tariffs are those that the utility's agreements use. Same arguments, same bytes.
    """
    tariffs = tariffs_folder()
    utility = draw_utility(points, seed)
    written = write_files(utility, folder)
    used = utility.agreements["tariff_id"].unique().sort().to_list()
    return DemoFiles(
        accounts_dir=folder / "accounts",
        reads=written.reads,
        tariffs=[tariffs / f"{tariff_id}.toml" for tariff_id in used],
        factors=tariffs / "factors.csv",
        cycle_id=utility.cycle_id,
        business_date=DEMO_BUSINESS_DATE,
    )
