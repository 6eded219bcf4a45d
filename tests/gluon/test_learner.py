import gc
import math
import multiprocessing

import numpy as np
import pytest

from lrfinder import Comparison, LRFinder, RangeTest, Stop, load
from lrfinder.errors import BatchError, DataError, EmptyDataError, ModelError, OptimizerError

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import CPU, TWO, X, Y, make_learner, make_loader, make_net, make_trainer, mx, nn, seeded
from typer.testing import CliRunner

import lrfinder.gluon
from lrfinder._cli.commands import app
from lrfinder.gluon import ContinuousBatchSampler, GluonLearner

# --- the tutorial ---


def test_the_tutorials_names_are_there():
    assert lrfinder.gluon.Learner is GluonLearner
    assert lrfinder.gluon.LRFinder is LRFinder
    assert callable(lrfinder.gluon.LRFinderStoppingCriteria)


def test_the_tutorials_script_runs_with_imports_instead_of_its_classes(tmp_path, capsys):
    # its statements outside of class definitions, on a small net with few iterations
    from lrfinder.gluon import Learner, LRFinder

    seeded()
    dataset = mx.gluon.data.ArrayDataset(X, Y)
    batch_sampler = ContinuousBatchSampler(sampler=mx.gluon.data.RandomSampler(len(dataset)), batch_size=32)
    data_loader = mx.gluon.data.DataLoader(dataset, batch_sampler=batch_sampler)
    net = make_net()
    learner = Learner(net=net, data_loader=data_loader, device=CPU)
    lr_finder = LRFinder(learner)
    lr_finder.find(lr_start=1e-6)
    lr_finder.plot()
    lrs, losses = zip(*lr_finder.results, strict=True)
    assert len(lrs) == len(losses) > 20
    learner.net.save_parameters(str(tmp_path / "net.params"))
    finals = []
    for lr in (0.05, 0.5):
        net = make_net()
        net.load_parameters(str(tmp_path / "net.params"), device=CPU)
        learner = Learner(net=net, data_loader=data_loader, device=CPU)
        for iter_idx in range(12):
            learner.iteration(lr=lr)
            if iter_idx % 10 == 0:
                print(f"Iteration: {iter_idx}, Loss: {learner.iteration_loss:.5g}")  # noqa: T201  (of the script)
        finals.append(learner.iteration_loss)
    assert capsys.readouterr().out.count("Iteration") == 4
    assert finals[0] != finals[1]


def test_the_defaults_are_the_tutorials():
    net = nn.Dense(2)
    learner = GluonLearner(net, [(mx.np.array(X), mx.np.array(Y))], CPU)
    assert learner.trainer.learning_rate == 0.001
    assert type(learner.trainer.optimizer).__name__ == "SGD"
    assert isinstance(learner.loss_fn, mx.gluon.loss.SoftmaxCrossEntropyLoss)
    loss = learner.iteration()
    assert isinstance(loss, float)
    assert loss == learner.iteration_loss


def test_an_iteration_equals_that_of_a_gluon_script():
    seeded()
    net = make_net()
    learner = GluonLearner(net, make_loader(), trainer=make_trainer(net))
    ours = [learner.iteration(0.1 if k == 3 else None) for k in range(12)]
    seeded()
    net = make_net()
    trainer, loss_fn, theirs = make_trainer(net), mx.gluon.loss.SoftmaxCrossEntropyLoss(), []
    batches = (batch for _ in range(3) for batch in make_loader())
    for k, (data, label) in zip(range(12), batches, strict=False):
        if k == 3:
            trainer.set_learning_rate(0.1)
        with mx.autograd.record():
            loss = loss_fn(net(data), label)
        loss.backward()
        trainer.step(data.shape[0])
        theirs.append(float(loss.mean().item()))
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_without_a_step_the_weights_stay():
    learner = make_learner()
    learner.iteration()
    before = learner.net[0].weight.data().asnumpy()
    learner.iteration(take_step=False)
    assert (learner.net[0].weight.data().asnumpy() == before).all()
    learner.iteration()
    assert (learner.net[0].weight.data().asnumpy() != before).any()


def test_a_rate_of_zero_is_a_rate():
    learner = make_learner("sgd")
    learner.iteration()
    before = learner.net[0].weight.data().asnumpy()
    learner.iteration(0.0)
    assert learner.trainer.learning_rate == 0
    assert (learner.net[0].weight.data().asnumpy() == before).all()


def test_a_subclass_needs_three_attributes_and_an_iteration():
    class Mine(GluonLearner):
        def __init__(self):  # and not that of the base
            self.net = make_net()
            self.trainer = make_trainer(self.net)
            self.data_loader_iter = iter(make_loader())
            self.calls = 0

        def iteration(self, lr=None, take_step=True):
            self.calls += 1
            if lr and lr != self.trainer.learning_rate:
                self.trainer.set_learning_rate(lr)
            data, label = next(self.data_loader_iter)
            with mx.autograd.record():
                loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()(self.net(data), label)
            loss.backward()
            if take_step:
                self.trainer.step(len(data))
            return loss.mean().item()

    mine = Mine()
    mine.trainer.optimizer.lr_scheduler = mx.lr_scheduler.FactorScheduler(100)
    result = LRFinder(mine).find()
    assert result.stop is Stop.DATA_ENDED  # its iterator goes over five batches once
    assert (len(result), mine.calls) == (5, 6)
    weight = mine.net[0].weight.data().asnumpy()
    again = LRFinder(mine).find()
    assert (mine.net[0].weight.data().asnumpy() == weight).all()
    assert again.losses.tolist() == result.losses.tolist()
    mine.close()


