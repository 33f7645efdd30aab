"""What tariffs make of a load or a cycle, without posting anything."""
