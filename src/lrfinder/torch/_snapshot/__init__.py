"""Snapshots of the objects of a training."""
