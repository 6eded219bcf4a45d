"""A training like that of a script, built from a case."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import functools
import hashlib
import random
import tempfile
import weakref
from contextlib import nullcontext

import numpy as np
import proof_batches
import proof_objects
import proof_optimizers
import proof_schedulers
import torch
from proof_environments import ENVIRONMENTS
from proof_losses import CLIPS, LOSSES
from proof_passes import FEEDS_OF_ALL_KINDS
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lrfinder.torch import TorchLearner

MOMENTS = {
    "fresh": 0,
    "in the middle of an epoch": 3,
    "between two epochs": 5,
    "after 7 steps": 7,
    "between backward and step": 4,
}
GROUPS = ("one", "two", "named", "of rate zero", "of named parameters")
PRECISIONS = ("float32", "bfloat16", "scaler", "bfloat16 and scaler")
AVERAGES = ("none", "equal", "exponential with buffers")
MODES = ("training", "evaluation", "mixed")
COMPILED = ("no", "eager", "aot_eager")
GIVEN = {"class": ("method", "loss function", "object", "partial", "closure"), "step": ("method", "bound method", "partial")}


class Counter:
    """Counts that the hooks of the script write; named as stateful."""

    def __init__(self):
        self.forwards, self.steps, self.norms = 0, 0, []

    def of_forward(self, *_):
        self.forwards += 1

    def of_step(self, optimizer, *_):
        self.steps += 1
        self.norms = [*self.norms[-3:], sum(len(group["params"]) for group in optimizer.param_groups) + self.steps]


def compute(criterion, container, use, model, batch):
    given, target = proof_batches.take(container, use, batch)
    return criterion(model(given), target)


class Forward:
    """The forward of a script as an object, which holds the loss and nothing else of the training."""

    def __init__(self, criterion, container, use):
        self.criterion, self.container, self.use = criterion, container, use

    def __call__(self, model, batch):
        return compute(self.criterion, self.container, self.use, model, batch)


class Training:
    """Model, optimizer, scheduler, scaler, averaged model, hooks and data feed of a case, and the loop over them."""

    def __init__(self, case):
        random.seed(case.seed)
        np.random.seed(case.seed)
        torch.manual_seed(case.seed)
        self.case = case
        self.model = proof_objects.ALL[case.net]()
        if case.device != "cpu":  # tensors without data refuse even the device of the others
            self.model.to(case.device)
        self.was_lazy = self.is_lazy()
        if case.form == "step" or case.average != "none":
            self.first_forward()  # before that, only the script could initialize or copy it
        self.forward = self.model if case.compiled == "no" else torch.compile(self.model, backend=case.compiled)
        self.optimizer = proof_optimizers.make(case.optimizer, self.groups(), case.settings)
        make_scheduler = proof_schedulers.SCHEDULERS[case.scheduler]
        self.scheduler = make_scheduler(self.optimizer) if make_scheduler else None
        scaled = "scaler" in case.precision
        self.scaler = torch.amp.GradScaler(case.device, init_scale=64.0, growth_interval=5) if scaled else None
        self.autocast = torch.bfloat16 if "bfloat16" in case.precision else None
        self.average = self.averaged()
        self.counter, self.environment = Counter(), ENVIRONMENTS[case.stateful]()
        self.criterion, self.clipper = LOSSES[case.loss](), CLIPS[case.clip]()
        if case.hooks:
            self.hook()
        if self.environment is not None:
            env = self.environment
            self.model.register_forward_hook(lambda module, inputs, output: output + 0.01 * env.step())
        self.feed = proof_batches.contained(FEEDS_OF_ALL_KINDS[case.feed](), case.container)
        self.batches = self.endless()
        self.losses, self.drawn = [], []
        self.set_modes()

    # --- its parts ---

    def groups(self):
        """Return the parameters in the groups of the case; Muon accepts only matrices, SparseAdam only embeddings."""
        named = list(self.model.named_parameters())
        if self.case.optimizer == "Muon":
            named = [(name, one) for name, one in named if one.ndim == 2]
        if self.case.optimizer == "SparseAdam":
            named = [(name, one) for name, one in named if name == "1.weight"]
        ones = [one for _, one in named]
        half = len(ones) // 2
        if self.case.groups == "one" or half == 0:
            return ones
        if self.case.groups == "of named parameters":
            return named
        entries = {"two": {"lr": 0.003}, "named": {"name": "head"}, "of rate zero": {"lr": 0.0}}[self.case.groups]
        first = {"name": "body"} if self.case.groups == "named" else {}
        return [{"params": ones[:half], **first}, {"params": ones[half:], **entries}]

    def averaged(self):
        if self.case.average == "none":
            return None
        if self.case.average == "equal":
            return AveragedModel(self.model)
        return AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)

    def hook(self):
        self.model.register_forward_hook(self.counter.of_forward)
        self.optimizer.register_step_post_hook(self.counter.of_step)
        weight = self.optimizer.param_groups[0]["params"][0]
        if not self.case.net.startswith("sparse") and weight.requires_grad:
            weight.register_hook(lambda gradient: 0.9 * gradient)

    def set_modes(self):
        if self.case.mode == "evaluation":
            self.model.eval()
        elif self.case.mode == "mixed":
            for module in list(self.model.modules())[2::2]:
                module.eval()

    def is_lazy(self):
        return any(map(is_lazy, (*self.model.parameters(), *self.model.buffers())))

    def first_forward(self):
        """Initialize a lazy net as a snapshot does; do nothing for others."""
        if not self.is_lazy():
            return
        modes = [(module, module.training) for module in self.model.modules()]
        with torch.no_grad():
            self.model.eval()(torch.ones(4, 6, device=self.case.device))
        for module, training in modes:
            module.training = training

    # --- the loop ---

    def endless(self):
        while True:
            yield from self.feed

    def reach(self):
        """Train up to the case's moment."""
        self.train(MOMENTS[self.case.moment])
        if self.case.moment == "between two epochs" and isinstance(self.feed, (list, tuple)):
            self.batches = self.endless()
        if self.case.moment == "between backward and step":
            self.gradients([self.draw()])

    def train(self, steps):
        for _ in range(steps):
            loss = self.update([self.draw() for _ in range(self.case.accumulate)])
            self.losses.append(loss.item())

    def draw(self):
        batch = next(self.batches)
        parts = proof_batches.read(self.case.container, batch)
        self.drawn.append(
            hashlib.blake2b(b"".join(torch.as_tensor(part).clone().numpy().tobytes() for part in parts)).hexdigest()
        )
        return [part.to(self.case.device) for part in batch] if self.case.device != "cpu" else batch

    def loss(self, model, batch):
        counted = 1e-4 * self.counter.forwards if self.case.given == "method" else 0  # the others do not reach the counter
        return compute(self.criterion, self.case.container, self.case.use, model, batch) + counted

    def gradients(self, batches):
        self.optimizer.zero_grad()
        losses = []
        for batch in batches:
            with nullcontext() if self.autocast is None else torch.autocast(self.case.device, dtype=self.autocast):
                loss = self.loss(self.forward, batch)
            losses.append(loss.detach())
            loss = loss / len(batches)
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        return torch.stack(losses).mean()

    def update(self, batches):
        """Run one update, including the scheduler and the average."""
        if proof_optimizers.needs_closure(self.case.optimizer):
            loss = self.optimizer.step(lambda: self.gradients(batches))
        else:
            loss = self.gradients(batches)
            if self.scaler is None:
                self.clip_if_configured()
                self.optimizer.step()
            else:
                self.scaler.unscale_(self.optimizer)
                self.clip_if_configured()
                self.scaler.step(self.optimizer)
                self.scaler.update()
        proof_schedulers.step(self.scheduler, loss)
        if self.average is not None:
            self.average.update_parameters(self.model)
        return loss

    def update_one(self, batch):
        return self.update([batch])

    def clip_if_configured(self):
        if self.clipper is not None:
            self.clipper([one for group in self.optimizer.param_groups for one in group["params"]])

    # --- the learner ---

    def learner(self, cls=TorchLearner):
        """Return the learner that a user would build; it holds the training, for learners that forget a part of it."""
        learner = self.learner_from_step(cls) if self.case.form == "step" else self.learner_from_class(cls)
        learner.training, self.watched = self, weakref.ref(learner)  # a learner that is not closed must end with its case
        return learner

    def learner_from_step(self, cls):
        others = [self.scheduler, self.scaler, self.average, self.counter, self.environment]
        steps = {
            "method": lambda batch: self.update([batch]),
            "bound method": self.update_one,
            "partial": functools.partial(Training.update_one, self),
        }
        return cls.from_step(
            steps[self.case.given],
            self.feed,
            modules=[self.forward],
            optimizers=[self.optimizer],
            stateful=[one for one in others if one is not None],
            snapshot_dir=self.folder(),
        )

    def learner_from_class(self, cls):
        return cls(
            self.forward,
            self.optimizer,
            self.criterion if self.case.given == "loss function" else None,
            self.feed,
            forward=self.loss_of_the_learner(),
            autocast=self.autocast,
            scaler=self.scaler,
            accumulate=self.case.accumulate,
            clip=self.clipper,
            stateful=[self.counter] if self.environment is None else [self.counter, self.environment],
            snapshot_dir=self.folder(),
        )

    def folder(self):
        return tempfile.gettempdir() if self.case.on_disk else None

    def loss_of_the_learner(self):
        criterion, container, use = how = self.criterion, self.case.container, self.case.use
        forwards = {
            "method": self.loss,
            "loss function": None,
            "object": Forward(*how),
            "partial": functools.partial(compute, *how),
            "closure": lambda model, batch: compute(criterion, container, use, model, batch),
        }
        return forwards[self.case.given]
