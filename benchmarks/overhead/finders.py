"""A bare loop and five finders over the same steps, and the seconds per iteration of each."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from tasks import EPOCH, Task, loader, model_of
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOWEST, HIGHEST = 1e-8, 1e-7  # rates at which no finder has a reason to stop


class Training:
    """Arguments of a finder."""

    def __init__(self, task: Task) -> None:
        self.model = model_of(task)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-8)
        self.loss_fn = nn.CrossEntropyLoss()
        self.loader = loader(task)
        self.iterations = task.iterations

    def rates(self) -> list[float]:
        """Return one rate per iteration."""
        return [LOWEST * (HIGHEST / LOWEST) ** (k / self.iterations) for k in range(self.iterations)]


def steps(of: Training) -> Iterator[float]:
    """Run the loop of a script, which sets the rate and yields each loss, without end."""
    of.model.train()
    while True:
        for inputs, target in of.loader:
            for group in of.optimizer.param_groups:
                group["lr"] = LOWEST
            of.optimizer.zero_grad()
            loss = of.loss_fn(of.model(inputs), target)
            loss.backward()
            of.optimizer.step()
            yield loss.item()


def bare(of: Training) -> None:
    """Run that loop for as many iterations as the finders."""
    losses = list(islice(steps(of), of.iterations))
    assert len(losses) == of.iterations


def lrfinder_(of: Training) -> None:
    """Follow the README."""
    import lrfinder
    from lrfinder.torch import TorchLearner

    result = lrfinder.LRFinder(TorchLearner(of.model, of.optimizer, of.loss_fn, of.loader)).find(rates=of.rates())
    assert len(result) == of.iterations


def torch_lr_finder(of: Training) -> None:
    """Follow its README, including ``reset()``."""
    from torch_lr_finder import LRFinder

    finder = LRFinder(of.model, of.optimizer, of.loss_fn, device="cpu")
    finder.range_test(of.loader, start_lr=LOWEST, end_lr=HIGHEST, num_iter=of.iterations)
    finder.reset()
    assert len(finder.history["loss"]) == of.iterations


def ignite(of: Training) -> None:
    """Follow its documentation."""
    from ignite.engine import Engine
    from ignite.handlers import FastaiLRFinder

    def step(_: Any, batch: Any) -> float:
        of.model.train()
        of.optimizer.zero_grad()
        loss = of.loss_fn(of.model(batch[0]), batch[1])
        loss.backward()
        of.optimizer.step()
        return loss.item()

    to_save = {"model": of.model, "optimizer": of.optimizer}
    finder = FastaiLRFinder()
    with finder.attach(Engine(step), to_save, start_lr=LOWEST, end_lr=HIGHEST, num_iter=of.iterations) as trainer:
        trainer.run(of.loader, max_epochs=-(-of.iterations // EPOCH))


def fastai(of: Training) -> None:
    """Follow its documentation, with its own SGD and loop, without the plot."""
    import fastai.callback.schedule  # noqa: F401  (adds lr_find to its learner)
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import SGD

    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(
            DataLoaders(of.loader, of.loader), of.model, loss_func=of.loss_fn, opt_func=SGD, path=folder, train_bn=True
        )
        with learner.no_bar():
            learner.lr_find(LOWEST, HIGHEST, of.iterations, stop_div=False, show_plot=False, suggest_funcs=())


def lightning(of: Training) -> None:
    """Run its tuner without logger, checkpoints and progress bar."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = of.model
            self.lr = 0.01

        def training_step(self, batch: Any, _: int) -> Any:
            return of.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return of.optimizer

    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False
    )
    Tuner(trainer).lr_find(
        Module(), of.loader, min_lr=LOWEST, max_lr=HIGHEST, num_training=of.iterations, early_stop_threshold=None,
        update_attr=False,
    )  # fmt: skip


FINDERS: dict[str, tuple[Callable[[Training], None], str]] = {
    "bare loop": (bare, "torch"),
    "lrfinder": (lrfinder_, ""),
    "torch-lr-finder": (torch_lr_finder, "torch-lr-finder"),
    "Ignite": (ignite, "pytorch-ignite"),
    "fastai": (fastai, "fastai"),
    "Lightning": (lightning, "lightning"),
}


def named(name: str) -> str:
    """Return the name of the finder with its version."""
    package = FINDERS[name][1]
    return f"{name} ({version(package)})" if package and package != "torch" else name


def seconds(name: str, task: Task) -> float:
    """Return the seconds of the whole call per iteration."""
    logging.disable()
    warnings.simplefilter("ignore")
    of = Training(task)
    start = time.process_time()
    FINDERS[name][0](of)
    return (time.process_time() - start) / of.iterations
