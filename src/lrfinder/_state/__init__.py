"""State of python objects: snapshots of object graphs, rollback, interrupts, locks."""
