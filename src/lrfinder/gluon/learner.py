"""The Gluon learner."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lrfinder._state.object_graph import Memory
from lrfinder._state.rollback import put_back_all
from lrfinder.errors import BatchError, LossError, ModelError, OptimizerError
from lrfinder.gluon._framework import mx
from lrfinder.gluon.state import take, write_to_store
from lrfinder.randomness import Generator, States, capture, generators_of, global_generators, put_back
from lrfinder.replay import stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder.replay import Stream


class GluonState(NamedTuple):
    """What a :class:`GluonLearner` was like at a snapshot."""

    memory: Memory
    randomness: States
    seed: int
    place: object


class GluonLearner:
    """A Gluon network, its loss, its trainer and its data as a :class:`lrfinder.Learner`; the tutorial's, made exact.

    Parameters that have no value yet are initialised (Xavier) on ``device``. An iteration draws a batch, moves it to the
    device, and goes forward, backward and one step. Over several devices a batch is split.

    To train in another way, subclass it and override :meth:`iteration`. A subclass with its own ``__init__`` sets ``net``,
    ``trainer`` and ``data_loader_iter``, whose next batch its ``iteration`` takes, and needs nothing else: the snapshot puts
    a replaying iterator in the place of ``data_loader_iter``.

    A snapshot holds, and a restore puts back, in place: parameters of every ``grad_req`` on every device (running statistics
    among them), gradients, optimizer state and counters, the rate, an attached ``lr_scheduler``, the AMP loss scaler,
    numbers of numpy's and python's generators, the place in the data. **MXNet's own generator cannot be read.** A seed is
    drawn from it at the snapshot and set then and at every restore: the iterations after a restore repeat, and what follows
    the finder does not depend on what it did, but the random numbers (Dropout) are others than without it. Where that
    matters, on the CPU, wrap it: :class:`lrfinder.gluon.Isolated`.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, class ``Learner``.

    Args:
        net: a ``gluon.Block``.
        data_loader: an iterable of ``(data, label)`` batches, cycled without end; an iterator ends.
        device: a device or a list of them; by default the net's own, else the first GPU, else the CPU.
        loss_fn: ``loss_fn(output, label)``, a loss for each sample; by default softmax cross-entropy.
        trainer: by default ``gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001})``.
        stateful: further objects that the training changes; put back by their attributes.
        replay_bytes: how many bytes of batches may be kept for replay (see :func:`lrfinder.replay.stream`).

    Raises:
        ModelError: ``net`` is no Block.
        OptimizerError: ``trainer`` is no Trainer, or has none of the net's parameters.
        DataError: ``data_loader`` cannot be iterated.
    """

    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        net: Any,
        data_loader: Iterable[Any],
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
        self.net = net
        self.data_loader = data_loader
        self.data_loader_iter = Batches(data_loader, replay_bytes)
        self.device = _default_device(net) if device is None else device
        self.loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss() if loss_fn is None else loss_fn
        _initialise(net, _listed(self.device))
        if trainer is None:
            trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.001})
        _check_pair(net, trainer)
        self.trainer = trainer
        self.iteration_loss: float | None = None
        self._stateful = [vars(one) for one in stateful]

    def iteration(self, lr: float | None = None, take_step: bool = True) -> float:  # noqa: FBT001, FBT002  (the tutorial's)
        """Train on the next batch at ``lr``, or at the trainer's own rate; its mean loss before the update.

        Args:
            lr: the rate of this iteration and, until another is set, of those after it.
            take_step: False leaves the parameters as they are: forward and backward alone.

        Raises:
            BatchError: the batch is no ``(data, label)`` pair.
            DataError: there is no batch, or no more.
        """
        if lr is not None and lr != self.trainer.learning_rate:
            self._set_rate(lr)
        data, label = _pair(next(self.data_loader_iter))
        losses = self._backward(data, label)
        if take_step:
            self.trainer.step(len(data))
        self.iteration_loss = float(sum(loss.sum().item() for loss in losses)) / sum(loss.size for loss in losses)
        return self.iteration_loss

    def iterations(self, lrs: Iterable[float]) -> Iterator[float]:
        """One iteration at each rate, an ``lr_scheduler`` of the trainer being detached: with one no rate can be set."""
        self.trainer.optimizer.lr_scheduler = None
        for lr in lrs:
            yield self.iteration(lr)

    def snapshot(self) -> GluonState:
        """A copy of everything that an iteration changes, on the devices where it is."""
        batches = self._batches()
        self._make_deferred_parameters(batches)
        seed = int(mx.np.random.randint(0, 2**31 - 1).item())
        mx.random.seed(seed)
        return GluonState(Memory(self._roots(), take), capture(batches.generators()), seed, batches.mark())

    def restore(self, state: GluonState) -> None:
        """Put everything back as it was when ``state`` was made, arrays in place.

        Raises:
            RestoreError: some of it could not be; all else has been.
        """
        put_back_all(
            [
                ("memory", state.memory.restore),
                ("the trainer's key-value store", partial(write_to_store, self.trainer)),
                ("random numbers", partial(put_back, state.randomness)),
                ("MXNet's generator", partial(mx.random.seed, state.seed)),
                ("place in the data", lambda: self._batches().go(state.place)),
            ]
        )

    def parts(self) -> list[object]:
        """The net, the trainer and the parameters; two learners that share one of them cannot be swept at once."""
        return [self.net, self.trainer, *self.net.collect_params().values()]

    def close(self) -> None:
        """End the loader's iterator and its workers; the loader cannot be iterated afterwards if it has workers."""
        self._batches().close()
        pool = getattr(getattr(self, "data_loader", None), "_worker_pool", None)
        if pool is not None:
            pool.terminate()
            pool.join()

    def _set_rate(self, lr: float) -> None:
        self.trainer.optimizer.lr_scheduler = None  # with one attached, setting a rate raises; a restore puts it back
        self.trainer.set_learning_rate(lr)

    def _backward(self, data: Any, label: Any) -> list[Any]:
        """Forward and backward on every device; the losses of the samples, an array for each device."""
        devices = _listed(self.device)
        losses: list[Any] = []
        with mx.autograd.record():
            for data_part, label_part in zip(_split(data, devices), _split(label, devices), strict=True):
                loss = self.loss_fn(self.net(data_part), label_part)
                if not isinstance(loss, mx.nd.NDArray):
                    message = f"The loss is a {type(loss).__name__}; loss_fn must return an array, a loss for each sample."
                    raise LossError(message)
                losses.append(loss)
            if not hasattr(self.trainer, "_amp_loss_scaler"):
                mx.autograd.backward(losses)
            else:
                with mx.amp.scale_loss(losses, self.trainer) as scaled:
                    mx.autograd.backward(scaled)
        return losses

    def _batches(self) -> Batches:
        """The replaying iterator, put in the place of a plain one that a subclass has set."""
        if not isinstance(self.data_loader_iter, Batches):  # pyright: ignore[reportUnnecessaryIsInstance]
            self.data_loader_iter = Batches(self.data_loader_iter)
        return self.data_loader_iter

    def _roots(self) -> list[object]:
        sampler = getattr(getattr(self, "data_loader", None), "_batch_sampler", None)
        of_sampler = [vars(sampler)] if hasattr(sampler, "__dict__") else []  # one that rolls over remembers what was left
        return [self.net.collect_params(), self.trainer, *of_sampler, *getattr(self, "_stateful", ())]

    def _make_deferred_parameters(self, batches: Batches) -> None:
        """One forward in prediction mode on the next batch, which stays the next, where parameters have no value yet."""
        if all(parameter._data is not None for parameter in self.net.collect_params().values()):
            return
        before, place = capture(batches.generators()), batches.mark()
        data, _ = _pair(next(batches))
        batches.go(place)
        put_back(before)
        devices = _listed(getattr(self, "device", None) or _default_device(self.net))
        for part in _split(data, devices):
            self.net(part)


