"""One training on many ranks: they see one loss, stop together, and none waits for one that raised.

Before each backward the ranks exchange a few numbers: the point that each has reached, its rate, its loss, the size of its
batch, and whether it raised. Each computes the same mean from them, in the same order. So the finder decides alike on every
rank and needs to know nothing of ranks. ``docs/decisions/0014-ranks.md`` gives the reasons.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lrfinder.errors import LRFinderWarning, ModelError
from lrfinder.torch._distributed import sharding
from lrfinder.torch._distributed.barrier import Phase, RankBarrier, Stage
from lrfinder.torch._distributed.channel import Channel, collective_timeout
from lrfinder.torch.batches import batch_size
from lrfinder.torch.step import check_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch.optim import Optimizer

    from lrfinder.torch.step import Loss, Step

    Forward = Callable[[nn.Module, Any], Tensor]

_UNSETTLED_UPDATES = 2  # after which a DistributedDataParallel has ordered its buckets, together with the other ranks


def detect_ranks(
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    settings: Callable[[], Mapping[str, str]],
    *,
    process_group: dist.ProcessGroup | None,
    seconds: float,
) -> SingleProcess:
    """Return the ranks over which modules and optimizers are spread, or this process alone.

    ``settings`` returns what must be equal on every rank, as texts under names. ``process_group`` holds the ranks where
    modules and optimizers do not show them. A fault of one rank ends the iteration on all within ``seconds``.
    """
    groups = sharding.process_groups(modules, optimizers) + ([] if process_group is None else [process_group])
    ranks = sharding.member_ranks(modules, groups)
    if len(ranks) <= 1:
        return SingleProcess(modules)
    barrier = RankBarrier(Channel(ranks, seconds / 4), settings)
    return Ranks(modules, optimizers, barrier, partial(collective_timeout, groups, seconds / 4))


@contextmanager
def on_all_ranks(count: int, seconds: float) -> Generator[None]:
    """Run a block, which may communicate, on all ``count`` processes: where one raises, all others raise a ``RankError``."""
    if count == 1:
        yield
        return
    barrier = RankBarrier(Channel(range(count), seconds / 4), dict)
    barrier.enter()
    try:
        with barrier.announcing(), collective_timeout([cast("dist.ProcessGroup", dist.group.WORLD)], seconds / 4):
            yield
            barrier.wait(Stage.PREPARE)
    finally:
        barrier.close()


class SingleProcess:
    """A training in one process. Its ``rank`` is that of the process among all that run."""

    count = 1  # of processes that train together

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        initialized = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if initialized else 0
        self._modules = modules
        self._shards = sharding.count_shards(modules)
        self._processes = dist.get_world_size() if initialized else 1

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:  # noqa: ARG002  (for many processes)
        """Return a forward whose loss is the mean over ranks; its gradient stays that of this rank."""
        return forward

    def wrap_step(self, step: Step) -> Step:
        """Return a step that raises its own exception on this rank and lets all others raise a ``RankError``."""
        return step

    def wrap_custom_step(self, step: Step) -> Step:
        """Return the same for a step that calls its forward itself; its loss is the mean over the samples of all ranks."""
        return step

    def mean(self, loss: float) -> float:
        """Return the mean over the ranks of a loss that each computes by itself."""
        return loss

    def wait(self, stage: Stage) -> None:
        """Wait until every rank has reached a stage; raise a ``RankError`` if one has raised before it.

        A custom step calls it before a collective operation, in which the others would wait for that rank in vain.
        """

    def snapshot(self) -> AbstractContextManager[object]:
        """Return the context in which a snapshot is copied."""
        self._refuse_late_shards()
        if self._processes > 1:
            message = (
                f"There are {self._processes} processes, but the model is in this one alone, so each searches by itself. "
                "Wrap the model before you create the learner (DistributedDataParallel, fully_shard); or give "
                "process_group=torch.distributed.group.WORLD where your own code combines the gradients."
            )
            self._processes = 1  # warn once
            warnings.warn(message, LRFinderWarning, stacklevel=3)
        return nullcontext()

    def restore(self) -> AbstractContextManager[object]:
        """Return the context in which a snapshot is restored."""
        return nullcontext()

    def close(self) -> None:
        """End what was started for the ranks; the next call starts it again."""

    def _refuse_late_shards(self) -> None:
        now = sharding.count_shards(self._modules)
        if now != self._shards:
            message = (
                f"The model has {now} sharded parameters now, and had {self._shards} when the learner was created. Shard "
                "the model first, then create the optimizer of its parameters, then the learner."
            )
            raise ModelError(message)


class Ranks(SingleProcess):
    """A training that several processes run together.

    Where a forward waits for other ranks, they also agree before it: one that raised earlier keeps nobody waiting.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        barrier: RankBarrier,
        limited_waiting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(modules)
        self.count = barrier.count
        self._barrier = barrier
        self._limited_waiting = limited_waiting
        self._optimizers = optimizers
        self._wrappers = sharding.data_parallel_wrappers(modules)
        self._copies_buffers = any(wrapper.will_sync_module_buffers() for wrapper in self._wrappers)  # of the first rank
        self._agrees_on_draws = self._shards > 0 or not self._wrappers
        self._accumulate = 1
        self._unsettled_forwards = _UNSETTLED_UPDATES
        self._forwards = 0  # of this update
        self._samples = 0.0  # drawn for this update
        self._handled: BaseException | None = None  # by the caller, when the last snapshot was copied

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:
        """Return the forward of one rank; all but the last of ``accumulate`` leave gradients unreduced."""
        self._accumulate = accumulate
        self._unsettled_forwards = _UNSETTLED_UPDATES * accumulate

        def ranked_forward(model: nn.Module, batch: Any) -> Tensor:
            self._forwards += 1
            with ExitStack() as unreduced:
                for wrapper in self._wrappers if self._forwards % accumulate else ():
                    unreduced.enter_context(wrapper.no_sync())
                loss: Any = forward(model, batch)
                loss = loss.full_tensor() if sharding.is_shard(loss) else loss
            mean = self._mean(check_loss(loss).item(), batch_size(batch))
            return cast("Tensor", _WithValue.apply(loss, mean))

        return ranked_forward

    def wrap_step(self, step: Step) -> Step:
        def ranked_step(draw: Callable[[], Any]) -> Loss:
            self._begin()
            with self._barrier.announcing(), self._limited_waiting(), self._agreeing_on_forwards():
                return step(lambda: self._draw(draw))

        return ranked_step

    def wrap_custom_step(self, step: Step) -> Step:
        self._agrees_on_draws = True
        return self.wrap_step(lambda draw: self._mean(float(step(draw)), self._samples))

    def mean(self, loss: float) -> float:
        self._barrier.enter()
        with self._barrier.announcing():
            messages = self._barrier.wait(Stage.VALIDATION, loss=loss)
        return sum(message.loss for message in messages) / len(messages)

    def wait(self, stage: Stage) -> None:
        self._barrier.wait(stage, lr=self._lr())

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Let every rank copy a snapshot, or none. The first time the ranks compare their settings."""
        self._handled = sys.exception()
        self._begin()
        with self._barrier.announcing():
            self._refuse_late_shards()
            sharding.reshard(self._modules)
            yield
            self._barrier.wait(Stage.SNAPSHOT)

    @contextmanager
    def restore(self) -> Generator[None]:
        """Restore what is local before anything else; then wait for the other ranks, or announce why this one ends."""
        raised = sys.exception()
        if raised is self._handled:  # the caller was handling it before the sweep began
            raised = None
        with self._barrier.announcing():
            sharding.reshard(self._modules)
            yield
            if raised is None and self._barrier.phase is Phase.OPEN:
                self._barrier.wait(Stage.RESTORE)
        if raised is not None:
            self._barrier.announce_failure(raised)

    def close(self) -> None:
        self._barrier.close()

    def _begin(self) -> None:
        if self._barrier.phase is Phase.ENDED:
            self._unsettled_forwards = _UNSETTLED_UPDATES * self._accumulate
        self._forwards = 0
        self._samples = 0.0
        self._barrier.enter()

    def _draw(self, draw: Callable[[], Any]) -> Any:
        batch = draw()
        self._samples += batch_size(batch)
        if self._agrees_on_draws:
            self.wait(Stage.DRAW)
        return batch

    @contextmanager
    def _agreeing_on_forwards(self) -> Generator[None]:
        """Let the ranks agree before each forward of a wrapper that communicates, whoever calls it."""
        with ExitStack() as hooks:
            for wrapper in self._wrappers:
                hooks.callback(wrapper.register_forward_pre_hook(self._before_forward).remove)
            yield

    def _before_forward(self, *_: object) -> None:
        if self._copies_buffers or self._unsettled_forwards:
            self.wait(Stage.FORWARD)

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
