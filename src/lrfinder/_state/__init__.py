"""State of Python objects: snapshots of object graphs, rollback, interrupts, locks."""
