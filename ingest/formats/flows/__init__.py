"""Flows of records between companies: MSCONS, CMEP, D0010."""
