"""Mutations: every kind of state that a snapshot could leave out, and everything that a finder could leave behind.

A kind of state has a case in which training changes it, a function that reads it and one that writes it. Reading it before a
restore and writing it back afterwards makes that restore forget it.
"""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import copy
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from proof_case import Case

from lrfinder.torch import TorchLearner

MIDDLE = {"moment": "in the middle of an epoch"}


def tensors(find):
    """Return how to read and write the values of the tensors that ``find`` returns."""

    def read(training):
        return [tensor.detach().clone() for tensor in find(training)]

    @torch.no_grad()
    def write(training, values):
        for tensor, value in zip(find(training), values, strict=True):
            tensor.copy_(value)

    return read, write


def attribute(path, name):
    """Return how to read and write an attribute of the object at the dotted ``path`` from the training."""
    owner = attrgetter(path)
    return (
        lambda training: copy.deepcopy(getattr(owner(training), name)),
        lambda training, value: setattr(owner(training), name, value),
    )


def entry(name):
    """Return how to read and write an entry of the first parameter group."""
    return (
        lambda training: copy.copy(training.optimizer.param_groups[0][name]),
        lambda training, value: training.optimizer.param_groups[0].update({name: value}),
    )


def generator(path, get, put):
    """Return how to read and write a random generator at the dotted ``path``."""
    owner = attrgetter(path)
    return lambda training: get(owner(training)), lambda training, state: put(owner(training), state)


def of_torch(path):
    return generator(path, torch.Generator.get_state, torch.Generator.set_state)


def of_numpy(path):
    return generator(
        path, lambda one: one.bit_generator.state, lambda one, state: setattr(one.bit_generator, "state", state)
    )


def of_parameters(name):
    """Return how to read and write an attribute of each parameter."""

    def write(training, values):
        for parameter, value in zip(training.model.parameters(), values, strict=True):
            setattr(parameter, name, value)

    return lambda training: [copy.copy(getattr(one, name)) for one in training.model.parameters()], write


def write_modes(training, modes):
    for module, mode in zip(training.model.modules(), modes, strict=True):
        module.training = mode


def write_state(training, state):
    for parameter, values in state:
        training.optimizer.state[parameter] = values


def state_tensors(training):
    return [value for state in training.optimizer.state.values() for value in state.values() if value.ndim]


MODES = (lambda training: [module.training for module in training.model.modules()], write_modes)
STATE = (lambda training: [(key, copy.copy(value)) for key, value in training.optimizer.state.items()], write_state)
PARAMETERS = tensors(lambda training: training.model.parameters())
BUFFERS = tensors(lambda training: [one for one in training.model.buffers() if one.is_floating_point()])
FREEZES = Case(net="frozen and mixed modes", what=("compare",))  # whose trainings are longer than find's last one
REMEMBERS = Case(net="attributes and generators")

