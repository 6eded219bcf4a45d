"""The MXNet Gluon package, under the names of Gluon's learning-rate-finder tutorial and under those of lrfinder."""

from lrfinder.finder import LRFinder
from lrfinder.gluon.batches import ContinuousBatchSampler
from lrfinder.gluon.evaluation import mean_loss
from lrfinder.gluon.isolated import Isolated
from lrfinder.gluon.learner import GluonLearner
from lrfinder.stopping import LRFinderStoppingCriteria

Learner = GluonLearner

__all__ = [
    "ContinuousBatchSampler",
    "GluonLearner",
    "Isolated",
    "LRFinder",
    "LRFinderStoppingCriteria",
    "Learner",
    "mean_loss",
]
