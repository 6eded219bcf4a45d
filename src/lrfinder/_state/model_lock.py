"""A lock on the parts of a model: two sweeps of it at once would each train on the changes of the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lrfinder.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterable

_holders: dict[int, ModelLock] = {}  # by the id of a part, the first lock on it


class ModelLock:
    """A lock that reserves ``parts`` for this thread, which may lock them again.

    It is not a ``threading.Lock``, which an interrupt could leave locked: ``dict.setdefault`` tests and sets in one step.
    """

    def __init__(self, parts: Iterable[object]) -> None:
        self._parts = {id(part): part for part in parts}  # references, so that no other object gets the same id
        self._thread = threading.current_thread()

    def acquire(self) -> None:
        """Lock the parts.

        Raises:
            BusyError: another thread holds one of them.
        """
        for key, part in self._parts.items():
            thread = _holders.setdefault(key, self)._thread  # noqa: SLF001  (of another lock)
            if thread is not self._thread:
                message = (
                    f"The {type(part).__name__} is being swept in the thread {thread.name!r}; wait until that sweep has "
                    "ended, or give this finder a copy."
                )
                raise BusyError(message)

    def release(self) -> None:
        """Unlock the parts that this lock was the first to hold."""
        for key in self._parts:
            if _holders.get(key) is self:
                del _holders[key]
