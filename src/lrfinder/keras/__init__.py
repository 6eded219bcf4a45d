"""The Keras 3 package, for the backends torch, jax and tensorflow."""

from lrfinder.keras.callback import LRRangeTest
from lrfinder.keras.evaluation import mean_loss
from lrfinder.keras.learner import KerasLearner

__all__ = ["KerasLearner", "LRRangeTest", "mean_loss"]
