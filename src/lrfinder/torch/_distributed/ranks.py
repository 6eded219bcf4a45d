"""One training over many processes: the ranks see one loss, stop as one, and none waits for one that raised.

Before each backward the ranks exchange a few numbers: how far each is, at which rate, its loss and the size of its batch,
and whether it raised. Each works out the same mean from them, in the same order, so that whatever is decided from losses is
decided alike everywhere, without the finder's knowing. ``docs/decisions/0014-ranks.md`` says why it is built so.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lrfinder.errors import DataEndedError, LRFinderWarning, ModelError, RankError
from lrfinder.torch._distributed import sharding
from lrfinder.torch._distributed.channel import BROKEN, Account, Channel
from lrfinder.torch._distributed.consistency import difference, elsewhere
from lrfinder.torch.batches import batch_size
from lrfinder.torch.step import check_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

    from lrfinder.torch.step import Loss, Step

    Forward = Callable[[nn.Module, Any], Tensor]
    Settings = Callable[[], Mapping[str, str]]


class Stage(StrEnum):
    """Where a rank is when it exchanges numbers, in the words of an error."""

    SNAPSHOT = "takes a snapshot"
    DRAW = "draws a batch"
    LOSS = "trains"
    RESTORE = "puts its learner back"


_STAGES = list(Stage)
_FINE, _RAISED, _DATA_ENDED = range(3)


def detect_ranks(
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    settings: Settings,
    *,
    process_group: ProcessGroup | None,
    seconds: float,
) -> SingleProcess:
    """The ranks that these modules and optimizers are spread over, found out from them; or this process alone.

    Args:
        modules: all that are trained.
        optimizers: all that train them.
        settings: what must be the same on every rank, as texts under names.
        process_group: the ranks that train together, where modules and optimizers do not show it.
        seconds: within these a fault of one rank ends the iteration on all.
    """
    groups = sharding.process_groups(modules, optimizers) + ([] if process_group is None else [process_group])
    ranks = sharding.member_ranks(modules, groups)
    if len(ranks) <= 1:
        return SingleProcess(modules)
    return Ranks(modules, optimizers, Channel(ranks, seconds / 4), groups=groups, settings=settings, seconds=seconds)


class SingleProcess:
    """A training in one process.

    Attributes:
        rank: this process's, among all that there are.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        there = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if there else 0
        self._modules = modules
        self._shards = sharding.count_shards(modules)
        self._beside = dist.get_world_size() - 1 if there else 0

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:  # noqa: ARG002  (for many processes)
        """A forward whose loss is the mean over ranks, and whose gradient is this rank's."""
        return forward

    def wrap_step(self, step: Step) -> Step:
        """A step that ends on all ranks when it ends on one."""
        return step

    def wrap_custom_step(self, step: Step) -> Step:
        """The same, and its loss is the mean over ranks: for steps that make their forward themselves."""
        return self.wrap_step(step)

    def snapshot(self) -> AbstractContextManager[object]:
        """Around the taking of a snapshot."""
        self._refuse_if_sharded_since()
        if self._beside:
            message = (
                f"There are {self._beside} processes beside this one, but the model is in this one alone, so each searches "
                "by itself. Wrap the model before the learner is made (DistributedDataParallel, fully_shard); or give "
                "process_group=torch.distributed.group.WORLD where your own code brings the gradients together."
            )
            self._beside = 0
            warnings.warn(message, LRFinderWarning, stacklevel=3)
        return nullcontext()

    def restore(self) -> AbstractContextManager[object]:
        """Around the putting back."""
        return nullcontext()

    def close(self) -> None:
        """End what was started for it."""

    def _refuse_if_sharded_since(self) -> None:
        now = sharding.count_shards(self._modules)
        if now != self._shards:
            message = (
                f"The model has {now} sharded parameters now, and had {self._shards} when the learner was made. Shard the "
                "model first, then make the optimizer of its parameters, then the learner."
            )
            raise ModelError(message)


