"""Every file, row and link of a workspace checked against what was left; books made again; backups restored."""
