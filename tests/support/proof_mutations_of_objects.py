"""Mutations of state in objects of the user: in losses, clippings, environments, optimizers, nets, samplers and batches."""

# These tests add attributes to the objects of others.
# pyright: reportAttributeAccessIssue=false

import copy

import proof_losses
from proof_case import Case
from proof_mutations import attribute, of_numpy, of_torch, tensors

from lrfinder.replay import position_of
from lrfinder.torch import TorchLearner

MIDDLE = {"moment": "in the middle of an epoch"}


def item(find, *keys):
    """Return how to read and write the item at the last key of the object that ``find`` returns, inside of the others."""
    *path, last = keys

    def owner(training):
        found = find(training)
        for key in path:
            found = found[key]
        return found

    return (
        lambda training: copy.deepcopy(owner(training)[last]),
        lambda training, value: owner(training).__setitem__(last, value),
    )


def member(find, name):
    """Return how to read and write an attribute of the object that ``find`` returns."""
    return (
        lambda training: copy.deepcopy(getattr(find(training), name)),
        lambda training, value: setattr(find(training), name, value),
    )


def contents(find):
    """Return how to read and write what a list, array, deque or dict holds, which stays the same object."""

    def write(training, value):
        owner = find(training)
        if hasattr(owner, "clear"):
            owner.clear()
            getattr(owner, "update", getattr(owner, "extend", None))(value)
        else:
            owner[...] = value

    return lambda training: copy.deepcopy(find(training)), write


def cell(function, name):
    return function.__closure__[function.__code__.co_freevars.index(name)]


def of_cell(name, find=lambda training: training.criterion):
    return (
        lambda training: copy.deepcopy(cell(find(training), name).cell_contents),
        lambda training, value: setattr(cell(find(training), name), "cell_contents", value),
    )


def of_state(key):
    """Return a function that returns an entry of the optimizer's state of the first weight."""
    return lambda training: training.optimizer.state[training.optimizer.param_groups[0]["params"][0]][key]


def slow_weights(training):
    follows = cell(training.criterion, "follows").cell_contents.__wrapped__
    return cell(follows, "slow").cell_contents.parameters()


def grown(training, values):
    history = training.model.history
    history.resize_(len(values)).copy_(values)


def loss(name, **others):
    return Case(loss=name, **MIDDLE, **others)


def criterion(training):
    return training.criterion


RUNNING, ARRAYS, METERS = loss("callable object"), loss("arrays of numpy"), loss("dict with attributes")
NESTED, GENERATORS = loss("objects in objects"), loss("generators")
SLOTS, RESULTS = Case(net="object with slots", **MIDDLE), Case(net="dict with attributes", **MIDDLE)
NET_ARRAYS, COLLECTIONS = Case(net="arrays of numpy", **MIDDLE), Case(net="collections", **MIDDLE)
WRAPPED = Case(stateful="wrapped with slots", **MIDDLE)

