"""VEE: validation, estimation and editing of reads."""
