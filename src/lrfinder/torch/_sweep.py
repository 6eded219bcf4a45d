"""The range test in the middle of a loop of one's own, without a learner."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, SupportsFloat, TypeVar, Unpack, cast

from torch import Tensor

from lrfinder._results.records import Stop
from lrfinder._state.rollback import put_back_all
from lrfinder._sweep import RangeTestSettings, SweepRecorder
from lrfinder.errors import DataEndedError, LRFinderError, ModelError
from lrfinder.learner import restored
from lrfinder.randomness import States, capture, put_back
from lrfinder.replay import stream
from lrfinder.torch._data_state import generators_of
from lrfinder.torch._distributed.consistency import describe_settings
from lrfinder.torch._distributed.ranks import detect_ranks
from lrfinder.torch._randomness import global_generators
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.batches import own_source
from lrfinder.torch.rates import Rates
from lrfinder.torch.step import check_one_number, check_pair

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from torch import nn
    from torch.optim import Optimizer

    from lrfinder._results.results import RangeTest
    from lrfinder._sweep import FindOptions, OnRecord
    from lrfinder.replay import Stream
    from lrfinder.torch._distributed.ranks import SingleProcess
    from lrfinder.torch._training_state import TrainingSnapshot

Batch = TypeVar("Batch")

_RANK_SECONDS = 600.0  # as long as a learner waits for another rank
_SILENT_AT_MOST = 256  # batches without a loss: far more than anyone accumulates, and a loop that records none would not end


class sweep:  # noqa: N801  (read as a function: ``with sweep(model, optimizer) as sweep``)
    """The range test in a loop of one's own::

        with lrfinder.torch.sweep(model, optimizer) as sweep:
            for inputs, target in sweep(loader):
                optimizer.zero_grad()
                loss = loss_fn(model(inputs), target)
                loss.backward()
                optimizer.step()
                sweep.record(loss)
        sweep.result.plot()

    Before each batch the next rate is written into the optimizer, the ratios between its parameter groups kept. A rate
    stays until a loss is recorded, so that a loop that accumulates gradients over several batches records once, after the
    update, with the loss that it calls its own. The data begin anew when they end, and the loop ends where the sweep does.

    The end of the block, however it comes, puts back what a :class:`lrfinder.torch.TorchLearner` does: model, optimizer,
    gradients, modes, the objects named as ``stateful``, the random numbers. A loader keeps the place that its other users
    have in it; an iterator has given its batches away, and cannot be put back.

    Args:
        model: the model; its parameters exist.
        optimizer: an optimizer of the model's parameters.
        stateful: further objects that the loop changes (a scheduler, a gradient scaler, averaged weights).
        group: the parameter group whose rate is written, the others in proportion; see ``TorchLearner``.
        on_record: called with each :class:`lrfinder.Record` as it comes.
        options: settings of :meth:`lrfinder.LRFinder.find`: ``lr_start``, ``lr_end``, ``rates``, ``stopping``, ...

    Raises:
        RatesError: the settings make no sweep.
        LearnerError: model and optimizer do not fit each other.
        BusyError: at the beginning of the block: another thread is sweeping the same model.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        stateful: Iterable[object] = (),
        group: str | int | None = None,
        on_record: OnRecord | None = None,
        **options: Unpack[FindOptions],
    ) -> None:
        check_pair(model, optimizer)
        training = TrainingState([model], [optimizer], stateful)
        if training.lazy_modules():
            message = "The model has parameters that do not exist yet, which cannot be put back; call it on a batch first."
            raise ModelError(message)
        settings = partial(describe_settings, [model], [optimizer], [], {})
        self._scope = _Scope(
            training, detect_ranks([model], [optimizer], settings, process_group=None, seconds=_RANK_SECONDS)
        )
        self._rates = Rates([optimizer], group)
        self._plan = RangeTestSettings(**options).plan()
        self._on_record = on_record
        self._sweep = SweepRecorder.of(self._plan, on_record)
        self._block: restored[TrainingSnapshot] | None = None
        self._awaits_loss = False

    @property
    def lr(self) -> float:
        """The rate in force: that of the parameter group with the highest, or of ``group``."""
        return self._sweep.lr

    @property
    def result(self) -> RangeTest:
        """The range test, in the block as far as it has come.

        Raises:
            LRFinderError: no loss was recorded.
        """
        if not self._sweep.records:
            message = "There is no range test yet: call record(loss) for each update in the block."
            raise LRFinderError(message)
        return self._sweep.result(self._plan.settings)

    def __enter__(self) -> Self:
        self._sweep = SweepRecorder.of(self._plan, self._on_record)
        block = restored(self._scope)
        block.__enter__()
        self._block = block
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        block, self._block = self._block, None
        if isinstance(error, Exception):
            error.add_note(f"lrfinder: raised at iteration {len(self._sweep.records)}, learning rate {self.lr:.4g}.")
        assert block is not None
        block.__exit__(kind, error, trace)

    def __call__(self, data: Iterable[Batch]) -> Generator[Batch]:
        """The batches of ``data``, each after the rate of the next loss was written into the optimizer.

        Raises:
            LRFinderError: outside the block, or when batches are drawn and no loss is ever recorded.
            DataError: ``data`` cannot be iterated, or hold no batch.
        """
        self._require_block()
        source = own_source(data)
        generators = generators_of(source)
        batches = stream(cast("Iterable[Batch]", source), lambda: (*global_generators(), *generators))
        self._scope.data.append((capture(generators), batches))
        silent = 0
        try:
            while self._sweep.stop is None:
                recorded = len(self._sweep.records)
                self._rates.write(self._sweep.lr)
                batch = batches.draw()
                self._awaits_loss = True
                yield batch
                self._require_block()
                silent = silent + 1 if recorded == len(self._sweep.records) else 0
                if silent == _SILENT_AT_MOST:
                    message = f"{silent} batches went by without a loss; call record(loss) after each update."
                    raise LRFinderError(message)
        except DataEndedError:
            self._sweep.stop = Stop.DATA_ENDED
        finally:
            batches.close()

    def record(self, loss: SupportsFloat) -> None:
        """Take the loss of the update just made: one number, or a tensor of one element.

        Raises:
            LossError: it is not one number.
            LRFinderError: no batch was drawn since the last loss, whose rate this one would have shared.
        """
        if not self._awaits_loss:
            message = "record(loss) was called without a batch before it; call it once for each update, in the loop."
            raise LRFinderError(message)
        if isinstance(loss, Tensor):
            check_one_number(loss)
            loss = loss.detach()
        self._awaits_loss = False
        self._sweep.record(float(loss))

    def _require_block(self) -> None:
        if self._block is None:
            message = "Batches are drawn outside the block: with lrfinder.torch.sweep(model, optimizer) as sweep: ..."
            raise LRFinderError(message)


class _Scope:
    """Everything that the end of the block restores: the training, and the generators of the data that were iterated."""

    def __init__(self, training: TrainingState, ranks: SingleProcess) -> None:
        self._training = training
        self._ranks = ranks
        self.parts = training.parts
        self.data: list[tuple[States, Stream[Any]]] = []

    def snapshot(self) -> TrainingSnapshot:
        with self._ranks.snapshot():
            return self._training.snapshot()

    def restore(self, state: TrainingSnapshot) -> None:
        closing = [("data", batches.close) for _, batches in self.data]
        training = ("training", partial(self._training.restore, state))
        of_data = [("random numbers of the data", partial(put_back, states)) for states, _ in reversed(self.data)]
        with self._ranks.restore():
            put_back_all([*closing, training, *of_data])
        self.data.clear()
