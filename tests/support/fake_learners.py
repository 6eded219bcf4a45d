"""Learners without a framework: a bowl that trains, and a script that is read out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder import DataEndedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class BowlState(NamedTuple):
    position: float
    velocity: float
    generator: dict[str, object]


class Bowl:
    """Gradient descent with momentum on ``curvature / 2 * x**2`` plus noise; without momentum it diverges exactly above
    ``2 / curvature``."""

    def __init__(self, curvature: float = 1.0, momentum: float = 0.0, noise: float = 0.0, position: float = 1.0) -> None:
        self.curvature = curvature
        self.momentum = momentum
        self.noise = noise
        self.position = position
        self.velocity = 0.0
        self.generator = np.random.default_rng(0)
        self.closed = False

    def iteration(self, lr: float) -> float:
        loss = self.curvature / 2 * self.position**2 + self.noise * self.generator.standard_normal()
        self.velocity = self.momentum * self.velocity - lr * self.curvature * self.position
        self.position += self.velocity
        return loss

    def snapshot(self) -> BowlState:
        return BowlState(self.position, self.velocity, self.generator.bit_generator.state)

    def restore(self, state: BowlState) -> None:
        self.position, self.velocity = state.position, state.velocity
        self.generator.bit_generator.state = state.generator

    def close(self) -> None:
        self.closed = True


class Level(Bowl):
    """Losses that are pure noise, of which one half differs between rates: all rates are tied."""

    def __init__(self) -> None:
        super().__init__(curvature=0.0, noise=0.1)

    def iteration(self, lr: float) -> float:
        own = np.random.default_rng([int(lr * 1e9), int(self.generator.integers(1 << 30))])
        return super().iteration(lr) + self.noise * own.standard_normal()


class Scripted:
    """Returns given losses, one an iteration; an exception among them is raised; after the last the data have ended."""

    def __init__(self, losses: Iterable[float | BaseException]) -> None:
        self.losses: Sequence[float | BaseException] = list(losses)
        self.here = 0
        self.lrs: list[float] = []
        self.restores = 0

    def iteration(self, lr: float) -> float:
        if self.here == len(self.losses):
            message = "The script has ended."
            raise DataEndedError(message)
        loss = self.losses[self.here]
        self.here += 1
        self.lrs.append(lr)
        if isinstance(loss, BaseException):
            raise loss
        return loss

    def snapshot(self) -> int:
        return self.here

    def restore(self, state: int) -> None:
        self.here = state
        self.restores += 1

    def close(self) -> None:
        pass
