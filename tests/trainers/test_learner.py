import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR, StepLR

import lrfinder
from lrfinder.errors import LossError, OptimizerError
from lrfinder.torch import TorchLearner
from lrfinder.trainers._learner import BatchGroups, LazyLearner, apply_rate, loss_in, mean_loss, reachable_objects


def lazy_learner():
    """Return a learner whose preparation draws a random number, and a list that it fills."""
    prepared = []
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def prepare():
        prepared.append(torch.rand(1))
        return TorchLearner(model, optimizer, torch.nn.functional.mse_loss, [(torch.ones(4, 2), torch.ones(4, 1))])

    return LazyLearner(prepare, [model]), prepared


def test_the_trainer_is_prepared_once_and_at_the_first_use():
    learner, prepared = lazy_learner()
    learner.parts()
    learner.close()
    assert prepared == []
    lrfinder.LRFinder(learner).find(rates=[0.1, 0.2])
    assert len(prepared) == 1


def test_the_random_numbers_of_the_preparation_are_restored():
    learner, _ = lazy_learner()
    before = torch.get_rng_state()
    learner.snapshot()
    assert torch.equal(torch.get_rng_state(), before)


def test_time_repeats():
    learner, _ = lazy_learner()
    lrfinder.testing.check(learner, [0.1, 0.2], observe=learner.observe)


def test_a_preparation_that_fails_is_tried_again():
    def prepare():
        raise ValueError("not yet")

    learner = LazyLearner(prepare, [])
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            learner.snapshot()


class Part:
    def __init__(self, **attributes):
        vars(self).update(attributes)


PACKAGE = Part.__module__.partition(".")[0]


def test_objects_of_the_packages_are_found_through_attributes_and_containers():
    inner = Part()
    outer = Part(parts=[{"a": (inner,)}])
    assert reachable_objects([outer], PACKAGE) == [outer, inner]


def test_objects_of_other_packages_are_found_only_as_roots():
    inner = Part()
    outer = Part(inner=inner)
    assert reachable_objects([outer], "elsewhere") == [outer]
    assert reachable_objects([outer, inner], "elsewhere") == [inner, outer]


def test_the_search_ends_at_cycles_and_does_not_enter_modules():
    model = torch.nn.Linear(1, 1)
    model.part = Part()
    outer = Part(model=model)
    outer.itself = outer  # pyright: ignore[reportAttributeAccessIssue]
    assert reachable_objects([outer], PACKAGE) == [outer]


def test_each_pass_is_grouped_from_its_start_and_its_last_group_may_be_shorter():
    groups = BatchGroups([1, 2, 3, 4, 5], 2)
    assert [*groups] == [*groups] == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize(
    "output", [0.5, torch.tensor(0.5), torch.tensor([0.5], requires_grad=True), {"loss": torch.tensor(0.5)}]
)
def test_a_loss_is_one_number_or_an_entry_of_a_dict(output):
    loss = loss_in(output, "The step")
    assert float(loss) == 0.5
    assert not loss.requires_grad


@pytest.mark.parametrize("output", [None, {}, torch.zeros(2), "0.5"])
def test_an_output_without_a_loss_is_refused(output):
    with pytest.raises(LossError, match=r"The step gave .*; it must give the loss as one number"):
        loss_in(output, "The step")


def test_the_loss_of_an_update_is_the_mean_of_its_batches():
    assert float(mean_loss([torch.tensor(1.0), torch.tensor(2.0)])) == 1.5


def optimizer_of_two_groups():
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 0.2}])


def test_the_rate_is_that_of_the_highest_group_and_the_scheduler_continues_from_it():
    optimizer = optimizer_of_two_groups()
    scheduler = StepLR(optimizer, 10)
    assert apply_rate(optimizer, [scheduler], 0.5) is None
    assert [group["lr"] for group in optimizer.param_groups] == scheduler.base_lrs == [0.25, 0.5]


def test_a_scheduler_with_rates_of_its_own_is_refused_unless_it_is_replaced():
    optimizer = optimizer_of_two_groups()
    before = OneCycleLR(optimizer, 0.1, total_steps=10)
    with pytest.raises(OptimizerError, match="OneCycleLR that keeps rates of its own"):
        apply_rate(optimizer, [before], 0.5)
    assert apply_rate(optimizer, [before], 0.5, lambda *_: "another scheduler") == "another scheduler"
