"""Cases of docs/evidence/rates.md for the trainers of PyTorch: a rate is set by their learner, and they train."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any

from arrival import Arrived, Cases
from arrival_torch import kinds

RATE, BATCHES = 0.5, 24


def data() -> Any:
    """Return a loader of 24 batches."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(BATCHES * 4, 3), torch.randn(BATCHES * 4, 1)), batch_size=4)


def lightning(kind: str | None, *, manual: bool = False, schedule: bool = False) -> Arrived:  # noqa: C901  (a module of its own)
    """Set the rate of a module with a scheduler that steps each iteration; or of one that steps two optimizers itself."""
    import torch
    from lightning.pytorch import LightningModule, Trainer

    from lrfinder.torch import schedules
    from lrfinder.trainers.lightning import LightningLearner

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.rates, self.automatic_optimization = torch.nn.Linear(3, 1), [], not manual

        def training_step(self, batch: Any, _: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
            used = self.optimizers() if manual else []
            if manual:
                self.manual_backward(loss)
            for one in used:
                one.step()
            self.rates.append(max(float(group["lr"]) for one in self.trainer.optimizers for group in one.param_groups))
            return loss

        def configure_optimizers(self) -> Any:
            if manual:
                return [torch.optim.SGD([self.net.weight], lr=0.01), torch.optim.SGD([self.net.bias], lr=0.002)]
            optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
            if kind is None:
                return optimizer
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": kinds()[kind](optimizer), "interval": "step"}}

    seen = []
    for moved in (False, True):
        module = Module()
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        if moved and schedule:
            LightningLearner(module, trainer, data()).set_rate(
                RATE, schedule=lambda o, r: schedules.one_cycle(o, r, BATCHES)
            )
        elif moved:
            LightningLearner(module, trainer, data()).set_rate(RATE)
        trainer.fit(module, data())
        seen.append(module.rates)
    return Arrived(RATE, seen[1], seen[0])


def transformers(kind: str, *, initialized: bool = False, trainings: int = 1) -> Arrived:
    """Set the rate of a ``Trainer`` with an ``lr_scheduler_type``; with ``initialized``, under ``model_init``."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    from lrfinder.trainers.transformers import TrainerLearner

    class Rates(TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, optimizer: Any, **_: Any) -> None:
            self.seen.append(float(optimizer.param_groups[0]["lr"]))

    def model() -> Any:
        shape = {"vocab_size": 8, "n_positions": 4, "n_embd": 4, "n_layer": 1, "n_head": 1}
        return GPT2LMHeadModel(GPT2Config(**shape, loss_type="ForCausalLM"))

    rows = [{"input_ids": row, "labels": row} for row in torch.randint(8, (BATCHES * 4, 4))]
    seen = []
    for moved in (False, True):
        rates = Rates()
        arguments = TrainingArguments(
            tempfile.mkdtemp(), max_steps=BATCHES, per_device_train_batch_size=4, use_cpu=True, report_to=[],
            save_strategy="no", disable_tqdm=True, logging_strategy="no", lr_scheduler_type=kind, warmup_steps=4,
        )  # fmt: skip
        own = {"model_init": model} if initialized else {"model": model()}
        trainer = Trainer(args=arguments, train_dataset=rows, callbacks=[rates], **own)
        if moved:
            TrainerLearner(trainer).set_rate(RATE)
        for _ in range(trainings):
            rates.seen = []
            trainer.train()
        seen.append(rates.seen)
    return Arrived(RATE, seen[1], seen[0])


def ignite(kind: str, *, wrapped: bool = True) -> Arrived:
    """Set the rate of an engine with a scheduler, ``wrapped`` in Ignite's ``LRScheduler`` or stepped by a function."""
    import torch
    from ignite.engine import Events, create_supervised_trainer
    from ignite.handlers import LinearCyclicalScheduler, LRScheduler

    from lrfinder.trainers.ignite import EngineLearner

    seen = []
    for moved in (False, True):
        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        engine = create_supervised_trainer(net, optimizer, torch.nn.functional.mse_loss)
        own = kinds().get(kind, lambda one: LinearCyclicalScheduler(one, "lr", 0.0, 0.01, 10))(optimizer)
        if kind not in kinds():
            engine.add_event_handler(Events.ITERATION_STARTED, own)
        elif wrapped:
            engine.add_event_handler(Events.ITERATION_STARTED, LRScheduler(own))
        else:
            engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _, own=own: own.step())
        rates: list[float] = []
        if moved:
            EngineLearner(engine, optimizer, data()).set_rate(RATE)
        handle = optimizer.register_step_pre_hook(lambda one, *_, rates=rates: rates.append(one.param_groups[0]["lr"]))
        engine.run(data(), max_epochs=1)
        handle.remove()
        seen.append(rates)
    return Arrived(RATE, seen[1], seen[0])


