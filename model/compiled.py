"""Kernels compiled by Numba once for each machine: their code is kept beside the module that defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel, keeping the types that mypy sees; it lets go of Python's lock for other threads."""
    return cast(Kernel, njit(cache=True, nogil=True)(function))
