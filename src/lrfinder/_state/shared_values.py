"""Values of ``multiprocessing`` in memory that processes share, as arrays of bytes."""

from __future__ import annotations

import sys
from typing import Any

from lrfinder._state.place_numbers import ArrayKind


def _memory(value: Any) -> Any:
    """Return the object of ctypes in shared memory; None for another value. Where nobody imported ctypes there is none."""
    shared, ctypes = sys.modules.get("multiprocessing.sharedctypes"), sys.modules.get("ctypes")
    if ctypes is None:
        return None
    if shared is not None and isinstance(value, shared.SynchronizedBase):
        value = value.get_obj()
    return value if isinstance(value, ctypes._SimpleCData | ctypes.Array | ctypes.Structure) else None  # noqa: SLF001


def _content(value: Any) -> Any:
    """Return the bytes of a shared value; a copy is returned as it is."""
    memory, ctypes = _memory(value), sys.modules.get("ctypes")
    return value if memory is None or ctypes is None else ctypes.string_at(ctypes.addressof(memory), ctypes.sizeof(memory))


def _write(value: Any, content: bytes) -> None:
    import ctypes

    ctypes.memmove(ctypes.addressof(_memory(value)), content, len(content))


SHARED = ArrayKind(
    lambda value: _memory(value) is not None,
    lambda _: True,
    _content,
    lambda one, other: _content(one) == _content(other),
    lambda value: (len(_content(value)),),
    _write,
)


def is_beyond_restore(value: object) -> bool:
    """Return whether a value is that of a manager of ``multiprocessing``, which another process holds."""
    managers = sys.modules.get("multiprocessing.managers")
    return managers is not None and isinstance(value, managers.BaseProxy)
