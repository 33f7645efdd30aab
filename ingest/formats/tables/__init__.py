"""Tables with a header: our own CSV and those of vendors and networks; routes of handhelds."""
