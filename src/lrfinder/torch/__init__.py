"""The PyTorch package."""

from lrfinder._optional import require

require("torch", "torch")

from lrfinder._grid.agreement import boards  # noqa: E402  (needs torch)
from lrfinder.torch._distributed.board import current_board  # noqa: E402  (as above)
from lrfinder.torch._sweep import sweep  # noqa: E402  (needs torch)
from lrfinder.torch.evaluation import mean_loss  # noqa: E402  (as above)
from lrfinder.torch.learner import TorchLearner  # noqa: E402  (as above)

boards.append(current_board)

__all__ = ["TorchLearner", "mean_loss", "sweep"]
