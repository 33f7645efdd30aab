"""Values of persons: proposed, approved, and decided about findings."""
