"""Optimizers of other packages: what they keep in objects and tensors of their own classes is seen by the check."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import pytest
import torch
from torch import nn

from lrfinder.testing import differing
from lrfinder.torch.inspection import Inspection

pytestmark = pytest.mark.filterwarnings("ignore")
WIDTH = 128  # smaller states are not quantized


def galore(model):
    package = pytest.importorskip("pytorch_optimizer")
    matrices = {"rank": 4, "update_proj_gap": 2, "scale": 1.0, "projection_type": "std"}
    return package.GaLore([{"params": [model[0].weight], **matrices}, {"params": [model[0].bias]}], lr=0.01)


def shampoo(model):
    package = pytest.importorskip("pytorch_optimizer")
    steps = {"start_preconditioning_step": 1, "preconditioning_compute_steps": 1}
    return package.ScalableShampoo(model.parameters(), lr=0.01, block_size=64, **steps)


def lookahead(model):
    package = pytest.importorskip("pytorch_optimizer")
    return package.Lookahead(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


def adam_of_8_bits(model):
    return pytest.importorskip("torchao.optim").AdamW8bit(model.parameters(), lr=0.01)


def adam_of_4_bits(model):
    return pytest.importorskip("torchao.optim").AdamW4bit(model.parameters(), lr=0.01)


STATES = {
    galore: "optimizer state: projector.ortho_matrix of 0.weight",
    shampoo: "optimizer state: pre_conditioner.statistics[0] of 0.weight",
    lookahead: "optimizer state: momentum_buffer of 0.weight of Lookahead.optimizer",
    adam_of_8_bits: "optimizer state: exp_avg of 0.weight",
    adam_of_4_bits: "optimizer state: exp_avg_sq of 0.weight",
}


@pytest.mark.parametrize("make", STATES)
def test_state_in_objects_of_other_packages_is_seen_to_change(make):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH))
    optimizer = make(model)
    inspection = Inspection([model], [optimizer])
    observed = []
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, WIDTH)).pow(2).mean().backward()
        optimizer.step()
        observed.append(inspection.observe())
        assert inspection.observe() == observed[-1], "looking changes what is seen"
    assert STATES[make] in differing(observed[-1], observed[0])
    tensors = [one for _, one in inspection.visited() if type(one) in {torch.Tensor, nn.Parameter}]
    assert len(tensors) > 4
    assert all(one.untyped_storage().resizable() for one in tensors)
