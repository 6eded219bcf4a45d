"""Optimizers, tensors and models of other packages come back as those of PyTorch do."""

import copy
import warnings

import pytest
import pytorch_optimizer
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torchao.optim import AdamW4bit, AdamW8bit, AdamWFp8
from torchao.quantization import Int8WeightOnlyConfig, quantize_

import lrfinder
from lrfinder import LRFinder
from lrfinder.torch import TorchLearner


def batches():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 64, generator=generator)
    return [(one, one[:, 0].gt(0).long()) for one in inputs.split(16)]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


OPTIMIZERS = {
    "GaLore": lambda model: pytorch_optimizer.GaLore(
        [{"params": [model[0].weight], "rank": 4, "update_proj_gap": 3, "scale": 1.0, "projection_type": "std"}], lr=0.01
    ),
    "Shampoo": lambda model: pytorch_optimizer.Shampoo(model.parameters(), lr=0.01, preconditioning_compute_steps=2),
    "ScalableShampoo": lambda model: pytorch_optimizer.ScalableShampoo(
        model.parameters(), lr=0.01, start_preconditioning_step=2, preconditioning_compute_steps=2
    ),
    "SOAP": lambda model: pytorch_optimizer.SOAP(model.parameters(), lr=0.01, precondition_frequency=2),
    "Lookahead": lambda model: pytorch_optimizer.Lookahead(torch.optim.SGD(model.parameters(), lr=0.01), k=3),
    "ScheduleFreeAdamW": lambda model: pytorch_optimizer.ScheduleFreeAdamW(model.parameters(), lr=0.01),
    "AdamW8bit": lambda model: AdamW8bit(model.parameters(), lr=0.01),
    "AdamW4bit": lambda model: AdamW4bit(model.parameters(), lr=0.01),
    "AdamWFp8": lambda model: AdamWFp8(model.parameters(), lr=0.01),
}


def losses_after(learner, find):
    for _ in range(5):
        learner.iteration(0.01)
    if find:
        LRFinder(learner).find(1e-4, 2.0, max_iterations=20)
        LRFinder(learner).suggest(horizon=4, max_iterations=60)
    return [learner.iteration(0.01) for _ in range(8)]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("moment", ["fresh", "later"])
def test_an_optimizer_continues_as_its_twin(name, moment):
    def learner():
        model = network()
        later = TorchLearner(model, OPTIMIZERS[name](model), nn.CrossEntropyLoss(), batches())
        for _ in range(0 if moment == "fresh" else 4):
            later.iteration(0.01)
        return later

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert losses_after(learner(), find=True) == losses_after(learner(), find=False)
        check = lrfinder.check(learner())
    assert check.lost == (), check


def test_a_model_with_quantized_weights_continues_as_its_twin():
    def learner():
        model = network()
        quantize_(model[0], Int8WeightOnlyConfig())
        optimizer = torch.optim.Adam(model[2].parameters(), lr=0.01)
        return TorchLearner(model, optimizer, nn.CrossEntropyLoss(), batches())

    assert losses_after(learner(), find=True) == losses_after(learner(), find=False)


def test_an_adapted_model_continues_as_its_twin():
    base = network()

    def learner():
        torch.manual_seed(0)
        model = get_peft_model(copy.deepcopy(base), LoraConfig(target_modules=["0"], r=4, lora_dropout=0.1))
        return TorchLearner(model, torch.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss(), batches())

    assert losses_after(learner(), find=True) == losses_after(learner(), find=False)
