"""The state of a training: what a restore brings back, and how lazy parameters are initialized."""

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch_nets import cross_entropy, loader, net, obeys, sgd

from lrfinder import LRFinder, restored
from lrfinder.errors import ModelError
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint

pytestmark = pytest.mark.usefixtures("seed")


def test_tensors_are_restored_in_place():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    learner.iteration(0.01)

    def addresses():
        state = [value for one in optimizer.state.values() for value in one.values()]
        tensors = [*model.parameters(), *model.buffers(), *state, *(parameter.grad for parameter in model.parameters())]
        return [(id(tensor), tensor.data_ptr()) for tensor in tensors]

    before = addresses()
    LRFinder(learner).find()
    assert addresses() == before


def test_a_parameter_gets_its_memory_back_after_a_step_that_replaces_its_data():
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


def test_gradients_or_their_absence_are_restored():
    model = net()
    model(torch.randn(4, 6)).sum().backward()
    model[4].bias.grad = None
    gradients = [None if parameter.grad is None else parameter.grad.clone() for parameter in model.parameters()]
    LRFinder(TorchLearner(model, sgd(model), cross_entropy, loader())).find()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(parameter.grad, gradient)


class Accumulating(torch.optim.SGD):
    """SGD that keeps gradients, so that a step adds to them."""

    def zero_grad(self, set_to_none=True):
        pass


def test_gradients_that_a_step_adds_to_are_restored_in_their_memory():
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
    """SGD whose momentum starts as the gradient itself, and is written through ``data``."""

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            momentum = self.state[parameter].setdefault("momentum", parameter.grad)
            if momentum is not parameter.grad:
                momentum.data.mul_(0.9).add_(parameter.grad)
            parameter.data.sub_(momentum, alpha=self.param_groups[0]["lr"])


def test_a_momentum_that_shares_the_gradients_memory_obeys_the_law():
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


def test_an_expanded_buffer_is_restored():
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


def test_counters_and_lists_of_modules_are_restored():
    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.calls, self.history, self.rng = nn.Linear(6, 2), 0, [], np.random.default_rng(0)

        def forward(self, x):
            self.calls += 1
            self.history.append(self.calls)
            self.created = torch.ones(1)
            return self.linear(x) + self.calls + len(self.history) + self.rng.random()

    model = Remembers()
    optimizer = sgd(model)
    obeys(TorchLearner(model, optimizer, cross_entropy, loader()), model, optimizer)
    assert (model.calls, model.history, hasattr(model, "created")) == (0, [], False)
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


def lazy():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Dropout(0.3), nn.LazyLinear(2))
    return model, sgd(model)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_snapshot_initializes_lazy_parameters_as_a_first_forward_does_and_changes_nothing_else():
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
def test_the_batch_that_initialized_lazy_parameters_stays_the_next():
    batches = list(loader())
    seen = []
    model, optimizer = lazy()

    def forward(model, batch):
        seen.append(batch[0].tolist())  # numbers: a list that holds tensors is state
        return cross_entropy(model(batch[0]), batch[1])

    LRFinder(TorchLearner(model, optimizer, None, batches, forward=forward)).find(max_iterations=2)
    assert seen == [batches[k][0].tolist() for k in (0, 0, 1)]


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_parameters_of_a_custom_step_are_refused_with_advice():
    model, optimizer = lazy()
    learner = TorchLearner.from_step(lambda _: torch.zeros(()), loader(), modules=[model], optimizers=[optimizer])
    with pytest.raises(ModelError, match="forward"):
        learner.snapshot()


def values_of(kept):
    return kept.get_state().tolist() if isinstance(kept, torch.Generator) else [one.tolist() for one in kept]


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("kept", "use"),
    [
        (torch.zeros(1), lambda kept: kept.add_(1)),
        ([torch.zeros(1)], lambda kept: kept.append(torch.ones(1))),
        (torch.Generator(), lambda kept: torch.rand(1, generator=kept)),
    ],
    ids=["tensor", "list of tensors", "generator"],
)
def test_what_the_forward_keeps_comes_back_when_the_first_one_of_a_lazy_model_raises(kept, use, error):
    model, optimizer = lazy()

    def forward(model, batch):
        use(kept)
        model(batch[0])
        raise error("no loss")

    before = values_of(kept)
    with pytest.raises(error, match="no loss"):
        LRFinder(TorchLearner(model, optimizer, None, loader(), forward=forward)).find()
    assert values_of(kept) == before
