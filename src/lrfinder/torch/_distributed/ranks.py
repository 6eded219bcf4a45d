"""One training on many ranks: they see one loss, stop together, and none waits for one that raised.

Before each backward the ranks exchange a few numbers: the point that each has reached, its rate, its loss, the size of its
batch, and whether it raised. Each computes the same mean from them, in the same order. So the finder decides alike on every
rank and needs to know nothing of ranks. ``docs/decisions/0014-ranks.md`` gives the reasons.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import torch.distributed as dist

from lrfinder.errors import LRFinderWarning, ModelError
from lrfinder.torch._distributed import sharding
from lrfinder.torch._distributed.barrier import Phase, RankBarrier, Stage
from lrfinder.torch._distributed.channel import Channel
from lrfinder.torch._distributed.gloo import collective_timeout
from lrfinder.torch._distributed.ranked_step import RankedStep

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch import nn
    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

    from lrfinder.torch._distributed.ranked_step import Forward
    from lrfinder.torch.step import Step


def detect_ranks(
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    settings: Callable[[], Mapping[str, str]],
    *,
    process_group: ProcessGroup | None,
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
    return Ranks(
        modules, barrier, RankedStep(barrier, modules, optimizers, partial(collective_timeout, groups, seconds / 4))
    )


class SingleProcess:
    """A training in one process. Its ``rank`` is that of the process among all that run."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        initialized = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if initialized else 0
        self._modules = modules
        self._shards = sharding.count_shards(modules)
        self._processes = dist.get_world_size() if initialized else 1

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:  # noqa: ARG002  (for many processes)
        """Return a forward whose loss is the mean over ranks and whose gradient is that of this rank."""
        return forward

    def wrap_step(self, step: Step) -> Step:
        """Return a step that ends on all ranks when it ends on one."""
        return step

    def wrap_custom_step(self, step: Step) -> Step:
        """Return the same for a step that calls its forward itself; its loss is the mean over ranks."""
        return step

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
        """End what was started for the ranks."""

    def _refuse_late_shards(self) -> None:
        now = sharding.count_shards(self._modules)
        if now != self._shards:
            message = (
                f"The model has {now} sharded parameters now, and had {self._shards} when the learner was created. Shard "
                "the model first, then create the optimizer of its parameters, then the learner."
            )
            raise ModelError(message)


class Ranks(SingleProcess):
    """A training that several processes run together."""

    def __init__(self, modules: Sequence[nn.Module], barrier: RankBarrier, step: RankedStep) -> None:
        super().__init__(modules)
        self._barrier = barrier
        self._step = step
        self._handled: BaseException | None = None  # by the caller, when the last snapshot was copied
        self.wrap_forward = step.wrap_forward
        self.wrap_step = step.wrap_step
        self.wrap_custom_step = step.wrap_custom_step

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Let every rank copy a snapshot, or none. The first time the ranks compare their settings."""
        self._handled = sys.exception()
        self._step.begin()
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
        """Close the exchange between the ranks; the next call opens it again."""
        self._barrier.close()
