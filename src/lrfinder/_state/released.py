"""Values that outlive their owner, without code of Python as it dies: an exception in ``__del__`` would be lost.

The handler of a signal, such as PyTorch's of SIGCHLD, may raise wherever code of Python runs.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque


class Released(weakref.ref[Any]):
    """A reference that an owner holds to itself, with a value."""

    __slots__ = ("value",)
    value: Any


def on_release(owner: object, queue: deque[Released], value: object) -> Released:
    """Return a reference for ``owner`` to hold. As the owner dies, it is appended to the queue.

    The callback is a method of the queue itself, which is not written in Python.
    """
    reference = Released(owner, queue.append)
    reference.value = value
    return reference
