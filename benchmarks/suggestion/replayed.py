"""A learner with a cache: each run trains once and is then looked up. Its losses are those of the real run, bit for bit.

A benchmark repeats the same runs: the truth at a rate, a finder's probe at that rate, the same sweep. The law of learners
makes them repeat, so a probe is a prefix of the run at its rate. Each run trains once, and is stored on disk under the
hash of the task's content.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from task import Task, Training

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.torch import TorchLearner

CACHE = Path(__file__).parent / "cache"
SHORT = 300  # iterations; with a longer horizon, a probe first trains this far

Path_ = tuple[tuple[float, int], ...]  # rates, each with its number of iterations, from the start
START: tuple[Path_, bytes] = ((), b"")
BROKEN: Path_ = ((float("nan"), 0),)  # equal to no path


class Replayed:
    """A task at one seed as a :class:`lrfinder.Learner`.

    Attributes:
        iterations_run: the number of calls of ``iteration``, looked up or not.
        fingerprint: the hash of the task at this seed and horizon.
    """

    def __init__(self, task: Task, seed: int, horizon: int = 300, cache: Path = CACHE) -> None:
        self._task, self._seed, self._horizon = task, seed, horizon
        self.fingerprint = task.fingerprint(seed, horizon)
        self._file = cache / f"{task.name}-{seed}-{horizon}-{self.fingerprint}.npz"
        self._constant: dict[float, NDArray[np.float64]] = {}  # each of SHORT or of horizon iterations
        self._held_out: dict[float, float] = {}
        self._other: dict[bytes, float] = {}
        self._changed = False
        self._live: tuple[Training, TorchLearner, object] | None = None
        self._facts: TrainingFacts | None = None
        self._live_path: Path_ = ()
        self._path: Path_ = ()
        self._hash = b""
        self.iterations_run = 0
        if self._file.is_file():
            self._read()

    def iteration(self, lr: float) -> float:
        """Return the loss of the next batch."""
        self.iterations_run += 1
        before = self._path
        if before and before[-1][0] == lr:
            self._path = (*before[:-1], (lr, before[-1][1] + 1))
        else:
            self._path = (*before, (lr, 1))
        if len(self._path) == 1:
            count = self._path[0][1]
            return float(self._first(count, lr)[count - 1]) if count <= self._horizon else float("nan")
        self._hash = _chained(self._hash or _hash_of(before), lr)
        if self._hash not in self._other:
            self._other[self._hash] = self._trained(before, lr)
            self._changed = True
        return self._other[self._hash]

    def snapshot(self) -> tuple[Path_, bytes]:
        """Return the position in the run."""
        return self._path, self._hash

    def restore(self, state: tuple[Path_, bytes]) -> None:
        """Return to a position."""
        self._path, self._hash = state

    def facts(self) -> TrainingFacts:
        """Return what the real learner knows about the training at its start."""
        if self._facts is None:
            self._facts = self._task.training(self._seed, self._horizon).learner().facts()
            self._live_path = BROKEN  # building has seeded the generators
        return self._facts

    def rewind(self) -> None:
        """Return to the start, and reset the count of iterations."""
        self.restore(START)
        self.iterations_run = 0

    def close(self) -> None:
        """Write new runs to disk."""
        if self._changed:
            self._write()

    def training(self, lr: float) -> NDArray[np.float64]:
        """Return the losses of the whole run at ``lr``, shape ``(horizon,)``; NaN from the first that is not finite on."""
        return self._first(self._horizon, lr)

    def held_out(self, lr: float) -> float | None:
        """Return the held-out loss after the whole run at ``lr``; NaN if the run diverged, None without held-out data."""
        if lr not in self._held_out:
            self._constant.pop(lr, None)
            self.training(lr)
        return self._held_out.get(lr)

    def _first(self, count: int, lr: float) -> NDArray[np.float64]:
        """Return the losses of at least the first ``count`` iterations at ``lr``."""
        if len(self._constant.get(lr, ())) < count:
            self._constant[lr] = self._train(min(SHORT, self._horizon) if count <= SHORT else self._horizon, lr)
            self._changed = True
        return self._constant[lr]

    def _train(self, count: int, lr: float) -> NDArray[np.float64]:
        learner = self._from_start()
        losses = np.full(count, np.nan)
        for k in range(count):
            loss = float(learner.iteration(lr))
            if not np.isfinite(loss):
                break
            losses[k] = loss
        finished = bool(np.isfinite(losses[-1]))
        if finished:
            self._live_path = ((lr, count),)
        if count == self._horizon and self._live is not None and self._live[0].held_out is not None:
            self._held_out[lr] = self._live[0].held_out_loss() if finished else float("nan")
            self._live_path = BROKEN  # the evaluation of a model that samples draws random numbers
        return losses

    def _from_start(self) -> TorchLearner:
        if self._live is None:
            training = self._task.training(self._seed, self._horizon)
            learner = training.learner()
            self._live = training, learner, learner.snapshot()
        _, learner, start = self._live
        learner.restore(start)
        self._live_path = BROKEN  # until the run has reached a known position
        return learner

    def _trained(self, before: Path_, lr: float) -> float:
        if self._live is None or self._live_path != before:
            learner = self._from_start()
            for rate, count in before:
                for _ in range(count):
                    learner.iteration(rate)
        assert self._live is not None
        loss = float(self._live[1].iteration(lr))
        self._live_path = self._path
        return loss

    def _read(self) -> None:
        with np.load(self._file, allow_pickle=False) as stored:
            lrs = stored["lrs"].tolist()
            lengths = stored["lengths"].tolist() if "lengths" in stored else [self._horizon] * len(lrs)
            self._constant = {lr: row[:length] for lr, row, length in zip(lrs, stored["losses"], lengths, strict=True)}
            if "held_out" in stored:
                self._held_out = dict(stored["held_out"].tolist())
            keys = stored["keys"].tobytes()
            self._other = {keys[16 * k : 16 * k + 16]: loss for k, loss in enumerate(stored["others"].tolist())}

    def _write(self) -> None:
        self._file.parent.mkdir(exist_ok=True, parents=True)
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp.npz")
        losses = np.full((len(self._constant), self._horizon), np.nan)
        for row, run in zip(losses, self._constant.values(), strict=True):
            row[: len(run)] = run
        np.savez(
            temporary,
            lrs=np.array(list(self._constant)),
            lengths=np.array([len(run) for run in self._constant.values()], dtype=int),
            losses=losses,
            held_out=np.array(list(self._held_out.items())).reshape(-1, 2),
            keys=np.frombuffer(b"".join(self._other), dtype=np.uint8),
            others=np.array(list(self._other.values())),
        )
        temporary.replace(self._file)
        self._changed = False


def _hash_of(path: Path_) -> bytes:
    digest = b""
    for lr, count in path:
        for _ in range(count):
            digest = _chained(digest, lr)
    return digest


def _chained(digest: bytes, lr: float) -> bytes:
    return hashlib.blake2b(digest + struct.pack("d", lr), digest_size=16).digest()