def fastai(method: str, *, attached: bool = False) -> Arrived:
    """Set the rate of a ``Learner``, and train by one of its methods."""
    import torch
    from fastai.callback.all import Callback, ParamScheduler, SchedCos
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import SGD

    from lrfinder.trainers.fastai import FastaiLearner

    class Rates(Callback):
        order = 90

        def before_step(self) -> None:
            rates.append(float(self.learn.opt.hypers[0]["lr"]))

    seen = []
    for moved in (False, True):
        rates: list[float] = []
        loaders = DataLoaders.from_dsets(data().dataset, data().dataset, bs=4, shuffle=False)
        own = [ParamScheduler({"lr": SchedCos(0.01, 0.001)})] if attached else []
        learn = Learner(
            loaders,
            torch.nn.Linear(3, 1),
            loss_func=torch.nn.functional.mse_loss,
            opt_func=SGD,
            lr=0.01,
            cbs=[Rates(), *own],
        )
        if moved:
            FastaiLearner(learn).set_rate(RATE)
        with learn.no_bar(), learn.no_logging():
            getattr(learn, method)(1)
        seen.append(rates)
    return Arrived(RATE, seen[1], seen[0])


def skorch(policy: str | None, **settings: Any) -> Arrived:
    """Set the rate of a net with a ``LRScheduler`` that steps after each batch."""
    import numpy as np
    import torch
    from skorch import NeuralNetRegressor
    from skorch.callbacks import Callback, LRScheduler
    from torch.optim import lr_scheduler

    from lrfinder.trainers.skorch import SkorchLearner

    class Rates(Callback):
        def on_grad_computed(self, net: Any, *_: Any, **__: Any) -> None:
            rates.append(float(net.optimizer_.param_groups[0]["lr"]))

    inputs, target = (one.numpy().astype(np.float32) for one in data().dataset.tensors)
    seen = []
    for moved in (False, True):
        rates: list[float] = []
        kind = getattr(lr_scheduler, policy or "", policy)
        own = [("policy", LRScheduler(kind, step_every="batch", **settings))] if policy else []
        net = NeuralNetRegressor(
            torch.nn.Linear, module__in_features=3, module__out_features=1, lr=0.01, optimizer__momentum=0.9, max_epochs=1,
            batch_size=4, train_split=None, verbose=0, callbacks=[("rates", Rates()), *own],
        )  # fmt: skip
        if moved:
            SkorchLearner(net, inputs, target).set_rate(RATE)
        net.fit(inputs, target)
        seen.append(rates)
    return Arrived(RATE, seen[1], seen[0])


TORCH = ("LambdaLR", "StepLR", "CosineAnnealingLR", "CyclicLR", "SequentialLR")
CASES: Cases = {("Lightning", "none"): partial(lightning, None)}
CASES |= {("Lightning", name): partial(lightning, name) for name in TORCH}
CASES |= {
    ("Lightning, two optimizers", "none"): partial(lightning, None, manual=True),
    ("Lightning, two optimizers", "`schedule=`"): partial(lightning, None, manual=True, schedule=True),
}
CASES |= {("Transformers", name): partial(transformers, name) for name in ("constant", "linear", "cosine")}
CASES |= {
    ("Transformers, `model_init`", name): partial(transformers, name, initialized=True) for name in ("linear", "cosine")
}
CASES |= {
    ("Transformers, `model_init`, second `train()`", "linear"): partial(
        transformers, "linear", initialized=True, trainings=2
    )
}
CASES |= {("Ignite, its `LRScheduler`", name): partial(ignite, name) for name in ("LambdaLR", "StepLR", "CyclicLR")}
CASES |= {
    ("Ignite, a handler of your own", "StepLR"): partial(ignite, "StepLR", wrapped=False),
    ("Ignite", "LinearCyclicalScheduler"): partial(ignite, "LinearCyclicalScheduler"),
    ("fastai, `fit`", "none"): partial(fastai, "fit"),
    ("fastai, `fit_one_cycle`", "of the method"): partial(fastai, "fit_one_cycle"),
    ("fastai, `fit`", "ParamScheduler"): partial(fastai, "fit", attached=True),
    ("skorch", "none"): partial(skorch, None),
    ("skorch", "CyclicLR"): partial(skorch, "CyclicLR", base_lr=1e-4, max_lr=3e-3, step_size_up=8),
    ("skorch", "OneCycleLR"): partial(skorch, "OneCycleLR", max_lr=0.03, total_steps=50),
    ("skorch", "CosineAnnealingLR"): partial(skorch, "CosineAnnealingLR", T_max=40, eta_min=1e-4),
    ("skorch", "StepLR"): partial(skorch, "StepLR", step_size=5),
    ("skorch", "WarmRestartLR"): partial(skorch, "WarmRestartLR", min_lr=1e-4, max_lr=0.02, base_period=12),
}
