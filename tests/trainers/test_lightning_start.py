"""Lightning: what happens before the first step happens before a search too, and nothing of it remains."""

import itertools

import pytest

pytest.importorskip("lightning", reason="Lightning is not installed")

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from lightning_nets import WARNINGS, Net, quiet_trainer
from loop_records import first_update, flags
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.utils.data import DataLoader
from torch_nets import loader, pairs
from trainer_searches import search, search_that_fails

from lrfinder import LRFinder
from lrfinder.learner import restored
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.lightning import LightningLearner

pytestmark = pytest.mark.filterwarnings(
    *WARNINGS,
    "ignore:.*in eval mode at the start of training.*",
    "ignore:.*overfit but enabled.*",
    "ignore:.*the optimizer has (no|1) param.*",
    "ignore:.*lr_scheduler.*",
)


class Standardizing(LightningDataModule):
    """A data module whose hooks use what ``prepare_data`` and ``setup`` found."""

    def __init__(self):
        super().__init__()
        self.trainers = []

    def prepare_data(self):
        self.scale = 100.0

    def setup(self, stage):
        self.data = pairs()
        inputs = self.data.tensors[0] * self.scale + 2.0
        self.data.tensors = (inputs, self.data.tensors[1])
        self.mean, self.std = inputs.mean(0), inputs.std(0)

    def train_dataloader(self):
        return DataLoader(self.data, 8, shuffle=True)

    def on_before_batch_transfer(self, batch, dataloader_idx):
        assert self.trainer.training
        return [batch[0] - self.mean.to(batch[0]), batch[1]]

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return [batch[0] / self.std.to(batch[0]), batch[1]]


class Freezing(Callback):
    """A callback that freezes the first layer, and leaves it in evaluation mode."""

    def setup(self, trainer, pl_module, stage):
        pl_module.layers[0].requires_grad_(False)
        pl_module.layers[1].eval()


class Parametrizing(Callback):
    """A callback that adds a parametrization, which changes the class of a module."""

    def on_fit_start(self, trainer, pl_module):
        parametrize.register_parametrization(pl_module.layers[-1], "weight", nn.Softsign())


class Pruning(Callback):
    """A callback that prunes when training starts: a mask, a hook and a parameter of another name."""

    def on_train_start(self, trainer, pl_module):
        prune.l1_unstructured(pl_module.layers[0], "weight", 0.3)


class Quantizing(Callback):
    """A callback that replaces a layer, as quantization-aware training does."""

    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.layers[2] = nn.Hardtanh()


class Configured(Net):
    """A module that creates layers in ``configure_model``, its loss in ``setup`` and a target in ``on_fit_start``."""

    def __init__(self, *args):
        super().__init__(*args)
        self.layers = None

    def configure_model(self):
        if self.layers is None:
            self.layers = Net().layers
            self.noise = torch.rand(1)

    def setup(self, stage):
        self.weights = torch.rand(2)

    def on_fit_start(self):
        self.register_buffer("factor", torch.tensor(0.5))

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx) * self.factor * self.weights.sum()
        self.losses[-1] = float(loss.detach())
        return loss


class WithBackbone(Net):
    """A module with the attribute that ``BackboneFinetuning`` looks for."""

    def __init__(self, *args):
        super().__init__(*args)
        self.backbone = self.layers[:2]

    def configure_optimizers(self):
        return torch.optim.SGD([one for one in self.parameters() if one.requires_grad], lr=0.01)


MODULES = {"net": Net, "layers of configure_model": Configured, "backbone": WithBackbone}
CALLBACKS = {
    "freezing": Freezing,
    "parametrizing": Parametrizing,
    "pruning": Pruning,
    "quantizing": Quantizing,
    "averaging": lambda: StochasticWeightAveraging(0.1),
}
SETTINGS = {
    "plain": {},
    "bfloat16": {"precision": "bf16-mixed"},
    "true bfloat16": {"precision": "bf16-true"},
    "clipping": {"gradient_clip_val": 0.1},
    "few batches": {"limit_train_batches": 3},
    "the same batches": {"overfit_batches": 2},
}


COMBINATIONS = [  # names of a module, of callbacks, of settings and of a kind of data
    ("net", ["freezing"], "plain", "a data module"),
    ("net", ["parametrizing", "pruning"], "few batches", "a loader"),
    ("net", ["quantizing"], "clipping", "a data module"),
    ("net", [], "true bfloat16", "a loader"),
    ("layers of configure_model", [], "bfloat16", "a loader"),
    ("layers of configure_model", ["averaging"], "the same batches", "a data module"),
    ("backbone", ["finetuning"], "true bfloat16", "a data module"),
]


def build(names, path):
    torch.manual_seed(0)
    module, callbacks, settings, data = names
    chosen = [BackboneFinetuning(5) if name == "finetuning" else CALLBACKS[name]() for name in callbacks]
    trainer = quiet_trainer(path, callbacks=chosen, **SETTINGS[settings])
    return MODULES[module](), trainer, Standardizing() if data == "a data module" else loader()


