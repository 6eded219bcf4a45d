"""The random state of a ``tf.data.Dataset``: of the functions that it maps, and of the variables that their graphs use.

A data set may supply a learner on any backend. TensorFlow is not imported: a data set exists only where it is.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from lrfinder.randomness import RandomGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 4096  # of a variable: larger ones are weights


def leads_to(value: Any) -> Iterator[tuple[str, object]]:
    """Yield what a data set leads to, by names: data sets before it, functions of Python, and small variables."""
    if _is(value, "data", "Dataset"):
        yield from (("", one) for one in value._inputs())
        for one in value._functions():
            yield "collate_fn", getattr(one, "_func", None)
            yield from (("", variable) for variable in one.function.graph.variables)
    elif type(value).__name__ == "_GeneratorState":  # of Dataset.from_generator
        yield "collate_fn", getattr(value, "_generator", None)
    elif _is(value, "random", "Generator"):
        yield "", value.state


def draws_ahead(data: Any) -> bool:
    """Return whether an open pass may change state in the background, as a data set of TensorFlow that prefetches does.

    Such a pass is closed before that state is restored.
    """
    if not _is(data, "data", "Dataset"):
        return False
    graphs = [one.function.graph for one in data._functions()]
    return any(graph.variables or _calls_python(graph) for graph in graphs) or any(map(draws_ahead, data._inputs()))


def _calls_python(graph: Any) -> bool:
    """Return whether an operation of a graph, or of a function that it may call, runs code of Python."""
    of_functions = [node.op for one in graph._functions.values() for node in one.definition.node_def]
    return any("PyFunc" in kind for kind in (*(one.type for one in graph.get_operations()), *of_functions))


def variable_generator(value: Any) -> RandomGenerator | None:
    """Return a small variable of TensorFlow as a generator: the seed or counter of what changes the data at random."""
    if not _is(value, "Variable") or value.dtype.size * (value.shape.num_elements() or MOST_BYTES) > MOST_BYTES:
        return None
    return RandomGenerator(str(value.name), partial(_read, value), lambda state: value.assign(state.array))


def global_generators() -> list[RandomGenerator]:
    """Return what ``tf.random.get_global_generator()`` returns, once it exists, if TensorFlow is imported.

    The one of ``tf.random.uniform`` and similar functions is another, which cannot be read.
    """
    module: Any = sys.modules.get("tensorflow.python.ops.stateful_random_ops")
    if module is None:
        return []

    def read() -> _Content | None:
        return None if module.global_generator is None else _read(module.global_generator.state)

    def write(content: _Content | None) -> None:
        if content is not None:
            module.global_generator.state.assign(content.array)

    return [RandomGenerator("tensorflow", read, write)]


class _Content:
    """The content of a variable, which compares to one truth value."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self.array.tobytes() == other.array.tobytes()

    __hash__ = None  # type: ignore[assignment]


def _read(variable: Any) -> _Content:
    return _Content(variable.numpy().copy())


def _is(value: object, *names: str) -> bool:
    """Return whether a value is of a class of TensorFlow, which is imported if it has objects."""
    kind: Any = sys.modules.get("tensorflow")
    for name in names:
        kind = getattr(kind, name, None)
    return isinstance(kind, type) and isinstance(value, kind)