def test_a_net_with_deferred_parameters_is_initialized_without_an_iteration():
    class Counting(GluonLearner):
        calls = 0

        def iteration(self, lr=None, take_step=True):
            self.calls += 1
            return super().iteration(lr, take_step)

    learner = Counting(make_net(), make_loader())
    learner.snapshot()
    assert learner.calls == 0
    assert learner.net[0].weight.shape == (4, 1, 3, 3)


@pytest.mark.parametrize("device", [None, CPU, [CPU], list(TWO)])
def test_any_device_or_list_of_them_trains(device):
    seeded()
    learner = GluonLearner(nn.Dense(2), make_loader(), device)
    assert math.isfinite(learner.iteration(0.1))


def test_several_devices_give_the_loss_of_one():
    one, two = make_learner(), make_learner(device=TWO)
    assert one.iteration() == pytest.approx(two.iteration(), rel=0.2)  # batch statistics are each device's own


# --- faults of the tutorial ---


def test_a_nan_loss_ends_the_sweep_and_everything_is_restored():
    learner = make_learner("sgd")
    learner.iteration()
    weight = learner.net[0].weight.data().asnumpy()
    result = LRFinder(learner).find(lr_start=1e29, lr_end=1e30)
    assert result.stop is Stop.NOT_FINITE
    assert (learner.net[0].weight.data().asnumpy() == weight).all()


def test_a_loss_that_never_doubles_still_ends():
    learner = GluonLearner(nn.Dense(1), make_loader(), loss_fn=lambda output, label: mx.np.tanh(output[:, 0] ** 2) + 1)
    result = LRFinder(learner).find(lr_multiplier=1.5)
    assert result.stop is Stop.LAST_RATE
    assert result.lrs[-1] <= 10


@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": 2, "thread_pool": True}])
def test_close_ends_workers_and_threads(options):
    workers = len(multiprocessing.active_children())
    learner = GluonLearner(make_net(), make_loader(**options))
    learner.iteration()
    learner.close()
    learner.close()
    gc.collect()
    assert len(multiprocessing.active_children()) == workers


def test_a_loader_that_ends_is_iterated_again():
    learner = make_learner()
    result = LRFinder(learner).find(rates=[1e-3] * 23)
    assert (len(result), result.stop) == (23, Stop.LAST_RATE)


def test_a_first_loss_that_is_not_finite_gives_one_record_and_a_plot():
    seeded()
    learner = GluonLearner(nn.Dense(2), [(mx.np.array(X) * np.nan, mx.np.array(Y))])
    result = LRFinder(learner).find()
    assert len(result) == 1
    result.plot()


def test_a_find_writes_nothing_into_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LRFinder(make_learner()).find(lr_multiplier=2)
    assert list(tmp_path.iterdir()) == []


def test_the_order_of_batches_is_restored_with_numpys_generator():
    learner = make_learner()
    learner.iteration()
    before = np.random.get_state()[1].tolist()
    LRFinder(learner).find(rates=[1e-3] * 30)
    assert np.random.get_state()[1].tolist() == before


# --- refused arguments ---


def test_an_argument_that_does_not_fit_is_refused_with_its_own_error():
    net, loader = make_net(), make_loader()
    with pytest.raises(ModelError, match=r"gluon\.Block"):
        GluonLearner(lambda x: x, loader)
    with pytest.raises(OptimizerError, match=r"gluon\.Trainer"):
        GluonLearner(net, loader, trainer="sgd")
    with pytest.raises(OptimizerError, match="none of the net's parameters"):
        GluonLearner(net, loader, trainer=make_trainer(make_net()))
    with pytest.raises(DataError, match="iterable"):
        GluonLearner(net, 3)
    with pytest.raises(EmptyDataError):
        GluonLearner(net, []).iteration()
    with pytest.raises(BatchError, match="pairs"):
        GluonLearner(net, [X]).iteration()


# --- the command line ---


@pytest.mark.parametrize(("command", "options"), [("find", []), ("compare", ["--lrs", "0.001,0.01", "--iterations", "8"])])
def test_the_command_line_accepts_a_gluon_learner(tmp_path, command, options):
    (tmp_path / "train_gluon.py").write_text("from gluon_nets import make_learner\n")
    result = tmp_path / "result.json"
    done = CliRunner().invoke(app, [command, f"{tmp_path / 'train_gluon.py'}:make_learner", *options, "--json", str(result)])
    assert done.exit_code == 0, done.output
    found = load(result)
    assert isinstance(found, RangeTest | Comparison)
    assert len(found.lrs) >= 2


def test_an_epoch_has_the_batches_of_one_pass_over_the_loader():
    loader = make_loader()
    learner = GluonLearner(make_net(), loader, CPU)
    assert learner.iterations_per_epoch() == len(loader)
    assert LRFinder(learner).suggest(epochs=2, max_iterations=60).horizon == 2 * len(loader)
    dataset = mx.gluon.data.ArrayDataset(X, Y)
    endless = ContinuousBatchSampler(sampler=mx.gluon.data.RandomSampler(len(dataset)), batch_size=8)
    for data in (mx.gluon.data.DataLoader(dataset, batch_sampler=endless), iter([(X, Y)])):
        assert GluonLearner(make_net(), data, CPU).iterations_per_epoch() is None
