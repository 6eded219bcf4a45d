"""The Ray executor where Ray is not installed."""

import subprocess
import sys


def test_without_ray_the_command_that_installs_it_is_named():
    code = """
import sys
sys.modules["ray"] = None
import lrfinder
from lrfinder.executors import Ray
executor = Ray(address="auto")
try:
    lrfinder.grid(lambda seed: None, seed=[0], executor=executor)
except lrfinder.errors.MissingExtraError as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'pip install "lrfinder[ray]"' in printed
