"""A utility that does not exist: customers, meters, reads and their defects, drawn from a seed at any size."""
