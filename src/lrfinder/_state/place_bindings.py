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
    """The bindings that living states hold, with a limit of ``most_bytes`` for all of them together."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: WeakSet[Binding] = WeakSet()
        self._has_warned = False

    def of(self, name: str, value: object) -> Binding | None:
        """Return the binding of an array or a tuple of arrays; None for another value, and beyond the limit."""
        arrays = cast("tuple[Any, ...]", value if isinstance(value, tuple) else (value,))
        if not 0 < len(arrays) <= _MOST_ARRAYS or not all(map(_is_array, arrays)):
            return None
        held = list(self._held)
        binding = next((one for one in held if one.root is value), None)
        if binding is not None:
            return binding
        binding = Binding(value, sum(int(array.nbytes) for array in arrays))
        if held and sum(one.nbytes for one in held) + binding.nbytes > self._most_bytes:
            self._warn(name)
            return None
        self._held.add(binding)
        return binding

    def _warn(self, name: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            message = (
                f"{name} is bound to other arrays as batches are drawn, and those of earlier passes hold more than "
                f"{self._most_bytes:,} bytes: batches that are read again may be others. Shuffle a list of indices instead."
            )
            warnings.warn(message, LRFinderWarning, stacklevel=2)


def _is_array(value: object) -> bool:
    kind = type(value)
    return hasattr(kind, "shape") and hasattr(kind, "nbytes") and hasattr(kind, "__getitem__")
