"""The parts of :mod:`lrfinder.torch.inspection`, which share no code with the snapshot."""
