"""Results as files that other programs read, and whole stores from one place to another."""