OF_OBJECTS = {
    "buffer of a loss": (loss("module with a center"), *attribute("criterion", "center")),
    "tensor of a loss that is replaced": (RUNNING, *attribute("criterion", "last")),
    "tensor of a loss that is moved": (RUNNING, *tensors(lambda t: [t.criterion.center])),
    "number of a loss": (RUNNING, *attribute("criterion", "calls")),
    "owner of a bound loss": (loss("bound method"), *attribute("criterion.__self__", "of_class")),
    "dict in a partial": (loss("partial"), *item(lambda t: t.criterion.args[0], "last")),
    "tensor in a closure": (
        loss("closure"),
        *tensors(lambda t: [cell(t.criterion, "center").cell_contents]),
    ),
    "cell of a closure": (loss("closure that rebinds"), *of_cell("center")),
    "teacher in a closure": (loss("teacher in a closure"), *tensors(slow_weights)),
    "list in a closure": (
        loss("bank in a closure"),
        *contents(lambda t: cell(t.criterion, "rows").cell_contents),
    ),
    "global": (loss("globals"), *member(lambda _: proof_losses, "LAST")),
    "tensor in a global": (loss("globals"), *tensors(lambda _: [proof_losses.CENTER])),
    "global of a helper": (loss("global of a helper"), *member(lambda _: proof_losses.STATE, "last")),
    "default argument": (loss("default argument"), *tensors(lambda t: [t.criterion.__defaults__[0]["center"]])),
    "attribute of a function": (loss("attribute of the function"), *attribute("criterion", "center")),
    "array that is changed": (ARRAYS, *contents(lambda t: t.criterion.center)),
    "array that is replaced": (ARRAYS, *attribute("criterion", "scale")),
    "memory bank": (loss("memory bank"), *contents(lambda t: t.criterion.rows)),
    "deque of tensors": (loss("deque of tensors"), *contents(lambda t: t.criterion.rows)),
    "torch generator of a loss": (GENERATORS, *of_torch("criterion.torch")),
    "numpy generator of a loss": (GENERATORS, *of_numpy("criterion.numpy")),
    "slot of a loss": (loss("slots"), *attribute("criterion", "center")),
    "slot next to a dict": (loss("slots and a dict"), *attribute("criterion", "calls")),
    "contents of a dict with attributes": (METERS, *contents(lambda t: t.criterion.__self__)),
    "attribute of a dict": (METERS, *attribute("criterion.__self__", "calls")),
    "attribute of a list": (loss("list with attributes"), *attribute("criterion", "total")),
    "attribute that its state_dict() names otherwise": (
        loss("object with state_dict"),
        *attribute("criterion", "_count"),
    ),
    "object in an object": (NESTED, *member(lambda t: t.criterion.parts["second"][0], "center")),
    "list in a tuple": (NESTED, *tensors(lambda t: t.criterion.parts["first"].inner.others[1])),
    "what a read-only view shows": (
        loss("read-only view of a dict"),
        *tensors(lambda t: t.criterion.view.values()),
    ),
    "norms of a clipping": (Case(clip="norms in a tensor", **MIDDLE), *tensors(lambda t: [t.clipper.norms])),
    "array of a clipping": (Case(clip="norms in an array", **MIDDLE), *contents(lambda t: t.clipper.args[0])),
    "slot of a clipping": (Case(clip="mean in a slot", **MIDDLE), *attribute("clipper.__self__", "mean")),
    "cell of a clipping": (
        Case(clip="mean in a closure", **MIDDLE),
        *of_cell("largest", lambda training: training.clipper),
    ),
    "generator in a wrapped environment": (WRAPPED, *of_numpy("environment.env.env.random")),
    "number in a wrapped environment": (WRAPPED, *attribute("environment.env.env", "steps")),
    "object of the optimizer's state": (
        Case(optimizer="LowRank", **MIDDLE),
        *member(of_state("projector"), "basis"),
    ),
    "slot of the optimizer's state": (
        Case(optimizer="Preconditioned", **MIDDLE),
        *member(lambda t: of_state("preconditioner")(t).roots[0], "moment"),
    ),
    "parts of a wrapper in the optimizer's state": (
        Case(optimizer="EightBit", **MIDDLE),
        *tensors(lambda t: [of_state("moment")(t).codes]),
    ),
    "object of a group": (
        Case(optimizer="GroupObject", **MIDDLE),
        *member(lambda t: t.optimizer.param_groups[0]["warmup"], "calls"),
    ),
    "attribute of an optimizer's dict": (Case(optimizer="LooksAhead", **MIDDLE), *attribute("optimizer.slow", "steps")),
    "attribute of a net's dict": (RESULTS, *attribute("model.results", "total")),
    "attribute of a net's list": (Case(net="list with attributes", **MIDDLE), *attribute("model.rows", "last")),
    "slot of a net's object": (SLOTS, *attribute("model.slots", "mean")),
    "generator in a slot": (SLOTS, *of_torch("model.slots.generator")),
    "list of a frozen dataclass": (
        Case(net="objects in objects", **MIDDLE),
        *contents(lambda t: t.model.meter.inner.frozen.seen),
    ),
    "array of a net": (NET_ARRAYS, *contents(lambda t: t.model.array)),
    "array of objects": (NET_ARRAYS, *contents(lambda t: t.model.of_objects)),
    "table with weak keys": (COLLECTIONS, *contents(lambda t: t.model.weak)),
    "dict of the standard library": (COLLECTIONS, *contents(lambda t: t.model.user)),
    "tensor without data": (Case(net="tensors without data", **MIDDLE), *attribute("model", "shape")),
    "length of a buffer": (
        Case(net="buffers that grow", **MIDDLE),
        lambda t: t.model.history.clone(),
        grown,
    ),
    "parts of a buffer that wraps others": (
        Case(net="state in 8 bits", **MIDDLE),
        *tensors(lambda t: [t.model.codes.codes, t.model.codes.scale]),
    ),
    "list of a batch sampler": (
        Case(feed="batch sampler that shuffles its list", **MIDDLE),
        *contents(lambda t: t.feed.batch_sampler.order),
    ),
    "lists in a list of a sampler": (
        Case(feed="batch sampler with buckets", **MIDDLE),
        *contents(lambda t: t.feed.batch_sampler.buckets),
    ),
    "array of a sampler": (
        Case(feed="sampler that shuffles its array", **MIDDLE),
        *contents(lambda t: t.feed.sampler.order),
    ),
    "tensor of a sampler": (
        Case(feed="sampler that shuffles its tensor", **MIDDLE),
        *tensors(lambda t: [t.feed.sampler.order]),
    ),
    "lists in a dict of a sampler": (
        Case(feed="sampler with a list of each class", **MIDDLE),
        *item(lambda t: t.feed.sampler.of_class, 0),
    ),
    "length of a sampler's list": (
        Case(feed="sampler that pops from its list", **MIDDLE),
        *contents(lambda t: t.feed.sampler.pool),
    ),
    "deque of a sampler": (
        Case(feed="sampler that rotates a deque", **MIDDLE),
        *contents(lambda t: t.feed.sampler.order),
    ),
    "list of a stream": (
        Case(feed="stream that shuffles its shards", **MIDDLE),
        *contents(lambda t: t.feed.dataset.shards),
    ),
}


