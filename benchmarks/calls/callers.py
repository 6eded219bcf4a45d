"""The calls that are compared: each as the documentation of its package shows, at its defaults.

Each returns the rate that it suggests (None for none) and the iterations that it trained. The model and the optimizer are
then as the package leaves them, ready for the training.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from judge import final
from workloads import DEFAULT_LR

if TYPE_CHECKING:
    from collections.abc import Callable

    from workloads import Training

Answer = tuple[float | None, int]
BARE = "no search"
MAX_ITERATIONS = 350  # of ``suggest``
FIRST_LR = 1e-7  # in the documentation of torch-lr-finder, which begins at the rate of the optimizer, as Ignite does


def bare(of: Training) -> Answer:
    """Train at the default rate; this is the training itself, with which the searches are compared."""
    return DEFAULT_LR, len(of.train(of.horizon))


def by_hand(of: Training) -> Answer:
    """Train from the same start at four rates, and choose the one that ends lowest."""
    start = {name: value.clone() for name, value in of.model.state_dict().items()}
    ends: dict[float, float] = {}
    random_state = torch.get_rng_state()
    for lr in of.workload.by_hand:
        of.model.load_state_dict(start)
        torch.set_rng_state(random_state)
        of.start_with(lr)
        ends[lr] = final(np.array(of.train(of.horizon)))
    of.model.load_state_dict(start)
    return min(ends, key=ends.__getitem__), len(ends) * of.horizon


def find(of: Training) -> Answer:
    """Run lrfinder's range test."""
    import lrfinder
    from lrfinder.torch import TorchLearner

    result = lrfinder.LRFinder(TorchLearner(of.model, of.optimizer, of.loss_fn, of.loader)).find()
    return result.suggestion.lr, result.suggestion.iterations


def suggest(of: Training) -> Answer:
    """Run lrfinder's search, for the horizon and within 350 iterations."""
    import lrfinder
    from lrfinder.torch import TorchLearner

    learner = TorchLearner(of.model, of.optimizer, of.loss_fn, of.loader)
    suggestion = lrfinder.LRFinder(learner).suggest(of.horizon, max_iterations=MAX_ITERATIONS)
    return suggestion.lr, suggestion.iterations


def torch_lr_finder(of: Training) -> Answer:
    """Follow its README: ``range_test``, ``plot``, ``reset``."""
    from torch_lr_finder import LRFinder

    of.start_with(FIRST_LR)
    finder = LRFinder(of.model, of.optimizer, of.loss_fn, device="cpu")
    finder.range_test(of.loader)
    try:
        lr = float(finder.plot()[1])
    except (RuntimeError, ValueError, TypeError):  # too few points for its rule
        lr = None
    finder.reset()
    return lr, len(finder.history["lr"])


def ignite(of: Training) -> Answer:
    """Follow its documentation: one epoch of the loader, from the rate of the optimizer; then apply its suggestion."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    of.start_with(FIRST_LR)
    trainer = create_supervised_trainer(of.model, of.optimizer, of.loss_fn)
    finder = FastaiLRFinder()
    with finder.attach(trainer, to_save={"model": of.model, "optimizer": of.optimizer}) as with_finder:
        with_finder.run(of.loader)
    try:
        finder.apply_suggested_lr(of.optimizer)
        lr = float(of.optimizer.param_groups[0]["lr"])
    except RuntimeError:  # a curve of a shape that it does not expect
        lr = None
    return lr, len(finder.get_results()["lr"])


def lightning(of: Training) -> Answer:
    """Run its tuner, which sets the attribute ``lr`` of the module; no logger, checkpoints and progress bar."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = of.model, of.optimizer.param_groups[0]["lr"]

        def training_step(self, batch: Any, _: int) -> Any:
            return of.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return of.workload.optimizer(self.parameters(), self.lr)

    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False
    )
    module = Module()
    found: Any = Tuner(trainer).lr_find(module, of.loader)
    lr = None if found.suggestion() is None else float(module.lr)
    return lr, len(found.results["loss"])


def fastai(of: Training) -> Answer:
    """Follow its documentation, with the optimizer of PyTorch, its plot and its rule ``valley``; no progress bar."""
    import fastai.callback.schedule  # noqa: F401  (adds lr_find to its learner)
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    def optimizer(parameters: Any, lr: float, **_: Any) -> Any:
        groups = [{"params": group} for group in parameters]
        return OptimWrapper(opt=of.workload.optimizer(groups, lr))

    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(DataLoaders(of.loader, of.loader), of.model, loss_func=of.loss_fn, opt_func=optimizer, path=folder)
        with learner.no_bar():
            try:
                lr = float(learner.lr_find().valley)
            except IndexError:  # too few points for its rule
                lr = None
        return lr, len(learner.recorder.lrs)


CALLERS: dict[str, tuple[Callable[[Training], Answer], str]] = {
    BARE: (bare, ""),
    "four rates by hand": (by_hand, ""),
    "lrfinder find": (find, ""),
    f"lrfinder suggest({MAX_ITERATIONS})": (suggest, ""),
    "torch-lr-finder": (torch_lr_finder, "torch-lr-finder"),
    "Ignite": (ignite, "pytorch-ignite"),
    "Lightning": (lightning, "lightning"),
    "fastai": (fastai, "fastai"),
}
