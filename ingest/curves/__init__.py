"""Load curves: what one service point uses, read from a file alone, without accounts and without landing it."""
