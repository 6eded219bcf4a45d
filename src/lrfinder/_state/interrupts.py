"""Signals that wait: a learner that is being put back must not be left half way."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Waits = Callable[[FrameType | None], bool]

_NUMBERS = sorted(signal.Signals, key=lambda number: number != signal.SIGINT)  # Ctrl-C, the likeliest, first in and last out


class Signals:
    """Stands before the handlers that Python code has set, and lets a signal wait where ``waits`` says so.

    ``waits`` is given the frame in which a signal arrived. What waited is handed on by :meth:`step_aside`. All of it does
    nothing outside the main thread, which alone receives signals. Signals that are ignored, or left to the system, never
    raise an exception in Python code, and are left alone.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._handlers: list[_Handler] = []

    def stand_before(self) -> None:
        """Stand before every handler there is; before those set since, when called again."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _NUMBERS:
            handler = signal.getsignal(number)
            if callable(handler) and handler not in self._handlers:
                self._handlers.append(_Handler(number, handler, self._waits))
                signal.signal(number, self._handlers[-1])

    def step_aside(self) -> None:
        """Put the handlers back, but for those that others have been set in place of, and hand on what waited."""
        try:
            self._put_back()
        finally:
            with ExitStack() as handing_on:
                for handler in reversed(self._handlers):
                    if handler.held:
                        handing_on.callback(handler.behind, handler.number, None)

    def _put_back(self) -> None:
        """Go on to the next also where a signal raises whose handler is back already."""
        standing, raised = self._handlers.copy(), None
        while standing:
            try:
                while standing:
                    standing[-1].step_aside()
                    standing.pop()
            except BaseException as error:  # noqa: BLE001  (raised below, once all are back)
                raised = error
        if raised is not None:
            raise raised


class _Handler:
    def __init__(self, number: int, behind: Callable[[int, FrameType | None], object], waits: Waits) -> None:
        self.number = number
        self.behind = behind
        self.held = False
        self._waits = waits

    def step_aside(self) -> None:
        if signal.getsignal(self.number) is self:
            signal.signal(self.number, self.behind)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._waits(frame):
            self.held = True
        else:
            self.behind(number, frame)
