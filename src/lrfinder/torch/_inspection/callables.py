"""Everything that a function reaches by its own names: its object, its arguments, its closure, and globals of its code."""

from __future__ import annotations

import builtins
import gc
from functools import cache, partial
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from lrfinder._check.objects import names_in
from lrfinder.torch._inspection.objects import NOT_OWN, Path, class_attributes, is_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CACHED: Any = type(cache(lambda: None))
FUNCTIONS = (FunctionType, MethodType, BuiltinMethodType, partial, CACHED)


def reached(function: object, name: str, followed: dict[int, object]) -> Iterator[tuple[Path, object]]:
    """Yield every value that a callable reaches, with its name; functions among them are followed, each one once.

    Functions of lrfinder are not followed. Those of PyTorch, numpy and the standard library are followed into their closures
    alone, where decorators keep the function that they wrap.
    """
    pending: list[tuple[object, str]] = [(function, name)]
    while pending:
        one, its_name = pending.pop()
        if id(one) in followed:
            continue
        followed[id(one)] = one
        for path, value in _directly(one, its_name):
            if isinstance(value, FUNCTIONS):
                own_name = getattr(value, "__name__", "<lambda>")
                is_named = isinstance(getattr(value, "__func__", value), FunctionType) and own_name != "<lambda>"
                pending.append((value, own_name if is_named and path.of else str(path)))
            elif isinstance(value, type):
                yield from _of_class(value)
            elif not isinstance(value, ModuleType):
                yield path, value


def _directly(one: object, name: str) -> Iterator[tuple[Path, object]]:
    if isinstance(one, partial):
        yield Path(name), cast("partial[Any]", one).func
        yield from ((Path(f"argument {k}", f" of {name}"), value) for k, value in enumerate(one.args))
        yield from ((Path(f"argument {key}", f" of {name}"), value) for key, value in one.keywords.items())
    elif isinstance(one, FunctionType):
        yield from _of_function(one, name)
    elif isinstance(one, CACHED):
        yield from _of_cached(one, name)
    elif isinstance(one, MethodType | BuiltinMethodType):
        owner = one.__self__
        kind = owner if isinstance(owner, type) else type(owner)
        if isinstance(getattr(one, "__func__", None), FunctionType):
            yield Path(kind.__name__, f" of {name}"), owner
            yield from _of_method(cast("MethodType", one).__func__, kind)
        elif owner is not None:
            yield Path(name), owner
    else:
        yield Path(name), one
        yield from of_calls(one)


def of_calls(one: object) -> Iterator[tuple[Path, object]]:
    """Yield what the class of a callable object keeps, and the functions that run when the object is called."""
    kind = type(one)
    for own_class in [base for base in kind.__mro__ if is_own(base)]:
        yield from _of_class(own_class)
    for called in ("forward", "__call__") if isinstance(one, nn.Module) else ("__call__",):
        yield from _of_method(getattr(kind, called, None), kind)


def _of_cached(function: Any, name: str) -> Iterator[tuple[Path, object]]:
    """Yield the function behind a cache, and the results that are stored."""
    yield Path(name), function.__wrapped__
    held = [one for one in gc.get_referents(function) if not isinstance(one, (type, *FUNCTIONS))]
    yield from ((Path(f"result {k}", f" of {name}"), one) for k, one in enumerate(held) if one is not vars(function))


def _of_method(function: object, kind: type) -> Iterator[tuple[Path, object]]:
    """Yield a method, and those methods of its class that its code names, directly or through others."""
    pending: list[Any] = [function]
    seen = set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen or not isinstance(one, FunctionType | CACHED) or not is_own(one):
            continue
        seen.add(id(one))
        code: Any = one.__wrapped__ if isinstance(one, CACHED) else one
        yield Path(f"{kind.__name__}.{code.__name__}"), one
        pending += [_method(kind, name) for name in names_in(code.__code__)]


def _method(kind: type, name: str) -> object:
    found: Any = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    if isinstance(found, property):
        return found.fget
    return found.__func__ if isinstance(found, staticmethod | classmethod) else found


def _of_class(kind: type) -> Iterator[tuple[Path, object]]:
    if is_own(kind):
        yield from ((Path(f"{kind.__name__}.{name}"), value) for name, value in class_attributes(kind).items())


def _of_function(function: FunctionType, name: str) -> Iterator[tuple[Path, object]]:
    library = str(function.__globals__.get("__name__")).partition(".")[0]  # wraps() copies the __module__ of another
    if library == "lrfinder":
        return
    of = f" of {name}"
    for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield Path(f"closure {cell_name}", of), cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    if library in NOT_OWN:
        return
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    yield from ((Path(f"default {key}", of), value) for key, value in zip(names, defaults, strict=True))
    yield from ((Path(f"default {key}", of), value) for key, value in (function.__kwdefaults__ or {}).items())
    yield from ((Path(f"{name}.{key}"), value) for key, value in list(vars(function).items()))
    for key in names_in(code):
        if key in function.__globals__ and not hasattr(builtins, key):
            value = function.__globals__[key]
            yield Path(f"global {key}", of), value
            yield from _named_inside(value, names_in(code))


def _named_inside(value: object, names: Iterable[str]) -> Iterator[tuple[Path, object]]:
    """Yield what a function may reach inside a global: values of the user's modules, methods of the user's classes."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None) or ""
        if value.__name__.partition(".")[0] not in NOT_OWN and "site-packages" not in file and "dist-packages" not in file:
            for key in names:
                if key in vars(value):
                    yield Path(f"{value.__name__}.{key}"), vars(value)[key]
                    if isinstance(vars(value)[key], ModuleType):
                        yield from _named_inside(vars(value)[key], [one for one in names if one != key])
    elif isinstance(value, type):
        for key in (*names, "forward", "backward", "setup_context"):
            yield from _of_method(_method(value, key), value)
