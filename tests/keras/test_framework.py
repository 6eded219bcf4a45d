"""Imports without Keras, without its backend, or of versions that are refused."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("keras.layers", reason="the session jax_and_keras has it")


def error_of(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    ).stderr.splitlines()[-1]


def test_a_backend_that_is_not_installed_is_named():
    error = error_of("import sys; sys.modules['jax'] = None; import lrfinder.keras", KERAS_BACKEND="jax")
    assert "MissingExtraError" in error
    assert "jax, which is not installed: run  pip install jax  or set KERAS_BACKEND" in error


def test_a_backend_that_cannot_train_is_refused():
    error = error_of("import lrfinder.keras", KERAS_BACKEND="numpy")
    assert "'numpy' is not a Keras backend" in error


def test_a_keras_that_is_too_old_is_refused():
    error = error_of("import keras; keras.__version__ = '3.7.0'; import lrfinder.keras")
    assert "keras 3.7.0 is not Keras 3 from 3.8 on" in error


def test_keras_that_is_not_installed_is_named():
    error = error_of("import sys; sys.modules['keras'] = None; import lrfinder.keras")
    assert 'pip install "lrfinder[keras]"' in error
