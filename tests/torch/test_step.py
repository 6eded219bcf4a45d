"""The training step: what a script does by hand, with accumulation, clipping, closures, autocast and scalers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch_nets import cross_entropy, equal, loader, net, obeys, pairs, sgd, weights

from lrfinder import LRFinder, LRFinderWarning, restored
from lrfinder.errors import DataError, LossError, OptimizerError
from lrfinder.torch import TorchLearner, mean_loss
from lrfinder.torch.batches import to_device
from lrfinder.torch.step import own_loss

pytestmark = pytest.mark.usefixtures("seed")


def test_an_iteration_does_what_a_script_does_by_hand():
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


def test_the_loss_is_a_float_on_the_cpu():
    model = net()
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    assert type(learner.iteration(0.1)) is float


def test_the_loss_on_another_device_is_detached_and_has_its_own_memory():
    loss = torch.ones((), device="meta", requires_grad=True) * 2
    found = own_loss(loss)
    assert not found.requires_grad  # pyright: ignore[reportAttributeAccessIssue]
    assert found._base is None  # pyright: ignore[reportAttributeAccessIssue]
    assert found.untyped_storage()._cdata != loss.untyped_storage()._cdata  # pyright: ignore[reportAttributeAccessIssue]


def test_accumulated_batches_update_as_one_large_batch_does():
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


def test_an_optimizer_that_needs_a_closure_gets_one():
    model = nn.Linear(6, 2)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    learner = TorchLearner(model, optimizer, cross_entropy, loader(), accumulate=2)
    obeys(learner, model, optimizer)
    losses = [float(learner.iteration(0.5)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2


class Averaging(torch.optim.SGD):
    """SGD with a running mean of its losses, in their dtype."""

    def step(self, closure):
        loss = closure()
        self.mean = torch.zeros((), dtype=torch.bfloat16).lerp(loss, 0.5)
        super().step()


def test_a_closure_returns_the_loss_as_a_tensor():
    model = nn.Linear(6, 2)
    optimizer = Averaging(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, lambda *pair: cross_entropy(*pair).bfloat16(), loader())
    assert float(learner.iteration(0.1)) == 2 * float(optimizer.mean)


@pytest.mark.parametrize("loss", [3, True, np.float32(0.5), torch.tensor(3), torch.tensor([0.5]), torch.tensor(True)])
def test_the_loss_of_a_custom_step_is_a_float_whatever_its_type(loss):
    model = nn.Linear(6, 2)
    learner = TorchLearner.from_step(lambda _: loss, loader(), modules=[model], optimizers=[sgd(model)])
    found = learner.iteration(0.1)
    assert type(found) is float
    assert found == float(loss)


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


def test_a_batch_on_which_the_scaler_overflows_does_not_count_as_an_update():
    model, scaler = nn.Linear(6, 2), torch.amp.GradScaler("cpu", init_scale=2.0**127 * 1.5)
    before = weights(model)
    TorchLearner(model, sgd(model), lambda output, _: 3 * output.square().mean(), loader(), scaler=scaler).iteration(0.1)
    assert not equal(before, weights(model))
    assert scaler.get_scale() < 2.0**127


def test_a_model_in_evaluation_mode_is_trained_in_training_mode_and_restored():
    model = net().eval()
    seen = []
    learner = TorchLearner(model, sgd(model), lambda o, t: (seen.append(model.training), cross_entropy(o, t))[1], loader())
    with restored(learner):
        learner.iteration(0.1)
    assert seen == [True]
    assert not any(module.training for module in model.modules())


def test_a_part_in_evaluation_mode_stays_in_it():
    model = net()
    model[1].eval()
    statistics = model[1].running_mean.clone()
    TorchLearner(model, sgd(model), cross_entropy, loader()).iteration(0.1)
    assert torch.equal(model[1].running_mean, statistics)


def test_a_number_is_the_largest_norm_of_the_gradient():
    def trained(clip):
        torch.manual_seed(1)
        model = nn.Linear(6, 2)
        learner = TorchLearner(model, sgd(model), cross_entropy, list(loader(shuffle=False)), clip=clip)
        losses = [learner.iteration(1.0) for _ in range(3)]
        return losses, weights(model)

    losses, parameters = trained(0.01)
    expected, of_function = trained(lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.01))
    assert losses == expected
    assert equal(parameters, of_function)
    assert trained(1)[0] != losses


@pytest.mark.parametrize("clip", [0, -1.0, float("nan"), True, "1.0"])
def test_a_clip_that_is_no_norm_is_refused(clip):
    model = net()
    with pytest.raises(OptimizerError, match="give the largest norm"):
        TorchLearner(model, sgd(model), cross_entropy, loader(), clip=clip)


def test_a_step_that_returns_none_gets_the_next_batch():
    model = nn.Linear(1, 1)
    optimizer, seen = sgd(model), []

    def step(batch):
        seen.append(float(batch))
        if batch % 3:
            return None
        optimizer.zero_grad()
        loss = model(batch.view(1, 1)).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    learner = TorchLearner.from_step(step, torch.arange(9.0), modules=[model], optimizers=[optimizer])
    with restored(learner) as start:
        first = [learner.iteration(0.01) for _ in range(2)]
        assert seen == [0, 1, 2, 3]
        learner.restore(start)
        assert [learner.iteration(0.01) for _ in range(2)] == first


def test_a_step_that_always_returns_none_is_refused():
    model = nn.Linear(1, 1)
    learner = TorchLearner.from_step(lambda batch: None, [torch.ones(1)], modules=[model], optimizers=[sgd(model)])
    with pytest.raises(LossError, match="returned None for 100 batches in a row"):
        learner.iteration(0.1)


def test_a_function_that_returns_batches_is_data():
    inputs, targets = pairs().tensors

    def get_batch():
        rows = torch.randint(len(inputs), (8,))
        return inputs[rows], targets[rows]

    model = net()
    obeys(TorchLearner(model, sgd(model, momentum=0.9), cross_entropy, get_batch, replay_bytes=0), model)
    validated = mean_loss(model, cross_entropy, get_batch, 3)
    assert validated() == validated()
    with pytest.raises(DataError, match="give a number of batches"):
        mean_loss(model, cross_entropy, get_batch)


class Graph:
    """A batch object with a `to()` of its own, and no other way to a device."""

    def __init__(self, nodes):
        self.nodes = nodes

    def to(self, device):
        return Graph(self.nodes.to(device))


def packed():
    return nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(2, 2)])


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_packed_sequence_is_moved_by_its_own_method(device):
    given = packed()
    moved, target = to_device((given, [Graph(torch.ones(2))]), torch.device(device))
    assert type(moved) is type(given)
    assert (moved.data.device.type, moved.batch_sizes.device.type) == (device, "cpu")
    assert moved.data is not given.data
    assert target[0].nodes.device.type == device


def test_a_training_on_packed_sequences_obeys_the_law():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(2, 4)

        def forward(self, sequences):
            return self.rnn(sequences)[1][0]

    data = [(nn.utils.rnn.pack_sequence([torch.randn(n, 2) for n in (3, 2)]), torch.tensor([0, 1])) for _ in range(5)]
    model = Last()
    obeys(TorchLearner(model, sgd(model), cross_entropy, iter(data * 20)), model)


def tuned(head):
    """Return a frozen body of batch normalization and dropout in evaluation mode, and a new head in training mode."""
    return nn.Sequential(nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.5)), nn.Identity()).eval().append(head)


def test_a_new_head_on_a_body_in_evaluation_mode_is_named_once_with_both_readings():
    model = tuned(nn.Linear(6, 2))
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    with pytest.warns(
        LRFinderWarning, match=r"part 2 in training mode: .* 0\.0 stays .* it is right\. .* model\.train\(\)"
    ) as seen:
        LRFinder(learner).find(max_iterations=5)
    assert len(seen) == 1
    assert not model[0][0].training


@pytest.mark.parametrize(
    "model",
    [
        tuned(nn.Linear(6, 2)).train(),
        tuned(nn.Linear(6, 2)).eval(),
        nn.Sequential(nn.Linear(6, 4), nn.ReLU()).eval().append(nn.Linear(4, 2)),
    ],
    ids=["all in training mode", "all in evaluation mode", "a body whose mode does not matter"],
)
def test_modes_that_leave_nothing_open_are_not_named(model, recwarn):
    TorchLearner(model, sgd(model), cross_entropy, loader()).iteration(0.1)
    assert not [one for one in recwarn if issubclass(one.category, LRFinderWarning)]


class Wraps(nn.Module):
    """A net whose output is inside a container, as that of many models is."""

    def __init__(self, container):
        super().__init__()
        self.net, self.container = net(), container

    def forward(self, inputs):
        return self.container(self.net(inputs))


CONTAINERS = {"tuple": lambda value: (value, None), "dict": lambda value: {"loss": value}, "list": lambda value: [value]}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_loss_in_a_container_is_refused_with_the_function_to_write(kind):
    model = net()
    learner = TorchLearner(model, sgd(model), lambda out, y: CONTAINERS[kind](cross_entropy(out, y)), loader())
    with pytest.raises(LossError, match=rf"The loss is a {kind}.*forward=forward"):
        learner.find()


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_model_whose_output_is_in_a_container_is_named_beside_the_error_of_the_loss(kind):
    model = Wraps(CONTAINERS[kind])
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    with pytest.raises((TypeError, AttributeError)) as raised:
        learner.find()
    assert any(f"the model returns a {kind}" in note and "forward=forward" in note for note in raised.value.__notes__)


def test_a_loss_that_raises_on_a_tensor_says_nothing_about_the_model():
    model = net()
    learner = TorchLearner(model, sgd(model), nn.CrossEntropyLoss(), [(inputs, target[:1]) for inputs, target in loader()])
    with pytest.raises(ValueError, match="batch_size") as raised:
        learner.find()
    assert not any("the model returns" in note for note in raised.value.__notes__)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_step_that_returns_several_losses_is_refused_by_what_it_returned(kind):
    model = net()
    optimizer = sgd(model)

    def step(batch):
        return CONTAINERS[kind](cross_entropy(model(batch[0]), batch[1]))

    learner = TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer])
    with pytest.raises(LossError, match=rf"returned a {kind}; it must return one number"):
        learner.find()


def endless_batches():
    while True:
        yield from loader()


endless = endless_batches()


def next_batch():
    return next(endless)


def test_a_generator_that_a_function_of_batches_reads_is_named_with_that_function():
    model = net()
    with pytest.warns(LRFinderWarning, match="global endless of next_batch, an iterator"):
        TorchLearner(model, sgd(model), cross_entropy, next_batch)
