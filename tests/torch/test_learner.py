"""What a training loop varies in, one behaviour each; and what is refused."""

import copy
import gc
import math
import multiprocessing
import weakref
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torch_nets import loader, net, pairs

import lrfinder.testing
from lrfinder import LRFinder, Stop, restored
from lrfinder.errors import BatchError, DataError, EmptyDataError, LearnerError, LossError, ModelError, OptimizerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint
from lrfinder.torch.step import own_loss

cross_entropy = nn.functional.cross_entropy


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def sgd(model, lr=0.1, **settings):
    return torch.optim.SGD(model.parameters(), lr=lr, **settings)


def obeys(learner, *objects, check=lrfinder.testing.check):
    check(learner, observe=lambda: fingerprint(*objects))


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def equal(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


# --- an iteration is the script's own -------------------------------------------------------------------------------------


def test_an_iteration_is_what_a_script_does_by_hand():
    batches = list(loader())
    model, twin = net(0), net(0)
    twin.load_state_dict(model.state_dict())
    learner = TorchLearner(model, sgd(model, momentum=0.9), cross_entropy, batches)
    optimizer = sgd(twin, momentum=0.9)
    for (inputs, target), lr in zip(batches, [0.1, 0.2, 0.3], strict=False):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = cross_entropy(twin(inputs), target)
        loss.backward()
        optimizer.step()
        assert float(learner.iteration(lr)) == loss.item()
    assert equal(weights(model), weights(twin))


def test_the_loss_is_a_number_on_the_cpu():
    model = net()
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    assert type(learner.iteration(0.1)) is float


def test_the_loss_elsewhere_is_detached_and_in_memory_of_its_own():
    loss = torch.ones((), device="meta", requires_grad=True) * 2
    found = own_loss(loss)
    assert not found.requires_grad
    assert found._base is None
    assert found.untyped_storage()._cdata != loss.untyped_storage()._cdata


def test_accumulated_batches_make_the_update_of_one_large_batch():
    batches = list(DataLoader(pairs(), 8))
    large = list(DataLoader(pairs(), 24))
    losses = []
    for data, accumulate in ((batches, 3), (large, 1)):
        torch.manual_seed(1)
        model = nn.Linear(6, 2)
        learner = TorchLearner(model, sgd(model), cross_entropy, data, accumulate=accumulate)
        losses.append([float(learner.iteration(0.5)) for _ in range(8)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_gradients_are_clipped_before_the_update():
    model = nn.Linear(6, 2)
    before = weights(model)
    clip = lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.01)
    TorchLearner(model, sgd(model), cross_entropy, loader(), clip=clip).iteration(1.0)
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, weights(model), strict=True)]).norm()
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_a_closure_is_given_to_an_optimizer_that_needs_one():
    model = nn.Linear(6, 2)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    learner = TorchLearner(model, optimizer, cross_entropy, loader(), accumulate=2)
    obeys(learner, model, optimizer)
    losses = [float(learner.iteration(0.5)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2


class Averaging(torch.optim.SGD):
    """Keeps a running mean of its losses, in their dtype."""

    def step(self, closure):
        loss = closure()
        self.mean = torch.zeros((), dtype=torch.bfloat16).lerp(loss, 0.5)
        super().step()


def test_a_closure_gives_the_loss_as_the_tensor_that_it_was():
    model = nn.Linear(6, 2)
    optimizer = Averaging(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, lambda *pair: cross_entropy(*pair).bfloat16(), loader())
    assert float(learner.iteration(0.1)) == 2 * float(optimizer.mean)


@pytest.mark.parametrize("loss", [3, True, np.float32(0.5), torch.tensor(3), torch.tensor([0.5]), torch.tensor(True)])
def test_the_loss_of_a_step_of_ones_own_is_a_float_whatever_it_was(loss):
    model = nn.Linear(6, 2)
    learner = TorchLearner.from_step(lambda _: loss, loader(), modules=[model], optimizers=[sgd(model)])
    found = learner.iteration(0.1)
    assert type(found) is float
    assert found == float(loss)


def test_what_a_collate_function_writes_on_its_loader_comes_back():
    def collate(items):
        data.drawn += 1
        return default_collate(items)

    data = DataLoader(pairs(), 8, collate_fn=collate)
    data.drawn = 0
    model = nn.Linear(6, 2)
    LRFinder(TorchLearner(model, sgd(model), cross_entropy, data)).find(max_iterations=5)
    assert data.drawn == 0


def test_the_forward_runs_in_the_dtype_of_autocast():
    seen = []
    model = net()

    def forward(model, batch):
        output = model(batch[0])
        seen.append(output.dtype)
        return cross_entropy(output.float(), batch[1])

    TorchLearner(model, sgd(model), None, loader(), forward=forward, autocast=torch.bfloat16).iteration(0.1)
    assert seen == [torch.bfloat16]


def test_a_gradient_scaler_obeys_the_law():
    model, scaler = net(), torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    optimizer = sgd(model)
    learner = TorchLearner(
        model, optimizer, cross_entropy, loader(), scaler=scaler, clip=lambda p: nn.utils.clip_grad_norm_(p, 1.0)
    )
    obeys(learner, model, optimizer, scaler)


def test_a_batch_on_which_the_scaler_overflows_is_not_counted_as_an_update():
    model, scaler = nn.Linear(6, 2), torch.amp.GradScaler("cpu", init_scale=2.0**127 * 1.5)
    before = weights(model)
    TorchLearner(model, sgd(model), lambda output, _: 3 * output.square().mean(), loader(), scaler=scaler).iteration(0.1)
    assert not equal(before, weights(model))
    assert scaler.get_scale() < 2.0**127


def test_a_model_that_is_wholly_in_evaluation_mode_is_trained_in_training_mode_and_put_back():
    model = net().eval()
    seen = []
    learner = TorchLearner(model, sgd(model), lambda o, t: (seen.append(model.training), cross_entropy(o, t))[1], loader())
    with restored(learner):
        learner.iteration(0.1)
    assert seen == [True]
    assert not any(module.training for module in model.modules())


def test_a_part_that_is_in_evaluation_mode_stays_so():
    model = net()
    model[1].eval()
    statistics = model[1].running_mean.clone()
    TorchLearner(model, sgd(model), cross_entropy, loader()).iteration(0.1)
    assert torch.equal(model[1].running_mean, statistics)


# --- rates ----------------------------------------------------------------------------------------------------------------


def two_groups(model, **second):
    return torch.optim.SGD(
        [{"params": model[0].parameters(), "name": "body"}, {"params": model[4].parameters(), **second}], lr=0.1
    )


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def test_the_rate_is_that_of_the_highest_group_and_the_others_keep_their_ratio():
    model = net()
    optimizer = two_groups(model, lr=0.4)
    TorchLearner(model, optimizer, cross_entropy, loader()).iteration(0.08)
    assert rates(optimizer) == pytest.approx([0.02, 0.08])


@pytest.mark.parametrize("group", ["body", 0])
def test_the_rate_may_be_that_of_a_named_group(group):
    model = net()
    optimizer = two_groups(model, lr=0.4)
    TorchLearner(model, optimizer, cross_entropy, loader(), group=group).iteration(0.08)
    assert rates(optimizer) == pytest.approx([0.08, 0.32])


@pytest.mark.parametrize("group", ["head", 2, -1])
def test_a_group_that_does_not_exist_is_refused(group):
    model = net()
    with pytest.raises(OptimizerError, match="group"):
        TorchLearner(model, two_groups(model), cross_entropy, loader(), group=group)


def test_a_group_of_rate_zero_stays_at_zero():
    model = net()
    optimizer = two_groups(model, lr=0.0)
    TorchLearner(model, optimizer, cross_entropy, loader()).iteration(0.2)
    assert rates(optimizer) == [0.2, 0.0]


def test_under_a_warm_up_that_starts_at_zero_the_ratios_are_those_it_aims_at():
    model = net()
    optimizer = two_groups(model, lr=0.4)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 100)
    assert rates(optimizer) == [0.0, 0.0]
    TorchLearner(model, optimizer, cross_entropy, loader()).iteration(0.08)
    assert rates(optimizer) == pytest.approx([0.02, 0.08])


def test_a_rate_that_is_a_tensor_is_written_in_place_and_put_back():
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01), capturable=False, foreach=False)
    rate = optimizer.param_groups[0]["lr"]
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    with restored(learner):
        learner.iteration(0.5)
        assert rate.item() == 0.5
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.01)


