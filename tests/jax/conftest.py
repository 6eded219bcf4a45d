"""A cache on disk, so that programs that many tests share are compiled once."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _compiled(tmp_path_factory):
    jax = pytest.importorskip("jax", reason="the session jax_and_keras has it")
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
