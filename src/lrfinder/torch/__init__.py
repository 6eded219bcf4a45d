"""The PyTorch wing."""

try:
    import torch as _torch  # noqa: F401  (asked for here, so that its absence is told once and well)
except ImportError as error:
    from lrfinder.errors import MissingExtraError

    raise MissingExtraError.of("torch", "torch") from error

from lrfinder.torch.learner import TorchLearner

__all__ = ["TorchLearner"]
