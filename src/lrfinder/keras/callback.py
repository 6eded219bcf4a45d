"""The range test as a callback, for those who must stay inside ``model.fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from lrfinder._plan import planned
from lrfinder._results.records import Stop
from lrfinder._state.object_graph import Memory
from lrfinder._stepwise import Stepwise
from lrfinder.errors import LearnerError, LRFinderError
from lrfinder.keras._framework import keras
from lrfinder.keras._model import check_compiled, is_built
from lrfinder.keras._randomness import generators
from lrfinder.keras.learner import one_number
from lrfinder.keras.rates import Rate
from lrfinder.keras.state import take
from lrfinder.randomness import States, capture, put_back

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder._results.results import RangeTest
    from lrfinder.stopping import StoppingCriterion


class LRRangeTest(keras.callbacks.Callback):
    """The range test inside ``model.fit``::

        with LRRangeTest() as test:
            model.fit(x, y, epochs=100, callbacks=[test])
        test.result.plot()

    A batch is trained at each rate; the stopping criterion, or the last rate, ends the fit. Its end, or that of the ``with``
    block however it comes, puts back what :class:`lrfinder.keras.KerasLearner` does: variables of model, metrics and
    optimizer, a schedule in it, modes, random numbers. In the block these are as they were before ``fit``; without it, as
    they were when training began, and an exception inside ``fit`` leaves the model as it is until :meth:`restore` is called.

    What a callback cannot put back: the place in data that can be read only once, ``model.history``, and what other
    callbacks do; a batch of the data is not the same before and after it. Give ``fit`` no validation data, which it would
    still work through at the end, and the model ``steps_per_execution=1``, with which a rate is one iteration.

    Args:
        lr_start: the first rate.
        lr_multiplier: each rate is this many times the one before.
        smoothing: weight of the past in the running mean of the default stopping criterion.
        lr_end: no rate goes above this.
        max_iterations: no more iterations than this.
        rates: the rates themselves in place of the geometric ladder.
        stopping: called with each loss; what is truthy stops. NaN or infinity ends the test whatever it says.

    Raises:
        RatesError: the settings make no sweep.
    """

    def __init__(  # noqa: PLR0913  (those of LRFinder.find)
        self,
        lr_start: float = 1e-6,
        lr_multiplier: float = 1.1,
        smoothing: float = 0.3,
        *,
        lr_end: float = 10.0,
        max_iterations: int = 1000,
        rates: Iterable[float] | None = None,
        stopping: StoppingCriterion | None = None,
    ) -> None:
        super().__init__()
        self._plan = planned(
            lr_start,
            lr_multiplier,
            smoothing,
            lr_end=lr_end,
            max_iterations=max_iterations,
            rates=rates,
            stopping=stopping,
        )
        self._sweep = Stepwise(self._plan)
        self._before: States | None = None
        self._memory: Memory | None = None
        self._rate: Rate | None = None
        self._built = True
        self._result: RangeTest | None = None

    @property
    def result(self) -> RangeTest:
        """The range test.

        Raises:
            LRFinderError: no fit with this callback has come to its end.
        """
        if self._result is None:
            message = "There is no range test yet: give this callback to model.fit(callbacks=[...]) first."
            raise LRFinderError(message)
        return self._result

    def __enter__(self) -> Self:
        self._before = capture(generators())
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()
        self._before = None

    def restore(self) -> None:
        """Put everything back, if a fit began and did not do so at its end."""
        memory, self._memory = self._memory, None
        if memory is None or self._before is None or self._rate is None:
            return
        memory.restore()
        put_back(self._before)
        if not self._built:
            self._rate.forget()  # TensorFlow makes variables while it compiles, and those are gone
        self._rate.settle()

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  (Keras's signature)
        """Take the snapshot."""
        check_compiled(self.model)
        if not all(layer.built for layer in self.model._flatten_layers()):
            message = (
                f"The model {self.model.name!r} has no variables yet, and inside fit() they cannot be made for a snapshot; "
                "build it first: call it on a batch, or model.build(shape)."
            )
            raise LearnerError(message)
        self._built = is_built(self.model)
        self._memory = Memory([self.model], take)
        self._before = capture(generators()) if self._before is None else self._before
        self._rate = Rate(self.model)
        self._sweep = Stepwise(self._plan)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Set the rate; empty the metrics, so that the loss is the batch's and no running mean."""
        assert self._rate is not None
        self.model.reset_metrics()
        self._rate.write(self._sweep.lr)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Record the loss, and end the fit where the test ends."""
        loss = one_number(keras.tree.map_structure(float, logs))
        if self._sweep.record(loss) is not None:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002  (as above)
        """Put everything back; the result is there."""
        self._result = self._sweep.result(otherwise=Stop.DATA_ENDED)
        in_block = self._before
        self.restore()
        self._before = in_block
