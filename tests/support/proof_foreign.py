"""Optimizers as other packages write them: with objects in their state and groups, or with wrapped tensors."""

import torch
from proof_wrappers import Codes
from torch.optim import Optimizer


class Projector:
    """A projection onto the directions of the last gradients, as that of GaLore."""

    def __init__(self, rank=2, every=3):
        self.rank, self.every, self.calls, self.basis = rank, every, 0, None

    def project(self, gradient):
        if self.calls % self.every == 0:
            self.basis = torch.linalg.qr(gradient.flatten(1).float().nan_to_num(0, 0, 0))[0][:, : self.rank].clone()
        self.calls += 1
        return self.basis.T @ gradient.flatten(1).float()

    def back(self, low, shape):
        return (self.basis @ low).reshape(shape)


class Root:
    """A running second moment and its inverse root, in slots."""

    __slots__ = ("inverse", "moment", "steps")

    def __init__(self, width):
        self.moment, self.inverse, self.steps = torch.zeros(width, width), torch.eye(width), 0

    def apply(self, matrix):
        self.moment.mul_(0.9).add_(0.1 * (matrix @ matrix.T).cpu().nan_to_num(0, 0, 0).clamp(-1e6, 1e6))
        if self.steps % 2 == 0:
            self.inverse = torch.linalg.inv(self.moment / (1 + self.moment.abs().max()) + torch.eye(len(self.moment)))
        self.steps += 1
        return self.inverse.to(matrix.device) @ matrix


class Preconditioner:
    """Roots for both sides of a matrix, in a list, as that of Shampoo."""

    def __init__(self, shape):
        self.roots = [Root(shape[0]), Root(shape[1])]

    def apply(self, gradient):
        matrix = gradient.flatten(1).float()
        for root in self.roots:
            matrix = root.apply(matrix).T
        return matrix.reshape(gradient.shape)


class Warmup:
    """An object in a parameter group."""

    def __init__(self):
        self.calls, self.scale = 0, torch.zeros(())

    def step(self):
        self.calls += 1
        self.scale += (1 - self.scale) / 8
        return self.scale.item()


class Foreign(Optimizer):
    """The loop over parameters; subclasses return the update of one of them."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = self.update(group, parameter, self.state[parameter]).to(parameter.dtype)
                    parameter.sub_(update * group["lr"])
        return loss

    def update(self, group, parameter, state):
        raise NotImplementedError


class LowRank(Foreign):
    def update(self, group, parameter, state):
        gradient = parameter.grad
        if gradient.ndim < 2:
            return gradient
        projector = state.setdefault("projector", Projector())
        low = projector.project(gradient)
        moment = state.setdefault("moment", torch.zeros_like(low))
        moment = moment if moment.shape == low.shape else torch.zeros_like(low)
        state["moment"] = 0.9 * moment + low
        return projector.back(state["moment"], gradient.shape)


class Preconditioned(Foreign):
    def update(self, group, parameter, state):
        gradient = parameter.grad
        if gradient.ndim < 2:
            return gradient
        if "preconditioner" not in state:
            state["preconditioner"] = Preconditioner(gradient.flatten(1).shape)
        return state["preconditioner"].apply(gradient)


class EightBit(Foreign):
    def update(self, group, parameter, state):
        gradient = parameter.grad.float()
        if "moment" not in state:
            state["moment"] = Codes.of(gradient)
        moment = 0.9 * state["moment"].read() + gradient
        state["moment"].copy_(moment)
        return moment


class GroupObject(Foreign):
    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)
        for group in self.param_groups:
            group["warmup"] = Warmup()

    def update(self, group, parameter, state):
        return parameter.grad * group["warmup"].step()


class Slow(dict):
    """Slow weights by parameter, and their number of steps."""

    steps = 0


class LooksAhead(Foreign):
    """A wrapper around another optimizer, with slow weights in an attribute."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)
        self.inner = torch.optim.Adam(self.param_groups, lr=lr)
        self.param_groups = self.inner.param_groups
        self.slow = Slow()

    @torch.no_grad()
    def step(self, closure=None):
        loss = self.inner.step(closure)
        self.slow.steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                slow = self.slow.setdefault(parameter, parameter.clone())
                slow.lerp_(parameter, 0.5)
                if self.slow.steps % 3 == 0:
                    parameter.copy_(slow)
        return loss


FOREIGN = {cls.__name__: cls for cls in (LowRank, Preconditioned, EightBit, GroupObject, LooksAhead)}
