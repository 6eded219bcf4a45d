"""Factories: functions that create learners, given as objects or as ``FILE.py:FACTORY``."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfinder._user_code import in_words
from lrfinder.errors import FactoryError
from lrfinder.learner import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType

    from lrfinder.learner import Learner


MOST_NAMES = 8  # of the functions of a file, in an error


class FactoryCallError(FactoryError):
    """A factory that cannot be called as it was given: there is none of that name, or it takes other keywords."""


@dataclass(frozen=True)
class FileFactory:
    """The function ``name`` of the Python file ``path``. Other processes load it from a file at the same path."""

    path: Path
    name: str

    @classmethod
    def named(cls, factory: str) -> FileFactory:
        """Return the factory that ``FILE.py:FACTORY`` names.

        Raises:
            FactoryCallError: the file does not exist, or the text names no function of it.
        """
        if Path(factory).is_file():
            raise FactoryCallError(_without_function(Path(factory)))
        text, _, name = factory.rpartition(":")
        path = Path(text or name)
        if not path.is_file():
            files = [str(one) for one in path.parent.glob("*.py")] if path.parent.is_dir() else []
            message = (
                f"{path} is not a file{_did_you_mean(str(path), files)}; give FILE.py:FACTORY, as in train.py:make_learner."
            )
            raise FactoryCallError(message)
        if not name.isidentifier():
            message = f"{name!r} is not the name of a function; give FILE.py:FACTORY, as in {path.name}:make_learner."
            raise FactoryCallError(message)
        return cls(path.resolve(), name)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name}"

    def __call__(self, **settings: object) -> Learner[Any]:
        """Call the function.

        Raises:
            FactoryCallError: there is no such function.
            FactoryError: the file or the function raises, or it does not return a learner.
        """
        function = self.function
        try:
            learner = function(**settings)
        except (Exception, SystemExit) as error:
            raise self._failure(error) from error
        return checked_learner(learner, self)

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself, from the file, which runs as a module."""
        if not self.path.is_file():
            message = f"{self.path} is not on this machine; a worker needs the file at the same path."
            raise FactoryError(message)
        try:
            module = _imported(self.path, self.path.stat().st_mtime_ns)
        except (Exception, SystemExit) as error:
            raise self._failure(error) from error
        function: Callable[..., Any] | None = getattr(module, self.name, None)
        if not callable(function):
            names = [key for key, value in vars(module).items() if _is_own(key, value, module)]
            hint = _did_you_mean(self.name, names)
            message = f"{self.path.name} has no function {self.name!r}{hint}; it has {_listed(names)}."
            raise FactoryCallError(message)
        return function

    def _failure(self, error: BaseException) -> FactoryError:
        return FactoryError(f"{self} raised {in_words(error)}.")


def _is_own(name: str, value: object, module: ModuleType) -> bool:
    """Return True for a public function or class that the module itself defines."""
    return callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _without_function(path: Path) -> str:
    """Return the error for a file without the name of a function. The file is read, not run."""
    message = f"{path} is a file; give the function that returns a learner as well, as in {path.name}:make_learner"
    try:
        statements = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return f"{message}."
    names = [one.name for one in statements if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
    return f"{message}. It has {_listed(names)}."


def _did_you_mean(given: str, names: Iterable[str]) -> str:
    close = get_close_matches(given, list(names), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _listed(names: list[str]) -> str:
    more = ", …" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES]) or 'none'}{more}"


def checked_learner(learner: object, factory: object) -> Learner[Any]:
    """Return the learner of a factory.

    Raises:
        FactoryError: the object does not have the four methods of a learner.
    """
    missing = [verb for verb in REQUIRED if not callable(getattr(learner, verb, None))]
    if missing:
        message = (
            f"{described(factory)} returned an object of type {type(learner).__name__}, which is not a learner: "
            f"it has no {', '.join(missing)}(). Return one, such as a lrfinder.torch.TorchLearner."
        )
        raise FactoryError(message)
    return learner  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  (its methods were checked)


def require_settings(factory: Callable[..., object], settings: Mapping[str, object]) -> None:
    """Require that the factory accepts these keyword arguments.

    Raises:
        FactoryCallError: it does not.
    """
    function = factory.function if isinstance(factory, FileFactory) else factory
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables have no signature
        return
    try:
        signature.bind(**settings)
    except TypeError as error:
        accepted = ", ".join(signature.parameters) or "nothing"
        message = (
            f"{described(factory)} takes {accepted}, and the grid gives {', '.join(settings)} ({error}): the factory must "
            "take the name of each axis as a keyword argument, including seed."
        )
        raise FactoryCallError(message) from error


def described(thing: object) -> str:
    """Return text for a function, or for another argument of a grid, that is the same in every process."""
    if isinstance(thing, functools.partial):
        keywords = [f"{key}={described(value)}" for key, value in thing.keywords.items()]
        return f"{described(thing.func)}({', '.join([*map(described, thing.args), *keywords])})"
    if isinstance(thing, FileFactory):
        return str(thing)
    if callable(thing):
        return str(getattr(thing, "__qualname__", type(thing).__qualname__))
    return repr(thing)


@functools.cache
def _imported(path: Path, modified: int) -> ModuleType:
    """Run a file as a module: once in each process, and again after a modification."""
    del modified
    name = path.stem if path.stem not in sys.modules else f"_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = "it is not a Python file; give FILE.py:FACTORY."
        raise FactoryError(message)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # for the modules in the same folder
    sys.modules[name] = module  # for worker processes, which unpickle its classes by name
    spec.loader.exec_module(module)
    return module