class Ranks(SingleProcess):
    """A training that several processes make together; see :func:`detect_ranks` for the arguments."""

    def __init__(  # noqa: PLR0913  (called from one place alone)
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        channel: Channel,
        *,
        groups: Sequence[ProcessGroup],
        settings: Settings,
        seconds: float,
    ) -> None:
        super().__init__(modules)
        self._optimizers = optimizers
        self._channel = channel
        self._groups = groups
        self._settings = settings
        self._seconds = seconds
        self._agrees_at_draw = sharding.forward_communicates(modules)
        self._fresh = 0  # forwards still to come in which a wrapper may order its buckets anew, with the others
        self._accumulate = 1
        self._told = False  # whether all ranks know that this training was broken off
        self._broken = ""
        self._handled: BaseException | None = None  # the exception that was being handled at the last snapshot
        self._size = 0.0
        self._forwards = 0

    def wrap_forward(self, forward: Forward, accumulate: int) -> Forward:
        """Its loss is the mean over ranks, weighted by the sizes of their batches; the gradient stays this rank's.

        All but the last of ``accumulate`` forwards leave the gradients of a ``DistributedDataParallel`` unreduced.
        """
        wrappers = sharding.data_parallel_wrappers(self._modules)
        self._accumulate = accumulate
        self._fresh = 2 * accumulate

        def agreed(model: nn.Module, batch: Any) -> Tensor:
            self._forwards += 1
            with ExitStack() as unreduced:
                for wrapper in wrappers if self._forwards % accumulate else ():
                    unreduced.enter_context(wrapper.no_sync())
                loss: Any = sharding.full_value(forward(model, batch))
            return cast("Tensor", _Agreed.apply(loss, self._mean(check_loss(loss).item(), batch_size(batch))))

        return agreed

    def wrap_step(self, step: Step) -> Step:
        """It ends on all ranks when it ends on one: with its own exception there, with a :class:`RankError` elsewhere."""

        def on_all(draw: Callable[[], Any]) -> Loss:
            self._begin()
            with self._telling(), _patience(self._groups, self._seconds / 4):
                return step(lambda: self._drawn(draw))

        return on_all

    def wrap_custom_step(self, step: Step) -> Step:
        """Its loss is the mean over ranks, weighted by the sizes of the batches that were drawn for it."""
        self._agrees_at_draw = True

        def agreed(draw: Callable[[], Any]) -> Loss:
            return self._mean(float(step(draw)), self._size)

        return self.wrap_step(agreed)

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Every rank takes one, or none does; at the first the ranks make sure that they are set up alike."""
        self._handled = sys.exception()
        self._begin()
        with self._telling():
            self._refuse_if_sharded_since()
            sharding.reshard(self._modules)
            yield
            self._agree(Stage.SNAPSHOT)

    @contextmanager
    def restore(self) -> Generator[None]:
        """What is local is put back first, whatever the others do; then they are waited for, or told why this one ends."""
        raised = sys.exception()
        with self._telling():
            sharding.reshard(self._modules)
            yield
            if not self._told and (raised is None or raised is self._handled):
                self._agree(Stage.RESTORE)
        if raised is not None and not self._told:
            self._tell(raised)

    def close(self) -> None:
        """Let go of the ranks' own process group."""
        self._channel.close()

    def _begin(self) -> None:
        if self._broken:
            raise RankError(self._broken)
        if self._told:
            self._told = False
            self._fresh = 2 * self._accumulate
            self._channel.turn()
        self._size = 0.0
        self._forwards = 0
        if not self._channel.is_open:
            self._open()

    def _open(self) -> None:
        try:
            self._channel.open()
            every = self._channel.share(self._settings())
        except RuntimeError as error:
            raise self._lost() from error
        different = difference(self._channel.ranks, every)
        if different is not None:
            self._channel.close()
            raise RankError(different)

    def _drawn(self, draw: Callable[[], Any]) -> Any:
        batch = draw()
        self._size += batch_size(batch)
        if self._agrees_at_draw or self._fresh:
            self._agree(Stage.DRAW)
        return batch

    def _mean(self, loss: float, size: float) -> float:
        said = self._agree(Stage.LOSS, loss, size)
        self._fresh = max(0, self._fresh - 1)
        return sum(loss * size for *_, loss, size in said) / (sum(size for *_, size in said) or 1.0)

    def _agree(self, stage: Stage, loss: float = 0.0, size: float = 0.0) -> list[list[float]]:
        """What every rank says: its stage, whether it raised, rate, loss, size of its batch.

        Raises:
            RankError: a rank raised, has gone, or is elsewhere.
            DataEndedError: the data of a rank have ended.
        """
        lr = self._lr() if stage in {Stage.DRAW, Stage.LOSS} else 0.0
        try:
            said = self._channel.exchange([_STAGES.index(stage), _FINE, lr, loss, size])
        except RuntimeError as error:
            raise self._lost() from error
        raised, ended = self._those(said, _RAISED), self._those(said, _DATA_ENDED)
        doing = [_STAGES[int(stage)] for stage, *_ in said]
        different = elsewhere(self._channel.ranks, doing, [lr for _, _, lr, *_ in said])
        if not (raised or ended or different):
            return said
        self._told = True
        if ended and not raised:
            message = f"The data of rank {ended[0]} have ended, and with them the training on all ranks."
            raise DataEndedError(message)
        if raised:
            raise self._error(self._channel.account(raised))
        raise RankError(cast("str", different))

    def _those(self, said: list[list[float]], word: int) -> list[int]:
        return [rank for rank, (_, fault, *_) in zip(self._channel.ranks, said, strict=True) if fault == word]

    def _lr(self) -> float:
        return sum(float(group["lr"]) for optimizer in self._optimizers for group in optimizer.param_groups)

    @contextmanager
    def _telling(self) -> Generator[None]:
        try:
            yield
        except BaseException as error:
            told = self._tell(error)
            if told is error:
                raise
            raise told from error

    def _tell(self, error: BaseException) -> BaseException:
        """Let all ranks know of an exception here; it, or the error of another rank that it follows from."""
        if self._told:
            return error
        self._told = True
        said = f"{type(error).__name__}: {error}".rstrip(": \n")
        word = _DATA_ENDED if isinstance(error, DataEndedError) else _RAISED
        account = self._report(said, [0, word, 0, 0, 0], follows=_is_of_a_collective(error))
        told = self._error(account)
        if _is_of_a_collective(error) and account.cause != self.rank:
            return told
        if self._broken:
            why = BROKEN if account.cause == self.rank else told
            error.add_note(f"lrfinder: raised on rank {self.rank}, for which others waited. {why}")
        return error

    def _lost(self) -> RankError:
        """The others' numbers did not come: why."""
        self._told = True
        return self._error(self._report("", None, follows=True))

    def _report(self, said: str, numbers: Sequence[float] | None, *, follows: bool) -> Account:
        """Leave a note, and see the others': of those who say that they raised, or of all where numbers do not come."""
        try:
            self._channel.post(said, follows=follows)
            every = None if numbers is None else self._exchanged(numbers)
            if every is None:
                return self._channel.roll_call()
            return self._channel.account(self._those(every, _RAISED) + self._those(every, _DATA_ENDED))
        except RuntimeError:
            return Account((), store_is_gone=True)

    def _exchanged(self, numbers: Sequence[float]) -> list[list[float]] | None:
        try:
            return self._channel.exchange(numbers)
        except RuntimeError:
            return None

    def _error(self, account: Account) -> RankError:
        if account.is_broken:
            self._broken = str(account)
        return RankError(str(account), account.cause)


