"""Searches over repeatable trainings, and the answers that were recorded for them.

    PYTHONPATH=src python tests/support/recorded_searches.py tests/_search/recorded_answers.json

The trainings use nothing but the four operations and python's Mersenne Twister, so that their losses are the same, bit for
bit, on every machine. The command above replaces the answers; look at each change before it is committed.
"""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import hashlib
import json
import math
import random
import struct
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import lrfinder
from lrfinder import DataEndedError, LRFinder, LRFinderWarning

MAX_ITERATIONS = (50, 90, 150, 151, 200, 350, 500, 650, 1050, 2000)


class Training:
    """Momentum SGD on a sum of quadratics with noisy gradients and losses; subclasses bend the loss."""

    curvatures = (1.0, 0.1)
    momentum = 0.5
    gradient_noise = 0.05
    loss_noise = 0.02
    batches = None  # endless

    def __init__(self, seed=0):
        self.weights = [1.0] * len(self.curvatures)
        self.velocity = [0.0] * len(self.curvatures)
        self.k = 0
        self.seed = seed

    def loss_of(self, excess, noise):
        return 0.5 + excess + self.loss_noise * noise

    def noise_of(self, k):
        """Eight uniform numbers of mean 0 for batch ``k``, the same whenever it is drawn."""
        numbers = random.Random(1000 * self.seed + k)
        return [2 * numbers.random() - 1 for _ in range(8)]

    def iteration(self, lr):
        if self.batches is not None and self.k >= self.batches:
            message = "the batches have ended"
            raise DataEndedError(message)
        noise = self.noise_of(self.k)
        excess = 0.0
        for c, w in zip(self.curvatures, self.weights, strict=True):
            excess += c * w * w / 2  # sum() adds floats with a smaller error since Python 3.12
        for place, curvature in enumerate(self.curvatures):
            gradient = curvature * self.weights[place] + self.gradient_noise * noise[place]
            self.velocity[place] = self.momentum * self.velocity[place] - lr * gradient
            self.weights[place] += self.velocity[place]
        self.k += 1
        return self.loss_of(excess, noise[7])

    def snapshot(self):
        return list(self.weights), list(self.velocity), self.k

    def restore(self, state):
        weights, velocity, self.k = state
        self.weights, self.velocity = list(weights), list(velocity)

    def close(self):
        pass


class Steep(Training):
    curvatures = (400.0, 5.0, 0.5)
    momentum = 0.9


class Shallow(Training):
    curvatures = (1e-3, 2e-4)
    loss_noise = 1e-5
    gradient_noise = 1e-4


class Noisy(Training):
    loss_noise = 0.6
    gradient_noise = 0.5


class Bounded(Training):
    """The loss saturates, as an accuracy does."""

    def loss_of(self, excess, noise):
        return super().loss_of(excess / (1 + excess), noise) if math.isfinite(excess) else 1.5


class Negative(Training):
    def loss_of(self, excess, noise):
        return super().loss_of(excess, noise) - 7.0


class Inert(Training):
    """The rate has no effect."""

    def iteration(self, lr):
        return super().iteration(0.0 * lr)


class Uphill(Training):
    def iteration(self, lr):
        return super().iteration(-lr)


class Broken(Training):
    """NaN from the first batch on."""

    def loss_of(self, excess, noise):
        return math.nan


class Short(Training):
    batches = 64


class VeryShort(Training):
    batches = 12


class Drifting(Training):
    """Does not restore its batches: breaks the law."""

    def restore(self, state):
        k = self.k
        super().restore(state)
        self.k = k


class SlowStart(Training):
    """Falls only after sixty iterations, however it is trained."""

    def loss_of(self, excess, noise):
        return super().loss_of(excess if self.k > 60 else 1.1, noise)


class Explosive(Training):
    curvatures = (30.0, 0.01)
    momentum = 0.0
    gradient_noise = 0.01


class Spiky(Training):
    """One batch in ten is wild."""

    def loss_of(self, excess, noise):
        return super().loss_of(excess, noise) + (3.0 if self.k % 10 == 3 else 0.0)


TRAININGS = {
    kind.__name__: kind
    for kind in (
        Training, Steep, Shallow, Noisy, Bounded, Negative, Inert, Uphill, Broken, Short, VeryShort, Drifting, SlowStart,
        Explosive, Spiky,
    )
}  # fmt: skip

SETTINGS = {
    **{f"max_iterations={most}": {"max_iterations": most} for most in MAX_ITERATIONS},
    "horizon=20": {"horizon": 20},
    "horizon=1000": {"horizon": 1000},
    "horizon=3000, max_iterations=1500": {"horizon": 3000, "max_iterations": 1500},
    "one cycle": {"schedule": lrfinder.one_cycle},
    "one cycle, max_iterations=1050": {"schedule": lrfinder.one_cycle, "max_iterations": 1050},
    "own rates": {"rates": [1e-4 * 2**k for k in range(12)]},
    "own rates from 0": {"rates": [0.0, 1e-3, 1e-2, 0.1, 1.0], "max_iterations": 800},
}


def answer_of(suggestion):
    """All that a suggestion says, its losses as a digest."""
    curve = suggestion.curve
    return {
        "lr": suggestion.lr,
        "low": suggestion.low,
        "high": suggestion.high,
        "confidence": suggestion.confidence,
        "status": suggestion.status.name,
        "notes": list(suggestion.notes),
        "iterations": suggestion.iterations,
        "schedule": suggestion.schedule,
        "curve": None if curve is None else [len(curve), curve.stop.name, digest(curve.losses.tolist())],
        "probes": [[probe.lr, len(probe.losses), probe.stop.name, digest(probe.losses)] for probe in suggestion.probes],
    }


def digest(losses):
    """The first eight hexadecimal digits of a hash of the losses, bit for bit."""
    packed = struct.pack(f"<{len(losses)}d", *(math.nan if math.isnan(loss) else loss for loss in losses))
    return hashlib.sha256(packed).hexdigest()[:8]


def search(training, settings):
    """The answer of one search."""
    return answer_of(LRFinder(TRAININGS[training]()).suggest(**SETTINGS[settings]))


def curve_alone(training):
    """The answer of a range test alone, and where three trainings ended."""
    finder = LRFinder(TRAININGS[training]())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LRFinderWarning)  # Drifting does not repeat
        comparison = finder.compare([0.001, 0.03, 1.0], 120)
    if training == "Drifting":
        finder.learner.k = 3 * 120  # without the iteration that confirms that it does not, which was not recorded
    ends = [None if not math.isfinite(end) else end.hex() for end in comparison.final().tolist()]
    alone = replace(finder.find().suggestion, curve=None)  # which the answers were recorded without
    return {**answer_of(alone), "compared": [comparison.best, *ends]}


def record(path):
    """Write the answers of this code to ``path``."""
    answers = {
        training: {"curve alone": curve_alone(training), **{settings: search(training, settings) for settings in SETTINGS}}
        for training in TRAININGS
    }
    rows = ",\n".join(f'"{name}": {{\n{of_training(of)}\n}}' for name, of in answers.items())
    Path(path).write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


def of_training(answers):
    """The answers for one training, one a line."""
    return ",\n".join(f'  "{settings}": {json.dumps(answer)}' for settings, answer in answers.items())


if __name__ == "__main__":
    record(sys.argv[1])
