import pytest
import torch

from lrfinder.errors import LossError
from lrfinder.trainers._updates import BatchGroups, loss_in, mean_loss


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
