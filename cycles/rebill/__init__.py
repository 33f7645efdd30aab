"""Published bills made anew from other facts: which, what each becomes, why; planned, then applied."""
