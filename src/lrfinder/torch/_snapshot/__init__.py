"""Snapshots of PyTorch objects."""
