"""Other finders with their defaults: each is a sweep of 100 iterations and a rule.

torch-lr-finder, Ignite and Lightning run from their own packages, with their own loops. The first two sweep from the
optimizer's rate, which is 1e-7 here, as in torch-lr-finder's documentation. fastai's rules are reimplemented (see
:mod:`fastai_rules`).
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import tempfile
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from answers import BUDGET, Answer
from fastai_rules import RULES, sweep, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from answers import Case, Finder
    from numpy.typing import NDArray
    from task import Training

    Sweep = tuple[float | None, int]  # the suggested rate, and the iterations of the sweep
    Run = Callable[[Case, int, int], Sweep]  # case, number of batches, index of the first batch

ITERATIONS = 100
FIRST_RATE = 1e-7


def torch_lr_finder(training: Training) -> Sweep:
    """Run torch-lr-finder's ``range_test`` and return the suggestion of its ``plot``."""
    os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported
    import matplotlib as mpl
    from torch_lr_finder import LRFinder, TrainDataLoaderIter

    mpl.use("Agg")
    optimizer = training.optimizer(training.parameters(), FIRST_RATE)
    with _quiet():
        finder = LRFinder(training.model, optimizer, training.criterion)
        finder.range_test(TrainDataLoaderIter(training.batches))
        try:
            lr = float(finder.plot(ax=_NoAxes())[1])
        except (RuntimeError, ValueError):  # too few points for its rule
            lr = None
    return lr, len(finder.history["lr"])


def ignite(training: Training) -> Sweep:
    """Run Ignite's ``FastaiLRFinder``."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    optimizer = training.optimizer(training.parameters(), FIRST_RATE)
    trainer = create_supervised_trainer(training.model, optimizer, training.criterion)
    finder = FastaiLRFinder()
    to_save = {"model": training.model, "optimizer": optimizer}
    with _quiet(), finder.attach(trainer, to_save, num_iter=ITERATIONS) as attached:
        attached.run(training.batches[:ITERATIONS])
    steps = len(finder.get_results()["lr"])
    try:
        lr = float(finder.lr_suggestion())
    except RuntimeError:  # a curve of a shape that it does not expect
        lr = None
    return lr, steps


def lightning(training: Training) -> Sweep:
    """Run Lightning's ``Tuner.lr_find``."""
    import lightning.pytorch as pl
    from lightning.pytorch.tuner import Tuner
    from torch.utils.data import DataLoader

    loader = DataLoader(training.batches, batch_size=None, collate_fn=lambda batch: batch)  # type: ignore[arg-type]
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu",
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        found: Any = Tuner(trainer).lr_find(_module(training), train_dataloaders=loader)
        lr = found.suggestion()
    return lr, len(found.results["loss"])


@functools.cache
def _module_class() -> type:
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        def __init__(self, training: Training) -> None:
            super().__init__()
            self.model, self.training_, self.lr = training.model, training, 1e-3

        def training_step(self, batch: Any, _: int) -> Any:
            return self.training_.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return self.training_.optimizer(self.training_.parameters(), self.lr)

        def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
            if type(optimizer.optimizer).__module__.startswith("torch."):
                super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
            else:  # one without a closure, in which Lightning computes the gradients
                optimizer_closure()
                optimizer.optimizer.step()

    return Module


def _module(training: Training) -> Any:
    return _module_class()(training)


def fastai(rule: str) -> Run:
    """Return one of fastai's rules on its sweep, which the four rules share."""

    def run(case: Case, batches: int, offset: int) -> Sweep:
        lrs, losses = _swept(case, batches, offset)
        try:
            lr = RULES[rule](*trimmed(lrs, losses))
        except (IndexError, ValueError):  # too few points
            lr = None
        return lr, len(lrs)

    return run


@functools.lru_cache(maxsize=16)
def _swept(case: Case, batches: int, offset: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return sweep(_training(case, batches, offset).learner(FIRST_RATE))


def package(run: Callable[[Training], Sweep]) -> Run:
    """Return a rival that runs from its package, on its own training setup."""
    return lambda case, batches, offset: run(_training(case, batches, offset))


def _training(case: Case, batches: int, offset: int) -> Training:
    """Return the training setup at its start, with the batches rotated to begin at ``offset``."""
    training = case.training(batches)
    return replace(training, batches=[*training.batches[offset:], *training.batches[:offset]])


def once(run: Run) -> Finder:
    """Return a finder that runs one sweep, as the rival does by default."""

    def find(case: Case) -> Answer:
        lr, steps = run(case, ITERATIONS, 0)
        return _answer([lr], steps)

    return find


def repeated(run: Run) -> Finder:
    """Return a finder that repeats the sweep within the budget, each on the next batches, and suggests the median."""

    def find(case: Case) -> Answer:
        suggested: list[float | None] = []
        steps = 0
        while steps + ITERATIONS <= BUDGET:
            lr, used = run(case, BUDGET, steps)
            steps += max(used, 1)
            suggested.append(lr)
        return _answer(suggested, steps)

    return find


def _answer(suggested: list[float | None], steps: int) -> Answer:
    usable = [lr for lr in suggested if lr is not None and np.isfinite(lr) and lr > 0]
    if not usable:
        return Answer(None, steps, says="no suggestion")
    return Answer(float(np.exp(np.median(np.log(usable)))), steps)


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class _NoAxes:
    """Axes that draw nothing, because only ``plot`` returns the suggestion."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
