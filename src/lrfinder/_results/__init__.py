"""Results as data, and their files."""
