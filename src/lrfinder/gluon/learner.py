"""The learner for MXNet Gluon."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lrfinder._arguments import function, items
from lrfinder._arguments.other_names import names_explained
from lrfinder._results.facts import TrainingFacts, optimizer_family
from lrfinder._state.attributes import package_of
from lrfinder._state.data_calls import batches_from
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LearnerError, LossError, ModelError, OptimizerError
from lrfinder.gluon._devices import as_list, default_device
from lrfinder.gluon._framework import mx
from lrfinder.gluon.batches import ReplayIterator, data_and_label, to_devices
from lrfinder.gluon.rates import TrainerRates, trainers_of
from lrfinder.gluon.state import FRAMEWORK, GluonState, blocks_alone, write_to_store
from lrfinder.learner import BaseLearner
from lrfinder.randomness import capture, restore_states
from lrfinder.replay import batches_per_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class GluonLearner(BaseLearner):
    """A Gluon network, its loss, its trainer and its data as a :class:`lrfinder.Learner`.

    For example::

        learner = GluonLearner(net, loader, loss_fn=loss_fn, trainer=trainer)
        suggestion = learner.suggest(horizon=3000)
        schedules.set_rate(trainer, suggestion)

    Parameters without a value are initialized (Xavier) on ``device``. An iteration draws a batch, moves it to the device,
    and runs forward, backward and one step. Several devices share each batch.

    To train in another way, subclass it and override :meth:`iteration`. A subclass with its own ``__init__`` only needs to
    set ``net``, ``trainer`` and ``data_loader_iter``, from which its ``iteration`` draws. The snapshot replaces
    ``data_loader_iter`` by an iterator that can be replayed. Every ``gluon.Trainer`` that it has as an attribute gets the
    rate, at its ratio to the highest, and is restored with its parameters. ``write_rate(lr)`` sets these rates.

    A snapshot copies, and a restore writes in place: parameters of every ``grad_req`` on every device (running
    statistics included), gradients, optimizer state and counters, the rate, an attached ``lr_scheduler``, the AMP loss
    scaler, the generators of NumPy and Python, and the position in the data.

    **MXNet's own generator cannot be read.** The snapshot draws a seed from it, and sets that seed at once and at every
    restore. So iterations after a restore repeat, and the training after the finder does not depend on its search. But its
    random numbers (Dropout) differ from those of a training without the finder. Where that matters, on the CPU, use
    :class:`lrfinder.gluon.Isolated`.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, class ``Learner``.

    Args:
        net: a ``gluon.Block``.
        data_loader: an iterable of ``(data, label)`` batches, cycled without end; an iterator ends. Or a function
            that returns a batch.
        device: a device or a list of them; by default the net's own, or else the first GPU, or else the CPU.
        loss_fn: ``loss_fn(output, label)``, a loss for each sample; by default softmax cross-entropy.
        trainer: by default ``gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001})``.
        stateful: further objects that the training changes; they are restored with all that they hold.
        replay_bytes: the most bytes of batches to cache for replay (see :func:`lrfinder.replay.stream`).

    Raises:
        ModelError: ``net`` is not a Block.
        OptimizerError: ``trainer`` is not a Trainer, or has none of the net's parameters.
        DataError: ``data_loader`` cannot be iterated.
    """

    _trainer_rates: TrainerRates | None = None  # of the class, for a subclass whose __init__ is its own

    @names_explained
    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        net: Any,
        data_loader: Iterable[Any] | Callable[[], Any],
        device: Any = None,
        *,
        loss_fn: Any = None,
        trainer: Any = None,
        stateful: Iterable[object] = (),
        replay_bytes: int = 1 << 30,
    ) -> None:
        if not isinstance(net, mx.gluon.Block):
            message = f"net is a {type(net).__name__}; give a gluon.Block."
            raise ModelError(message)
        self._stateful = items("stateful", stateful, "stateful=[average]", LearnerError)
        if loss_fn is not None:
            function("loss_fn", loss_fn, "loss_fn(output, label) -> losses, such as gluon.loss.L2Loss()", LossError)
        self.net = net
        self.data_loader = batches_from(data_loader)
        self.data_loader_iter = ReplayIterator(self.data_loader, replay_bytes)
        self.device = default_device(net) if device is None else device
        self.loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss() if loss_fn is None else loss_fn
        for parameter in net.collect_params().values():
            if parameter._data is None and not parameter._deferred_init:
                parameter.initialize(None, as_list(self.device), mx.init.Xavier())
        if trainer is None:
            trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001})
        _check_pair(net, trainer)
        self.trainer = trainer
        self.iteration_loss: float | None = None

    def iteration(self, lr: float | None = None, take_step: bool = True) -> float:  # noqa: FBT001, FBT002  (the tutorial's)
        """Train on the next batch at ``lr``, or at the trainer's own rate; return its mean loss before the update.

        Args:
            lr: the rate of this iteration, and of later ones until another is set.
            take_step: False runs forward and backward alone, and leaves the parameters as they are.

        Raises:
            BatchError: the batch is not a ``(data, label)`` pair.
            DataError: there is no batch, or no more.
        """
        if lr is not None:
            self.write_rate(lr)
        data, label = data_and_label(next(self.data_loader_iter))
        losses = self._backward(data, label)
        if take_step:
            self.trainer.step(len(data))
        self.iteration_loss = _mean(losses)
        self._check_rates(lr)
        return self.iteration_loss

    def iterations(self, lrs: Iterable[float]) -> Iterator[float]:
        """Run one iteration at each rate, without the schedulers of the trainers, which would refuse every rate.

        Raises:
            OptimizerError: after an iteration a trainer has another rate than the one that was written.
        """
        for lr in lrs:
            self.write_rate(lr)
            loss = self.iteration(lr)
            self._check_rates(lr)
            yield loss

    def write_rate(self, lr: float) -> None:
        """Set the rate of every trainer that this learner has, at its ratio to the highest; detach its scheduler."""
        self._rates().write(lr)

    def untrained(self, count: int) -> Iterator[float] | None:
        """Yield the losses of the next ``count`` iterations without updates: forwards alone, recorded as usual.

        The result is None where a subclass trains in its own way, and where the update may draw random numbers: with SGLD,
        and with classes of trainers and optimizers that are not MXNet's.
        """
        if type(self).iteration is not GluonLearner.iteration or not _is_update_deterministic(self.trainer):
            return None
        return (self._loss_alone() for _ in range(count))

    def iterations_per_epoch(self) -> float | None:
        """Return how many batches one pass over the loader has, or None for one without a length."""
        return batches_per_pass(getattr(self, "data_loader", None))

    def snapshot(self) -> GluonState:
        """Copy everything that an iteration changes, on its devices."""
        batches = self._batches()
        self._initialize_deferred(batches)
        seed = int(mx.np.random.randint(0, 2**31 - 1).item())
        mx.random.seed(seed)
        data = [getattr(self, "data_loader", None)]
        memory = GraphSnapshot(self._roots(), FRAMEWORK, self._functions(), data, batches.generators_of_data)
        return GluonState(memory, capture(batches.generators()), seed, batches.mark())

    def restore(self, state: GluonState) -> None:
        """Restore everything as it was at the snapshot, arrays in place.

        Raises:
            RestoreError: a part could not be restored; all others were.
        """
        restore_all(
            [
                ("memory", state.memory.restore),
                *(
                    (f"the key-value store of {name}", partial(write_to_store, one))
                    for name, one in trainers_of(self).items()
                ),
                ("random numbers", partial(restore_states, state.randomness)),
                ("MXNet's generator", partial(mx.random.seed, state.seed)),
                ("position in the data", lambda: self._batches().go(state.position)),
            ]
        )

    def facts(self) -> TrainingFacts:
        """Return the family of the optimizer, the examples in a batch, and whether it has made updates before."""
        optimizer = self.trainer.optimizer
        family = optimizer_family(type(optimizer).__name__, momentum=bool(getattr(optimizer, "momentum", 0)))
        return TrainingFacts(family, self._batches().examples(), trained=optimizer.num_update > optimizer.begin_num_update)

    def scheduler_note(self) -> str | None:
        """Return a remark on the schedulers of the trainers, if there are any."""
        names = " and ".join(sorted(self._rates().schedulers))
        if not names:
            return None
        return (
            f"the search left out the {names} of the trainer, so the rate is for a constant one; with its shape: "
            "suggest(horizon, schedule=lrfinder.gluon.schedules.shape_of(trainer.optimizer.lr_scheduler, horizon))"
        )

    def parts(self) -> list[object]:
        """Return the net, the trainer and the parameters, none of which two threads may train at once."""
        trainers = trainers_of(self).values()
        parameters = {id(one): one for trainer in trainers for one in trainer._params}
        return [self.net, *trainers, *self.net.collect_params().values(), *parameters.values()]

    def observe(self) -> dict[str, object]:
        """Return everything that can be compared, under readable names; see :func:`lrfinder.check`."""
        from lrfinder.gluon.inspection import observe

        others: dict[str, object] = {f"stateful {k}": one for k, one in enumerate(getattr(self, "_stateful", ()))}
        others |= {name: one for name, one in trainers_of(self).items() if one is not self.trainer}
        generators = self._batches().generators_of_data
        return observe(self.net, self.trainer, getattr(self, "loss_fn", None), others, generators)

    def close(self) -> None:
        """End the loader's iterator and its workers; a loader with workers cannot be iterated afterwards."""
        self._batches().close()
        pool = getattr(getattr(self, "data_loader", None), "_worker_pool", None)
        if pool is not None:
            pool.terminate()
            pool.join()

    def _backward(self, data: Any, label: Any) -> list[Any]:
        """Run forward and backward on every device; return the losses of the samples, an array for each device."""
        with mx.autograd.record():
            losses = self._forward(data, label)
            if not hasattr(self.trainer, "_amp_loss_scaler"):
                mx.autograd.backward(losses)
            else:
                with mx.amp.scale_loss(losses, self.trainer) as scaled:
                    mx.autograd.backward(scaled)
        return losses

    def _rates(self) -> TrainerRates:
        """Return the rates of the trainers that this learner has now."""
        trainers, rates = trainers_of(self), self._trainer_rates
        if rates is None or list(map(id, rates.trainers.values())) != list(map(id, trainers.values())):
            rates = self._trainer_rates = TrainerRates(trainers)
        return rates

    def _check_rates(self, lr: float | None) -> None:
        """Refuse an iteration that sets another rate."""
        if lr is not None:
            self._rates().check_written(lr)

    def _forward(self, data: Any, label: Any) -> list[Any]:
        """Run the forward on every device; return the losses of the samples, an array for each device."""
        devices = as_list(self.device)
        losses: list[Any] = []
        for data_part, label_part in zip(to_devices(data, devices), to_devices(label, devices), strict=True):
            loss = self.loss_fn(self.net(data_part), label_part)
            if not isinstance(loss, mx.nd.NDArray):
                message = f"The loss is a {type(loss).__name__}; loss_fn must return an array, a loss for each sample."
                raise LossError(message)
            losses.append(loss)
        return losses

    def _loss_alone(self) -> float:
        """Return the mean loss of the next batch, without backward and step."""
        data, label = data_and_label(next(self.data_loader_iter))
        with mx.autograd.record():
            return _mean(self._forward(data, label))

    def _batches(self) -> ReplayIterator:
        """Return the iterator that can be replayed, which replaces a plain one that a subclass has set."""
        if not isinstance(self.data_loader_iter, ReplayIterator):  # pyright: ignore[reportUnnecessaryIsInstance]
            self.data_loader_iter = ReplayIterator(self.data_loader_iter)
        return self.data_loader_iter

    def _roots(self) -> list[object]:
        sampler = getattr(getattr(self, "data_loader", None), "_batch_sampler", None)
        of_sampler = [vars(sampler)] if hasattr(sampler, "__dict__") else []  # with rollover, it stores indices left over
        parameters = self.net.collect_params()  # first, so that they have their usual names
        loss_fn = getattr(self, "loss_fn", None)
        trainers = trainers_of(self).values()
        return [parameters, *trainers, self.net, loss_fn, *of_sampler, *getattr(self, "_stateful", ())]

    def _functions(self) -> dict[str, object]:
        blocks: list[Any] = []
        self.net.apply(blocks.append)
        own = [block for block in blocks if package_of(type(block)) != "mxnet"]
        forwards = {f"forward of {type(block).__name__}": block.forward for block in own}
        iteration = type(self).iteration
        return {**forwards, "loss_fn": getattr(self, "loss_fn", None), "iteration": iteration}

    def _initialize_deferred(self, batches: ReplayIterator) -> None:
        """Initialize deferred parameters by one forward pass in prediction mode on the next batch, which stays the next."""
        if all(parameter._data is not None for parameter in self.net.collect_params().values()):
            return
        data, _ = data_and_label(batches.peek())
        blocks = blocks_alone(self.net)
        for part in to_devices(data, as_list(getattr(self, "device", None) or default_device(self.net))):
            self.net(part)
        blocks.restore()


def _check_pair(net: Any, trainer: Any) -> None:
    if not isinstance(trainer, mx.gluon.Trainer):
        message = f"trainer is a {type(trainer).__name__}; give a gluon.Trainer."
        raise OptimizerError(message)
    of_net = {parameter._uuid for parameter in net.collect_params().values()}
    if not of_net & {parameter._uuid for parameter in trainer._params}:
        message = (
            "The trainer has none of the net's parameters; create it from them: gluon.Trainer(net.collect_params(), ...)."
        )
        raise OptimizerError(message)


def _is_update_deterministic(trainer: Any) -> bool:
    kinds = (type(trainer), type(trainer.optimizer))
    return all(package_of(kind) == "mxnet" for kind in kinds) and type(trainer.optimizer).__name__ != "SGLD"


def _mean(losses: list[Any]) -> float:
    return float(sum(loss.sum().item() for loss in losses)) / sum(loss.size for loss in losses)
