"""One class per package: the call of its finder, at its defaults, and the loop in which the training continues.

If a package requires a call afterwards (``reset()`` of torch-lr-finder), it is made, and in a ``finally``, which the
documentation does not require. If a finder changes the rate on purpose (Lightning), that is turned off.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from twin import EPOCH, ITERATIONS, PlannedError, Subject, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator


EPOCHS = 16  # of Lightning's trainer: more than a sweep of 100 iterations needs


class PlainLoop:
    """The loop of a script; subclasses have a finder."""

    package = ""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.net, self.loss, self.loader = subject.net, subject.loss, subject.loader
        self.optimizer = subject.torch_optimizer()
        self._batches = self._endless()

    @classmethod
    def version(cls) -> str:
        """Return the installed version of the package."""
        return version(cls.package)

    def _endless(self) -> Iterator[Any]:
        while True:
            yield from self.loader

    def step(self, batch: Any) -> float:
        """Train one iteration."""
        inputs, target = batch
        self.net.train()
        self.optimizer.zero_grad()
        loss = self.loss(self.net(inputs), target)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def train(self) -> None:
        """Train twenty iterations."""
        for _ in range(ITERATIONS):
            self.step(next(self._batches))

    def find(self) -> None:
        """Run the finder, with the scenario's fault."""

    def run(self, witness: Witness, *, find: bool) -> None:
        """Run the training, with the finder or without."""
        if self.subject.scenario.moment != "fresh":
            self.train()
        if find:
            self.find_with_fault(self.find)
        witness.at_the_start(self.optimizer)
        self.train()

    def find_with_fault(self, find: Any) -> None:
        """Call ``find`` while the loss has the scenario's fault."""
        self.loss.calls, self.loss.fault = 0, self.subject.scenario.fault
        try:
            with suppress(PlannedError):
                find()
        finally:
            self.loss.fault = "none"


class Ours(PlainLoop):
    """lrfinder."""

    package = "lrfinder"

    @classmethod
    def version(cls) -> str:
        """Name this working tree."""
        return "this version"

    def find(self) -> None:
        """Follow the README."""
        import lrfinder
        from lrfinder.torch import TorchLearner

        lrfinder.LRFinder(TorchLearner(self.net, self.optimizer, self.loss, self.loader)).find()


class TorchLRFinder(PlainLoop):
    """davidtvs/pytorch-lr-finder."""

    package = "torch-lr-finder"

    def find(self) -> None:
        """Follow its README; call ``reset()`` even if the sweep raises."""
        from torch_lr_finder import LRFinder

        finder = LRFinder(self.net, self.optimizer, self.loss, device="cpu")
        try:
            finder.range_test(self.loader, end_lr=10, num_iter=100)
        finally:
            finder.reset()


