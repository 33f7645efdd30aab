"""Between computed and published: checks of bills, what is excluded, who approves."""
