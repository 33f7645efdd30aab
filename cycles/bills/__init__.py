"""One published bill made again: its document, its working, its days under other facts."""