class Ignite(PlainLoop):
    """pytorch/ignite."""

    package = "pytorch-ignite"

    def find(self) -> None:
        """Follow its documentation, over 100 iterations like the others, and save everything that it can save."""
        from ignite.engine import Engine
        from ignite.handlers import FastaiLRFinder

        logging.disable()
        trainer = Engine(lambda _, batch: self.step(batch))
        to_save = {"model": self.net, "optimizer": self.optimizer}
        with FastaiLRFinder().attach(trainer, to_save=to_save) as with_finder:
            with_finder.run(self.loader, max_epochs=100 // EPOCH)


class FastAI(PlainLoop):
    """fastai: its own learner, optimizers and loop."""

    package = "fastai"

    def __init__(self, subject: Subject) -> None:
        import fastai.callback.schedule  # noqa: F401  (adds lr_find to its learner)
        from fastai.callback.core import Callback
        from fastai.data.core import DataLoaders
        from fastai.learner import Learner
        from fastai.optimizer import SGD, Adam

        super().__init__(subject)
        adam = subject.scenario.optimizer == "Adam"
        make, self.lr = (Adam, 0.01) if adam else (partial(SGD, mom=0.9), 0.05)
        loaders = DataLoaders(subject.loader, subject.loader)
        self.learner = Learner(
            loaders, subject.net, loss_func=subject.loss, opt_func=make, default_cbs=True, lr=self.lr, train_bn=True
        )

        class AtTheStart(Callback):
            witness: Any = None

            def before_train(self) -> None:
                if self.witness is not None:
                    self.witness.at_the_start(self.learn.opt)
                    self.witness = None

        self.at_the_start = AtTheStart()
        self.learner.add_cb(self.at_the_start)

    def train(self) -> None:
        """Train two epochs of 10 batches."""
        from fastai.callback.core import CancelValidException

        self.learner.fit(ITERATIONS // EPOCH, self.lr, cbs=_without_validation(CancelValidException))

    def run(self, witness: Witness, *, find: bool) -> None:
        """Run the training; its state is recorded when fastai begins to train."""
        if self.subject.scenario.moment != "fresh":
            self.train()
        if find:
            with suppress(IndexError):  # its rule fails on losses that soon are NaN; the sweep is over by then
                self.find_with_fault(partial(self.learner.lr_find, show_plot=False))
        self.at_the_start.witness = witness
        self.train()


def _without_validation(cancel: type[Exception]) -> Any:
    from fastai.callback.core import Callback

    class WithoutValidation(Callback):
        def before_validate(self) -> None:
            raise cancel

    return WithoutValidation()


class Lightning(PlainLoop):
    """Lightning: ``Tuner.lr_find`` before a fit; its callback in the middle of one, as in its documentation."""

    package = "lightning"

    def run(self, witness: Witness, *, find: bool) -> None:
        """Run the training; its state is recorded when Lightning begins to train."""
        logging.disable()
        if self.subject.scenario.moment == "fresh":
            self._before_a_fit(witness, find=find)
        else:
            self._in_a_fit(witness, find=find)

    def _before_a_fit(self, witness: Witness, *, find: bool) -> None:
        from lightning.pytorch.callbacks import Callback
        from lightning.pytorch.tuner import Tuner

        class AtTheStart(Callback):
            def on_train_start(self, trainer: Any, pl_module: Any) -> None:
                del pl_module
                witness.at_the_start(trainer.optimizers[0])

        module, trainer = self._module(), self._trainer(AtTheStart())
        if find:
            tune = partial(Tuner(trainer).lr_find, module, train_dataloaders=self.loader, update_attr=False)
            self.find_with_fault(tune)
            if self.subject.scenario.fault == "exception":  # a trainer that was interrupted is not used again
                trainer = self._trainer(AtTheStart())
        trainer.fit(module, self.loader)

    def _in_a_fit(self, witness: Witness, *, find: bool) -> None:
        from lightning.pytorch.callbacks import LearningRateFinder

        find_with_fault = self.find_with_fault

        class InTheMiddle(LearningRateFinder):
            done = False

            def on_fit_start(self, *_: object) -> None:
                pass

            def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
                if trainer.current_epoch == ITERATIONS // EPOCH and not self.done:
                    self.done = True
                    if find:
                        find_with_fault(partial(self.lr_find, trainer, pl_module))
                    witness.at_the_start(trainer.optimizers[0])

        # its stopping rule compares with a best loss that starts at 0 here, and would end the sweep after one iteration
        self._trainer(InTheMiddle(update_attr=False, early_stop_threshold=None)).fit(self._module(), self.loader)

    def _module(self) -> Any:
        from lightning.pytorch import LightningModule

        subject = self.subject

        class Module(LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.net = subject.net
                self.lr = 0.01

            def training_step(self, batch: Any, _: int) -> Any:
                return subject.loss(self.net(batch[0]), batch[1])

            def configure_optimizers(self) -> Any:
                return subject.torch_optimizer()

        return Module()

    @staticmethod
    def _trainer(callback: Any) -> Any:
        from lightning.pytorch import Trainer

        warnings.simplefilter("ignore")
        return Trainer(
            max_epochs=EPOCHS,  # a sweep ends with these
            callbacks=[callback],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )


PEERS: dict[str, type[PlainLoop]] = {
    "lrfinder": Ours,
    "torch-lr-finder": TorchLRFinder,
    "Ignite": Ignite,
    "fastai": FastAI,
    "Lightning": Lightning,
}