def test_groups_added_later_are_told():
    model = net()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    optimizer.add_param_group({"params": model[4].parameters()})
    with pytest.raises(OptimizerError, match="create a new learner"):
        learner.iteration(0.1)


def test_rates_are_written_also_after_the_optimizer_loaded_a_state():
    model = net()
    optimizer = sgd(model)
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    optimizer.load_state_dict(optimizer.state_dict())
    learner.iteration(0.7)
    assert rates(optimizer) == [0.7]


def test_rprop_which_the_rate_does_not_reach_is_refused_by_name():
    model = net()
    with pytest.raises(OptimizerError, match="Rprop"):
        TorchLearner(model, torch.optim.Rprop(model.parameters()), cross_entropy, loader())


@pytest.mark.filterwarnings("error")
def test_an_attached_scheduler_is_left_as_it_was_and_steps_without_a_warning():
    def train(look):
        torch.manual_seed(0)
        model = net()
        optimizer = sgd(model)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=50)
        look(TorchLearner(model, optimizer, cross_entropy, loader()))
        optimizer.step()
        scheduler.step()
        return rates(optimizer), scheduler.state_dict()["last_epoch"], dict(optimizer.param_groups[0], params=None)

    assert train(lambda learner: LRFinder(learner).find(max_iterations=10)) == train(lambda _: None)


