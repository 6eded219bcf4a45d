"""The range test in a loop of the user's own, without a learner."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, SupportsFloat, TypeVar, Unpack, cast

from torch import Tensor

from lrfinder._arguments import callback
from lrfinder._results.records import Stop
from lrfinder._state.batch_copies import examples_in
from lrfinder._state.rollback import restore_all
from lrfinder._sweep import RangeTestSettings, SweepRecorder
from lrfinder.errors import DataEndedError, LRFinderError, ModelError
from lrfinder.learner import restored
from lrfinder.randomness import States, capture, restore_states
from lrfinder.replay import stream, unchanged
from lrfinder.torch._arguments import own_list
from lrfinder.torch._distributed.consistency import describe_settings
from lrfinder.torch._distributed.ranks import detect_ranks
from lrfinder.torch._facts import facts_of
from lrfinder.torch._live_schedulers import note_on_schedulers
from lrfinder.torch._randomness import data_generators, global_generators
from lrfinder.torch._rate_watch import RateWatch
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.batches import own_source
from lrfinder.torch.rates import Rates
from lrfinder.torch.step import check_one_number, check_pair

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from torch import nn
    from torch.optim import Optimizer

    from lrfinder._results.facts import TrainingFacts
    from lrfinder._results.results import RangeTest
    from lrfinder._sweep import FindOptions, OnRecord, SweepPlan
    from lrfinder.replay import Stream
    from lrfinder.torch._distributed.ranks import SingleProcess
    from lrfinder.torch._training_state import TrainingSnapshot

Batch = TypeVar("Batch")

_RANK_TIMEOUT_SECONDS = 600.0  # as for a learner
_MAX_SILENT_BATCHES = 256  # without a loss: far more than anyone accumulates, and a loop without losses would never end


def sweep(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    stateful: Iterable[object] = (),
    group: str | int | None = None,
    on_record: OnRecord | None = None,
    **options: Unpack[FindOptions],
) -> Sweep:
    """Run the range test in a loop of your own::

        with lrfinder.torch.sweep(model, optimizer) as test:
            for inputs, target in test(loader):
                optimizer.zero_grad()
                loss = loss_fn(model(inputs), target)
                loss.backward()
                optimizer.step()
                test.record(loss)
        test.result.plot()

    Before each batch the optimizer gets the next rate, and its parameter groups keep their ratios. A rate stays until a loss
    is recorded. A loop that accumulates gradients over several batches therefore records one loss per update, after it. The
    data start again when they end, and the loop ends with the sweep.

    However the block ends, it then restores what a :class:`lrfinder.torch.TorchLearner` restores: model, optimizer,
    gradients, modes, ``stateful`` and the random numbers. A loader keeps the position that its other users have in it. The
    batches that an iterator has yielded are lost.

    Args:
        model: the model; its parameters are initialized.
        optimizer: an optimizer of the model's parameters.
        stateful: further objects that the loop changes (a scheduler, a gradient scaler, averaged weights).
        group: the parameter group whose rate is given, the others in proportion; see ``TorchLearner``.
        on_record: called with each :class:`lrfinder.Record` as it arrives.
        options: settings of :meth:`lrfinder.LRFinder.find`: ``lr_start``, ``lr_end``, ``rates``, ``stopping``, ...

    Raises:
        RatesError: the settings describe no sweep.
        LearnerError: model and optimizer do not fit each other.
        BusyError: at the start of the block: another thread is sweeping the same model.
    """
    check_pair(model, optimizer)
    callback("on_record", on_record)
    plan = RangeTestSettings.of("sweep", options).plan()
    training = TrainingState([model], [optimizer], own_list(stateful))
    if training.lazy_modules():
        message = "The model has uninitialized (lazy) parameters, which cannot be restored; call it on a batch first."
        raise ModelError(message)
    settings = partial(describe_settings, [model], [optimizer], [], {})
    ranks = detect_ranks([model], [optimizer], settings, process_group=None, seconds=_RANK_TIMEOUT_SECONDS)
    return Sweep(_Scope(training, ranks), Rates([optimizer], group), RateWatch(training), plan, on_record)


class Sweep:
    """A range test in a loop of the user's own; see :func:`sweep`."""

    def __init__(self, scope: _Scope, rates: Rates, watch: RateWatch, plan: SweepPlan, on_record: OnRecord | None) -> None:
        self._scope = scope
        self._rates, self._watch = rates, watch
        self._plan = plan
        self._on_record = on_record
        self._recorder = SweepRecorder.of(plan, on_record)
        self._block: restored[TrainingSnapshot] | None = None
        self._facts: TrainingFacts | None = None  # from before the block
        self._awaits_loss = False
        self._batch_size: int | None = None  # of the batches before the first loss

    @property
    def lr(self) -> float:
        """The current rate: that of the parameter group with the highest rate, or of ``group``."""
        return self._recorder.lr

    @property
    def result(self) -> RangeTest:
        """The range test; inside the block, as far as it has come.

        Raises:
            LRFinderError: no loss was recorded.
        """
        if not self._recorder.records:
            message = "There is no range test yet: call record(loss) for each update in the block."
            raise LRFinderError(message)
        facts = self._facts and replace(self._facts, batch_size=self._batch_size)
        return self._recorder.result(replace(self._plan.settings, facts=facts))

    def __enter__(self) -> Self:
        self._recorder = SweepRecorder.of(self._plan, self._on_record)
        self._facts, self._batch_size = self._scope.facts(), None
        block = restored(self._scope)
        block.__enter__()
        self._block = block
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        block, self._block = self._block, None
        if isinstance(error, Exception):
            error.add_note(f"lrfinder: raised at iteration {len(self._recorder.records)}, learning rate {self.lr:.4g}.")
        assert block is not None
        if self._recorder.records:
            self._recorder.notes += filter(None, [self._scope.scheduler_note()])
        block.__exit__(kind, error, trace)

    def __call__(self, data: Iterable[Batch]) -> Generator[Batch]:
        """Yield the batches of ``data``, each after the optimizer got the rate of the next loss.

        Raises:
            LRFinderError: outside the block, or when many batches are drawn without a recorded loss.
            DataError: ``data`` cannot be iterated, or hold no batch.
            OptimizerError: the rate does not reach each optimizer that steps.
        """
        self._require_block()
        batches = self._scope.open(data)
        silent = 0
        try:
            while self._recorder.stop is None:
                recorded, lr = len(self._recorder.records), self._recorder.lr
                self._rates.write(lr)
                batch = batches.draw()
                self._awaits_loss = True
                self._note_examples(batch)
                is_watched = self._watch.is_due and lr > 0
                with self._watch.watching() if is_watched else nullcontext():
                    yield batch
                self._require_block()
                if not is_watched:
                    self._watch.note(stayed=self._rates.stay(lr))
                silent = silent + 1 if recorded == len(self._recorder.records) else 0
                if silent == _MAX_SILENT_BATCHES:
                    message = f"{silent} batches went by without a loss; call record(loss) after each update."
                    raise LRFinderError(message)
        except DataEndedError:
            self._recorder.stop = Stop.DATA_ENDED
        finally:
            batches.close()

    def record(self, loss: SupportsFloat) -> None:
        """Record the loss of the last update: one number, or a tensor of one element.

        Raises:
            LossError: it is not one number.
            LRFinderError: no batch was drawn since the last loss, so both would belong to one rate.
        """
        if not self._awaits_loss:
            message = "record(loss) was called without a batch before it; call it once for each update, in the loop."
            raise LRFinderError(message)
        if isinstance(loss, Tensor):
            check_one_number(loss)
            loss = loss.detach()
        self._awaits_loss = False
        self._recorder.record(float(loss))

    def _note_examples(self, batch: object) -> None:
        examples = None if self._recorder.records else examples_in(batch)
        if examples is not None:
            self._batch_size = (self._batch_size or 0) + examples

    def _require_block(self) -> None:
        if self._block is None:
            message = "Batches are drawn outside the block: with lrfinder.torch.sweep(model, optimizer) as test: ..."
            raise LRFinderError(message)


