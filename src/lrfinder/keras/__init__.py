"""The Keras 3 wing, on the back ends torch, jax and tensorflow."""

from lrfinder.keras.callback import LRRangeTest
from lrfinder.keras.learner import KerasLearner

__all__ = ["KerasLearner", "LRRangeTest"]
