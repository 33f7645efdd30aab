"""The calendar of cycles, and the night that bills what is due."""