def test_a_scheduler_still_warns_that_no_step_was_made_after_a_find():
    model = net()
    optimizer = sgd(model)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    LRFinder(TorchLearner(model, optimizer, cross_entropy, loader())).find(max_iterations=5)
    with pytest.warns(UserWarning, match="optimizer.step"):
        scheduler.step()


# --- what comes back ------------------------------------------------------------------------------------------------------


def test_tensors_come_back_in_place():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    learner.iteration(0.01)

    def places():
        state = [value for one in optimizer.state.values() for value in one.values()]
        tensors = [*model.parameters(), *model.buffers(), *state, *(parameter.grad for parameter in model.parameters())]
        return [(id(tensor), tensor.data_ptr()) for tensor in tensors]

    before = places()
    LRFinder(learner).find()
    assert places() == before


def test_a_parameter_whose_data_a_step_replaces_gets_its_memory_back():
    model = nn.Linear(6, 2)
    optimizer = sgd(model)

    def step(batch):
        loss = cross_entropy(model(batch[0]), batch[1])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.data = parameter.data - optimizer.param_groups[0]["lr"] * gradient
        return loss

    before = [(parameter.data_ptr(), parameter.tolist()) for parameter in model.parameters()]
    learner = TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer])
    obeys(learner, model, optimizer)
    assert [(parameter.data_ptr(), parameter.tolist()) for parameter in model.parameters()] == before


def test_gradients_come_back_or_their_absence():
    model = net()
    model(torch.randn(4, 6)).sum().backward()
    model[4].bias.grad = None
    gradients = [None if parameter.grad is None else parameter.grad.clone() for parameter in model.parameters()]
    LRFinder(TorchLearner(model, sgd(model), cross_entropy, loader())).find()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(parameter.grad, gradient)


class Accumulating(torch.optim.SGD):
    """Lets no gradient go: a step adds to the ones that are there."""

    def zero_grad(self, set_to_none=True):
        pass


def test_gradients_that_a_step_adds_to_come_back_in_their_memory():
    model = nn.Linear(6, 2)
    optimizer = Accumulating(model.parameters(), lr=0.1)
    model(torch.randn(4, 6)).sum().backward()
    gradient, values = model.weight.grad, model.weight.grad.tolist()
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    state = learner.snapshot()
    for _ in range(2):
        learner.iteration(0.1)
        assert gradient.tolist() != values
        learner.restore(state)
        assert model.weight.grad is gradient
        assert gradient.tolist() == values


class FirstGradient(torch.optim.SGD):
    """Its momentum begins as the gradient itself, and is written to past PyTorch's notice."""

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            momentum = self.state[parameter].setdefault("momentum", parameter.grad)
            if momentum is not parameter.grad:
                momentum.data.mul_(0.9).add_(parameter.grad)
            parameter.data.sub_(momentum, alpha=self.param_groups[0]["lr"])


