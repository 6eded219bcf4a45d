"""The rates of the optimizers of a Keras model, also of those that were created with a schedule and so have none to set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lrfinder._results.facts import TrainingFacts, optimizer_family
from lrfinder.analysis.ratios import STEPS, constant_ratios
from lrfinder.errors import OptimizerError
from lrfinder.keras._framework import jax, keras, tensorflow
from lrfinder.keras.optimizers import holders_of_rates, innermost_optimizer, optimizers_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

HALF_PRECISION = frozenset({"float16", "bfloat16"})


class ModelRate:
    """One rate for all optimizers of a model: the highest of theirs. The others keep their ratios to it.

    Its ``schedules`` are the names of those that variables have replaced.

    A schedule (or a callable) in an optimizer is a constant of the compiled training step. :meth:`write` replaces it by a
    variable, with a compiled step of its own that is cached for later. Once a restore has brought the schedule back,
    :meth:`settle` brings back the user's compiled step, so that nothing is compiled twice.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._seen: Any = None  # the optimizer of the model at the last look
        self._holders: dict[str, Any] = {}
        self._ratios: dict[str, float] = {}
        self._used: Collection[str] = ()
        self._variables: dict[int, Any] = {}  # by the id of the optimizer
        self.schedules: set[str] = set()
        self._written = 0.0
        self._applies = False  # once it is known that the optimizers use what is written
        self._own_step: Any = None
        self._users_step: Any = None

    @property
    def is_stale(self) -> bool:
        """True where the model was compiled again since the last look, or there was none."""
        return self._seen is not self._model.optimizer

    @property
    def holders(self) -> list[Any]:
        """The optimizers that update parameters in a training step."""
        return [self._holders[name] for name in self._used]

    @property
    def updates_each_batch(self) -> bool:
        """True where each batch is an update: no gradients are accumulated, and none are dropped by a loss scale."""
        scales = innermost_optimizer(self._model) is not self._model.optimizer
        return not scales and not any(one.gradient_accumulation_steps for one in self.holders)

    def look(self) -> bool:
        """Find the optimizers; return whether a training step has some of its own, whose use only an iteration shows.

        Raises:
            OptimizerError: the model has no optimizer, or the ratio between two of them changes during the training.
        """
        innermost_optimizer(self._model)
        self._seen = self._model.optimizer
        found = optimizers_of(self._model)
        holders = holders_of_rates(found)
        if list(map(id, holders.values())) == list(map(id, self._holders.values())):
            return False
        self._holders, self._own_step = holders, None
        compiled = set(map(id, optimizers_of(self._model.optimizer).values()))
        outside = [name for name, one in holders.items() if id(one) not in compiled]
        has_own_step = type(self._model).train_step is not keras.Model.train_step
        inside = [name for name, one in holders.items() if id(one) in compiled and one.built]
        self.use(outside if outside and has_own_step else inside or list(holders))
        return bool(outside)

    def use(self, used: Collection[str]) -> None:
        """Set which optimizers a training step uses, by name; the highest rate is that of one of them.

        Raises:
            OptimizerError: the ratio between two of them changes during the training.
        """
        self._used = used
        own = {name: _upcoming(one) for name, one in self._holders.items()} if len(self._holders) > 1 else {}
        self._ratios = constant_ratios({name: own[name] for name in used}) if len(used) > 1 else dict.fromkeys(used, 1.0)
        if own:
            reference = max(used, key=lambda name: self._ratios[name])
            highest = own[reference][0]
            self._ratios |= {name: own[name][0] / highest if highest else 1.0 for name in own if name not in used}

    def counters(self) -> dict[str, Any]:
        """Return how many steps each optimizer has counted."""
        return {name: _steps(one) for name, one in self._holders.items()}

    def write(self, lr: float) -> None:
        """Set the rates.

        Raises:
            OptimizerError: the model has no optimizer, one computes its own rate, or a compiled step does not read it.
        """
        if self.is_stale:
            self.look()
        scheduled = [one for one in self._holders.values() if not isinstance(one._learning_rate, keras.Variable)]
        if scheduled:
            self._replace_schedules(scheduled)
        for name, optimizer in self._holders.items():
            _assign(optimizer._learning_rate, lr * self._ratios[name])
        self._written = lr
        if not self._applies:
            self._check_applies()
            self._applies = True

    def applied(self, lr: float) -> float:
        """Return the rate as the optimizer with the highest one stores it, if that is in half precision."""
        for name in self._used:
            held = self._holders[name]._learning_rate
            if self._ratios[name] == 1.0 and isinstance(held, keras.Variable) and held.dtype in HALF_PRECISION:
                return float(keras.ops.convert_to_numpy(keras.ops.cast(lr, held.dtype)))
        return lr

    def check_written(self) -> None:
        """Refuse an iteration after which an optimizer has another rate than the one that was written.

        Raises:
            OptimizerError: it names the optimizer and what it has instead.
        """
        for name in self._used:
            held, written = self._holders[name]._learning_rate, self._written * self._ratios[name]
            if not isinstance(held, keras.Variable) or not _is_rounded(float(held), written, held.dtype):
                found = f"{float(held):.6g}" if isinstance(held, keras.Variable) else f"the schedule {type(held).__name__}"
                message = (
                    f"The learning rate does not stay: after an iteration {self._described(name)} has {found}, and "
                    f"{written:.6g} was written. The train_step or a callback sets it; remove that for the search."
                )
                raise OptimizerError(message)

    def check_used(self, before: dict[str, Any]) -> None:
        """Refuse an iteration in which the optimizer with the highest rate makes no update.

        Args:
            before: the counters before it.

        Raises:
            OptimizerError: it names the optimizer, and those that make updates.
        """
        moved = [name for name, now in self.counters().items() if now != before[name]]
        if moved and max(self._ratios[name] for name in moved) != 1.0:
            unused = next(self._described(name) for name, ratio in self._ratios.items() if ratio == 1.0)
            message = (
                f"{unused} makes no update in a training step, and {', '.join(moved)} do, at a multiple of its rate. Use "
                "lrfinder.keras.KerasLearner, which finds out, or compile the model with one that is used."
            )
            raise OptimizerError(message)

    def note(self) -> str | None:
        """Return a remark on the schedules that variables have replaced, if there are any."""
        names = " and ".join(sorted(self.schedules))
        if not names:
            return None
        return (
            f"the search left out the {names} of the optimizer, so the rate is for a constant one; with its shape: "
            "suggest(horizon, schedule=lrfinder.keras.schedules.shape_of(schedule, horizon))"
        )

    def settle(self) -> None:
        """Give the model the compiled step for what its optimizers hold now, the variables or the user's schedules."""
        if not self._variables:
            return
        if any(one._learning_rate is self._variables.get(id(one), self) for one in self._holders.values()):
            self._use_own_step()
        elif self._own_step is not None and self._model.train_function is self._own_step:
            self._model.train_function = self._users_step

    def forget(self) -> None:
        """Drop both compiled steps, because objects that they refer to are gone."""
        self._own_step = self._users_step = self._model.train_function = None

    def _described(self, name: str) -> str:
        return f"{name} ({type(self._holders[name]).__name__})"

    def _check_applies(self) -> None:
        for name in self._used:
            optimizer = self._holders[name]
            rate, written = float(optimizer._get_current_learning_rate()), float(optimizer._learning_rate)
            if rate != written:
                message = (
                    f"{self._described(name)} computes its own rate: it is {rate:.4g} where {written:.4g} was written. Use "
                    "an optimizer with a constant rate for the search."
                )
                raise OptimizerError(message)
        if jax and self._model.jit_compile and not self._model.run_eagerly:
            self._check_compiled()

    def _check_compiled(self) -> None:
        """Refuse a rate that is a constant of JAX's compiled step; of optimizers it reads that of ``compile`` alone."""
        read = set(map(id, [*self._model.optimizer.variables, *self._model.variables]))
        for name in self._used:
            if id(self._holders[name]._learning_rate) not in read:
                message = (
                    f"The rate of {self._described(name)} is a constant in the compiled step of JAX. Add its variables to "
                    "those of the optimizer that compile() was given, as keras.optimizers.MultiOptimizer does, or compile "
                    "the model with run_eagerly=True."
                )
                raise OptimizerError(message)

    def _replace_schedules(self, optimizers: Sequence[Any]) -> None:
        for optimizer in optimizers:
            self.schedules.add(getattr(optimizer._learning_rate, "__name__", type(optimizer._learning_rate).__name__))
            if id(optimizer) not in self._variables:
                self._variables[id(optimizer)] = keras.Variable(
                    0.0, dtype="float32", name="learning_rate", trainable=False, aggregation="only_first_replica"
                )
            optimizer._learning_rate = self._variables[id(optimizer)]  # tracked, and JAX's step receives what is tracked
        record_sharding: Any = getattr(self._model, "_record_training_state_sharding_spec", None)
        if record_sharding is not None:  # fit() of older Keras records it before its callbacks begin
            record_sharding()
        self._use_own_step()

    def _use_own_step(self) -> None:
        if self._own_step is not None and self._model.train_function is self._own_step:
            return
        self._users_step = self._model.train_function
        if self._own_step is None:
            self._model.make_train_function(force=True)
            self._own_step = self._model.train_function
        self._model.train_function = self._own_step