class _Agreed(torch.autograd.Function):
    """A loss that has the value of all ranks and the gradient of this one."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, mean: float) -> Tensor:  # noqa: ARG004  (PyTorch's)
        return torch.full_like(loss, mean)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ARG004  (as above)
        return gradients[0], None


@contextmanager
def _patience(groups: Sequence[ProcessGroup], seconds: float) -> Generator[None]:
    """Let no collective of the model's on gloo wait longer; other backends end their processes by themselves."""
    backends = [backend for group in groups for backend in _gloo(group)]
    before = [backend.options._timeout for backend in backends]  # noqa: SLF001  (the one that PyTorch reads)
    try:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(min(timeout, timedelta(seconds=seconds)))  # noqa: SLF001  (as above)
        yield
    finally:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(timeout)  # noqa: SLF001  (as above)


def _gloo(group: ProcessGroup) -> list[Any]:
    kind: Any = getattr(dist, "ProcessGroupGloo", None)
    every = [group._get_backend(device) for device in group._device_types]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (there is no other way)
    return [] if kind is None else [backend for backend in every if isinstance(backend, kind)]


def _is_of_a_collective(error: BaseException) -> bool:
    """Whether it tells of other ranks rather than of this one: gloo raises ``RuntimeError``, known by its words."""
    of_gloo = isinstance(error, RuntimeError) and any(words in str(error) for words in ("gloo", "pair closure"))
    return of_gloo or isinstance(error, dist.DistError)
