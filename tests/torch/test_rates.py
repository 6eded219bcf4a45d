"""Rates of parameter groups: one rate, ratios kept."""

import pytest
import torch
from torch import nn
from torch_nets import cross_entropy, loader, net, rates, sgd

import lrfinder
from lrfinder import LRFinder, restored
from lrfinder.errors import OptimizerError
from lrfinder.torch import TorchLearner, schedules
from lrfinder.torch.inspection import fingerprint

pytestmark = pytest.mark.usefixtures("seed")


def two_groups(model, **second):
    return torch.optim.SGD(
        [{"params": model[0].parameters(), "name": "body"}, {"params": model[4].parameters(), **second}], lr=0.1
    )


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
def test_an_unknown_group_is_refused(group):
    model = net()
    with pytest.raises(OptimizerError, match="group"):
        TorchLearner(model, two_groups(model), cross_entropy, loader(), group=group)


def test_a_group_of_rate_zero_stays_at_zero():
    model = net()
    optimizer = two_groups(model, lr=0.0)
    TorchLearner(model, optimizer, cross_entropy, loader()).iteration(0.2)
    assert rates(optimizer) == [0.2, 0.0]


def test_in_a_warm_up_from_zero_the_ratios_are_those_of_the_initial_rates():
    model = net()
    optimizer = two_groups(model, lr=0.4)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 100)
    assert rates(optimizer) == [0.0, 0.0]
    TorchLearner(model, optimizer, cross_entropy, loader()).iteration(0.08)
    assert rates(optimizer) == pytest.approx([0.02, 0.08])


def test_a_rate_that_is_a_tensor_is_written_in_place_and_restored():
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01), capturable=False, foreach=False)
    rate = optimizer.param_groups[0]["lr"]
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    with restored(learner):
        learner.iteration(0.5)
        assert rate.item() == 0.5
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.01)


def test_groups_added_later_are_an_error():
    model = net()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    optimizer.add_param_group({"params": model[4].parameters()})
    with pytest.raises(OptimizerError, match="create a new learner"):
        learner.iteration(0.1)


def test_rates_still_apply_after_the_optimizer_loaded_a_state():
    model = net()
    optimizer = sgd(model)
    learner = TorchLearner(model, optimizer, cross_entropy, loader())
    optimizer.load_state_dict(optimizer.state_dict())
    learner.iteration(0.7)
    assert rates(optimizer) == [0.7]


def test_rprop_ignores_its_rate_and_is_refused_by_name():
    model = net()
    with pytest.raises(OptimizerError, match="Rprop"):
        TorchLearner(model, torch.optim.Rprop(model.parameters()), cross_entropy, loader())


@pytest.mark.filterwarnings("error")
def test_an_attached_scheduler_does_not_change_and_steps_without_a_warning():
    def train(use):
        torch.manual_seed(0)
        model = net()
        optimizer = sgd(model)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=50)
        use(TorchLearner(model, optimizer, cross_entropy, loader()))
        optimizer.step()
        scheduler.step()
        return rates(optimizer), scheduler.state_dict()["last_epoch"], dict(optimizer.param_groups[0], params=None)

    assert train(lambda learner: LRFinder(learner).find(max_iterations=10)) == train(lambda _: None)


def test_a_scheduler_still_warns_after_a_find_that_no_step_came_before_it():
    model = net()
    optimizer = sgd(model)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    LRFinder(TorchLearner(model, optimizer, cross_entropy, loader())).find(max_iterations=5)
    with pytest.warns(UserWarning, match="optimizer.step"):
        scheduler.step()


def body_and_head():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    body, head = ({"params": part.parameters(), "lr": lr} for part, lr in ((model[0], 0.01), (model[2], 0.1)))
    return model, torch.optim.SGD([{**body, "name": "body"}, {**head, "name": "head"}], lr=1.0, momentum=0.9)


@pytest.mark.parametrize("group", ["head", 1])
def test_one_group_alone_gets_the_rate_and_the_others_train_at_their_own(group):
    model, optimizer = body_and_head()
    learner = TorchLearner(model, optimizer, cross_entropy, loader(shuffle=False), only_group=group)
    losses = [learner.iteration(lr) for lr in (0.2, 0.4, 0.8)]
    twin, by_hand = body_and_head()
    expected = []
    for lr, (inputs, target) in zip((0.2, 0.4, 0.8), loader(shuffle=False), strict=False):
        by_hand.param_groups[1]["lr"] = lr
        by_hand.zero_grad()
        loss = cross_entropy(twin(inputs), target)
        loss.backward()
        by_hand.step()
        expected.append(loss.item())
    assert losses == expected
    assert rates(optimizer) == [0.01, 0.8]


def test_a_search_for_one_group_leaves_no_trace_and_its_rate_is_set_for_that_group_alone():
    model, optimizer = body_and_head()
    learner = TorchLearner(model, optimizer, cross_entropy, loader(), only_group="head")
    before = fingerprint(model, optimizer)
    suggestion = learner.suggest(horizon=30, max_iterations=200)
    assert lrfinder.check(learner).ok
    assert fingerprint(model, optimizer) == before
    optimizer.param_groups[0]["initial_lr"] = 0.05
    schedules.set_rate(optimizer, suggestion.lr or 0.3, only_group="head")
    assert rates(optimizer) == [0.01, suggestion.lr or 0.3]
    assert optimizer.param_groups[0]["initial_lr"] == 0.05


def test_one_group_of_a_custom_step_alone_gets_the_rate_as_a_tensor_too():
    model, optimizer = body_and_head()
    optimizer.param_groups[1]["lr"] = held = torch.tensor(0.1)
    learner = TorchLearner.from_step(lambda batch: 1.0, [1], modules=[model], optimizers=[optimizer], only_group="head")
    learner.iteration(0.5)
    assert optimizer.param_groups[1]["lr"] is held
    assert rates(optimizer) == [0.01, 0.5]


def test_a_group_that_is_not_there_or_two_kinds_of_groups_are_refused_before_anything_changes():
    model, optimizer = body_and_head()
    with pytest.raises(OptimizerError, match=r"only_group='neck' is none of the 2 .*\['body', 'head'\]"):
        TorchLearner(model, optimizer, cross_entropy, loader(), only_group="neck")
    with pytest.raises(OptimizerError, match="give one"):
        TorchLearner(model, optimizer, cross_entropy, loader(), group="body", only_group="head")
    with pytest.raises(OptimizerError, match="only_group=2 is none"):
        schedules.set_rate(optimizer, 0.3, only_group=2)
    assert rates(optimizer) == [0.01, 0.1]
