"""The PyTorch wing."""

from lrfinder.errors import MissingExtraError

try:
    from lrfinder.torch._sweep import sweep
    from lrfinder.torch.learner import TorchLearner
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtraError.of(error.name, "torch") from error

__all__ = ["TorchLearner", "sweep"]
