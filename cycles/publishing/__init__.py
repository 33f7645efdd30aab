"""Publishing a run in one transaction, what it takes back and carries on, and the rows that stand published."""
