"""A cache on disk, so that programs that many tests share are compiled once, on the backend that supports one."""

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _compiled(tmp_path_factory):
    if os.environ.get("KERAS_BACKEND") == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
