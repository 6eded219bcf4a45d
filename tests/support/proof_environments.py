"""Objects that a hook of the model steps, named as ``stateful``; the state that they change is some levels inside."""

# pyright: reportAttributeAccessIssue=false

import random

import numpy as np
import torch


class Environment:
    """An environment with a generator of numpy, a tensor and a number."""

    def __init__(self, seed=3):
        self.random, self.position, self.steps = np.random.default_rng(seed), torch.zeros(()), 0

    def step(self):
        self.steps += 1
        self.position = 0.9 * self.position + float(self.random.normal())
        return float(self.position) + 0.001 * self.steps


class Wrapped:
    """A wrapper, as those of Gymnasium."""

    def __init__(self, inner):
        self.env, self.total = inner, 0.0

    def step(self):
        self.total = 0.5 * self.total + self.env.step()
        return self.total


class InSlots:
    __slots__ = ("env", "python")

    def __init__(self, inner):
        self.env, self.python = inner, random.Random(2)

    def step(self):
        return self.env.step() + self.python.random()


class Vector:
    """Several environments, in a list, a tuple or a dict."""

    def __init__(self, envs):
        self.envs, self.turn = envs, 0

    def step(self):
        self.turn += 1
        envs = list(self.envs.values()) if isinstance(self.envs, dict) else self.envs
        return envs[self.turn % len(envs)].step()


class Hidden(Wrapped):
    """A wrapper that passes every attribute on, and keeps the inner one under a private name."""

    def __init__(self, inner):
        self._Hidden__inner = inner
        self.total = 0.0

    def __getattr__(self, name):
        if name == "env":
            return self._Hidden__inner
        raise AttributeError(name)


ENVIRONMENTS = {
    "none": lambda: None,
    "wrapped twice": lambda: Wrapped(Wrapped(Environment())),
    "wrapped with slots": lambda: Wrapped(InSlots(Environment())),
    "list": lambda: Vector([Environment(1), Wrapped(Environment(2))]),
    "dict": lambda: Vector({"one": Wrapped(Environment(1)), "other": InSlots(Environment(2))}),
    "tuple": lambda: Wrapped(Vector((Environment(1), Environment(2)))),
    "hidden": lambda: Hidden(Wrapped(Environment())),
}


class Hook:
    """The hook of a forward that adds what the environment returns."""

    def __init__(self, env):
        self.env = env

    def __call__(self, module, inputs, output):
        return output + 0.01 * self.env.step()
