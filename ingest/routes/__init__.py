"""Handheld reading routes: the layouts of their records, and the sheet that goes out."""
