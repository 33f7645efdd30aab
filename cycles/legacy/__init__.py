"""A run compared with another billing system's lines, each difference with its class and cause."""