KINDS = {
    "parameters": (Case(), *PARAMETERS),
    "parameters in one storage": (Case(net="parameters in one storage"), *PARAMETERS),
    "parameters of a lazy net": (Case(net="lazy"), *PARAMETERS),
    "parameters of a compiled net": (Case(compiled="eager"), *PARAMETERS),
    "weights of the teacher inside": (Case(net="teacher inside"), *tensors(lambda t: t.model.teacher.parameters())),
    "statistics of BatchNorm": (Case(net="batch norm"), *tensors(lambda t: [t.model[1].running_mean])),
    "count of BatchNorm": (Case(net="batch norm"), *tensors(lambda t: [t.model[1].num_batches_tracked])),
    "statistics of InstanceNorm": (Case(net="instance norm"), *BUFFERS),
    "vectors of spectral norm": (Case(net="spectral norm"), *BUFFERS),
    "observers of fake quantization": (Case(net="fake quantization"), *BUFFERS),
    "buffer that is not persistent": (Case(net="buffers"), *attribute("model", "calls")),
    "buffer that is replaced": (Case(net="buffers"), *attribute("model", "mean")),
    "buffer that was empty": (Case(net="buffers"), *attribute("model", "last")),
    "hidden state in an attribute": (Case(net="GRU that carries its state"), *attribute("model", "hidden")),
    "number in an attribute": (REMEMBERS, *attribute("model", "calls")),
    "list in an attribute": (REMEMBERS, lambda t: list(t.model.history), lambda t, value: t.model.history.extend(value)),
    "dict within a dict": (
        REMEMBERS,
        lambda t: dict(t.model.table["seen"]),
        lambda t, value: t.model.table["seen"].update(value),
    ),
    "attribute that was not there": (REMEMBERS, *attribute("model", "created")),
    "extra state": (REMEMBERS, lambda t: t.model.get_extra_state(), lambda t, state: t.model.set_extra_state(state)),
    "torch generator of the net's own": (REMEMBERS, *of_torch("model.generator")),
    "numpy generator of the net's own": (REMEMBERS, *of_numpy("model.numpy")),
    "python generator of the net's own": (
        REMEMBERS,
        *generator("model.python", random.Random.getstate, random.Random.setstate),
    ),
    "attribute of a parameter": (Case(net="attributes of a parameter"), *attribute("model.linear.weight", "uses")),
    "tensor at a parameter": (
        Case(net="attributes of a parameter"),
        *tensors(lambda t: [t.model.linear.weight.mean_of_inputs]),
    ),
    "absence of gradients": (Case(), *of_parameters("grad")),
    "gradients": (Case(moment="between backward and step"), *of_parameters("grad")),
    "sparse gradients": (
        Case(net="sparse embedding and linear", moment="between backward and step"),
        *of_parameters("grad"),
    ),
    "flags of parameters": (FREEZES, *of_parameters("requires_grad")),
    "modes of parts": (FREEZES, *MODES),
    "mode of the whole": (Case(mode="evaluation"), *MODES),
    "state of the optimizer": (Case(optimizer="Adam", **MIDDLE), *tensors(state_tensors)),
    "absence of state of the optimizer": (Case(optimizer="Adam"), *STATE),
    "state of LBFGS": (Case(optimizer="LBFGS", **MIDDLE), *STATE),
    "rate of a group": (Case(), *entry("lr")),
    "rate that is a tensor": (Case(settings=(("lr", "tensor"),)), *tensors(lambda t: [t.optimizer.param_groups[0]["lr"]])),
    "momentum that a scheduler moves": (
        Case(optimizer="Adam", scheduler="OneCycleLR", form="step", **MIDDLE),
        *entry("betas"),
    ),
    "scheduler": (Case(scheduler="StepLR", form="step"), *attribute("scheduler", "last_epoch")),
    "scheduler in a scheduler": (
        Case(scheduler="SequentialLR", form="step"),
        lambda t: t.scheduler._schedulers[0].last_epoch,
        lambda t, value: setattr(t.scheduler._schedulers[0], "last_epoch", value),
    ),
    "gradient scaler": (Case(precision="scaler", **MIDDLE), *tensors(lambda t: [t.scaler._scale])),
    "count of the gradient scaler": (Case(precision="scaler", **MIDDLE), *tensors(lambda t: [t.scaler._growth_tracker])),
    "averaged model": (Case(average="equal", form="step"), *tensors(lambda t: t.average.parameters())),
    "count of the averaged model": (Case(average="equal", form="step"), *tensors(lambda t: [t.average.n_averaged])),
    "object named as stateful": (Case(hooks=True), *attribute("counter", "forwards")),
    "python's generator": (
        Case(feed="data set that draws"),
        lambda _: random.getstate(),
        lambda _, state: random.setstate(state),
    ),
    "numpy's generator": (
        Case(feed="data set that draws"),
        lambda _: np.random.get_state(),
        lambda _, state: np.random.set_state(state),
    ),
    "torch's generator": (Case(net="dropout"), lambda _: torch.get_rng_state(), lambda _, state: torch.set_rng_state(state)),
    "generator of the loader": (Case(feed="loader that shuffles by its own generator"), *of_torch("feed.generator")),
    "generator of the sampler": (Case(feed="sampler with its own generator"), *of_torch("feed.sampler.generator")),
    "generator of the data set": (Case(feed="data set that draws"), *of_numpy("feed.dataset.generator")),
    "count of the data set": (Case(feed="data set that counts"), *attribute("feed.dataset", "returned")),
    "passes of an iterable data set": (Case(feed="iterable data set"), *attribute("feed.dataset", "passes")),
    "passes of the sampler": (Case(feed="sampler that counts its passes"), *attribute("feed.sampler", "epoch")),
    "passes of an own loader": (Case(feed="loader of an own class"), *attribute("feed", "passes")),
    "position of a stateful loader": (Case(feed="stateful loader"), *attribute("feed", "position")),
    "position in the data": (
        Case(what=("find", "find")),
        lambda t: t.watched()._batches.mark(),
        lambda t, mark: t.watched()._batches.go(mark),
    ),
}


