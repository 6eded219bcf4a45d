"""A batch sampler that never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.errors import DataError, EmptyDataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


class ContinuousBatchSampler:
    """Batches of the indices of ``sampler``, without end: ``DataLoader(dataset, batch_sampler=...)``.

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
