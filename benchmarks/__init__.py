"""Measurements beside the obvious alternative, in the same run."""

from store.memory import keep_freed_memory

# As the commands do, for all contenders alike: before Polars is imported by the first of them.
keep_freed_memory()