def test_a_momentum_that_is_a_gradient_still_obeys_the_law():
    model = nn.Linear(6, 2)
    optimizer = FirstGradient(model.parameters(), lr=0.1)
    obeys(TorchLearner(model, optimizer, cross_entropy, loader()), model, optimizer)


def test_tied_weights_stay_tied():
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Tanh(), nn.Linear(6, 6, bias=False))
    model[2].weight = model[0].weight
    optimizer = sgd(model)
    obeys(TorchLearner(model, optimizer, cross_entropy, loader()), model, optimizer)
    assert model[2].weight is model[0].weight


def test_sparse_gradients_obey_the_law():
    model = nn.Sequential(nn.Embedding(20, 8, sparse=True), nn.Flatten(), nn.Linear(16, 2))
    optimizer = sgd(model)
    words = torch.randint(0, 20, (40, 2))
    batches = [(one, one.sum(1) % 2) for one in words.split(8)]
    learner = TorchLearner(model, optimizer, cross_entropy, batches)
    learner.iteration(0.1)
    obeys(learner, model, optimizer)


def test_an_expanded_buffer_comes_back():
    class Expanded(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 2)
            self.register_buffer("shift", torch.zeros(1).expand(2))

        def forward(self, x):
            self.shift[0:1].add_(0.1)
            return self.linear(x) + self.shift

    model = Expanded()
    optimizer = sgd(model)
    obeys(TorchLearner(model, optimizer, cross_entropy, loader()), model, optimizer)
    assert model.shift.tolist() == [0.0, 0.0]


def test_counters_and_lists_of_modules_come_back():
    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.calls, self.history, self.rng = nn.Linear(6, 2), 0, [], np.random.default_rng(0)

        def forward(self, x):
            self.calls += 1
            self.history.append(self.calls)
            self.made = torch.ones(1)
            return self.linear(x) + self.calls + len(self.history) + self.rng.random()

    model = Remembers()
    optimizer = sgd(model)
    obeys(TorchLearner(model, optimizer, cross_entropy, loader()), model, optimizer)
    assert (model.calls, model.history, hasattr(model, "made")) == (0, [], False)
    assert model.rng.random() == np.random.default_rng(0).random()


def test_frozen_parameters_that_a_step_unfreezes_are_frozen_again():
    model = net()
    model[0].requires_grad_(requires_grad=False)
    learner = TorchLearner(model, sgd(model), lambda o, t: (model.requires_grad_(), cross_entropy(o, t))[1], loader())
    with restored(learner):
        learner.iteration(0.1)
        assert model[0].weight.requires_grad
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, False, True, True, True, True]


def test_a_compiled_model_obeys_the_law():
    model = net()
    compiled = torch.compile(model, backend="eager")
    optimizer = sgd(model)
    obeys(TorchLearner(compiled, optimizer, cross_entropy, loader()), model, optimizer)


def test_a_state_lives_as_long_as_its_object():
    model = net()
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    state = weakref.ref(learner.snapshot().training.objects)
    gc.collect()
    assert state() is None


# --- parameters that do not exist yet -------------------------------------------------------------------------------------


def lazy():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Dropout(0.3), nn.LazyLinear(2))
    return model, sgd(model)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_snapshot_makes_lazy_parameters_as_a_first_forward_would_and_leaves_nothing_else():
    batches = list(loader())
    torch.manual_seed(5)
    model, optimizer = lazy()
    LRFinder(TorchLearner(model, optimizer, cross_entropy, batches)).find()
    twin, twins_optimizer = lazy()
    with torch.no_grad():
        twin.eval()(batches[0][0])
    twin.train()
    assert fingerprint(model, optimizer) == fingerprint(twin, twins_optimizer)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_the_batch_that_made_lazy_parameters_stays_the_next():
    batches = list(loader())
    seen = []
    model, optimizer = lazy()

    def forward(model, batch):
        seen.append(batch[0])
        return cross_entropy(model(batch[0]), batch[1])

    LRFinder(TorchLearner(model, optimizer, None, batches, forward=forward)).find(max_iterations=2)
    assert equal(seen, [batches[0][0], batches[0][0], batches[1][0]])


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_parameters_of_an_own_step_are_refused_with_what_to_do():
    model, optimizer = lazy()
    learner = TorchLearner.from_step(lambda _: torch.zeros(()), loader(), modules=[model], optimizers=[optimizer])
    with pytest.raises(ModelError, match="forward"):
        learner.snapshot()


