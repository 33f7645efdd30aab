"""Meter files to landed reads; validation, estimation and editing; versions of reads."""
