"""The place in the data as attributes hold it: plain values, the numbers in lists and arrays, and bindings to arrays."""

from __future__ import annotations

import operator
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ProxyTypes

import numpy as np

from lrfinder._state.data_owners import LEFT_ALONE, FunctionOwner, ObjectOwner
from lrfinder._state.place_bindings import Binding, Bindings
from lrfinder._state.place_numbers import MOST_NUMBERS, PLAIN, Numbers, TooMany, numbers_in
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lrfinder._state.place_numbers import ArrayKind

    Owner = ObjectOwner | FunctionOwner

_OPAQUE = object()
_DICTIONARY = operator.attrgetter("__dict__")  # like all of what a batch costs, not written in Python where it can be
_DATA_SETS = {"dataset", "_dataset", "data_source"}  # a list or an array there holds the samples themselves


class DataAttributes:
    """The plain attributes of loaders, samplers and data sets, and the numbers in their containers.

    Args:
        owners: the objects, and functions that make batches.
        kinds: the arrays that count.
    """

    def __init__(self, owners: Sequence[Owner], kinds: Sequence[ArrayKind]) -> None:
        self._owners, self._kinds = owners, kinds
        self._objects = [owner.value for owner in owners if isinstance(owner, ObjectOwner)]
        self._functions = [owner for owner in owners if isinstance(owner, FunctionOwner)]
        self.name = f"attributes of {', '.join(owner.name for owner in owners)}"
        self._last: tuple[list[str], list[object], list[Numbers | TooMany], list[dict[str, object]]] | None = None
        self._reported: set[tuple[int, str]] = set()
        self._bindings = Bindings()

    def get(self) -> list[dict[str, object]]:
        """Return the present state."""
        return self._read(operator.methodcaller("is_current"))

    def glance(self) -> list[dict[str, object]]:
        """Return the state as far as a cheap look shows it."""
        return self._read(operator.methodcaller("seems_current"))

    def set(self, state: list[dict[str, object]]) -> None:
        """Restore a state: the attributes, and the numbers in the same containers."""
        pieces = zip(self._owners, state, strict=True)
        restore_all((f"attributes of {one.name}", partial(_restore, one, values)) for one, values in pieces)

    def _read(self, is_current: Callable[[Any], bool]) -> list[dict[str, object]]:
        namespaces: list[dict[str, Any]] = list(map(_DICTIONARY, self._objects))
        if self._functions:
            namespaces += [owner.namespace() for owner in self._functions]
        names: list[str] = []
        values: list[object] = []
        for attributes in namespaces:
            names += attributes
            values += attributes.values()
        last = self._last
        if last is not None and last[0] == names and all(map(operator.is_, last[1], values)):
            changed = [numbers for numbers in last[2] if not is_current(numbers)]
            if not changed:
                return last[3]
            self._report(changed)
        self._bindings.begin()
        state = [self._state_of(owner) for owner in self._owners]
        numbers = [value for one in state for value in one.values() if isinstance(value, Numbers | TooMany)]
        self._last = names, values, numbers, state
        return state

    def _state_of(self, owner: Owner) -> dict[str, object]:
        values = owner.namespace().items()
        return {name: self._value(owner, name, value) for name, value in values if name not in LEFT_ALONE}

    def _value(self, owner: Owner, name: str, value: object) -> object:
        if type(value) in ProxyTypes:
            return _OPAQUE
        if type(value) in PLAIN or isinstance(value, int | float | str | bytes | np.generic):
            return value
        found = None
        if name not in _DATA_SETS:
            found = numbers_in(value, self._kinds, nested=owner.nested, all_arrays=owner.all_arrays)
        found = self._bindings.of(f"{owner.name}.{name}", value) if found is None else found
        return _OPAQUE if found is None else found

    def _report(self, changed: list[Numbers | TooMany]) -> None:
        """Warn once of each container that changes and is too large to be restored."""
        for numbers in changed:
            if isinstance(numbers, TooMany):
                self._report_one(numbers.root)

    def _report_one(self, root: Any) -> None:
        names = ((owner, name) for owner in self._owners for name, value in owner.namespace().items() if value is root)
        for owner, name in names:
            if (id(owner), name) not in self._reported:
                self._reported.add((id(owner), name))
                message = (
                    f"{owner.name}.{name} changes as batches are drawn, and holds {len(root):,} entries with more "
                    f"than {MOST_NUMBERS:,} numbers, which are not restored: batches after a search may be others. Give the "
                    "sampler a generator to shuffle with at the start of each pass, in a new list."
                )
                warnings.warn(message, LRFinderWarning, stacklevel=2)


def _restore(owner: Owner, state: dict[str, object]) -> None:
    owner.remove_all_but(state)
    now = owner.namespace()
    for name, value in state.items():
        aimed = value.root if isinstance(value, Numbers | TooMany | Binding) else value
        if aimed is not _OPAQUE and (name not in now or now[name] is not aimed):
            owner.bind(name, aimed)
        if isinstance(value, Numbers):
            value.restore()
