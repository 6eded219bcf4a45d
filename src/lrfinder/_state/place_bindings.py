"""Arrays that an attribute of data is bound to: a loader may bind it to a shuffled copy at the start of each pass."""

from __future__ import annotations

import warnings
from typing import Any, cast
from weakref import WeakSet

from lrfinder.errors import LRFinderWarning

MOST_BYTES = 1 << 30  # that are held for earlier states
_MOST_ARRAYS = 100  # in one tuple; a longer one holds samples


class Binding:
    """The arrays that an attribute is bound to at one moment. They are held, not copied."""

    def __init__(self, root: Any, nbytes: int) -> None:
        self.root, self.nbytes = root, nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binding) and self.root is other.root

    __hash__ = object.__hash__


class Bindings:
    """The bindings that living states hold; while these hold more than ``most_bytes``, further states hold none."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: WeakSet[Binding] = WeakSet()
        self._is_full = False
        self._lasting: set[str] = set()  # names that were bound to the same arrays twice, unlike those of a batch
        self._has_warned = False

    def begin(self) -> None:
        """Start a state, which holds either all bindings or none: arrays of one length belong together."""
        self._is_full = sum(one.nbytes for one in list(self._held)) > self._most_bytes

    def of(self, name: str, value: object) -> Binding | None:
        """Return the binding of an array or a tuple of arrays; None for another value, and beyond the limit."""
        arrays = cast("tuple[Any, ...]", value if isinstance(value, tuple) else (value,))
        if not 0 < len(arrays) <= _MOST_ARRAYS or not all(map(_is_array, arrays)):
            return None
        binding = next((one for one in list(self._held) if one.root is value), None)
        if binding is not None:
            self._lasting.add(name)
        elif self._is_full:
            self._warn(name)
        else:
            binding = Binding(value, sum(map(_bytes_of, arrays)))
            self._held.add(binding)
        return binding

    def _warn(self, name: str) -> None:
        if name in self._lasting and not self._has_warned:
            self._has_warned = True
            message = (
                f"{name} is bound to other arrays as batches are drawn, and those of earlier passes hold more than "
                f"{self._most_bytes:,} bytes: batches after a restore may be others. Shuffle a list of indices instead."
            )
            warnings.warn(message, LRFinderWarning, stacklevel=2)


def _is_array(value: object) -> bool:
    kind = type(value)
    return hasattr(kind, "shape") and hasattr(kind, "nbytes") and hasattr(kind, "__getitem__")


def _bytes_of(array: Any) -> int:
    try:
        return int(array.nbytes)
    except RuntimeError:  # a sparse tensor defines none
        return 0
