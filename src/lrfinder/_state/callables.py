"""Objects that a function reaches by its own names: a step, a loss or a hook may keep state in them."""

from __future__ import annotations

import builtins
import gc
import sys
from functools import cache, partial
from itertools import count
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from lrfinder._state.attributes import package_of
from lrfinder._state.nodes import PASSED_OVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_EMPTY_CELL = object()
Cached: Any = type(cache(lambda: None))
"""The class of functions that store their results, by ``functools.cache`` or ``functools.lru_cache``."""


class Reached(NamedTuple):
    """A value that a function reaches.

    Attributes:
        name: its name in messages.
        value: the value at present.
        binding: how to read the name again, and to bind it to a value; None where the function cannot rebind it.
    """

    name: str
    value: object
    binding: tuple[Callable[[], object], Callable[[object], object]] | None = None


def is_function(value: object) -> bool:
    """Return whether a value is code that can reach objects: a function, a bound method or a partial."""
    return isinstance(value, FunctionType | MethodType | partial | Cached)


def owner_of(function: object) -> object:
    """Return the object behind what is called: that of a bound method, of a partial's function, or the callable object."""
    while isinstance(function, partial):
        function = function.func
    return function.__self__ if isinstance(function, MethodType) else function


def reached(function: object, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    """Yield what a function reaches, further functions among it.

    These are the object of a bound method or a callable object, the arguments of a ``partial``, default values, the cells
    of a closure, and the globals that the code names, also in modules of the user. Functions of lrfinder are not followed.
    Those of ``frameworks``, numpy and the standard library are followed into their closures alone, as a decorator's.
    """
    for one in _directly(function, name, frameworks):
        if not isinstance(one.value, BuiltinFunctionType):
            yield one
        elif not isinstance(one.value.__self__, ModuleType):  # a method of a list or of a generator
            yield Reached(one.name, one.value.__self__)


def attributes_named(function: object) -> Iterable[str]:
    """Return the names of the attributes that the code of a function reads or writes."""
    return _names_in(function.__code__).attributes if isinstance(function, FunctionType) else ()


def attributes_bound(function: object) -> set[str]:
    """Return the names of the attributes that the code of a function binds."""
    import dis  # see _names_in

    if not isinstance(function, FunctionType):
        return set()
    return {str(one.argval) for one in dis.get_instructions(function.__code__) if one.opname == "STORE_ATTR"}


def methods_of(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the methods of a class and its bases that are the user's own code, and not that of an installed package."""
    for one in kind.__mro__:
        if is_own_code(one.__module__):
            attributes: dict[str, Any] = dict(vars(one))
            for name, value in attributes.items():
                inner = getattr(value, "fget", value)  # of a property
                function: object = getattr(inner, "__func__", inner)
                if isinstance(function, FunctionType | Cached):
                    yield name, function


@cache
def is_own_code(module_name: str) -> bool:
    """Return whether a module is neither of the standard library nor installed."""
    file = getattr(sys.modules.get(module_name), "__file__", None) or ""
    is_installed = "site-packages" in file or "dist-packages" in file
    return not is_installed and _is_followed(module_name.partition(".")[0], frozenset())


def _directly(function: object, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    if isinstance(function, partial):
        yield Reached(name, function.func)
        yield from (Reached(f"an argument of {name}", value) for value in (*function.args, *function.keywords.values()))
    elif isinstance(function, FunctionType):
        yield from _of_function(function, name, frameworks)
    elif isinstance(function, Cached):
        yield from _of_cached(function, name)
    else:
        owner = owner_of(function)
        yield Reached(name, owner)
        called = [function.__func__] if isinstance(function, MethodType) else _called(type(owner))
        yield from (Reached(name, code) for code in called)


def _of_cached(function: Any, name: str) -> Iterator[Reached]:
    """Yield the function behind a cache, and the table of its results; the results alone where a linked list orders them."""
    wrapped = function.__wrapped__
    yield Reached(name, wrapped)
    held = [one for one in gc.get_referents(function) if not isinstance(one, type)]
    place = next((k for k, one in enumerate(held) if one is wrapped), 0)  # CPython visits results, table, function
    is_ordered = function.cache_parameters()["maxsize"] is not None
    found = held[:place][:-1] if is_ordered else held[:place][-1:]
    yield from (Reached(f"results of {name}", one) for one in found)


def _called(kind: type) -> list[object]:
    """Return the functions that run when an object of a class is called."""
    return [getattr(kind, method) for method in ("__call__", "forward") if hasattr(kind, method)]


def _is_followed(package: str, frameworks: frozenset[str]) -> bool:
    """Return whether functions and classes of a package may keep state of a training."""
    standard = package in sys.stdlib_module_names and package != "__main__"
    return not (standard or package in {*frameworks, "numpy", "lrfinder"})


def class_values(kind: type, frameworks: frozenset[str]) -> Iterator[Reached]:
    """Yield the values that a class and its bases keep for all their objects, as far as they are the user's."""
    for one in (*kind.__mro__, type(kind)):
        if _is_followed(package_of(one), frameworks):
            for attribute, value in list(vars(one).items()):
                if type(value) in PASSED_OVER or isinstance(value, count):  # a count of a class numbers its objects
                    continue
                if not (attribute.startswith("__") or hasattr(type(value), "__get__")):
                    binding = partial(vars(one).get, attribute), partial(setattr, one, attribute)
                    yield Reached(f"{one.__name__}.{attribute}", value, binding)


def _of_function(function: FunctionType, name: str, frameworks: frozenset[str]) -> Iterator[Reached]:
    namespace = function.__globals__
    package = str(namespace.get("__name__")).partition(".")[0]
    if package == "lrfinder":
        return
    yield from _in_closure(function, name)
    if not _is_followed(package, frameworks):
        return
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    yield from (Reached(f"a default of {name}", value) for value in defaults)
    if vars(function):
        yield Reached(f"attributes of {name}", vars(function))
    names = _names_in(function.__code__)
    for global_name in names.globals:
        if global_name not in namespace or hasattr(builtins, global_name):
            continue
        value = namespace[global_name]
        if isinstance(value, ModuleType):
            yield from _in_module(value, names.attributes, name)
        else:
            yield Reached(f"global {global_name} of {name}", value, _binding(namespace, global_name))


def _in_module(module: ModuleType, attributes: Iterable[str], name: str) -> Iterator[Reached]:
    """Yield what a function may reach as an attribute of a module of the user."""
    pending, seen = [module], set[str]()
    while pending:
        module = pending.pop()
        if module.__name__ in seen or not is_own_code(module.__name__):
            continue
        seen.add(module.__name__)
        for attribute in attributes:
            if attribute in vars(module):
                found = vars(module)[attribute]
                yield Reached(f"{module.__name__}.{attribute} of {name}", found, _binding(vars(module), attribute))
                pending += [found] if isinstance(found, ModuleType) else []


def _binding(namespace: dict[str, Any], name: str) -> tuple[Callable[[], object], Callable[[object], object]]:
    return partial(namespace.get, name), partial(namespace.__setitem__, name)


def _in_closure(function: FunctionType, name: str) -> Iterator[Reached]:
    for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        binding = partial(_contents, cell), partial(setattr, cell, "cell_contents")
        yield Reached(f"closure {cell_name} of {name}", _contents(cell), binding)


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _EMPTY_CELL


class _Names(NamedTuple):
    """The names of globals and attributes in a code object and those nested in it."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]


@cache
def _names_in(code: CodeType) -> _Names:
    import dis  # takes long to import, and few learners have a function that is followed

    read = [(one.opname, one.argval) for one in dis.get_instructions(code)]
    nested = [_names_in(one) for one in code.co_consts if isinstance(one, CodeType)]
    own_globals = [name for operation, name in read if operation.endswith("_GLOBAL")]
    own_attributes = [name for operation, name in read if operation.endswith(("_ATTR", "_METHOD"))]
    return _Names(
        tuple(dict.fromkeys([*own_globals, *(name for one in nested for name in one.globals)])),
        tuple(dict.fromkeys([*own_attributes, *(name for one in nested for name in one.attributes)])),
    )
