"""Rating: from reads and the rate book to bill lines. Pure: frames in, frames out."""
