"""Timeouts and errors of gloo, the backend in whose collectives a rank can wait for one that raised."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch.distributed import ProcessGroup


@contextmanager
def collective_timeout(groups: Sequence[ProcessGroup], seconds: float) -> Generator[None]:
    """Limit how long a collective of the model waits on gloo. Other backends end their processes by themselves."""
    backends = [backend for group in groups for backend in _gloo_backends(group)]
    before = [backend.options._timeout for backend in backends]  # noqa: SLF001  (the one that PyTorch reads)
    try:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(min(timeout, timedelta(seconds=seconds)))  # noqa: SLF001  (as above)
        yield
    finally:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(timeout)  # noqa: SLF001  (as above)


def _gloo_backends(group: ProcessGroup) -> list[Any]:
    kind: Any = getattr(dist, "ProcessGroupGloo", None)
    every = [group._get_backend(device) for device in group._device_types]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (there is no other way)
    return [] if kind is None else [backend for backend in every if isinstance(backend, kind)]


def is_collective_error(error: BaseException) -> bool:
    """Return True where other ranks caused the error: gloo raises a ``RuntimeError``, known by its words alone."""
    of_gloo = isinstance(error, RuntimeError) and any(words in str(error) for words in ("gloo", "pair closure"))
    return of_gloo or isinstance(error, dist.DistError)
