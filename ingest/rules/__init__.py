"""Rule sets of validation: what a file says, how it is kept, which rule judges what."""
