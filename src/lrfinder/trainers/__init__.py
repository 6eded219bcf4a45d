"""Learners for trainers that own the training loop. Each module is imported by name: ``lrfinder.trainers.lightning``."""
