"""Who computes tasks: processes of this machine, a Ray cluster or a scheduler's array; receipts count a task once."""
