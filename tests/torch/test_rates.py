"""Rates of parameter groups: one rate, ratios kept."""

import pytest
import torch
from torch_nets import cross_entropy, loader, net, rates, sgd

from lrfinder import LRFinder, restored
from lrfinder.errors import OptimizerError
from lrfinder.torch import TorchLearner

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
