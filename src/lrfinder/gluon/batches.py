"""Batches: a sampler and an iterator without end, the two parts of a batch, and its split over devices."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lrfinder._state.batch_copies import copied
from lrfinder.errors import BatchError, DataError, EmptyDataError
from lrfinder.gluon._framework import mx
from lrfinder.randomness import RandomGenerator, data_generators, global_generators
from lrfinder.replay import check_data, mapped, peek, stream, unchanged

if TYPE_CHECKING:
    from lrfinder.replay import Stream


class ReplayIterator(Iterator[Any]):
    """The endless, replayable iterator over a loader."""

    def __init__(self, data: Iterable[Any], replay_bytes: int = 1 << 30) -> None:
        check_data(data)
        self.generators_of_data = data_generators(
            data, (mx.gluon.data.DataLoader, mx.gluon.data.Dataset, mx.gluon.data.Sampler)
        )
        # workers write later batches into the same arrays
        source = data if _has_own_memory(data) else mapped(data, partial(copied, leaf=_complete_copy))
        self._stream: Stream[Any] = stream(
            source, self.generators, replay_bytes, keep=unchanged, give=partial(copied, leaf=_copy)
        )
        self.mark, self.go, self.close = self._stream.mark, self._stream.go, self._stream.close
        self.examples = self._stream.examples

    def __next__(self) -> Any:
        return self._stream.draw()

    def peek(self) -> Any:
        """Return the next batch, which stays the next."""
        return peek(self._stream, self.generators())

    def generators(self) -> tuple[RandomGenerator, ...]:
        """Return every generator that drawing a batch may use and that can be read."""
        return (*global_generators(), *self.generators_of_data)


def _has_own_memory(data: Any) -> bool:
    """Return whether each batch is in memory that no other batch is written to."""
    if not isinstance(data, mx.gluon.data.DataLoader):
        return False
    collate = getattr(data._batchify_fn, "__module__", "").partition(".")[0]
    return not data._num_workers and collate == "mxnet"


def _copy(value: Any) -> Any:
    """Return a copy of an array, or ``None`` for another value."""
    return value.copy() if isinstance(value, mx.nd.NDArray) else None


def _complete_copy(value: Any) -> Any:
    """Return the same, once all of it is copied."""
    new = _copy(value)
    if new is not None:
        new.wait_to_read()
    return new


def data_and_label(batch: Any) -> tuple[Any, Any]:
    """Return the two parts of a batch.

    Raises:
        BatchError: it is not a pair.
    """
    if isinstance(batch, list | tuple) and len(cast("list[Any]", batch)) == 2:  # noqa: PLR2004  (a pair)
        return batch[0], batch[1]
    message = f"A batch is a {type(batch).__name__}; give (data, label) pairs, or override iteration() in a subclass."
    raise BatchError(message)


def to_devices(array: Any, devices: list[Any]) -> list[Any]:
    """Split an array over devices, a part for each."""
    parts = [array] if len(devices) == 1 else mx.gluon.utils.split_data(array, len(devices), even_split=False)
    return [part.to_device(device) for part, device in zip(parts, devices, strict=True)]


class ContinuousBatchSampler:
    """Batches of the indices of ``sampler``, without end: ``DataLoader(dataset, batch_sampler=...)``.

    For example::

        sampler = mx.gluon.data.RandomSampler(len(dataset))
        loader = mx.gluon.data.DataLoader(
            dataset, batch_sampler=ContinuousBatchSampler(sampler, batch_size=64)
        )

    The sampler is iterated again whenever it is exhausted. All batches have ``batch_size`` indices, and one batch may
    contain the end of a pass and the beginning of the next.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, class of the same name.

    Raises:
        DataError: ``batch_size`` is below 1.
        EmptyDataError: on iteration, the sampler gives no index.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int) -> None:
        if batch_size < 1:
            message = f"batch_size is {batch_size!r}; a batch needs at least 1 index."
            raise DataError(message)
        self._sampler = sampler
        self._batch_size = batch_size

    def __iter__(self) -> Generator[list[int]]:
        batch: list[int] = []
        while True:
            index = None
            for index in self._sampler:
                batch.append(index)
                if len(batch) == self._batch_size:
                    yield batch
                    batch = []
            if index is None:
                message = f"The sampler ({type(self._sampler).__name__}) gives no index; give one over at least one sample."
                raise EmptyDataError(message)
