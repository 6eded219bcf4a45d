"""Pure functions on arrays: what a curve of losses over learning rates says. Nothing here knows a learner or a result."""
