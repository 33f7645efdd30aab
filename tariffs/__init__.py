"""Tariff files, their checks, dated versions, and the compiled rate book."""