def forgetting(read, write):
    """Return a learner class whose restore leaves out what ``read`` reads."""

    class Forgetful(TorchLearner):
        def restore(self, state):
            as_it_is = read(self.training)
            super().restore(state)
            write(self.training, as_it_is)

    return Forgetful


def nothing(*_):
    """Do nothing: a hook that is left behind."""


def move_weights(training, _):
    for parameter in training.model.parameters():
        parameter.data = parameter.data.clone()


def move_gradients(training, _):
    for parameter in training.model.parameters():
        parameter.grad = None if parameter.grad is None else parameter.grad.clone()


def move_codes(training, _):
    moment = training.optimizer.state[training.model[0].weight]["moment"]
    moment.codes = moment.codes.clone()


def leave_a_thread(_, stack):
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    stack.callback(thread.join)
    stack.callback(end.set)
    thread.start()


def leave_a_process(_, stack):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stack.enter_context(process)
    stack.callback(process.kill)


def leave_a_handler(_, stack):
    stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
    signal.signal(signal.SIGINT, lambda *_: None)  # a shell in the background ignores it already


def leave_gradients_off(_, stack):
    stack.callback(torch.set_grad_enabled, mode=True)
    torch.set_grad_enabled(mode=False)


def leave_a_default_dtype(_, stack):
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(torch.float64)


def leave_a_variable(_, stack):
    stack.callback(os.environ.pop, "LEFT_BEHIND")
    os.environ["LEFT_BEHIND"] = "1"


LEFT = {
    "a file in the working directory": lambda *_: Path("left").touch(),
    "a file in the temporary directory": lambda *_: Path(tempfile.gettempdir(), "left").touch(),
    "an open descriptor": lambda _, stack: stack.callback(os.close, os.open(os.devnull, os.O_RDONLY)),
    "a thread": leave_a_thread,
    "a process": leave_a_process,
    "a handler of SIGINT": leave_a_handler,
    "gradients switched off": leave_gradients_off,
    "another default dtype": leave_a_default_dtype,
    "an environment variable": leave_a_variable,
    "a hook of the optimizer's step": lambda training, _: training.optimizer.register_step_post_hook(nothing),
    "a hook of the model": lambda training, _: training.model.register_forward_hook(nothing),
    "a hook of a parameter": lambda training, _: training.model[0].weight.register_hook(nothing),
    "weights at another address": move_weights,
    "gradients at another address": move_gradients,
    "a group that is another object": lambda training, _: training.optimizer.param_groups.append(
        dict(training.optimizer.param_groups.pop())
    ),
    "a seen attribute": lambda training, _: setattr(training.model, "seen_by_a_finder", True),
    "a storage that cannot be resized": lambda training, _: training.model[0].weight.detach().numpy(),
    "a filled slot": lambda training, _: setattr(training.criterion, "unset", 1),
    "a seen attribute of the loss": lambda training, _: setattr(training.criterion, "seen_by_a_finder", True),
    "another tensor in a slot": lambda training, _: setattr(training.criterion, "center", training.criterion.center.clone()),
    "part of a wrapper at another address": move_codes,
    "a batch of the user's list that is changed": lambda training, _: training.feed[0]["given"].add_(1),
    "a batch of the user's list that is emptied": lambda training, _: training.feed[0].pop("given"),
}
# state in objects, for the traces that can be left there
LEFT_IN = Case(moment="between backward and step", loss="slots and a dict", optimizer="EightBit", container="OrderedDict")


def leaving(what, stack):
    """Return a learner class whose ``close`` leaves something behind; ``stack`` removes it."""

    class Littering(TorchLearner):
        def close(self):
            super().close()
            LEFT[what](self.training, stack)

    return Littering
