"""Meter files to landed reads; validation, estimation and editing; versions of reads."""

import model as model  # first: it says how pandera is loaded, also in a process that computes one task
