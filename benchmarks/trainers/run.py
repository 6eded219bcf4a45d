"""The cost of the finder over a trainer's own step: medians over alternating rounds, as machines are noisy.

    python benchmarks/trainers/run.py

Lightning, Transformers and Ignite train the same net on the same data with the same optimizer. The trainer's own step is
measured in its own loop, without progress, loggers, checkpoints and evaluation, from the end of the second step to the end
of the last. The finder's step is measured in a ``find`` at the same rate, from the second record to the last. Times are
processor seconds of one thread, which other programs on the machine affect less than the clock.
"""

import datetime as dt
import logging
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import lrfinder

ITERATIONS, ROUNDS, BATCH, WIDTH, LR = 30, 7, 128, 1024, 1e-4
Times = list[float]


class Vectors(Dataset[Any]):
    """Random inputs and labels, as dicts if ``named``."""

    def __init__(self, *, named: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(ITERATIONS * BATCH, 784, generator=generator)
        self.labels = torch.randint(10, (ITERATIONS * BATCH,), generator=generator)
        self.named = named

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, k: int) -> Any:
        return {"inputs": self.inputs[k], "labels": self.labels[k]} if self.named else (self.inputs[k], self.labels[k])


def net() -> nn.Module:
    """Return a net whose step takes more than 5 ms on a core."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))


def lightning(folder: str) -> tuple[Callable[[], Times], Any]:
    """Return a function that runs Lightning's own training, and the learner."""
    from lightning.pytorch import Callback, LightningModule, Trainer

    from lrfinder.trainers.lightning import LightningLearner

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def training_step(self, batch: Any, _: int) -> Any:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=LR)

    class Clock(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            times.append(time.process_time())

    def trainer(*callbacks: Callback) -> Trainer:
        return Trainer(
            accelerator="cpu", max_steps=ITERATIONS, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=list(callbacks), default_root_dir=folder,
        )  # fmt: skip

    times: Times = []
    loader = DataLoader(Vectors(named=False), BATCH, shuffle=True)

    def own() -> Times:
        times.clear()
        trainer(Clock()).fit(Module(), loader)
        return times

    return own, LightningLearner(Module(), trainer(), loader)


def transformers(folder: str) -> tuple[Callable[[], Times], Any]:
    """Return a function that runs Hugging Face's own training, and the learner."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    from lrfinder.trainers.transformers import TrainerLearner

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, inputs: Any, labels: Any) -> Any:
            return {"loss": nn.functional.cross_entropy(self.net(inputs), labels)}

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.process_time())

    def trainer(*callbacks: TrainerCallback) -> Trainer:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, max_steps=ITERATIONS, learning_rate=LR, save_strategy="no",
            logging_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, lr_scheduler_type="constant",
        )  # fmt: skip
        trainer = Trainer(Model(), arguments, train_dataset=Vectors(named=True), callbacks=list(callbacks))
        trainer.remove_callback(PrinterCallback)
        return trainer

    times: Times = []

    def own() -> Times:
        times.clear()
        trainer(Clock()).train()
        return times

    return own, TrainerLearner(trainer())


def ignite(_: str) -> tuple[Callable[[], Times], Any]:
    """Return a function that runs Ignite's own training, and the learner."""
    from ignite.engine import Events, create_supervised_trainer

    from lrfinder.trainers.ignite import EngineLearner

    times: Times = []
    loader = DataLoader(Vectors(named=False), BATCH, shuffle=True)

    def engine_and_optimizer() -> tuple[Any, Any]:
        model = net()
        optimizer = torch.optim.Adam(model.parameters(), lr=LR)
        return create_supervised_trainer(model, optimizer, nn.functional.cross_entropy), optimizer

    def own() -> Times:
        times.clear()
        engine, _ = engine_and_optimizer()
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: times.append(time.process_time()))
        engine.run(loader, max_iters=ITERATIONS)
        return times

    return own, EngineLearner(*engine_and_optimizer(), loader)


def times_of_find(learner: Any) -> Times:
    """Return the time at the end of each iteration of a sweep."""
    times: Times = []
    finder = lrfinder.LRFinder(learner)
    finder.find(rates=[LR] * ITERATIONS, stopping=lambda _: None, on_record=lambda _: times.append(time.process_time()))
    return times


def step(times: Times) -> float:
    """Return the seconds per step."""
    return (times[-1] - times[1]) / (len(times) - 2)


def main() -> None:
    """Print a line for each trainer."""
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, 1 thread"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {versions}")
    for make in (lightning, transformers, ignite):
        with tempfile.TemporaryDirectory() as folder:
            own, learner = make(folder)
            own(), times_of_find(learner)
            rounds = [(step(own()), step(times_of_find(learner))) for _ in range(ROUNDS)]
        once = statistics.median(one for one, _ in rounds)
        ratio = statistics.median(sweep / one for one, sweep in rounds)
        print(f"{make.__name__}: own step {once * 1e3:.2f} ms; finder's {ratio:.3f} times that", flush=True)


if __name__ == "__main__":
    main()