def _is_rounded(held: float, written: float, dtype: str) -> bool:
    """Return whether a rate is the one that was written, to the precision of its variable."""
    relative, absolute = (2**-8, 2**-24) if dtype in HALF_PRECISION else (1e-6, 0.0)
    return math.isclose(held, written, rel_tol=relative, abs_tol=absolute)


def _upcoming(optimizer: Any) -> list[float]:
    """Return the rates at a few of the next updates."""
    held: Any = optimizer._learning_rate
    now = int(optimizer._iterations)
    if isinstance(held, keras.optimizers.schedules.LearningRateSchedule):
        return [float(held(now + step)) for step in STEPS]
    rate: Any = held() if callable(held) else held
    return [float(rate)] * len(STEPS)


def _steps(optimizer: Any) -> Any:
    """Return how many steps an optimizer has counted; what a trace of JAX has left there counts as another value."""
    value = optimizer._iterations._value
    return value if jax and isinstance(value, jax.core.Tracer) else int(optimizer._iterations)


def _assign(variable: Any, lr: float) -> None:
    """Do what ``variable.assign(lr)`` does in a third of the time, a tenth of a millisecond less in each iteration."""
    if jax:
        variable.assign(_on_device(lr, variable.dtype))
    elif tensorflow:
        variable._value.assign(lr, read_value=False)
    else:
        variable.assign(lr)


_on_device: Any = jax and jax.jit(jax.numpy.asarray, static_argnums=1)
"""Convert a number to an array of JAX; uncompiled, the conversion takes several times as long."""


def facts_of(model: Any, batch_size: int | None = None) -> TrainingFacts:
    """Return the family of a model's optimizer, and whether it has made updates before."""
    holders = holders_of_rates(optimizers_of(model.optimizer)).values()
    families = {optimizer_family(type(one).__name__, momentum=bool(getattr(one, "momentum", 0))) for one in holders}
    family = families.pop() if len(families) == 1 else None
    return TrainingFacts(family, batch_size, trained=int(innermost_optimizer(model).iterations) > 0)
