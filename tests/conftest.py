"""Settings for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"  # before matplotlib is imported, as tests have no display

settings.register_profile("repeatable", deadline=None, derandomize=True)  # the same cases on every machine
settings.load_profile("repeatable")


@pytest.fixture
def data_root():
    """Return the folder of real data sets."""
    root = Path(os.environ.get("LRFINDER_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data: {root} does not exist; set LRFINDER_DATA")
    return root
