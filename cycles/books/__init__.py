"""What accountants do with the books between runs: post, import, allocate, close, report."""