def fit(module, trainer, data):
    trainer.fit(module, **({"datamodule": data} if isinstance(data, LightningDataModule) else {"train_dataloaders": data}))


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_the_first_iteration_is_that_of_fit(names, tmp_path):
    module, trainer, data = build(names, tmp_path)
    learner = LightningLearner(module, trainer, data)
    with first_update() as searched, restored(learner):
        loss = float(learner.iteration(0.01))
    module, trainer, data = build(names, tmp_path)
    with first_update() as own:
        fit(module, trainer, data)
    assert (loss, searched) == (module.losses[0], own)


def seen(module, data):
    """Return what a user can see of module and data."""
    of_data = dict(vars(data)) if isinstance(data, LightningDataModule) else {}
    return flags(module), set(vars(module)), of_data


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_nothing_remains_of_the_preparation(names, what, tmp_path):
    module, trainer, data = build(names, tmp_path)
    before, randomness, losses = seen(module, data), torch.get_rng_state(), list(module.losses)
    what(LightningLearner(module, trainer, data))
    assert seen(module, data) == before
    assert module.losses == losses
    assert torch.equal(torch.get_rng_state(), randomness)
    assert module._trainer is None


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_a_fit_after_a_search_is_that_of_its_twin(names, tmp_path):
    module, trainer, data = build(names, tmp_path)
    LRFinder(LightningLearner(module, trainer, data)).find(lr_multiplier=1.5)
    fit(module, trainer, data)
    twin, other, untouched = build(names, tmp_path)
    fit(twin, other, untouched)
    assert module.losses == twin.losses
    assert fingerprint(module, *trainer.optimizers) == fingerprint(twin, *other.optimizers)


def test_a_search_trains_on_the_batches_that_the_hooks_of_the_data_module_make(tmp_path):
    seen_inputs = []

    class Seeing(Net):
        def training_step(self, batch, batch_idx):
            seen_inputs.append(batch[0])
            return super().training_step(batch, batch_idx)

    data = Standardizing()
    LRFinder(LightningLearner(Seeing(), quiet_trainer(tmp_path), data)).find(rates=[0.01] * 12)
    assert float(torch.cat(seen_inputs).std()) == pytest.approx(1.0, abs=0.01)
    assert data.trainer is None
    assert not hasattr(data, "mean")


def test_a_layer_that_a_callback_froze_is_trained_by_another_trainer(tmp_path):
    module = Net()
    LRFinder(LightningLearner(module, quiet_trainer(tmp_path, callbacks=[Freezing()]), loader())).find(rates=[0.01, 0.02])
    before = module.layers[0].weight.clone()
    quiet_trainer(tmp_path).fit(module, loader())
    assert not torch.equal(module.layers[0].weight, before)


def test_a_callback_that_holds_parts_of_the_model_acts_on_the_model(tmp_path):
    class Clamping(Callback):
        def __init__(self, part):
            self.part = part

        def on_train_batch_start(self, *_):
            self.part.running_mean.zero_()
            means.append(self.part.running_mean)

    means = []
    module = Net()
    trainer = quiet_trainer(tmp_path, callbacks=[Clamping(module.layers[1])])
    LRFinder(LightningLearner(module, trainer, loader())).find(rates=[0.01, 0.02])
    assert all(one is module.layers[1].running_mean for one in means)


def test_quiet_callbacks_of_the_module_are_not_called(tmp_path):
    counts = []

    class Counting(Callback):
        def on_train_batch_end(self, *_):
            counts.append(1)

    class WithCallbacks(Net):
        def configure_callbacks(self):
            return [ModelCheckpoint(tmp_path / "checkpoints", every_n_train_steps=1), EarlyStopping("loss"), Counting()]

    trainer = quiet_trainer(tmp_path)
    before = list(trainer.callbacks)
    LRFinder(LightningLearner(WithCallbacks(), trainer, loader())).find(rates=[0.01, 0.02])
    assert (len(counts), list(tmp_path.iterdir()), trainer.callbacks) == (2, [], before)


def test_a_preparation_that_fails_is_undone(tmp_path):
    class Failing(Net):
        def on_train_start(self):
            raise RuntimeError("mine")

    module, data = Failing(), Standardizing()
    before = seen(module, data)
    with pytest.raises(RuntimeError, match="mine"):
        LRFinder(LightningLearner(module, quiet_trainer(tmp_path, callbacks=[Freezing()]), data)).find()
    assert seen(module, data) == before


def test_a_learner_that_is_used_outside_of_a_block_is_prepared_until_it_is_closed(tmp_path):
    module, data = Net(), Standardizing()
    learner = LightningLearner(module, quiet_trainer(tmp_path), data)
    learner.iteration(0.01)
    learner.find(rates=[0.01, 0.02])
    assert hasattr(data, "mean")
    learner.close()
    assert not hasattr(data, "mean")


def test_every_pass_has_as_many_batches_as_the_trainer_allows(tmp_path):
    learner = LightningLearner(Net(), quiet_trainer(tmp_path, limit_train_batches=3), loader(shuffle=False))
    first = [float(loss) for loss in itertools.starmap(learner.iteration, [(0.0,)] * 6)]
    learner.close()
    assert len(set(first)) == 6  # dropout
