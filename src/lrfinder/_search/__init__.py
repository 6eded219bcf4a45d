"""The search behind ``suggest``."""
