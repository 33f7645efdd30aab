"""Customers, accounts, premises, service points, meters, channels, service agreements: imported, numbered, selected."""
