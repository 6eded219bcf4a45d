"""Every scheduler of PyTorch, with settings that move the rate within a few steps."""

import inspect

from torch.optim import lr_scheduler, swa_utils

ABSTRACT = {"LRScheduler", "_LRScheduler"}
FOUND = {
    name
    for name, cls in vars(lr_scheduler).items()
    if inspect.isclass(cls) and issubclass(cls, lr_scheduler.LRScheduler) and name not in ABSTRACT
}


def cycles_momentum(optimizer):
    return "momentum" in optimizer.defaults or "betas" in optimizer.defaults


def half(_):
    return 0.9


def cyclic(optimizer):
    return lr_scheduler.CyclicLR(optimizer, 0.001, 0.02, step_size_up=3, cycle_momentum=cycles_momentum(optimizer))


def one_cycle(optimizer):
    return lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=400, cycle_momentum=cycles_momentum(optimizer))


def sequential(optimizer):
    parts = [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4), lr_scheduler.ExponentialLR(optimizer, 0.95)]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[4])


def chained(optimizer):
    return lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(optimizer, 0.5), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    )


SCHEDULERS = {
    "none": None,
    "ChainedScheduler": chained,
    "ConstantLR": lambda optimizer: lr_scheduler.ConstantLR(optimizer, 0.5, total_iters=4),
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10),
    "CosineAnnealingWarmRestarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 4, 2),
    "CyclicLR": cyclic,
    "ExponentialLR": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "LinearLR": lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.1, total_iters=8),
    "MultiStepLR": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 5, 11]),
    "MultiplicativeLR": lambda optimizer: lr_scheduler.MultiplicativeLR(optimizer, half),
    "OneCycleLR": one_cycle,
    "PolynomialLR": lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 60, 2.0),
    "ReduceLROnPlateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, cooldown=1),
    "SequentialLR": sequential,
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 3),
    "SWALR": lambda optimizer: swa_utils.SWALR(optimizer, 0.005, anneal_epochs=5),
}


def step(scheduler, loss):
    """Step the scheduler as a script does, after each update."""
    if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()
