"""Objects and functions of the data whose values are a place in it, each as names and values."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from lrfinder._state.callables import Reached, reached

LEFT_ALONE = {"_iterator"}  # of a loader: a pass that other users have open, and will close


class ObjectOwner(NamedTuple):
    """An object with attributes.

    Attributes:
        value: the object.
        nested: whether containers in its containers count; those of a data set with an index often hold its samples.
        all_arrays: whether arrays of any shape count, as in a collator, which holds no samples.
    """

    value: Any
    nested: bool
    all_arrays: bool = False

    @property
    def name(self) -> str:
        """Its name in messages."""
        return type(self.value).__name__

    def namespace(self) -> dict[str, Any]:
        """Return its attributes."""
        attributes = vars(self.value)
        if attributes.get("_iterator") is None:
            return attributes
        return {name: value for name, value in attributes.items() if name not in LEFT_ALONE}

    def bind(self, name: str, value: object) -> None:
        """Set an attribute without code of the class."""
        vars(self.value)[name] = value

    def remove_all_but(self, names: dict[str, Any]) -> None:
        """Remove the attributes without a name in ``names``."""
        attributes = vars(self.value)
        for name in attributes.keys() - names.keys() - LEFT_ALONE:
            del attributes[name]


class FunctionOwner(NamedTuple):
    """A function that makes a batch of samples, and what it reaches: closure, defaults, arguments, globals.

    Attributes:
        value: the function, bound method or partial.
        name: its name in messages.
        frameworks: packages whose functions are followed into their closures alone.
    """

    value: Any
    name: str
    frameworks: frozenset[str]
    nested: bool = True
    all_arrays: bool = True

    def namespace(self) -> dict[str, Any]:
        """Return what it reaches, by numbered names."""
        return {name: one.value for name, one in self._reached().items()}

    def bind(self, name: str, value: object) -> None:
        """Bind a name of its closure or a global."""
        one = self._reached().get(name)
        if one is not None and one.binding is not None:
            one.binding[1](value)

    def remove_all_but(self, names: dict[str, Any]) -> None:
        """Do nothing, since a function loses no names."""

    def _reached(self) -> dict[str, Reached]:
        times = Counter[str]()
        found: dict[str, Reached] = {}
        for one in reached(self.value, self.name, self.frameworks):
            times[one.name] += 1
            found[one.name if times[one.name] == 1 else f"{one.name} ({times[one.name]})"] = one
        return found
