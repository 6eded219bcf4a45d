"""The JAX wing: any pytree of parameters with an optax optimizer."""

from lrfinder.errors import MissingExtraError

try:
    from lrfinder.jax.learner import OptaxLearner
except ModuleNotFoundError as error:
    if error.name not in {"jax", "jaxlib", "optax"}:
        raise
    raise MissingExtraError.of(error.name, "jax") from error

__all__ = ["OptaxLearner"]
