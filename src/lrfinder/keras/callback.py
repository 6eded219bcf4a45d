"""The range test as a callback, for those who must stay inside ``model.fit``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, Unpack

from lrfinder._results.records import Stop
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder._sweep import DEFAULTS, RangeTestSettings, SweepRecorder
from lrfinder.errors import LearnerError, LRFinderError
from lrfinder.keras._framework import jax, keras
from lrfinder.keras.learner import check_compiled, loss_in, unbuilt_parts
from lrfinder.keras.optimizers import optimizers_of
from lrfinder.keras.rates import ModelRate, facts_of
from lrfinder.keras.state import FRAMEWORK, functions_of, global_generators
from lrfinder.randomness import States, capture, restore_states

if TYPE_CHECKING:
    from lrfinder._results.facts import TrainingFacts
    from lrfinder._results.results import RangeTest
    from lrfinder._sweep import SweepOptions


class LRRangeTest(keras.callbacks.Callback):
    """The range test inside ``model.fit``::

        with LRRangeTest() as test:
            model.fit(x, y, epochs=100, callbacks=[test])
        test.result.plot()

    Each rate trains one batch; the stopping criterion or the last rate ends the fit. The end of the ``with`` block, however
    it comes, restores what :class:`lrfinder.keras.KerasLearner` restores: variables of model, metrics and optimizer, its
    schedule, modes, random numbers. They are then as they were before ``fit``.

    Without the block, the end of ``fit`` restores them as they were when training began. An exception inside ``fit`` then
    leaves the model changed until you call :meth:`restore`.

    A callback cannot restore ``model.history``, the position in data that can be read only once, and what other callbacks
    do. Give ``fit`` no validation data, which it would still evaluate at the end. Compile the model with
    ``steps_per_execution=1``, so that a rate is one iteration.

    The arguments are those of :meth:`lrfinder.LRFinder.find`, with its defaults; all but ``on_record``.

    Raises:
        RatesError: the settings give no rates.
    """

    def __init__(
        self,
        lr_start: float = DEFAULTS.lr_start,
        lr_multiplier: float = DEFAULTS.lr_multiplier,
        smoothing: float = DEFAULTS.smoothing,
        **others: Unpack[SweepOptions],
    ) -> None:
        super().__init__()
        options = {"lr_start": lr_start, "lr_multiplier": lr_multiplier, "smoothing": smoothing, **others}
        self._plan = RangeTestSettings.of("LRRangeTest", options).plan()
        self._sweep = SweepRecorder.of(self._plan)
        self._randomness: States | None = None
        self._memory: GraphSnapshot | None = None
        self._rate: ModelRate | None = None
        self._was_built = True
        self._counters: dict[str, Any] | None = None  # of the steps of the optimizers before the first batch
        self._result: RangeTest | None = None
        self._facts: TrainingFacts | None = None  # from the beginning of the fit

    @property
    def result(self) -> RangeTest:
        """Return the range test.

        Raises:
            LRFinderError: no fit with this callback has ended.
        """
        if self._result is None:
            message = "There is no range test yet: give this callback to model.fit(callbacks=[...]) first."
            raise LRFinderError(message)
        return self._result

    def __enter__(self) -> Self:
        self._randomness = capture(global_generators())
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()
        self._randomness = None

    def restore(self) -> None:
        """Restore everything, if a fit began and has not restored it at its end."""
        memory, self._memory = self._memory, None
        if memory is None or self._randomness is None or self._rate is None:
            return
        memory.restore()
        restore_states(self._randomness)
        if not self._was_built:
            self._rate.forget()  # TensorFlow creates variables while it compiles, and those are gone
        self._rate.settle()

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  (Keras's signature)
        """Store a snapshot."""
        check_compiled(self.model)
        if not all(layer.built for layer in self.model._flatten_layers()):
            message = (
                f"The model {self.model.name!r} has no variables yet, and fit() cannot create them before a snapshot; "
                "build it first: call it on a batch, or model.build(shape)."
            )
            raise LearnerError(message)
        self._was_built = not unbuilt_parts(self.model) and all(one.built for one in optimizers_of(self.model).values())
        self._memory = GraphSnapshot([self.model], FRAMEWORK, functions_of(self.model))
        self._randomness = capture(global_generators()) if self._randomness is None else self._randomness
        self._rate = ModelRate(self.model)
        self._sweep = SweepRecorder.of(self._plan)
        self._facts = facts_of(self.model)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Set the rate, and reset the metrics, so that the loss is that of the batch, not a running mean."""
        assert self._rate is not None
        self.model.reset_metrics()
        self._rate.write(self._sweep.lr)
        self._counters = self._rate.counters() if not self._sweep.records else None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Record the loss, and end the fit if the test ends."""
        has_ended = self._sweep.record(loss_in(keras.tree.map_structure(float, logs))) is not None
        if self._rate is not None and (has_ended or len(self._sweep.records).bit_count() == 1):  # 1, 2, 4, 8 ...
            if jax:
                self.model.jax_state_sync()  # gives the variables the values of the compiled step, which takes time
            self._rate.check_written()
        if self._rate is not None and self._counters is not None:
            self._rate.check_used(self._counters)
            self._counters = None
        if has_ended:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Restore everything; the result is available."""
        self._sweep.notes += filter(None, [self._rate and self._rate.note()])
        self._result = self._sweep.result(replace(self._plan.settings, facts=self._facts), Stop.DATA_ENDED)
        randomness_of_block = self._randomness
        self.restore()
        self._randomness = randomness_of_block
