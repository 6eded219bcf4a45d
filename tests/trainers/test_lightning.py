"""Lightning: a restore repeats time, a search changes nothing, set_rate reaches fit, quiet callbacks stay quiet."""

import pytest

pytest.importorskip("lightning", reason="Lightning is not installed")

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning_nets import WARNINGS, Manual, Net, quiet_trainer
from torch import nn
from torch_nets import loader
from trainer_searches import search, search_that_fails

import lrfinder
import lrfinder.testing
from lrfinder import LRFinder, RatesError
from lrfinder.errors import LearnerError, LossError, OptimizerError
from lrfinder.torch import schedules
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.lightning import LightningLearner, LRFind

pytestmark = pytest.mark.filterwarnings(*WARNINGS, "ignore:.*training_step. returned .None.*")


class DataModule(LightningDataModule):
    def train_dataloader(self):
        return loader()


class ManualSchedulers(Manual):
    """A module that steps two schedulers itself."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        for scheduler in self.lr_schedulers():
            scheduler.step()
        return loss

    def configure_optimizers(self):
        optimizers = super().configure_optimizers()
        return [*optimizers], [step_lr(optimizers[0]), torch.optim.lr_scheduler.ExponentialLR(optimizers[1], 0.9)]


class ReadsItsScheduler(Net):
    """A module whose step reads the scheduler, as those that log the rate do."""

    def training_step(self, batch, batch_idx):
        self.log("rate", self.lr_schedulers().get_last_lr()[0])
        return super().training_step(batch, batch_idx)


class TwoLoaders(Net):
    """A module that takes batches from two loaders."""

    def training_step(self, batch, batch_idx):
        return super().training_step(batch["a"], batch_idx) + super().training_step(batch["b"], batch_idx)


def step_lr(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)


LEARNERS = {
    "a loader": lambda path: (Net(), quiet_trainer(path), loader()),
    "a data module": lambda path: (Net(), quiet_trainer(path), DataModule()),
    "accumulation and clipping": lambda path: (
        Net(),
        quiet_trainer(path, accumulate_grad_batches=5, gradient_clip_val=0.1),
        loader(),
    ),
    "mixed precision": lambda path: (Net(), quiet_trainer(path, precision="bf16-mixed"), loader()),
    "a scheduler": lambda path: (Net(step_lr), quiet_trainer(path), loader()),
    "averaged weights": lambda path: (Net(), quiet_trainer(path, callbacks=[EMAWeightAveraging()]), loader()),
    "manual optimization": lambda path: (Manual(), quiet_trainer(path), loader()),
    "manual optimization of schedulers": lambda path: (ManualSchedulers(), quiet_trainer(path), loader()),
    "a step that reads the scheduler": lambda path: (ReadsItsScheduler(step_lr), quiet_trainer(path), loader()),
    "two loaders": lambda path: (TwoLoaders(), quiet_trainer(path), {"a": loader(), "b": loader(16)}),
    "workers": lambda path: (Net(), quiet_trainer(path), loader(num_workers=1, persistent_workers=True)),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_time_repeats_for_every_kind_of_trainer(name, tmp_path):
    torch.manual_seed(0)
    module, trainer, data = LEARNERS[name](tmp_path)
    learner = LightningLearner(module, trainer, data)
    learner.observe()  # prepares the trainer until close(), not for each block
    lrfinder.testing.check(learner, lrfinder.testing.LRS[::3], observe=learner.observe)
    learner.close()


def nothing(_):
    pass


def fitted(name, path, before_fit):
    torch.manual_seed(0)
    module, trainer, data = LEARNERS[name](path)
    learner = LightningLearner(module, trainer, data)
    before_fit(learner)
    module.losses.clear()
    if isinstance(data, LightningDataModule):
        trainer.fit(module, datamodule=data)
    else:
        trainer.fit(module, data)
    return module, trainer


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_fit_is_the_same_with_and_without_a_search(name, what, tmp_path):
    module, trainer = fitted(name, tmp_path, nothing)
    again, other = fitted(name, tmp_path, what)
    assert again.losses == module.losses
    assert fingerprint(again, *other.optimizers) == fingerprint(module, *trainer.optimizers)


def test_the_comparison_detects_a_search_that_draws_one_random_number(tmp_path):
    module, _ = fitted("a loader", tmp_path, nothing)
    again, _ = fitted("a loader", tmp_path, lambda _: torch.rand(1))
    assert again.losses != module.losses


@pytest.mark.parametrize("name", ["a loader", "a scheduler", "mixed precision", "averaged weights", "manual optimization"])
def test_iterations_of_the_learner_are_those_of_fit(name, tmp_path):
    torch.manual_seed(0)
    module, trainer, data = LEARNERS[name](tmp_path)
    learner = LightningLearner(module, trainer, data)
    losses = lrfinder.testing.losses(learner, [0.1 if name == "manual optimization" else 0.01] * 10)
    fit, _ = fitted(name, tmp_path, nothing)
    assert losses == fit.losses[:10]


def test_an_iteration_is_an_update_where_gradients_are_accumulated(tmp_path):
    torch.manual_seed(0)
    module, trainer, data = LEARNERS["accumulation and clipping"](tmp_path)
    losses = lrfinder.testing.losses(LightningLearner(module, trainer, data), [0.01] * 3)
    fit, _ = fitted("accumulation and clipping", tmp_path, nothing)
    means = [sum(fit.losses[k : k + n]) / n for k, n in ((0, 5), (5, 5), (10, 2))]  # 12 batches: the last update is early
    assert losses == pytest.approx(means, rel=1e-6)


class Counting(Callback):
    """A callback of the user that counts its calls."""

    def __init__(self):
        self.calls = 0

    def on_train_batch_end(self, *_):
        self.calls += 1


def test_loggers_checkpoints_and_early_stopping_are_not_called(tmp_path):
    counting, stopping = Counting(), EarlyStopping("loss", patience=0)
    callbacks = [ModelCheckpoint(tmp_path / "checkpoints", every_n_train_steps=1), stopping, counting]
    trainer = Trainer(accelerator="cpu", max_epochs=1, logger=CSVLogger(tmp_path), callbacks=callbacks, log_every_n_steps=1)
    before = list(trainer.callbacks)
    LRFinder(LightningLearner(Net(), trainer, loader(), quiet=[Counting])).find()
    assert list(tmp_path.iterdir()) == []
    assert (counting.calls, stopping.wait_count, trainer.callbacks, trainer.global_step) == (0, 0, before, 0)


def test_a_callback_of_the_user_takes_part_as_a_copy(tmp_path):
    calls = []

    class Doubling(Callback):
        times = 0

        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            self.times += 1
            calls.append(self.times)

    doubling = Doubling()
    LRFinder(LightningLearner(Net(), quiet_trainer(tmp_path, callbacks=[doubling]), loader())).find(rates=[0.1, 0.2])
    assert (calls, doubling.times) == ([1, 2], 0)


class Rates(Callback):
    """A callback that records the rates of each update."""

    def __init__(self):
        self.rates = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append([group["lr"] for group in optimizer.param_groups])


def test_the_next_fit_begins_at_the_rate_that_was_set(tmp_path):
    rates = Rates()
    module, trainer = Net(step_lr), quiet_trainer(tmp_path, callbacks=[rates])
    LightningLearner(module, trainer, loader()).set_rate(0.5)
    trainer.fit(module, loader())
    assert (rates.rates[0], rates.rates[-1]) == ([0.25, 0.5], [0.125, 0.25])  # the module's scheduler continues from there


def test_a_fit_that_continues_has_the_new_rate_but_one_from_a_checkpoint_its_own(tmp_path):
    rates = Rates()
    module, trainer = Net(), quiet_trainer(tmp_path, max_epochs=1, callbacks=[rates])
    trainer.fit(module, loader())
    trainer.save_checkpoint(tmp_path / "own.ckpt")
    LightningLearner(module, trainer, loader()).set_rate(0.5)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(module, loader())
    assert rates.rates[-1] == [0.25, 0.5]
    trainer.fit_loop.max_epochs = 3
    trainer.fit(module, loader(), ckpt_path=tmp_path / "own.ckpt")
    assert rates.rates[-1] == [0.005, 0.01]


def test_a_schedule_replaces_that_of_the_module_and_moves_each_iteration(tmp_path):
    rates = Rates()
    module, trainer = Net(step_lr), quiet_trainer(tmp_path, callbacks=[rates])
    learner = LightningLearner(module, trainer, loader())
    learner.set_rate(0.5, schedule=lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 24, warmup=4))
    trainer.fit(module, loader())
    assert [pair[1] for pair in rates.rates[:5]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates.rates[-1][1] < 0.01


def test_a_scheduler_with_rates_of_its_own_moves_when_fit_begins(tmp_path):
    module = Net(lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=24))
    trainer = quiet_trainer(tmp_path)
    LightningLearner(module, trainer, loader()).set_rate(0.5)
    trainer.fit(module, loader())
    assert module.trainer.lr_scheduler_configs[0].scheduler.optimizer.param_groups[0]["max_lr"] == pytest.approx(
        0.5, rel=0.01
    )


def test_a_schedule_for_a_module_that_optimizes_manually_is_refused_before_fit(tmp_path):
    module = Net()
    module.automatic_optimization = False
    with pytest.raises(OptimizerError, match="Net optimizes manually"):
        LightningLearner(module, quiet_trainer(tmp_path), loader()).set_rate(0.5, schedule=schedules.one_cycle)


def suggest_from_curve(finder, _):
    return finder.find(lr_multiplier=1.5).suggestion


def fitted_with(path, *callbacks):
    torch.manual_seed(0)
    module, trainer = Net(step_lr), quiet_trainer(path, callbacks=[EMAWeightAveraging(), *callbacks])
    trainer.fit(module, loader())
    return module, trainer


def test_a_search_before_and_in_the_middle_of_fit_changes_nothing(tmp_path):
    find = LRFind(suggest_from_curve, when=lambda trainer: trainer.global_step in {0, 7}, schedule=lambda *_: None)
    (module, trainer), (again, other) = fitted_with(tmp_path), fitted_with(tmp_path, find)
    assert [one.iterations > 20 for one in find.suggestions] == [True, True]
    assert fingerprint(again, *other.optimizers) == fingerprint(module, *trainer.optimizers)
    assert other.global_step == trainer.global_step == 24
    assert other.callback_metrics == trainer.callback_metrics


def test_fit_continues_with_the_rate_that_was_found_inside_it(tmp_path):
    rates = Rates()
    find = LRFind(lambda finder, _: finder.suggest(30, max_iterations=300), when=lambda trainer: trainer.global_step == 3)
    fitted_with(tmp_path, find, rates)
    (suggestion,) = find.suggestions
    assert rates.rates[0] == [0.005, 0.01]
    assert rates.rates[-1] == pytest.approx([suggestion.lr / 4, suggestion.lr / 2])  # halved once at the end of a pass


class EpochMeans(Callback):
    """A callback that records what Lightning reports at the end of each epoch, which schedulers and early stopping read."""

    def __init__(self):
        self.means = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.means.append({name: float(value) for name, value in trainer.callback_metrics.items()})


# Lightning keeps the running sums in attributes and values of a subclass of dict, `_ResultCollection`
@pytest.mark.parametrize("step", [3, 7, 20])
def test_a_search_in_the_middle_of_an_epoch_leaves_the_means_of_the_epoch(step, tmp_path):
    find = LRFind(suggest_from_curve, when=lambda trainer: trainer.global_step == step, schedule=lambda *_: None)
    means, again = EpochMeans(), EpochMeans()
    fitted_with(tmp_path, means)
    fitted_with(tmp_path, find, again)
    assert len(find.suggestions) == 1
    assert again.means == means.means


def test_the_search_inside_fit_is_for_its_remaining_steps(tmp_path):
    find = LRFind(when=lambda trainer: trainer.global_step == 4)
    fitted_with(tmp_path, find)
    assert find.suggestions[0].horizon == 20


def test_wrong_arguments_are_refused(tmp_path):
    trainer = quiet_trainer(tmp_path)
    with pytest.raises(
        LearnerError, match=r"torch.nn.modules.linear.Linear was given for a lightning.pytorch.LightningModule"
    ):
        LightningLearner(nn.Linear(2, 2), trainer, loader())
    with pytest.raises(LearnerError, match=r"for a lightning.pytorch.Trainer"):
        LightningLearner(Net(), None, loader())
    with pytest.raises(RatesError, match="rate is None"):
        LightningLearner(Net(), trainer, loader()).set_rate(None)


def test_a_step_that_never_has_a_loss_is_refused(tmp_path):
    class Without(Net):
        def training_step(self, batch, batch_idx):
            return None

    with pytest.raises(LossError, match="returned None for 100 batches"):
        LRFinder(LightningLearner(Without(), quiet_trainer(tmp_path), loader())).find()


def test_a_step_without_a_loss_is_left_out_as_in_fit(tmp_path):
    class Skipping(Net):
        def training_step(self, batch, batch_idx):
            return None if batch[1].sum() > 4 else super().training_step(batch, batch_idx)

    torch.manual_seed(0)
    module = Skipping()
    learner = LightningLearner(module, quiet_trainer(tmp_path), loader(shuffle=False))
    with lrfinder.restored(learner):
        losses = [float(learner.iteration(0.01)) for _ in range(4)]
    torch.manual_seed(0)
    plain = Skipping()
    quiet_trainer(tmp_path, max_epochs=1).fit(plain, loader(shuffle=False))
    assert losses == plain.losses[:4]
    assert len(plain.losses) < 12


def test_creating_a_learner_calls_nothing_of_the_module(tmp_path):
    class Never(LightningModule):
        def configure_optimizers(self):
            raise AssertionError

    LightningLearner(Never(), quiet_trainer(tmp_path), loader())


class WithRate(Net):
    """A module that holds its rate as an attribute, as a hyperparameter, or as both."""

    def __init__(self, lr=0.01, **others):
        super().__init__()
        self.save_hyperparameters()
        if "own" in others:
            self.lr = lr

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


@pytest.mark.parametrize("others", [{}, {"own": True}], ids=["hparams", "hparams and attribute"])
def test_a_search_writes_its_rate_where_the_module_holds_it_and_a_checkpoint_contains_it(tmp_path, others):
    module, trainer = WithRate(**others), quiet_trainer(tmp_path, max_epochs=1)
    suggestion = LightningLearner(module, trainer, loader()).suggest(horizon=40, max_iterations=120, attr_name="lr")
    assert module.hparams["lr"] == suggestion.lr
    assert not others or module.lr == suggestion.lr
    trainer.fit(module, loader())
    assert trainer.optimizers[0].param_groups[0]["lr"] == suggestion.lr
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    assert torch.load(tmp_path / "end.ckpt", weights_only=False)["hyper_parameters"]["lr"] == suggestion.lr


def test_a_search_that_finds_no_rate_or_is_given_no_name_writes_nothing(tmp_path):
    module = WithRate()
    learner = LightningLearner(module, quiet_trainer(tmp_path), loader())
    assert learner.suggest(horizon=40, max_iterations=60, rates=[1e-9, 2e-9], attr_name="lr").lr is None
    learner.suggest(horizon=40, max_iterations=120)
    assert module.hparams["lr"] == 0.01


def test_a_name_that_the_module_does_not_have_is_refused_before_the_search(tmp_path):
    learner = LightningLearner(module := WithRate(), quiet_trainer(tmp_path), loader())
    with pytest.raises(LearnerError, match=r"attr_name='rate' is neither an attribute of WithRate nor .*\['lr'\]"):
        learner.suggest(attr_name="rate", on_record=lambda _: 1 / 0)
    assert not module.losses
