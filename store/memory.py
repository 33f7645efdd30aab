"""How long this process and those that it starts keep memory that Polars gave back."""

from __future__ import annotations

import os

# The allocator of Polars is jemalloc, which reads this variable when Polars is loaded. As it comes it returns what was
# freed to the system after half a second at most; a run frees and asks for the same tens of megabytes over and over,
# and each time the system hands them out anew, page by page, zeroed.
_VARIABLE = "_RJEM_MALLOC_CONF"
_KEPT = "dirty_decay_ms:20000,muzzy_decay_ms:20000"


def keep_freed_memory() -> None:
    """Let Polars keep freed memory for 20 seconds, here and in processes started later; what was set before stays.

    Call it before Polars is imported: afterwards it changes nothing in this process.
    """
    os.environ.setdefault(_VARIABLE, _KEPT)
