"""Tensor subclasses that wrap other tensors, as those of quantized optimizers and of sharded or low-bit weights."""

import torch
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_map_only


class Codes(torch.Tensor):
    """Numbers in 8 bits with one scale, which can be copied into and read, and nothing else."""

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32, device=codes.device)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    @classmethod
    def of(cls, numbers):
        zeros = cls(torch.zeros_like(numbers, dtype=torch.int8), torch.zeros((), device=numbers.device))
        return zeros.fill(numbers)

    def __repr__(self):
        return f"Codes({tuple(self.shape)})"

    def __tensor_flatten__(self):
        return ["codes", "scale"], {}

    @classmethod
    def __tensor_unflatten__(cls, inner, context, size, stride):
        return cls(inner["codes"], inner["scale"])

    def fill(self, numbers):
        largest = numbers.detach().float().abs().max().clamp(min=1e-12)
        self.scale.copy_(largest / 127)
        self.codes.copy_((numbers.detach().float() / self.scale).nan_to_num().round().to(torch.int8))
        return self

    def read(self):
        return self.codes.float() * self.scale

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.copy_.default:
            target, source = args[:2]
            if isinstance(target, Codes):
                if isinstance(source, Codes):
                    target.codes.copy_(source.codes)
                    target.scale.copy_(source.scale)
                    return target
                return target.fill(source)
            return target.copy_(source.read())
        if function in {torch.ops.aten.detach.default, torch.ops.aten.alias.default}:
            return cls(args[0].codes, args[0].scale)
        if function in {torch.ops.aten.linear.default, torch.ops.aten.t.default, torch.ops.aten.mm.default}:
            return function(*tree_map_only(Codes, Codes.read, args), **(kwargs or {}))
        message = f"{cls.__name__} does not support {function}."
        raise NotImplementedError(message)


class Passed(torch.Tensor):
    """A tensor around another, which passes every operation on; it can be trained."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=inner.device
        )

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Passed({self.inner!r})"

    def __tensor_flatten__(self):
        return ["inner"], None

    @classmethod
    def __tensor_unflatten__(cls, inner, context, size, stride):
        return cls(inner["inner"])

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inside = tree_map_only(Passed, lambda one: one.inner, (args, kwargs))
        out = tree_map_only(torch.Tensor, cls, function(*inside[0], **inside[1]))
        return return_and_correct_aliasing(function, args, kwargs, out)
