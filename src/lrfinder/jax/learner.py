"""The learner for JAX: pytrees and an optax optimizer."""

from __future__ import annotations

import operator
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import optax

from lrfinder._arguments.other_names import names_explained
from lrfinder._results.facts import TrainingFacts
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder.errors import DataEndedError, LearnerError, LossError, ModelError, RestoreError, SnapshotError
from lrfinder.jax.accumulation import accumulators, batches_per_update, train_until_update
from lrfinder.jax.batches import DataSource, SlotStream
from lrfinder.jax.rates import applied_rate, build_optimizer, check_state_fits, family_and_use, optimizer_at, written_check
from lrfinder.jax.state import FRAMEWORK, JaxState, check_params, copied, deleted_array, stacked, unstacked
from lrfinder.jax.step import MAX_ITERATIONS, Carry, Chunking, Program, UnstableCarry, optax_step, rate_dtype
from lrfinder.jax.testing import contents
from lrfinder.learner import BaseLearner
from lrfinder.randomness import capture, restore_states
from lrfinder.replay import batches_per_pass, position_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]


_ORDER = "The order is OptaxLearner(loss_fn, params, tx, data)."


class OptaxLearner(BaseLearner):
    """A loss, its parameters, an optax optimizer and data as a :class:`lrfinder.Learner`.

    For example::

        learner = OptaxLearner(loss_fn, params, optax.adam, data)
        suggestion = learner.suggest(horizon=3000)
        tx = optax.adam(suggestion.lr)

    The whole iteration is compiled, and one call of the compiled program runs many short ones. The results of training are
    in ``params``, ``opt_state`` and ``state``. Their arrays never change, so a finder leaves the very same objects in them.
    All three may be set, to continue from another point.

    Args:
        loss_fn: ``loss_fn(params, batch) -> loss``, the loss of shape ``()``; with ``state``,
            ``loss_fn(params, state, batch) -> (loss, state)``. It is compiled, so it must be pure.
        params: any pytree of floating arrays.
        tx: an optax optimizer whose ``learning_rate`` can be written, ``optax.inject_hyperparams(optax.adam)(1e-3)``, also
            within chains, masks and ``multi_transform`` (rates keep their ratios); or a function that builds one from a
            rate, such as ``optax.adam``.
        data: an iterable of batches, which are pytrees of arrays; an array of batches; or a function that returns a batch.
            It is cycled without end, except for an iterator, which ends. A list of equal batches is copied to the device
            once, at the first iteration.
        state: a pytree of everything else that an iteration changes: statistics of BatchNorm, keys of random numbers.
        opt_state: the optimizer's state; a new one by default.
        donate: let an iteration overwrite the arrays of the one before. It uses less memory, but copies once after each
            snapshot. What you read from ``params`` then lives until the next iteration.
        replay_bytes: the most bytes of batches to cache for replay (see :func:`lrfinder.replay.stream`).
        device_bytes: the most bytes of batches on the device.

    Raises:
        LearnerError: a subclass of it says which argument does not fit.
    """

    @names_explained
    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        loss_fn: Callable[..., Any],
        params: Any,
        tx: optax.GradientTransformation | Callable[[Any], optax.GradientTransformation],
        data: Iterable[Any] | Callable[[], Any],
        *,
        state: Any = None,
        opt_state: Any = None,
        donate: bool = False,
        replay_bytes: int = 1 << 30,
        device_bytes: int = 1 << 28,
    ) -> None:
        if not callable(loss_fn):
            message = f"loss_fn is a {type(loss_fn).__name__}; give a function, loss_fn(params, batch) -> loss. {_ORDER}"
            raise LossError(message)
        if isinstance(params, optax.GradientTransformation):
            message = f"params is an optimizer; give a pytree of arrays. {_ORDER}"
            raise ModelError(message)
        check_params(params)
        self.params = params
        optimizer = build_optimizer(tx, 1e-3)
        if opt_state is not None:
            check_state_fits(optimizer, params, opt_state)
        self.opt_state = optimizer.init(params) if opt_state is None else opt_state
        self.state = state
        self._optimizer_at, self._check_written = optimizer_at(tx, self.opt_state), written_check(tx, self.opt_state)
        step = optax_step(loss_fn, self._optimizer_at, stateful=state is not None)
        self._program = Program(step, rate_dtype(params), donate=donate)
        self._source = DataSource(data, replay_bytes, device_bytes)
        self._opened: SlotStream | None = None
        self._donate = donate
        self._functions = {"loss_fn": loss_fn, "tx": tx if callable(tx) else None}
        self._own_carry: Carry | None = None  # the result of the last iteration, as long as no snapshot holds it
        self._chunking = Chunking()
        self._accumulates = bool(accumulators(self.opt_state))

    def iteration(self, lr: float) -> float:
        """Train on the next batch at ``lr``; return its loss before the update.

        Where the optimizer accumulates gradients, an iteration draws the batches of one update; the loss is their mean.

        Raises:
            OptimizerError: the rate does not reach a parameter, or does not stay as it is written.
            LossError: ``loss_fn`` did not return a floating number or, with ``state``, a pair of the loss and the state.
            ModelError: an array of the parameters was donated.
            DataError: there is no batch, or no more, or it holds something that is not an array.
        """

        def train() -> float:
            return float(self._advance([lr])[0])

        return train_until_update(train, lambda: self.opt_state) if self._accumulates else train()

    def iterations(self, lrs: Iterable[float]) -> Iterator[float]:
        """Yield the losses of one iteration at each rate; one call of the compiled program runs many short ones.

        The learner may have trained further than the last loss that was yielded.
        """
        rates = iter(lrs)
        if self._accumulates:
            yield from map(self.iteration, rates)
        while pending := list(islice(rates, MAX_ITERATIONS)):
            while pending:
                losses = self._advance(pending[: self._chunking.size() if self._program.loops else 1]).tolist()
                pending = pending[len(losses) :]
                yield from losses

    def trainings(self, states: Sequence[JaxState], lrs: Sequence[Sequence[float]]) -> tuple[Array, list[JaxState]] | None:
        """Train from each state at the rates of its row, all at once; see :meth:`lrfinder.BaseLearner.trainings`.

        Raises:
            LearnerError: the states are at different positions in the data.
        """
        rates = np.array(lrs)
        if not self._is_faster_together(*rates.shape):
            return None
        if any(position_of(state.position) != position_of(states[0].position) for state in states):
            message = "The states are at different positions in the data; give states of one position, for shared batches."
            raise LearnerError(message)
        before = self.snapshot()
        self.restore(states[0])
        carries, losses = stacked([state.carry for state in states]), np.empty((len(states), 0))
        try:
            while losses.shape != rates.shape:
                left = rates[:, losses.shape[1] :]
                slots = self._batches().draw(min(left.shape[1], self._chunking.size()))
                carries, more = self._program.trainings(carries, left[:, : slots.length], slots)
                losses = np.concatenate([losses, more], axis=1)
        except DataEndedError:
            pass
        except UnstableCarry:
            self.restore(before)
            return None
        self._chunking.compiled_for.add(len(states))
        randomness, position = capture(self._source.generators()), self._batches().mark()
        ends = unstacked(carries)
        if self._check_written is not None and losses.shape[1]:
            for carry, lr in zip(ends, rates[:, losses.shape[1] - 1], strict=True):
                self._check_written(carry.opt_state, lr)
        return losses, [JaxState(carry, before.reached, randomness, position) for carry in ends]

    def iterations_per_epoch(self) -> float | None:
        """Return how many updates one pass over the data takes, or None for data without a length."""
        batches = batches_per_pass(self._source.data)
        return None if batches is None else batches / self._batches_per_update()

    def snapshot(self) -> JaxState:
        """Return all that an iteration changes: arrays, states of the generators, position in the data.

        Raises:
            SnapshotError: an array was donated or deleted, and could not be restored; nothing is changed.
        """
        self._own_carry = None
        carry = self._carry()
        name = deleted_array(carry)
        if name is not None:
            message = f"{name} was donated to another computation or deleted; give the learner the present arrays."
            raise SnapshotError(message)
        return JaxState(carry, self._reached(), capture(self._source.generators()), self._batches().mark())

    def restore(self, state: JaxState) -> None:
        """Restore everything as it was at the snapshot.

        Raises:
            RestoreError: an array of the state has since been donated; in that case nothing is changed.
        """
        name = deleted_array(state.carry)
        if name is not None:
            message = (
                f"The state cannot be restored: {name} was donated to another computation or deleted since the snapshot; "
                "donate copies of a learner's arrays (jax.tree.map(jnp.copy, learner.params)), not the arrays."
            )
            raise RestoreError(message)
        self.params, self.opt_state, self.state = state.carry
        self._own_carry = None
        if self._source.draws_ahead:
            self._batches().close()
        state.reached.restore()
        restore_states(state.randomness)
        self._batches().go(state.position)

    def facts(self) -> TrainingFacts:
        """Return the family of the optimizer, the examples in a batch, and whether it has made updates before."""
        family, trained = family_and_use(self.opt_state)
        examples = self._batches().examples()
        return TrainingFacts(family, examples and examples * self._batches_per_update(), trained=trained)

    def applied_rate(self, lr: float) -> float:
        """Return the rate in the precision of the parameters, to which optax casts it, if that is half precision."""
        return applied_rate(self.params, self.opt_state, lr)

    def observe(self) -> Mapping[str, object]:
        """Return everything that can be compared, under readable names; see :func:`lrfinder.check`."""
        position = position_of(self._batches().mark())
        randomness = {f"random numbers: {generator.name}": generator.get() for generator in self._source.generators()}
        arrays = contents("parameters", self.params) | contents("optimizer", self.opt_state) | contents("state", self.state)
        return arrays | randomness | {"position in the data": position}

    def close(self) -> None:
        """Drop the iterator of the data."""
        self._batches().close()

    def _advance(self, lrs: Sequence[float]) -> Array:
        """Run one iteration at each of the first rates, at least at one; return their losses."""
        slots = self._batches().draw(len(lrs))
        start = time.perf_counter()
        self._own_carry, losses = self._program(self._input_carry(), lrs[: slots.length], slots)
        self._chunking.record(time.perf_counter() - start, len(losses))
        self.params, self.opt_state, self.state = self._own_carry
        if self._check_written is not None:
            self._check_written(self.opt_state, lrs[len(losses) - 1])
        return losses

    def _input_carry(self) -> Carry:
        """Return the carry for the next iteration: a copy if it will be overwritten and others may hold the arrays."""
        carry = self._carry()
        if self._own_carry is not None and all(map(operator.is_, carry, self._own_carry)):
            return carry
        name = deleted_array(carry)
        if name is not None:
            message = f"{name} was donated to another computation or deleted; give the learner the present arrays."
            raise ModelError(message)
        return copied(carry) if self._donate else carry

    def _is_faster_together(self, trainings: int, iterations: int) -> bool:
        arrays = [leaf for leaf in jax.tree.leaves(self.params) if isinstance(leaf, jax.Array)]
        platform = next(iter(arrays[0].devices())).platform if arrays else jax.default_backend()
        return not self._accumulates and self._chunking.is_faster_together(trainings, iterations, platform)

    def _batches_per_update(self) -> int:
        return batches_per_update(self._optimizer_at, self.opt_state, self.params)

    def _reached(self) -> GraphSnapshot:
        """Copy generators and objects that the functions reach; while JAX traces a function, it may draw or count."""
        return GraphSnapshot([], FRAMEWORK, self._functions, [self._source.data], self._source.generators())

    def _carry(self) -> Carry:
        return Carry(self.params, self.opt_state, self.state)

    def _batches(self) -> SlotStream:
        if self._opened is None:
            self._opened = self._source.open()
        return self._opened
