"""Fixtures of the PyTorch tests."""

import pytest
import torch


@pytest.fixture
def seed():
    """Seed PyTorch's global generator."""
    torch.manual_seed(0)
