"""A training step whose loss is the mean over the ranks."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from lrfinder.torch._distributed import sharding
from lrfinder.torch._distributed.barrier import Phase, Stage
from lrfinder.torch.batches import batch_size
from lrfinder.torch.step import check_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from torch.optim import Optimizer

    from lrfinder.torch._distributed.barrier import RankBarrier
    from lrfinder.torch.step import Loss, Step

    Forward = Callable[[nn.Module, Any], Tensor]

_UNSETTLED_UPDATES = 2  # after which a DistributedDataParallel has ordered its buckets, together with the other ranks


class RankedStep:
    """The part of an update that the ranks do together.

    Before each backward they agree on the loss. Where a forward waits for other ranks, they also agree after each draw, so
    that a rank whose data raise keeps nobody waiting.
    """

    def __init__(
        self,
        barrier: RankBarrier,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        limited_waiting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._barrier = barrier
        self._limited_waiting = limited_waiting
        self._optimizers = optimizers
        self._wrappers = sharding.data_parallel_wrappers(modules)
        self._forward_waits = sharding.forward_communicates(modules)
        self._accumulate = 1
        self._unsettled_forwards = 0
        self._forwards = 0  # of this update
        self._samples = 0.0  # drawn for this update

    def begin(self) -> None:
        """Begin an update or a snapshot."""
        if self._barrier.phase is Phase.ENDED:
            self._unsettled_forwards = _UNSETTLED_UPDATES * self._accumulate
        self._forwards = 0
        self._samples = 0.0
        self._barrier.enter()

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:
        """Return a forward whose loss is the mean over ranks; its gradient stays that of this rank.

        All but the last of ``accumulate`` forwards leave the gradients of a ``DistributedDataParallel`` unreduced.
        """
        self._accumulate = accumulate
        self._unsettled_forwards = _UNSETTLED_UPDATES * accumulate

        def ranked_forward(model: nn.Module, batch: Any) -> Tensor:
            self._forwards += 1
            with ExitStack() as unreduced:
                for wrapper in self._wrappers if self._forwards % accumulate else ():
                    unreduced.enter_context(wrapper.no_sync())
                loss: Any = sharding.full_value(forward(model, batch))
            mean = self._mean(check_loss(loss).item(), batch_size(batch))
            return cast("Tensor", _WithValue.apply(loss, mean))

        return ranked_forward

    def wrap_step(self, step: Step) -> Step:
        """Return a step that raises its own exception on this rank and lets all others raise a ``RankError``."""

        def ranked_step(draw: Callable[[], Any]) -> Loss:
            self.begin()
            with self._barrier.announcing(), self._limited_waiting():
                return step(lambda: self._draw(draw))

        return ranked_step

    def wrap_custom_step(self, step: Step) -> Step:
        """Return the same with the mean loss over ranks, weighted by the samples that each rank draws for it."""
        self._forward_waits = True
        return self.wrap_step(lambda draw: self._mean(float(step(draw)), self._samples))

    def _draw(self, draw: Callable[[], Any]) -> Any:
        batch = draw()
        self._samples += batch_size(batch)
        if self._forward_waits or self._unsettled_forwards:
            self._barrier.wait(Stage.DRAW, lr=self._lr())
        return batch

    def _mean(self, loss: float, size: float) -> float:
        messages = self._barrier.wait(Stage.LOSS, lr=self._lr(), loss=loss, size=size)
        self._unsettled_forwards = max(0, self._unsettled_forwards - 1)
        samples = sum(message.size for message in messages) or 1.0
        return sum(message.loss * message.size for message in messages) / samples

    def _lr(self) -> float:
        """Return the sum of all rates: enough to see whether the ranks train at the same."""
        return sum(float(group["lr"]) for optimizer in self._optimizers for group in optimizer.param_groups)


class _WithValue(torch.autograd.Function):
    """A loss that has the value of all ranks and the gradient of this one."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, value: float) -> Tensor:  # noqa: ARG004  (PyTorch's)
        return torch.full_like(loss, value)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ARG004  (as above)
        return gradients[0], None