# --- batches that are not copied ------------------------------------------------------------------------------------------


class GivesOutOneObject(TorchLearner):
    """A learner that gives out the same batch again after a restore, as the step left it."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        draw, kept = self._batches.draw, {}

        def draw_the_same():
            position = position_of(self._batches.mark())
            return kept.setdefault(position, draw())

        self._batches.draw = draw_the_same


class KeepsTheMemory(TorchLearner):
    """A learner whose batches are all in the memory of the last that was drawn for the first time."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        draw, seen, shared = self._batches.draw, set(), []

        def draw_into_one_memory():
            position, batch = position_of(self._batches.mark()), draw()
            if not shared:
                shared.extend(batch)
            if position not in seen:
                seen.add(position)
                for part, new in zip(shared, batch, strict=True):
                    part.copy_(new)
            return tuple(part.clone() for part in shared)

        self._batches.draw = draw_into_one_memory


EQUAL_RATES = {"what": ("compare equal rates",), "feed": "loader that shuffles"}
OF_BATCHES = {
    "a batch that the step empties": (
        Case(container="OrderedDict", use="empties", **EQUAL_RATES),
        GivesOutOneObject,
    ),
    "a batch that the step changes": (
        Case(container="dataclass", use="changes in place", **EQUAL_RATES),
        GivesOutOneObject,
    ),
    "batches in the same memory": (
        Case(feed="batches in the same tensors", what=("compare equal rates",)),
        KeepsTheMemory,
    ),
}
