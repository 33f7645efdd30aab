"""The Australian market's files: NEM12 intervals, NEM13 readings."""