class _Scope:
    """Everything that the end of the block restores: the training, and the generators of the data that were iterated."""

    def __init__(self, training: TrainingState, ranks: SingleProcess) -> None:
        self._training = training
        self._ranks = ranks
        self.parts = training.parts
        self._data: list[tuple[States, Stream[Any]]] = []

    def open(self, data: Iterable[Batch]) -> Stream[Batch]:
        """Return the batches of ``data`` without end; the end of the block restores its generators."""
        source = own_source(data)
        generators = data_generators(source)
        batches = stream(  # of the user's own loop, which may change them as it does without a sweep
            cast("Iterable[Batch]", source), lambda: (*global_generators(), *generators), keep=unchanged, give=unchanged
        )
        self._data.append((capture(generators), batches))
        return batches

    def facts(self) -> TrainingFacts:
        return facts_of(self._training.optimizers[0])

    def scheduler_note(self) -> str | None:
        return note_on_schedulers(self._training.optimizers, self._training.stateful)

    def snapshot(self) -> TrainingSnapshot:
        with self._ranks.snapshot():
            return self._training.snapshot()

    def restore(self, state: TrainingSnapshot) -> None:
        closing = [("data", batches.close) for _, batches in self._data]
        training = ("training", partial(self._training.restore, state))
        of_data = [("random numbers of the data", partial(restore_states, states)) for states, _ in reversed(self._data)]
        with self._ranks.restore():
            restore_all([*closing, training, *of_data])
        self._data.clear()
