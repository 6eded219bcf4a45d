"""Keras 3 and its backend, with an error that says what to install where one of them is missing."""

from __future__ import annotations

import os
import sys
from typing import Any

from lrfinder._optional import require
from lrfinder.errors import MissingExtraError

OLDEST = (3, 8)
BACKENDS = ("torch", "jax", "tensorflow")


def _keras() -> Any:
    requested = os.environ.get("KERAS_BACKEND", "")
    try:
        found: Any = require("keras", "keras")
    except MissingExtraError as error:
        if error.name == "keras":
            raise
        package = requested or error.name
        message = (
            f"The Keras backend {package!r} needs {error.name}, which is not installed: run  pip install {package}  or set "
            f"KERAS_BACKEND to one of {', '.join(BACKENDS)} that is installed."
        )
        raise MissingExtraError(message, name=error.name) from error
    except ValueError as error:
        raise _unknown_backend(requested) from error
    if not OLDEST <= _version(found) < (4,):
        message = f'keras {found.__version__} is not Keras 3 from 3.8 on: run  pip install "lrfinder[keras]"'
        raise MissingExtraError(message, name="keras")
    if found.backend.backend() not in BACKENDS:
        raise _unknown_backend(found.backend.backend())
    return found


def _version(found: Any) -> tuple[int, ...]:
    return tuple(map(int, found.__version__.split(".")[:2]))


def _unknown_backend(name: str) -> MissingExtraError:
    return MissingExtraError(
        f"{name!r} is not a Keras backend that can train: set KERAS_BACKEND to one of {', '.join(BACKENDS)}."
    )


keras = _keras()
BACKEND: str = keras.backend.backend()
RESETS_METRICS = _version(keras) >= (3, 15)
"""True where ``train_on_batch`` resets the metrics first; a second reset costs a quarter of a millisecond on TensorFlow."""

torch: Any = sys.modules.get("torch") if BACKEND == "torch" else None
tensorflow: Any = sys.modules.get("tensorflow") if BACKEND == "tensorflow" else None
jax: Any = sys.modules.get("jax") if BACKEND == "jax" else None
"""The backend's own package, None for the other two: layers of the user may hold objects of it, which a snapshot copies."""


def torch_if_loaded() -> Any:
    """Return PyTorch if it is imported, on any backend, as a loader of PyTorch may supply the batches; None otherwise.

    Where PyTorch is not installed, a folder named ``torch`` on the path is imported instead, and is empty.
    """
    loaded: Any = sys.modules.get("torch")
    return loaded if hasattr(loaded, "Tensor") else None
