"""Measurements beside the obvious alternative, in the same run."""
