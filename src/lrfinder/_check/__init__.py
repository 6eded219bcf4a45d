"""The check of a learner."""
