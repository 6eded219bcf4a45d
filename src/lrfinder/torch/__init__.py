"""The PyTorch package."""

from lrfinder._optional import require

require("torch", "torch")

from lrfinder.torch._sweep import sweep  # noqa: E402  (needs torch)
from lrfinder.torch.evaluation import mean_loss  # noqa: E402  (as above)
from lrfinder.torch.learner import TorchLearner  # noqa: E402  (as above)

__all__ = ["TorchLearner", "mean_loss", "sweep"]
