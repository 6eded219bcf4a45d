"""Tensors put back in place, as the same objects in the same memory; the contents of many are copied together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrfinder.torch._distributed.sharding import local_part
from lrfinder.torch._snapshot.host import copy_together

_PLAIN = (Tensor, nn.Parameter)  # others may mean something of their own by a copy
_NONE: dict[str, object] = {}  # the attributes of most


class Contents:
    """What a tensor holds.

    Attributes:
        flat: its memory, 1-D; None where it is not to be copied together with others.
        copy: of ``flat``; whoever copies many together writes it here.
    """

    __slots__ = ("copy", "flat")  # a large model has many of all these

    def __init__(self, flat: Tensor | None) -> None:
        self.flat = flat
        self.copy: Tensor | None = None

    def pair(self) -> tuple[Tensor, Tensor] | None:
        """Where to copy and what; None where that is not all there is to it."""
        if self.flat is None or self.copy is None:
            return None
        bytes_alone = self.copy.dtype is not self.flat.dtype  # as they are on disk
        return self.flat.view(self.copy.dtype) if bytes_alone else self.flat, self.copy

    def move(self, alias: Tensor) -> None:
        """Take ``alias`` for the tensor, whose memory is another one now."""
        self.flat = _flat(alias)

    def fill(self) -> None:
        """Put the contents back."""
        pair = self.pair()
        assert pair is not None
        pair[0].copy_(pair[1])


class Alone(Contents):
    """Contents that are copied by themselves: of a tensor of another class, or whose memory is not dense."""

    __slots__ = ("_memory", "_saved")

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(None)
        self._memory = _memory(tensor)
        self._saved = self._memory.to("cpu", copy=True)

    def move(self, alias: Tensor) -> None:
        """Take ``alias`` for the tensor, whose memory is another one now."""
        self._memory = _memory(alias)

    def fill(self) -> None:
        """Put the contents back."""
        self._memory.copy_(self._saved)


class Sparse(Contents):
    """Contents of a tensor without strides; in place it takes the memory that it is given, for good."""

    __slots__ = ("_saved", "_tensor")

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(None)
        self._tensor = tensor
        self._saved = tensor.detach().to("cpu", copy=True)

    def fill(self) -> None:
        """Put the contents back."""
        self._tensor.copy_(self._saved.clone())


class Piece:
    """One tensor: calling it puts back everything but contents.

    Attributes:
        contents: what is to be filled in afterwards.
        in_place: whether the last call succeeded, so that the contents have a place to be put in.
    """

    __slots__ = ("_alias", "_attributes", "_grad", "_nbytes", "_requires_grad", "_tensor", "contents", "in_place")

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._alias = tensor.detach()  # the same memory, under a name that nobody else can point elsewhere
        self._nbytes = self._alias.untyped_storage().nbytes() if tensor.layout is torch.strided else 0
        self._attributes = vars(tensor).copy() or _NONE
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self.contents = _contents(tensor, self._alias)
        self.in_place = False

    def further(self) -> dict[str, object]:
        """What else was found on the tensor."""
        return self._attributes if self._grad is None else {"grad": self._grad, **self._attributes}

    def __call__(self) -> None:
        """Memory, shape, attributes, ``requires_grad``, gradient or its absence."""
        self.in_place = False
        tensor = self._tensor
        if self._alias.layout is torch.strided:
            self._place()
        _put_attributes(tensor, self._attributes)
        self._put_gradient()
        self.in_place = True

    def _put_gradient(self) -> None:
        if self._tensor.is_leaf:
            self._tensor.requires_grad_(self._requires_grad)
            if self._tensor.grad is not self._grad:
                self._tensor.grad = self._grad

    def _place(self) -> None:
        tensor, alias = self._tensor, self._alias
        if tensor.dtype is not alias.dtype or not tensor.is_set_to(alias):
            tensor.data = alias  # the step had given it other memory, or another shape
        if alias.untyped_storage().nbytes() < self._nbytes:
            alias.untyped_storage().resize_(self._nbytes)  # the step had freed it; a copy into nothing ends the process


class Shard(Piece):
    """A tensor of which a part lies in this process: the part comes back, wherever it lies then, and nobody gathers."""

    __slots__ = ()

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._alias = local_part(tensor).detach()
        self._attributes = _NONE
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self.contents = _contents(self._alias, self._alias)
        self.in_place = False

    def __call__(self) -> None:
        """``requires_grad``, gradient or its absence."""
        self.in_place = False
        self._put_gradient()
        alias = local_part(self._tensor).detach()
        if not alias.is_set_to(self._alias):
            self.contents.move(alias)
        self.in_place = True


def fill_together(contents: list[Contents]) -> None:
    """Fill many, in one call as many as can be."""
    pairs = [pair for one in contents if (pair := one.pair()) is not None]
    if pairs:
        copy_together([target for target, _ in pairs], [copy for _, copy in pairs])
    for one in contents:
        if one.copy is None:
            one.fill()


def _contents(tensor: Tensor, alias: Tensor) -> Contents:
    if tensor.layout is not torch.strided:
        return Sparse(tensor)
    flat = _flat(alias) if type(tensor) in _PLAIN else None
    return Alone(alias) if flat is None else Contents(flat)


def _flat(tensor: Tensor) -> Tensor | None:
    """The memory of a tensor as one row, in whatever order its dimensions lie; None where it has gaps or repeats itself."""
    if tensor.is_conj() or tensor.is_neg() or tensor.is_quantized:
        return None
    if not tensor.is_contiguous():
        tensor = tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))
    return tensor.view(-1) if tensor.is_contiguous() else None


def _put_attributes(tensor: Tensor, attributes: dict[str, object]) -> None:
    now = vars(tensor)
    if not (now or attributes):
        return
    marks = {name: value for name, value in now.items() if name.startswith("_dynamo")}  # compiled code goes on with its own
    now.clear()
    now.update(attributes | marks)


def _memory(tensor: Tensor) -> Tensor:
    """The part of a tensor that is memory of its own: an expanded one repeats it, and cannot be written whole."""
    if tensor.layout is not torch.strided or 0 not in tensor.stride():
        return tensor
    return tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]
