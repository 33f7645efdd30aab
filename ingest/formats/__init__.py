"""File formats: bytes to wide days and register reads, parsed in columns."""
