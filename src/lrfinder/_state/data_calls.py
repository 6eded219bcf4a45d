"""Data from a function that returns a batch each time that it is called, such as ``get_batch()``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from lrfinder.errors import DataError


class Calls(Iterable[Any]):
    """Endless data: the results of one function. It has no length, and an iteration may begin again at any time.

    Random numbers of the function, and numbers that it counts with, belong to its batches.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.collate_fn = function  # the name under which the search for random generators finds what makes the batches

    @property
    def name(self) -> str:
        """The name of the function, for messages."""
        return _name(self.collate_fn)

    def __iter__(self) -> Iterator[Any]:
        function = self.collate_fn
        while True:
            batch = function()
            if batch is None:
                message = f"{self.name} returned None; a function that is given as data must return a batch."
                raise DataError(message)
            yield batch


def batches_from(data: Iterable[Any] | Callable[[], Any]) -> Iterable[Any]:
    """Return data as an iterable of batches: a function that returns a batch is called for each of them.

    Raises:
        DataError: the function needs arguments.
    """
    is_function = callable(data) and not isinstance(data, type) and not isinstance(data, Iterable)
    if not is_function or hasattr(data, "__getitem__"):
        return cast("Iterable[Any]", data)
    function = cast("Callable[[], Any]", data)
    needed = _needed(function)
    if needed:
        name = _name(function)
        message = (
            f"The data are the function {name}, which needs {', '.join(needed)}; give one that needs no argument: "
            f"lambda: {name}(...)."
        )
        raise DataError(message)
    return Calls(function)


def _needed(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that a call must give."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in parameters if one.default is inspect.Parameter.empty and one.kind not in optional]


def _name(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)
