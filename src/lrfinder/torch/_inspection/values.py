"""Values that compare with ``==``: tensors, arrays, random generators and lists of numbers, looked at without a trace.

``Tensor.numpy()`` marks the memory of a tensor as not resizable for good. It is called here on copies alone.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from enum import Enum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from lrfinder._check import objects

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), Enum, np.generic, range, slice, itertools.count),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size, np.dtype),
)
GENERATORS = (
    *(torch.Generator, random.Random),
    *(np.random.Generator, np.random.RandomState, np.random.BitGenerator, np.random.SeedSequence),
)
MOST_SAMPLES = 1000  # entries of a container of a data set that are looked at, and the last ones of a longer one
LAST_SAMPLES = 100
SAMPLE_BYTES = 1 << 16  # of a tensor in an entry
CHUNK = 1 << 24  # bytes that are copied at a time, so that a large model is not copied as a whole
MAX_NUMBERS = 1_000_000  # a longer list holds data rather than the state of a training
MAX_DEPTH = 8  # of lists in lists
SHORT = 100  # characters of a text that is kept as it is

SPARSE_PARTS = {
    torch.sparse_coo: ("_indices", "_values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
    torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
}


def digest(tensor: Tensor) -> tuple[object, ...]:
    """Return the digest of what a tensor holds, as far as it is on this rank, with its shape and dtype.

    A tensor that wraps others is the digest of these. One that has no data (``meta``, lazy) is its shape and dtype.
    """
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if is_lazy(tensor):
            return "uninitialized", tensor.dtype
        parts = [(name, digest(part)) for name, part in inner_tensors(tensor)]
        contents = tuple(parts) if parts or tensor.is_meta else _digest_of_memory(tensor.detach())
        is_ragged = tensor.is_nested and tensor.layout is torch.strided  # it has sizes instead of a shape
        return contents, () if is_ragged else tuple(tensor.shape), tensor.dtype


def inner_tensors(tensor: Tensor) -> list[tuple[str, Tensor]]:
    """Return the tensors that a tensor is made of, by name; none for a plain one."""
    if callable(getattr(type(tensor), "__tensor_flatten__", None)):
        names: list[str] = cast("Any", tensor).__tensor_flatten__()[0]
        parts = ((name, getattr(tensor, name)) for name in names)
        return [(name, part) for name, part in parts if isinstance(part, Tensor)]  # DTensor names its mesh, too
    if tensor.is_nested and tensor.layout is torch.strided:
        return [("values", tensor.values()), ("sizes", cast("Any", tensor)._nested_tensor_size())]  # noqa: SLF001
    detached = tensor.detach() if tensor.layout in SPARSE_PARTS else tensor
    return [(name, getattr(detached, name)()) for name in SPARSE_PARTS.get(tensor.layout, ())]


def _digest_of_memory(tensor: Tensor) -> object:
    hashed = blake2b(digest_size=16)
    if tensor.is_quantized:
        hashed.update(repr(_scales(tensor)).encode())
        tensor = tensor.int_repr()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    for piece in _pieces(tensor):
        own = torch.empty(piece.shape, dtype=piece.dtype, device="cpu").copy_(piece)
        hashed.update(own.view(-1).view(torch.uint8).numpy().data)
    return hashed.digest()


def _scales(tensor: Tensor) -> tuple[object, ...]:
    if tensor.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        return tensor.q_scale(), tensor.q_zero_point()
    return digest(tensor.q_per_channel_scales()), digest(tensor.q_per_channel_zero_points()), tensor.q_per_channel_axis()


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    """Yield the parts of a tensor in order, each of at most ``CHUNK`` bytes."""
    size = tensor.numel() * tensor.element_size()
    if size <= CHUNK:
        yield tensor
    elif tensor.dim() == 1:
        yield from tensor.split(CHUNK // tensor.element_size())
    elif tensor.is_contiguous():
        yield from _pieces(tensor.view(-1))
    else:
        rows = max(1, CHUNK * len(tensor) // size)
        for part in tensor.split(rows):
            yield from _pieces(part[0]) if len(part) == 1 else [part]


def some_of(array: Any) -> Any:
    """Return a view of some numbers of a large tensor or array: of some rows, a few each."""
    few = max(2, round(32 ** (1 / max(1, array.ndim - 1))))
    return array[tuple(slice(0, None, max(1, n // (few if axis else 1_000))) for axis, n in enumerate(array.shape))]


def entries_of(samples: list[Any]) -> object:
    """Return what the entries of a container of a data set compare by: their number, and some of them by their contents."""
    some = samples if len(samples) <= MOST_SAMPLES else [*samples[:: len(samples) // MOST_SAMPLES], *samples[-LAST_SAMPLES:]]
    hashed = blake2b(digest_size=16)
    for one in some:
        hashed.update(repr(_sample_content(one)).encode("utf-8", "surrogatepass"))
    return len(samples), hashed.digest()


def _sample_content(value: Any, depth: int = 0) -> object:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Tensor):
        return digest(value) if value.nbytes <= SAMPLE_BYTES else tuple(value.shape)
    if isinstance(value, np.ndarray):
        return objects.array_digest(cast("Any", value)) if value.nbytes <= SAMPLE_BYTES else cast("Any", value).shape
    inside: Any = list(cast("dict[Any, Any]", value).items()) if type(value) is dict else value
    if type(inside) in {list, tuple, deque} and depth < MAX_DEPTH:
        few = [one for _, one in zip(range(MOST_SAMPLES), cast("list[Any]", inside), strict=False)]
        return len(cast("list[Any]", inside)), [_sample_content(one, depth + 1) for one in few]
    return type(cast("object", value)).__name__


def generator_state(value: object) -> object:
    """Return the state of a random generator."""
    return digest(value.get_state()) if isinstance(value, torch.Generator) else objects.generator_state(value)


def global_generators() -> dict[str, object]:
    """Return the states of the generators of Python, numpy and torch that everyone shares, by name."""
    of_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        **objects.global_generators(),
        "generator: torch": digest(torch.get_rng_state()),
        **{f"generator: cuda {k}": digest(state) for k, state in enumerate(of_cuda)},
    }


def shared_generators() -> list[object]:
    """Return the objects of :func:`global_generators`."""
    of_python = random.getstate.__self__  # pyright: ignore[reportFunctionMemberAccess]  (a bound method)
    of_numpy = np.random.get_state.__self__  # pyright: ignore[reportFunctionMemberAccess]
    of_cuda = torch.cuda.default_generators if torch.cuda.is_initialized() else ()
    return [of_python, of_numpy, torch.default_generator, *of_cuda]


def is_shared(value: object) -> bool:
    """Return whether other processes share a value: a ``Value`` or ``Array``, or one that a manager holds."""
    modules = {base.__module__ for base in type(value).__mro__}
    is_manager = hasattr(type(value), "get_server")  # which holds no value itself
    return not (is_manager or modules.isdisjoint({"multiprocessing.sharedctypes", "multiprocessing.managers", "_ctypes"}))


def shared_content(value: Any) -> object:
    """Return the content of a shared value; of one that another process holds, what is equal to nothing."""
    memory = value.get_obj() if hasattr(type(value), "get_obj") else value
    return bytes(memoryview(memory)) if type(memory).__module__ != "multiprocessing.managers" else object()


def plain_text(value: object) -> object:
    """Return a text for a plain value, or for a container that holds nothing but these; None for other values."""
    if isinstance(value, PLAIN):
        return _shortened(repr(value))
    if isinstance(value, set | frozenset):
        items = cast("set[object]", value)
        return _shortened(repr(sorted(map(repr, items)))) if _count_plain(items) is not None else None
    if not isinstance(value, list | tuple | deque) or _count_plain(cast("list[object]", value)) is None:
        return None
    return _shortened(repr([*cast("list[object]", value)]))


def _count_plain(items: Any, depth: int = 0) -> int | None:
    """Return how many plain values a container of plain values and of such containers holds; None for others."""
    if len(items) > MAX_NUMBERS or depth > MAX_DEPTH:
        return None
    total = 0
    for one in items:
        if isinstance(one, PLAIN):
            total += 1
            continue
        inside: Any = list(cast("dict[Any, Any]", one).items()) if type(one) is dict else one
        count = _count_plain(inside, depth + 1) if type(inside) in {list, tuple} else None
        if count is None:
            return None
        total += count
    return total if total <= MAX_NUMBERS else None


def _shortened(text: str) -> object:
    return (
        text if len(text) <= SHORT else (len(text), blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    )
