"""What rules ask: checks of days, registers and siblings, and against the past."""
