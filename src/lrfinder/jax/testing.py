"""Everything that a user can see of pytrees, for comparison: the ``observe`` of :mod:`lrfinder.testing`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lrfinder.testing import random_states


def fingerprint(*trees: Any) -> dict[str, object]:
    """Return every array bit for bit under readable names, and the global generators of Python and NumPy."""
    found = random_states()
    for k, tree in enumerate(trees):
        found |= contents(f"tree {k}", tree)
    return found


def contents(kind: str, tree: Any) -> dict[str, object]:
    """Return the structure of a tree and every array bit for bit, under names that begin with ``kind``."""
    arrays = jax.tree_util.tree_flatten_with_path(tree)[0]
    found: dict[str, object] = {f"{kind}: {jax.tree_util.keystr(path)}": _content(leaf) for path, leaf in arrays}
    return found | {f"{kind}: structure": str(jax.tree.structure(tree))}


def _content(leaf: Any) -> tuple[object, ...]:
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    array = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
    return array.tobytes(), array.shape, str(array.dtype)
