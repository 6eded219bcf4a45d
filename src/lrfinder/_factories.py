"""Factories: functions that make learners, and those that are named as ``FILE.py:FACTORY``."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfinder.errors import FactoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from lrfinder.learner import Learner

VERBS = ("iteration", "snapshot", "restore", "close")


@dataclass(frozen=True)
class FileFactory:
    """The function ``name`` of the Python file ``path``. Travels to other processes by name: the file must be there too."""

    path: Path
    name: str

    @classmethod
    def named(cls, factory: str) -> FileFactory:
        """From ``FILE.py:FACTORY``.

        Raises:
            FactoryError: there is no such file.
        """
        path, colon, name = factory.rpartition(":")
        if not colon or not Path(path).is_file():
            message = (
                f"{factory} names no factory: {path or factory} is no file; give FILE.py:FACTORY, "
                "as in train.py:make_learner."
            )
            raise FactoryError(message)
        return cls(Path(path).resolve(), name)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name}"

    def __call__(self, **settings: object) -> Learner[Any]:
        """Call the function.

        Raises:
            FactoryError: the file cannot be run or has no such function, that raises, or what comes back is no learner.
        """
        make = self.function
        try:
            made = make(**settings)
        except (Exception, SystemExit) as error:
            message = f"{self} raised {type(error).__name__}: {error}"
            raise FactoryError(message) from error
        return checked_learner(made, self)

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself, out of the file, which is run as python would run it."""
        if not self.path.is_file():
            message = f"{self.path} is not on this machine; a worker needs the file at the same path."
            raise FactoryError(message)
        try:
            module = _loaded(self.path, self.path.stat().st_mtime_ns)
        except (Exception, SystemExit) as error:
            message = f"{self} raised {type(error).__name__}: {error}"
            raise FactoryError(message) from error
        make: Callable[..., Any] | None = getattr(module, self.name, None)
        if not callable(make):
            names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            message = f"{self.path.name} has no function {self.name!r}; it has {', '.join(names[:8]) or 'none'}."
            raise FactoryError(message)
        return make


def checked_learner(made: object, factory: object) -> Learner[Any]:
    """What a factory made, if it is a learner.

    Raises:
        FactoryError: it is none.
    """
    lacking = [verb for verb in VERBS if not callable(getattr(made, verb, None))]
    if lacking:
        message = (
            f"{described(factory)} returned a {type(made).__name__}, which is no learner: it lacks {', '.join(lacking)}()."
        )
        raise FactoryError(message)
    return made  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  (checked by its verbs, just above)


def require_settings(factory: Callable[..., object], settings: Mapping[str, object]) -> None:
    """The factory can be called with these keyword arguments.

    Raises:
        FactoryError: it cannot.
    """
    function = factory.function if isinstance(factory, FileFactory) else factory
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a callable that does not tell what it takes
        return
    try:
        signature.bind(**settings)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "nothing"
        message = (
            f"{described(factory)} takes {takes}, and the grid gives {', '.join(settings)} ({error}): the factory must take "
            "the name of each axis as a keyword argument, seed among them."
        )
        raise FactoryError(message) from error


def described(thing: object) -> str:
    """A function, or another argument of a grid, as text that is the same in every process."""
    if isinstance(thing, functools.partial):
        keywords = [f"{key}={described(value)}" for key, value in thing.keywords.items()]
        return f"{described(thing.func)}({', '.join([*map(described, thing.args), *keywords])})"
    if isinstance(thing, FileFactory):
        return str(thing)
    if callable(thing):
        return str(getattr(thing, "__qualname__", type(thing).__qualname__))
    return repr(thing)


@functools.cache
def _loaded(path: Path, changed: int) -> ModuleType:
    """The module of a file, run once in each process, and again when it has changed."""
    del changed
    name = path.stem if path.stem not in sys.modules else f"_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = "it is no Python file; give FILE.py:FACTORY."
        raise FactoryError(message)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # what the file imports lies beside it
    sys.modules[name] = module  # worker processes look its classes up there
    spec.loader.exec_module(module)
    return module
