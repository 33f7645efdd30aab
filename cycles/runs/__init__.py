"""A run: its plan with pinned inputs, its partitions, what each computes, its controls and how far it is."""
