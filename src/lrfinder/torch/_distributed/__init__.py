"""One training on several ranks."""
