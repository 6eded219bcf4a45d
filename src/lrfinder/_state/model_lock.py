"""Which thread sweeps what: two sweeps of one model at once would each train on what the other changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lrfinder.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterable

_claims: dict[int, Claim] = {}  # of each part by its id, the first claim that it is under


class Claim:
    """``parts``, for this thread alone until they are released. What a thread has claimed it may claim again.

    There is no lock, which an interrupt could leave closed: ``setdefault`` looks and takes in one.
    """

    def __init__(self, parts: Iterable[object]) -> None:
        self._parts = {id(part): part for part in parts}  # held, so that no other object gets the same id
        self._thread = threading.current_thread()

    def take(self) -> None:
        """Claim the parts.

        Raises:
            BusyError: another thread has claimed one of them.
        """
        for key, part in self._parts.items():
            thread = _claims.setdefault(key, self)._thread  # noqa: SLF001  (another of this class)
            if thread is not self._thread:
                message = (
                    f"The {type(part).__name__} is being swept in the thread {thread.name!r}; wait until that sweep has "
                    "ended, or give this finder a copy."
                )
                raise BusyError(message)

    def release(self) -> None:
        """Let other threads have what this claim was the first to take."""
        for key in self._parts:
            if _claims.get(key) is self:
                del _claims[key]
