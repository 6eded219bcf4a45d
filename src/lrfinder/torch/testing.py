"""What a user can see of PyTorch objects, for comparison: the ``observe`` of :mod:`lrfinder.testing`."""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from lrfinder.torch._distributed import sharding

if TYPE_CHECKING:
    from collections.abc import Iterator


def fingerprint(*objects: Any) -> dict[str, object]:
    """Everything of modules and of objects with ``state_dict()``, bit for bit, under readable names; and the generators.

    Of tensors: a digest of the bytes, shape, dtype; of parameters also ``requires_grad`` and the gradient, or its absence;
    of modules the modes, and buffers also where they are not persistent; of optimizers and the like their ``state_dict()``;
    python's, numpy's and torch's global generators. It shares no code with the snapshot, so that neither hides the other's
    faults.
    """
    seen: dict[str, object] = {
        "python's generator": random.getstate(),
        "numpy's generator": repr(np.random.get_state(legacy=False)),  # noqa: NPY002  (the one that users draw from)
        "numpy's generator, keys": np.random.get_state()[1].tobytes(),  # type: ignore[union-attr]  # noqa: NPY002
        "torch's generator": content(torch.get_rng_state()),
    }
    for k, one in enumerate(objects):
        kind = f"{type(one).__name__} {k}"
        if isinstance(one, nn.Module):
            seen.update((f"{kind}: {name}", value) for name, value in _of_module(one))
        else:
            seen.update(_of_state(kind, one.state_dict()))
    return seen


def _of_module(module: nn.Module) -> Iterator[tuple[str, object]]:
    for name, parameter in module.named_parameters(remove_duplicate=False):
        yield name, (*content(parameter), parameter.requires_grad)
        yield f"{name}.grad", None if parameter.grad is None else content(parameter.grad)
    for name, buffer in module.named_buffers(remove_duplicate=False):
        yield name, content(buffer)
    for name, submodule in module.named_modules():
        yield f"{name}.training", submodule.training


def _of_state(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Tensor):
        yield name, content(value)
    elif isinstance(value, dict):
        yield f"{name}, keys", tuple(map(str, cast("dict[object, object]", value)))
        for key, item in cast("dict[object, object]", value).items():
            yield from _of_state(f"{name}[{key!r}]", item)
    elif isinstance(value, list | tuple):
        yield f"{name}, length", len(cast("list[object]", value))
        for k, item in enumerate(cast("list[object]", value)):
            yield from _of_state(f"{name}[{k}]", item)
    else:
        yield name, repr(value)


def content(tensor: Tensor) -> tuple[object, ...]:
    """A tensor bit for bit, as far as it lies here, in a few bytes: a digest of its memory, its shape, its dtype."""
    tensor = sharding.local_part(tensor.detach())
    dense = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    memory = dense.contiguous().cpu().reshape(-1).view(torch.uint8).numpy()
    return blake2b(memory.data, digest_size=16).digest(), tuple(tensor.shape), tensor.dtype
