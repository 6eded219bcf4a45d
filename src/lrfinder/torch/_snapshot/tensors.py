"""Saved tensors: restored in place, as the same objects in the same memory; the contents of many are copied together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrfinder.torch._distributed.sharding import local_part
from lrfinder.torch._snapshot.host import copy_together

_COPIED_TOGETHER = (Tensor, nn.Parameter)  # other classes may define copies of their own
_NO_ATTRIBUTES: dict[str, object] = {}  # shared by most tensors


class Contents:
    """The contents of a tensor.

    Attributes:
        flat: its memory, 1-D; None if it cannot be copied together with others.
        copy: the copy of ``flat``, set by the caller that copies many together.
    """

    __slots__ = ("copy", "flat")  # a large model has many of these

    def __init__(self, flat: Tensor | None) -> None:
        self.flat = flat
        self.copy: Tensor | None = None

    def pair(self) -> tuple[Tensor, Tensor] | None:
        """Return the target and the source of a copy, or None if :meth:`fill` has to do more."""
        if self.flat is None or self.copy is None:
            return None
        as_bytes = self.copy.dtype is not self.flat.dtype  # copies on disk
        return self.flat.view(self.copy.dtype) if as_bytes else self.flat, self.copy

    def move(self, alias: Tensor) -> None:
        """Restore into ``alias`` from now on, because the tensor has other memory."""
        self.flat = _flat(alias)

    def fill(self) -> None:
        """Restore the contents."""
        pair = self.pair()
        assert pair is not None
        pair[0].copy_(pair[1])


class SeparateContents(Contents):
    """Contents that are copied separately: of a tensor of another class, or of memory that is not dense."""

    __slots__ = ("_memory", "_saved")

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(None)
        self._memory = _writable_part(tensor)
        self._saved = self._memory.to("cpu", copy=True)

    def move(self, alias: Tensor) -> None:
        """Restore into ``alias`` from now on, because the tensor has other memory."""
        self._memory = _writable_part(alias)

    def fill(self) -> None:
        """Restore the contents."""
        self._memory.copy_(self._saved)


class SparseContents(Contents):
    """Contents of a tensor without strides, which keeps the memory that is copied into it."""

    __slots__ = ("_saved", "_tensor")

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(None)
        self._tensor = tensor
        self._saved = tensor.detach().to("cpu", copy=True)

    def fill(self) -> None:
        """Restore the contents."""
        self._tensor.copy_(self._saved.clone())


class SavedTensor:
    """One tensor; a call restores everything except its contents.

    Attributes:
        contents: what remains to be filled in after the call.
        is_placed: whether the last call succeeded, so that the contents can be filled in.
    """

    __slots__ = ("_alias", "_attributes", "_grad", "_nbytes", "_requires_grad", "_tensor", "contents", "is_placed")

    def __init__(self, tensor: Tensor) -> None:
        part = self._part(tensor)
        self._tensor = tensor
        self._alias = part.detach()  # the same memory, under a name that nobody else can redirect
        self._nbytes = self._alias.untyped_storage().nbytes() if part.layout is torch.strided else 0
        self._attributes = vars(tensor).copy() or _NO_ATTRIBUTES
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self.contents = _contents(part, self._alias)
        self.is_placed = False

    @staticmethod
    def _part(tensor: Tensor) -> Tensor:
        return tensor

    def inside(self) -> dict[str, object]:
        """Return the other objects that belong to the tensor, its gradient first."""
        return self._attributes if self._grad is None else {"grad": self._grad, **self._attributes}

    def __call__(self) -> None:
        """Restore memory, shape, attributes, ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        if self._alias.layout is torch.strided:
            self._restore_memory()
        _restore_attributes(self._tensor, self._attributes)
        self._restore_gradient()
        self.is_placed = True

    def _restore_gradient(self) -> None:
        if self._tensor.is_leaf:
            self._tensor.requires_grad_(self._requires_grad)
            if self._tensor.grad is not self._grad:
                self._tensor.grad = self._grad

    def _restore_memory(self) -> None:
        tensor, alias = self._tensor, self._alias
        if tensor.dtype is not alias.dtype or not tensor.is_set_to(alias):
            tensor.data = alias  # the step had given it other memory, or another shape
        if alias.untyped_storage().nbytes() < self._nbytes:
            alias.untyped_storage().resize_(self._nbytes)  # the step had freed it; a copy into nothing ends the process


class SavedShard(SavedTensor):
    """A tensor of which this process holds a part; that part is restored, wherever it is then, without communication."""

    __slots__ = ()

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor)
        self._attributes = _NO_ATTRIBUTES

    @staticmethod
    def _part(tensor: Tensor) -> Tensor:
        return local_part(tensor)

    def __call__(self) -> None:
        """Restore ``requires_grad``, and the gradient or its absence."""
        self.is_placed = False
        self._restore_gradient()
        alias = local_part(self._tensor).detach()
        if not alias.is_set_to(self._alias):
            self.contents.move(alias)
        self.is_placed = True


def fill_together(contents: list[Contents]) -> None:
    """Restore the contents of many tensors, as many as possible in one call."""
    pairs = [pair for one in contents if (pair := one.pair()) is not None]
    if pairs:
        copy_together([target for target, _ in pairs], [copy for _, copy in pairs])
    for one in contents:
        if one.copy is None:
            one.fill()


def _contents(tensor: Tensor, alias: Tensor) -> Contents:
    if tensor.layout is not torch.strided:
        return SparseContents(tensor)
    flat = _flat(alias) if type(tensor) in _COPIED_TOGETHER else None
    return SeparateContents(alias) if flat is None else Contents(flat)


def _flat(tensor: Tensor) -> Tensor | None:
    """Return the memory of a tensor as one row, whatever the order of its dimensions; None if it has gaps or overlaps."""
    if tensor.is_conj() or tensor.is_neg() or tensor.is_quantized:
        return None
    if not tensor.is_contiguous():
        tensor = tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))
    return tensor.view(-1) if tensor.is_contiguous() else None


def _restore_attributes(tensor: Tensor, attributes: dict[str, object]) -> None:
    now = vars(tensor)
    if not (now or attributes):
        return
    marks = {name: value for name, value in now.items() if name.startswith("_dynamo")}  # of compiled code, which stays
    now.clear()
    now.update(attributes | marks)


def _writable_part(tensor: Tensor) -> Tensor:
    """Return the tensor without repetition: an expanded one repeats its memory and cannot be written as a whole."""
    if tensor.layout is not torch.strided or 0 not in tensor.stride():
        return tensor
    return tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]
