"""Every optimizer of ``torch.optim``, found by introspection, with the settings of its constructor, and foreign ones."""

import functools
import inspect

import torch
from proof_foreign import FOREIGN
from torch import nn

OF_TORCH = {
    name: cls
    for name, cls in sorted(vars(torch.optim).items())
    if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer
}
OPTIMIZERS = OF_TORCH | FOREIGN
REFUSED = {"Rprop"}  # by the learner, since it ignores its rate

# `differentiable` is left out: its updates are for a backward through the optimizer, and no ordinary loop can run it
VALUES = {
    "adjust_lr_fn": ["match_rms_adamw"],
    "amsgrad": [True],
    "capturable": [True],
    "centered": [True],
    "dampening": [0.1],
    "decoupled_weight_decay": [True],
    "foreach": [True, False],
    "fused": [True, False],
    "initial_accumulator_value": [0.1],
    "line_search_fn": ["strong_wolfe"],
    "lr_decay": [0.01],
    "maximize": [True],
    "momentum": [0.9],
    "nesterov": [True, False],
    "t0": [3],
    "weight_decay": [0.01],
}
RATES = {"Adadelta": 1.0, "LBFGS": 0.1}


def settings_of(name):
    """Return the settings that the constructor accepts, as pairs; ``("lr", "tensor")`` is a rate that is a tensor."""
    accepted = inspect.signature(OPTIMIZERS[name]).parameters
    tensor_rate = [("lr", "tensor")] if "Tensor" in str(accepted["lr"].annotation) else []
    return [*tensor_rate, *((key, value) for key in sorted(accepted) for value in VALUES.get(key, []))]


def make(name, parameters, settings=()):
    """Build the optimizer; LBFGS gets few inner iterations, so that a case stays fast."""
    settings = dict(settings)
    rate = RATES.get(name, 0.01)
    settings["lr"] = torch.tensor(rate) if settings.get("lr") == "tensor" else rate
    if name == "LBFGS":
        settings |= {"max_iter": 3, "history_size": 3}
    return OPTIMIZERS[name](parameters, **settings)


def needs_closure(name):
    return name == "LBFGS"


@functools.cache
def why_not(name, settings, device="cpu"):
    """Return why PyTorch itself does not run these settings on the device; an empty string if it does."""
    sparse = name == "SparseAdam"
    model = nn.Embedding(5, 2, sparse=sparse).to(device) if sparse or name == "Muon" else nn.Linear(3, 2).to(device)
    given = torch.ones(2, dtype=torch.long) if isinstance(model, nn.Embedding) else torch.ones(2, 3)
    try:
        optimizer = make(name, model.parameters(), settings)
        for _ in range(2):
            model(given.to(device)).sum().backward()
            optimizer.step((lambda: model(given.to(device)).sum()) if needs_closure(name) else None)
    except (AssertionError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""
