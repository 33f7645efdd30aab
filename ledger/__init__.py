"""Double entry: journals, open items and the controls that the books must meet. Pure."""