# --- data -----------------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    inputs: torch.Tensor
    target: torch.Tensor


def test_batches_may_be_nested_in_any_way_and_are_the_steps_own():
    inputs, target = torch.randn(8, 6), torch.zeros(8, dtype=torch.long)
    batch = {"pair": Pair(inputs, target), "more": [np.ones(3), (inputs, "text")], "none": None}
    original = copy.deepcopy(batch)
    model = net()

    def forward(model, batch):
        assert isinstance(batch["pair"], Pair)
        loss = cross_entropy(model(batch["pair"].inputs.mul_(0.5)), batch["pair"].target)
        batch["more"][0][:] = 0
        batch.pop("none")
        return loss

    learner = TorchLearner(model, sgd(model), None, [batch], forward=forward)
    obeys(learner, model)
    assert torch.equal(batch["pair"].inputs, original["pair"].inputs)
    assert batch["more"][0].tolist() == [1, 1, 1]
    assert "none" in batch


def test_making_a_learner_asks_the_loader_for_nothing_and_draws_nothing():
    class Silent(DataLoader):
        def __iter__(self):
            raise AssertionError("asked")

    model = net()
    before = torch.get_rng_state()
    TorchLearner(model, sgd(model), cross_entropy, Silent(pairs(), 8, shuffle=True)).snapshot()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_users_running_iterator_is_left_alone_also_with_persistent_workers():
    def rest(look):
        torch.manual_seed(3)
        feed = loader(num_workers=1, persistent_workers=True)
        running = iter(feed)
        batches = [next(running), next(running)]
        look(feed)
        return [inputs for inputs, _ in [*batches, *running]]

    def find(feed):
        model = net()
        learner = TorchLearner(model, sgd(model), cross_entropy, feed)
        LRFinder(learner).find(max_iterations=30)
        learner.close()

    assert equal(rest(find), rest(lambda _: net()))


def test_close_ends_the_workers_that_the_learner_started_and_no_others():
    model = net()
    feed = loader(num_workers=1, persistent_workers=True)
    running = iter(feed)
    next(running)
    learner = TorchLearner(model, sgd(model), cross_entropy, feed)
    learner.iteration(0.1)
    assert len(multiprocessing.active_children()) == 2
    learner.close()
    gc.collect()
    assert len(multiprocessing.active_children()) == 1
    assert len(list(running)) == 11


def test_a_stream_that_ends_in_the_middle_ends_the_sweep():
    model = net()
    result = LRFinder(TorchLearner(model, sgd(model), cross_entropy, iter(list(loader())))).find()
    assert (len(result), result.stop) == (12, Stop.DATA_ENDED)


# --- other training steps -------------------------------------------------------------------------------------------------


def test_two_optimizers_of_a_gan_keep_the_ratio_of_their_rates_and_obey_the_law():
    maker, judge = nn.Linear(3, 6), nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    makes, judges = torch.optim.Adam(maker.parameters(), lr=1e-3), torch.optim.Adam(judge.parameters(), lr=4e-3)

    def step(batch):
        real = batch[0]
        for optimizer, sign in ((judges, 1.0), (makes, -1.0)):
            optimizer.zero_grad()
            made = maker(torch.randn(len(real), 3))
            loss = sign * (judge(made).mean() - judge(real).mean())
            loss.backward()
            optimizer.step()
        return loss

    learner = TorchLearner.from_step(step, loader(), modules=[maker, judge], optimizers=[makes, judges])
    obeys(learner, maker, judge, makes, judges)
    learner.iteration(0.02)
    assert rates(makes) + rates(judges) == pytest.approx([0.005, 0.02])


def test_averaged_weights_that_a_step_updates_obey_the_law():
    model = net()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    optimizer = sgd(model)

    def step(batch):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        averaged.update_parameters(model)
        return loss

    learner = TorchLearner.from_step(step, loader(), modules=[model, averaged], optimizers=[optimizer])
    obeys(learner, model, averaged, optimizer)


