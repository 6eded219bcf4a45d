"""Keras 3 and its back end, imported with what can be said where one of them is missing."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from lrfinder.errors import MissingExtraError

OLDEST = (3, 8)
BACK_ENDS = ("torch", "jax", "tensorflow")


def _keras() -> Any:
    asked = os.environ.get("KERAS_BACKEND", "")
    try:
        found = importlib.import_module("keras")
    except ModuleNotFoundError as error:
        if error.name == "keras":
            raise MissingExtraError.of(error.name, "keras") from error
        package = asked or error.name
        message = (
            f"Keras's back end {package!r} needs {error.name}, which is not installed: run  pip install {package}  or set "
            f"KERAS_BACKEND to one of {', '.join(BACK_ENDS)} that is installed."
        )
        raise MissingExtraError(message, name=error.name) from error
    except ValueError as error:
        raise _no_back_end(asked) from error
    if not OLDEST <= _version(found) < (4,):
        message = f'keras {found.__version__} is not Keras 3 from 3.8 on: run  pip install "lrfinder[keras]"'
        raise MissingExtraError(message, name="keras")
    if found.backend.backend() not in BACK_ENDS:
        raise _no_back_end(found.backend.backend())
    return found


def _version(found: Any) -> tuple[int, ...]:
    return tuple(map(int, found.__version__.split(".")[:2]))


def _no_back_end(name: str) -> MissingExtraError:
    return MissingExtraError(
        f"{name!r} is no back end of Keras that trains: set KERAS_BACKEND to one of {', '.join(BACK_ENDS)}."
    )


keras = _keras()
BACK_END: str = keras.backend.backend()
RESETS_METRICS = _version(keras) >= (3, 15)
"""Whether ``train_on_batch`` does so first; twice would cost a quarter of a millisecond on TensorFlow."""

torch: Any = sys.modules.get("torch") if BACK_END == "torch" else None
tensorflow: Any = sys.modules.get("tensorflow") if BACK_END == "tensorflow" else None
jax: Any = sys.modules.get("jax") if BACK_END == "jax" else None
"""The back end itself, where it is that one: what the user's own layers may hold of it is taken too."""


def torch_if_loaded() -> Any:
    """PyTorch on any back end, once it is imported, for a loader of its may give the batches; None otherwise.

    Where it is not installed, a folder of the name ``torch`` on the path is imported in its place, and is empty.
    """
    loaded: Any = sys.modules.get("torch")
    return loaded if hasattr(loaded, "Tensor") else None
