"""The JAX package: any pytree of parameters with an optax optimizer."""

from lrfinder._optional import require

require("jax", "jax")
require("optax", "jax")

from lrfinder.jax.evaluation import mean_loss  # noqa: E402  (needs both)
from lrfinder.jax.learner import OptaxLearner  # noqa: E402  (needs both)

__all__ = ["OptaxLearner", "mean_loss"]