def test_a_stateful_object_without_attributes_is_put_back_through_its_state_dict():
    class Slotted:
        __slots__ = ("count",)

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

    counter, model = Slotted(), net()
    counter.count = 0
    optimizer = sgd(model)

    def step(batch):
        counter.count += 1
        loss = cross_entropy(model(batch[0]), batch[1]) + counter.count
        loss.backward()
        return loss

    learner = TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer], stateful=[counter])
    obeys(learner, model, optimizer)


def test_a_stateful_object_that_cannot_be_put_back_is_refused():
    model = net()
    learner = TorchLearner(model, sgd(model), cross_entropy, loader(), stateful=[object()])
    with pytest.raises(LearnerError, match="state_dict"):
        learner.snapshot()


# --- bad input: each its own class and sentence, and the model as before ---


def make(model=None, optimizer=None, loss_fn=cross_entropy, data=None, **settings):
    model = net() if model is None else model
    return TorchLearner(model, optimizer or sgd(model), loss_fn, loader() if data is None else data, **settings)


BAD = {
    "an optimizer of another model": (OptimizerError, "none of the model's", lambda: make(optimizer=sgd(net()))),
    "an optimizer that is none": (OptimizerError, "function", lambda: make(optimizer=lambda: 0)),
    "a model that is none": (ModelError, "Module", lambda: make(model=3, optimizer=sgd(net()))),
    "no loss and no forward": (LossError, "forward", lambda: make(loss_fn=None)),
    "no batches to an update": (LearnerError, "accumulate", lambda: make(accumulate=0)),
    "data that cannot be iterated": (DataError, "int", lambda: make(data=3)),
    "empty data": (EmptyDataError, "no batch", lambda: make(data=[])),
    "a mapping": (BatchError, "forward=", lambda: make(data=[{"x": torch.ones(2, 6), "y": torch.ones(2)}])),
    "a triple": (BatchError, "tuple of 3", lambda: make(data=[(1, 2, 3)])),
    "a bare tensor": (BatchError, "Tensor", lambda: make(data=[torch.ones(2, 6)])),
    "a loss of a vector": (
        LossError,
        r"shape \(8,\)",
        lambda: make(loss_fn=lambda o, t: cross_entropy(o, t, reduction="none")),
    ),
    "a loss that needs no gradient": (
        LossError,
        "gradient",
        lambda: make(loss_fn=lambda o, t: cross_entropy(o.detach(), t)),
    ),
    "a loss that is no tensor": (LossError, "float", lambda: make(loss_fn=lambda o, t: cross_entropy(o, t).item())),
    "a scaler with a closure": (
        OptimizerError,
        "closure",
        lambda: make(
            model=(model := net()), optimizer=torch.optim.LBFGS(model.parameters()), scaler=torch.amp.GradScaler("cpu")
        ),
    ),
    "a step without modules": (
        LearnerError,
        "at least one",
        lambda: TorchLearner.from_step(lambda _: torch.zeros(()), [], modules=[], optimizers=[]),
    ),
    "a step that returns a vector": (
        LossError,
        "one number",
        lambda: TorchLearner.from_step(lambda _: torch.ones(3), [1], modules=[(m := net())], optimizers=[sgd(m)]),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_its_own_error(name):
    error, words, build = BAD[name]
    with pytest.raises(error, match=words):
        LRFinder(build()).find(max_iterations=3)


@pytest.mark.parametrize("data", [[{"x": 1}], [], [torch.ones(2, 6)]])
def test_bad_data_leave_the_model_as_it_was(data):
    model = net()
    optimizer = sgd(model)
    before = fingerprint(model, optimizer)
    with pytest.raises(LearnerError):
        LRFinder(make(model, optimizer, data=data)).find()
    assert fingerprint(model, optimizer) == before


def test_a_real_range_test_finds_where_a_network_diverges():
    model = net(0)
    result = LRFinder(make(model, sgd(model, momentum=0.9))).find()
    assert result.stop is Stop.DIVERGED
    assert 0.01 < result.lrs[-1] < 10
    assert math.isfinite(result.losses.min())
