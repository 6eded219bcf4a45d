"""Signals that wait until a restore is complete."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_NUMBERS = sorted(signal.Signals, key=lambda number: number != signal.SIGINT)  # Ctrl-C, the likeliest, first in and last out


class DeferredSignals:
    """Handlers in front of those that Python code has set; they defer a signal where ``must_wait(frame)`` is true.

    The frame is the one in which the signal arrived. Only the main thread receives signals; in other threads this does
    nothing. Signals that are ignored or left to the system never raise in Python code, and are not touched.
    """

    def __init__(self, must_wait: Callable[[FrameType | None], bool]) -> None:
        self._must_wait = must_wait
        self._handlers: list[_Handler] = []

    def install(self) -> None:
        """Install a handler in front of every present one; a further call does so for those set since."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _NUMBERS:
            handler = signal.getsignal(number)
            if callable(handler) and handler not in self._handlers:
                self._handlers.append(_Handler(number, handler, self._must_wait))
                signal.signal(number, self._handlers[-1])

    def uninstall(self) -> None:
        """Restore the original handlers, except those that were replaced meanwhile, and deliver the deferred signals."""
        try:
            self._restore_handlers()
        finally:
            with ExitStack() as deliveries:
                for handler in reversed(self._handlers):
                    if handler.deferred:
                        deliveries.callback(handler.original, handler.number, None)

    def _restore_handlers(self) -> None:
        """Restore all, also where a signal raises whose handler has been restored already."""
        installed, raised = self._handlers.copy(), None
        while installed:
            try:
                while installed:
                    installed[-1].uninstall()
                    installed.pop()
            except BaseException as error:  # noqa: BLE001  (raised below, after the remaining handlers)
                raised = error
        if raised is not None:
            raise raised


@dataclass(eq=False)
class _Handler:
    number: int
    original: Callable[[int, FrameType | None], object]
    must_wait: Callable[[FrameType | None], bool]
    deferred: bool = False

    def uninstall(self) -> None:
        if signal.getsignal(self.number) is self:
            signal.signal(self.number, self.original)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.must_wait(frame):
            self.deferred = True
        else:
            self.original(number, frame)
