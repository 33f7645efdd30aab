"""The commands by subject, for `cli`: read options, call one function, print."""
