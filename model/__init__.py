"""Tables, units, money, periods, zones, ids, codes and errors: what every other folder speaks."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _PanderaAlone(MetaPathFinder):
    """Lets pandera load without pandas where that is installed: nothing here uses it, and it doubles the start-up.

    Who asks for pandas otherwise, before or after, gets it.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Say that there is no pandas while pandera is loading.

        Raises:
            ModuleNotFoundError: pandera asks for pandas, which it can do without.
        """
        if name == "pandas" and any(_is_loading(module) for module in ("pandera", "pandera.polars")):
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


def _is_loading(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


sys.meta_path.insert(0, _PanderaAlone())
