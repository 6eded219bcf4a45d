"""Trainers that own the loop, each as a learner; a module per trainer, imported by name: ``lrfinder.trainers.lightning``."""
