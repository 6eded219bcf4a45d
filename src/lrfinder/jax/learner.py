"""The learner of JAX: pytrees and an optax optimizer."""

from __future__ import annotations

import operator
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import jax
import numpy as np

from lrfinder.errors import DataEndedError, LearnerError, LossError, ModelError, RestoreError
from lrfinder.jax._chunking import Pace
from lrfinder.jax._program import MOST, Program, Unsettled
from lrfinder.jax.batches import Batches, Source
from lrfinder.jax.rates import is_optimizer, made, optimizer_of, written
from lrfinder.jax.state import JaxState, copied, deleted, require_arrays, stacked, unstacked, where
from lrfinder.jax.step import Carry, optax_step, rate_dtype
from lrfinder.jax.testing import contents
from lrfinder.randomness import capture, put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import optax
    from numpy.typing import NDArray

    Array = NDArray[Any]


class OptaxLearner:
    """A loss, its parameters, an optax optimizer and data as a :class:`lrfinder.Learner`.

    The whole iteration is compiled, and short ones are made many in one call of the compiled program. What was trained lies
    in ``params``, ``opt_state`` and ``state``: arrays that nothing changes, so that after a finder they are the very objects
    that they were before. All three may be set, to go on from elsewhere.

    Args:
        loss_fn: ``loss_fn(params, batch) -> loss``, the loss of shape ``()``; with ``state``,
            ``loss_fn(params, state, batch) -> (loss, state)``. It is compiled, so it must be pure.
        params: any pytree of floating arrays.
        tx: an optax optimizer whose ``learning_rate`` can be written, ``optax.inject_hyperparams(optax.adam)(1e-3)``, also
            within chains, masks and ``multi_transform`` (rates keep their ratios); or what makes it, ``optax.adam``, called
            with the rate.
        data: an iterable of batches, which are pytrees of arrays; or an array of batches. It is cycled without end, but for
            an iterator, which ends. A list of equal batches goes to the device once, at the first iteration.
        state: a pytree of what else an iteration changes: statistics of BatchNorm, keys of random numbers.
        opt_state: the optimizer's state; a new one by default.
        donate: let an iteration overwrite the arrays of the one before. It takes less memory, and a copy after each
            snapshot; what you read from ``params`` then lives until the next iteration.
        replay_bytes: how many bytes of batches may be kept for replay (see :func:`lrfinder.replay.stream`).
        device_bytes: how many bytes of batches may lie on the device.

    Raises:
        LearnerError: a subclass of it says which argument does not fit.
    """

    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        loss_fn: Callable[..., Any],
        params: Any,
        tx: optax.GradientTransformation | Callable[[Any], optax.GradientTransformation],
        data: Iterable[Any],
        *,
        state: Any = None,
        opt_state: Any = None,
        donate: bool = False,
        replay_bytes: int = 1 << 30,
        device_bytes: int = 1 << 28,
    ) -> None:
        if not callable(loss_fn):
            message = f"loss_fn is a {type(loss_fn).__name__}; give a function, loss_fn(params, batch) -> loss."
            raise LossError(message)
        require_arrays(params)
        self.params = params
        self.opt_state = optimizer_of(cast("Any", tx), 1e-3).init(params) if opt_state is None else opt_state
        self.state = state
        at_rate = written(cast("Any", tx), self.opt_state) if is_optimizer(tx) else made(cast("Any", tx))
        step = optax_step(loss_fn, at_rate, stateful=state is not None)
        self._program = Program(step, rate_dtype(params), donate=donate)
        self._source = Source(data, replay_bytes, device_bytes)
        self._loaded: Batches | None = None
        self._donate = donate
        self._ours: Carry | None = None  # what the last iteration made, as long as no snapshot holds it
        self._pace = Pace()

    def iteration(self, lr: float) -> float:
        """Train on the next batch at ``lr``; its loss before the update.

        Raises:
            LossError: ``loss_fn`` returned no floating number, or no pair where there is ``state``.
            ModelError: an array of the parameters was donated.
            DataError: there is no batch, or no more, or it holds something that is no array.
        """
        return float(self._advance([lr])[0])

    def iterations(self, lrs: Iterable[float]) -> Iterator[float]:
        """One iteration at each rate, many in one call of the compiled program where they are short.

        The learner may be further than the losses that were taken.
        """
        rates = iter(lrs)
        while pending := list(islice(rates, MOST)):
            while pending:
                losses = self._advance(pending[: 1 if self._program.alone else self._pace.at_once()]).tolist()
                pending = pending[len(losses) :]
                yield from losses

    def trainings(self, states: Sequence[JaxState], lrs: Sequence[Sequence[float]]) -> tuple[Array, list[JaxState]] | None:
        """From each state a training at the rates of its row, all at once on the same batches.

        Losses are those of :meth:`iterations` to rounding. The learner itself is moved, but for where it returns None: one
        after the other is faster.

        Args:
            states: where to begin, all at one place in the data.
            lrs: the rates, shape ``(states, iterations)``.

        Returns:
            The losses, of the shape of ``lrs`` or narrower where the data end, and the states that were reached.

        Raises:
            LearnerError: the states stand at different places in the data.
        """
        rates = np.array(lrs)
        if not self._faster_together(*rates.shape):
            return None
        if any(where(state.place) != where(states[0].place) for state in states):
            message = "The states stand at different places in the data; trainings on the same batches start at one place."
            raise LearnerError(message)
        here = self.snapshot()
        self.restore(states[0])
        carries, losses = stacked([state.carry for state in states]), np.empty((len(states), 0))
        try:
            while losses.shape != rates.shape:
                left = rates[:, losses.shape[1] :]
                slots = self._batches().take(min(left.shape[1], self._pace.at_once()))
                carries, more = self._program.trainings(carries, left[:, : slots.length], slots)
                losses = np.concatenate([losses, more], axis=1)
        except DataEndedError:
            pass
        except Unsettled:
            self.restore(here)
            return None
        self._pace.compiled_for.add(len(states))
        randomness, place = capture(self._source.generators()), self._batches().mark()
        return losses, [JaxState(carry, randomness, place) for carry in unstacked(carries)]

    def snapshot(self) -> JaxState:
        """All that an iteration changes: the arrays themselves, the states of the generators, the place in the data."""
        self._ours = None
        return JaxState(self._carry(), capture(self._source.generators()), self._batches().mark())

    def restore(self, state: JaxState) -> None:
        """Put everything back as it was when ``state`` was made.

        Raises:
            RestoreError: an array of the state was donated since; nothing is changed then.
        """
        name = deleted(state.carry)
        if name is not None:
            message = (
                f"The state cannot be restored: {name} was donated to another computation or deleted since the snapshot; "
                "donate copies of a learner's arrays (jax.tree.map(jnp.copy, learner.params)), not the arrays."
            )
            raise RestoreError(message)
        self.params, self.opt_state, self.state = state.carry
        self._ours = None
        put_back(state.randomness)
        self._batches().go(state.place)

    def observe(self) -> Mapping[str, object]:
        """Everything of it that can be compared, under readable names; see :func:`lrfinder.check`."""
        place = where(self._batches().mark())
        randomness = {f"random numbers: {generator.name}": generator.get() for generator in self._source.generators()}
        arrays = contents("parameters", self.params) | contents("optimizer", self.opt_state) | contents("state", self.state)
        return arrays | randomness | {"place in the data": place}

    def close(self) -> None:
        """Let go of the data's iterator."""
        self._batches().close()

    def _advance(self, lrs: Sequence[float]) -> Array:
        """One iteration at each of the first rates, at least at one; their losses."""
        slots = self._batches().take(len(lrs))
        start = time.perf_counter()
        self._ours, losses = self._program(self._given(), lrs[: slots.length], slots)
        self._pace.saw(time.perf_counter() - start, len(losses))
        self.params, self.opt_state, self.state = self._ours
        return losses

    def _given(self) -> Carry:
        """What an iteration is given, and overwrites where it donates: a copy then, if somebody else may hold the arrays."""
        carry = self._carry()
        if self._ours is not None and all(map(operator.is_, carry, self._ours)):
            return carry
        name = deleted(carry)
        if name is not None:
            message = f"{name} was donated to another computation or deleted; give the learner the present arrays."
            raise ModelError(message)
        return copied(carry) if self._donate else carry

    def _faster_together(self, trainings: int, iterations: int) -> bool:
        arrays = [leaf for leaf in jax.tree.leaves(self.params) if isinstance(leaf, jax.Array)]
        platform = next(iter(arrays[0].devices())).platform if arrays else jax.default_backend()
        return self._pace.faster_together(trainings, iterations, platform)

    def _carry(self) -> Carry:
        return Carry(self.params, self.opt_state, self.state)

    def _batches(self) -> Batches:
        if self._loaded is None:
            self._loaded = self._source.batches()
        return self._loaded