class Batches(Iterator[Any]):
    """The endless, replayable iterator over a loader."""

    def __init__(self, data: Iterable[Any], replay_bytes: int = 1 << 30) -> None:
        of_data = generators_of(data, (mx.gluon.data.DataLoader, mx.gluon.data.Dataset, mx.gluon.data.Sampler))
        self._of_data = of_data
        self._stream: Stream[Any] = stream(_copying(data), self.generators, replay_bytes)

    def __next__(self) -> Any:
        return self._stream.draw()

    def generators(self) -> tuple[Generator, ...]:
        """Every generator that drawing may draw from and that can be read."""
        return (*global_generators(), *self._of_data)

    def mark(self) -> object:
        """The present place."""
        return self._stream.mark()

    def go(self, place: object) -> None:
        """Return to a place."""
        self._stream.go(place)

    def close(self) -> None:
        """Let go of the loader's iterator."""
        self._stream.close()


class _Copying:
    """An iterable whose batches are copies."""

    def __init__(self, data: Iterable[Any]) -> None:
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        return map(_copy, self._data)


def _copying(data: Any) -> Any:
    """The data, their batches in memory of their own: a loader with workers writes later batches into the same arrays."""
    alone = isinstance(data, mx.gluon.data.DataLoader) and not data._num_workers
    if alone or isinstance(data, list | tuple) or not hasattr(data, "__iter__"):
        return data
    return map(_copy, data) if isinstance(data, Iterator) else _Copying(data)


def _copy(batch: Any) -> Any:
    if isinstance(batch, mx.nd.NDArray):
        copied = batch.copy()
        copied.wait_to_read()
        return copied
    return [_copy(part) for part in batch] if isinstance(batch, list | tuple) else batch


def _pair(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, list | tuple) and len(cast("list[Any]", batch)) == 2:  # noqa: PLR2004  (a pair)
        return batch[0], batch[1]
    message = f"A batch is a {type(batch).__name__}; give (data, label) pairs, or override iteration() in a subclass."
    raise BatchError(message)


def _split(array: Any, devices: list[Any]) -> list[Any]:
    parts = [array] if len(devices) == 1 else mx.gluon.utils.split_data(array, len(devices), even_split=False)
    return [part.to_device(device) for part, device in zip(parts, devices, strict=True)]


def _listed(device: Any) -> list[Any]:
    return list(cast("list[Any]", device)) if isinstance(device, list | tuple) else [device]


def _default_device(net: Any) -> Any:
    for parameter in net.collect_params().values():
        if parameter._data is not None or parameter._deferred_init:
            return parameter.list_device()
    return mx.gpu() if mx.device.num_gpus() else mx.cpu()


def _initialise(net: Any, devices: list[Any]) -> None:
    for parameter in net.collect_params().values():
        if parameter._data is None and not parameter._deferred_init:
            parameter.initialize(None, devices, mx.init.Xavier())


def _check_pair(net: Any, trainer: Any) -> None:
    if not isinstance(trainer, mx.gluon.Trainer):
        message = f"trainer is a {type(trainer).__name__}; give a gluon.Trainer."
        raise OptimizerError(message)
    of_net = {parameter._uuid for parameter in net.collect_params().values()}
    if not of_net & {parameter._uuid for parameter in trainer._params}:
        message = (
            "The trainer has none of the net's parameters; make it from them: gluon.Trainer(net.collect_params(), ...)."
        )
        raise OptimizerError(message)
