import math
from functools import partial

import pytest

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder.errors import LawError
from lrfinder.replay import nbytes

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import OPTIMIZERS, TWO, fingerprint, make_learner, make_loader, make_net, make_trainer, mx, seeded

from lrfinder.gluon import GluonLearner
from lrfinder.gluon.state import FRAMEWORK

LRS = [1e-3 * 1.3**k for k in range(12)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_obeys_the_law(optimizer):
    learner = make_learner(optimizer)
    lrfinder.testing.check(learner, LRS, partial(fingerprint, learner))


@pytest.mark.parametrize("update_on_kvstore", [True, False])
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_several_devices_obey_the_law(optimizer, update_on_kvstore):
    learner = make_learner(optimizer, device=TWO, update_on_kvstore=update_on_kvstore)
    learner.iteration()
    lrfinder.testing.check(learner, LRS, partial(fingerprint, learner))


def test_a_hybridized_net_obeys_the_law():
    learner = make_learner(hybrid=True)
    lrfinder.testing.check(learner, LRS, partial(fingerprint, learner))


def test_time_repeats_with_dropout():
    learner = make_learner(dropout=0.5)
    lrfinder.testing.check_time_repeats(learner, LRS, partial(fingerprint, learner))


def test_accumulated_gradients_are_restored():
    learner = make_learner()
    learner.iteration()
    for parameter in learner.net.collect_params().values():
        if parameter.grad_req != "null":
            parameter.grad_req = "add"
    lrfinder.testing.check_time_repeats(learner, LRS, partial(fingerprint, learner))


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_with_and_without_workers_give_the_same_batches_again(workers):
    seeded()
    net = make_net()
    learner = GluonLearner(net, make_loader(workers=workers), trainer=make_trainer(net))
    lrfinder.testing.check_time_repeats(learner, LRS)
    learner.close()


def test_batches_that_are_not_cached_are_drawn_again():
    seeded()
    net = make_net()
    learner = GluonLearner(net, make_loader(), trainer=make_trainer(net), replay_bytes=10_000)  # two batches
    lrfinder.testing.check_time_repeats(learner, LRS, partial(fingerprint, learner))


def test_an_array_counts_with_all_its_bytes():
    assert nbytes([mx.np.zeros((4, 5)), mx.np.zeros(3, dtype="int8")]) == 83


def test_a_sampler_that_rolls_over_is_restored():
    seeded()
    learner = GluonLearner(make_net(), make_loader(last_batch="rollover"))
    lrfinder.testing.check_time_repeats(learner, LRS)


class Forgetful(GluonLearner):
    """A learner that restores all but one kind of state."""

    forgets = ""

    def restore(self, state):
        forgotten = {
            "parameters": [p for p in self.net.collect_params().values() if p.grad_req != "null"],
            "statistics": [p for p in self.net.collect_params().values() if p.grad_req == "null"],
            "optimizer state": [self.trainer._updaters],
            "counters": [self.trainer.optimizer._all_index_update_counts],
        }.get(self.forgets, [])
        after = GraphSnapshot([one._data if hasattr(one, "_data") else one for one in forgotten], FRAMEWORK)
        position = self.data_loader_iter.mark()
        super().restore(state)
        after.restore()
        if self.forgets == "position":
            self.data_loader_iter.go(position)
        if self.forgets == "seed":
            mx.random.seed(state.seed + 1)


@pytest.mark.parametrize("forgets", ["parameters", "statistics", "optimizer state", "counters", "position", "seed"])
def test_a_learner_that_forgets_one_kind_of_state_breaks_the_law(forgets):
    seeded()
    net = make_net(dropout=0.5 if forgets == "seed" else 0.0)
    learner = Forgetful(net, make_loader(), trainer=make_trainer(net, "adam"))
    learner.iteration(0.01)
    observe = partial(fingerprint, learner)
    lrfinder.testing.check_time_repeats(learner, LRS, observe)
    learner.forgets = forgets
    with pytest.raises(LawError):
        lrfinder.testing.check_time_repeats(learner, LRS, observe)


def trained(optimizer, between, **options):
    """Return the losses of 20 iterations before and 20 after an interruption, and the state at the end."""
    learner = make_learner(optimizer, **options)
    losses = [learner.iteration() for _ in range(20)]
    between(learner)
    losses += [learner.iteration() for _ in range(20)]
    return [math.copysign(loss, 1).hex() for loss in losses], fingerprint(learner)


def nothing(_):
    pass


def find(learner):
    LRFinder(learner).find(lr_start=1e-3, lr_multiplier=1.3)


def find_that_raises_at_30(learner):
    records = []

    def raise_at_30(record):
        records.append(record)
        if len(records) == 31:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LRFinder(learner).find(lr_multiplier=1.2, on_record=raise_at_30)


def find_that_turns_nan(learner):
    result = LRFinder(learner).find(rates=[0.1, 0.1, 0.1, 1e30, 1e30, 1e30, 1e30, 1e30])
    assert not math.isfinite(result.losses[-1])


@pytest.mark.parametrize("between", [find, find_that_raises_at_30, find_that_turns_nan])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_with_a_find_in_its_middle_equals_the_training_without(optimizer, between):
    assert trained(optimizer, between) == trained(optimizer, nothing)


@pytest.mark.parametrize("update_on_kvstore", [True, False])
def test_a_training_on_several_devices_equals_the_training_without(update_on_kvstore):
    options = {"device": TWO, "update_on_kvstore": update_on_kvstore}
    assert trained("adam", find, **options) == trained("adam", nothing, **options)


def test_with_dropout_the_training_equals_that_of_a_twin_that_drew_the_same_seed():
    def draw_the_seed(_):
        mx.random.seed(int(mx.np.random.randint(0, 2**31 - 1).item()))

    assert trained("momentum", find, dropout=0.5) == trained("momentum", draw_the_seed, dropout=0.5)


def test_a_find_before_the_first_step_leaves_an_untrained_trainer():
    learner = make_learner("adam")
    find(learner)
    assert learner.trainer._updaters[0].states == {}
    assert not learner.trainer._kv_initialized
    learner.iteration()


def test_objects_stay_the_users_own():
    learner = make_learner("adam")
    learner.iteration()
    optimizer, arrays = learner.trainer.optimizer, [id(p.data()) for p in learner.net.collect_params().values()]
    find(learner)
    assert learner.trainer.optimizer is optimizer
    assert learner.trainer._updaters[0].optimizer is optimizer
    assert [id(p.data()) for p in learner.net.collect_params().values()] == arrays


def test_statistics_of_batch_normalization_are_those_of_before_the_first_forward():
    learner = make_learner()
    find(learner)
    statistics = {name: p for name, p in learner.net.collect_params().items() if "running" in name}
    assert len(statistics) == 2
    for name, parameter in statistics.items():
        assert (parameter.data().asnumpy() == (0 if "mean" in name else 1)).all()


def test_an_attached_scheduler_is_detached_for_the_search_and_restored():
    learner = make_learner()
    scheduler = mx.lr_scheduler.FactorScheduler(3, 0.5, base_lr=0.02)
    learner.trainer.optimizer.lr_scheduler = scheduler
    for _ in range(5):
        learner.iteration()
    before = dict(vars(scheduler))
    find(learner)
    assert learner.trainer.optimizer.lr_scheduler is scheduler
    assert vars(scheduler) == before


def test_the_amp_loss_scaler_is_restored():
    learner = make_learner()
    learner.trainer._amp_loss_scaler = mx.amp.loss_scaler.LossScaler()
    learner.trainer._amp_original_scale = learner.trainer._scale  # amp.init_trainer() needs all operators patched first
    before = dict(vars(learner.trainer._amp_loss_scaler))
    with pytest.raises(ZeroDivisionError):
        LRFinder(learner).find(on_record=lambda _: spoil(learner.trainer._amp_loss_scaler))
    assert vars(learner.trainer._amp_loss_scaler) == before


def spoil(scaler):
    scaler._loss_scale = scaler._next_loss_scale = 3.0
    raise ZeroDivisionError


def test_the_store_has_the_restored_weights_where_it_updates_them():
    learner = make_learner(device=TWO, update_on_kvstore=True)
    learner.iteration()
    state = learner.snapshot()
    learner.iteration(0.5)
    learner.restore(state)
    store, trainer = learner.trainer._kvstore, learner.trainer
    for parameter in trainer._params:
        if parameter.grad_req != "null":
            stored = mx.np.zeros_like(parameter.data(TWO[0]))
            store.pull(trainer._param2idx[parameter._uuid], [stored])
            assert (stored.asnumpy() == parameter.data(TWO[0]).asnumpy()).all()
