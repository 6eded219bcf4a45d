"""State outside of modules: in objects of any class, and in what the loss, the forward, clipping and the step reach."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import ctypes
import itertools
import logging
import multiprocessing
import threading
import weakref
from collections import OrderedDict, UserDict, deque
from functools import cache, lru_cache, partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from proof_nets import NETS
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_nets import cross_entropy, loader, net, sgd

from lrfinder import LRFinder, LRFinderWarning
from lrfinder._state.walk import Walk
from lrfinder.torch import TorchLearner
from lrfinder.torch._randomness import data_objects
from lrfinder.torch._snapshot.snapshot import FRAMEWORK

pytestmark = pytest.mark.usefixtures("seed")
STEPS = 6


def losses_after(make, find):
    """Return the next losses of the training that ``make`` builds, which has trained for a few steps before."""
    torch.manual_seed(1)
    learner = make()
    for _ in range(3):
        learner.iteration(0.05)
    if find:
        LRFinder(learner).find(1e-4, 2.0, max_iterations=20)
        LRFinder(learner).suggest(horizon=4, max_iterations=60)
    return [learner.iteration(0.05) for _ in range(STEPS)]


def continues_as_its_twin(make):
    assert losses_after(make, find=True) == losses_after(make, find=False)


# --- objects of unknown classes -------------------------------------------------------------------------------------------


class Mean:
    """A running mean of what it is called with."""

    def __init__(self):
        self.value = torch.zeros(())

    def __call__(self, x):
        self.value = 0.9 * self.value + 0.1 * x.detach().mean()
        return self.value


class Slotted:
    __slots__ = ("count", "later", "value")

    def __init__(self):
        self.value, self.count = torch.zeros(()), 0

    def __call__(self, x):
        self.value = 0.9 * self.value + 0.1 * x.detach().mean()
        self.count += 1
        self.later = getattr(self, "later", 0) + 1
        return self.value + 0.01 * self.count + 0.01 * self.later


class Nested:
    def __init__(self):
        self.parts = {"mean": [SimpleNamespace(mean=Mean(), rng=np.random.default_rng(0))]}

    def __call__(self, x):
        (part,) = self.parts["mean"]
        return part.mean(x) + 0.1 * part.rng.random()


class Results(dict):
    """A dict with attributes of its own, as Lightning's collection of results."""

    def __init__(self):
        super().__init__()
        self.total, self.array = 0.0, np.zeros(3)

    def __call__(self, x):
        self.total += float(x.detach().mean())
        self.array += 0.1
        self[len(self)] = self.total
        return self.total + float(self.array.sum()) + 0.01 * len(self)


class Bank(list):
    def __init__(self):
        super().__init__([torch.zeros(())] * 3)
        self.position = 0

    def __call__(self, x):
        self[self.position % 3] = x.detach().mean()
        self.position += 1
        return sum(self) * self.position / 10


class Users(UserDict):
    def __call__(self, x):
        self["mean"] = 0.5 * self.get("mean", 0.0) + float(x.detach().mean())
        return self["mean"]


class Buffered:
    def __init__(self):
        self.raw = bytearray(4)
        self.queue = deque(maxlen=3)

    def __call__(self, x):
        self.raw[0] = (self.raw[0] + 1) % 200
        self.queue.append(float(x.detach().mean()))
        return self.raw[0] / 10 + sum(self.queue)


class Keyed:
    """State in the keys of dicts, as where meters have weights."""

    def __init__(self):
        self.weights = {Mean(): 0.5, (Slotted(), "pair"): 0.3}

    def __call__(self, x):
        return sum(weight * (key[0] if isinstance(key, tuple) else key)(x) for key, weight in self.weights.items())


class Shared:
    """Values that processes share, and those of ctypes."""

    def __init__(self):
        self.count, self.pair = multiprocessing.Value("i", 0), multiprocessing.Array("d", [0.0, 0.0])
        self.mean = ctypes.c_double(0.0)

    def __call__(self, x):
        self.count.value += 1
        self.pair[1] += 0.1
        self.mean.value = 0.9 * self.mean.value + 0.1 * float(x.detach().mean())
        return 0.01 * self.count.value + self.pair[1] + self.mean.value


class Spawns:
    """Generators and a seed that spawn others, of which each next one differs."""

    def __init__(self):
        self.generator, self.bits, self.seed = np.random.default_rng(3), np.random.PCG64(4), np.random.SeedSequence(5)

    def __call__(self, x):
        spawned = [self.generator.spawn(1)[0], *map(np.random.default_rng, [*self.bits.spawn(1), *self.seed.spawn(1)])]
        return 0.1 * sum(one.random() for one in spawned)


OBJECTS = [Mean, Slotted, Nested, Results, Bank, Users, Buffered, Keyed, Shared, Spawns]


class Holding(nn.Module):
    def __init__(self, held):
        super().__init__()
        self.net, self.held = net(), held

    def forward(self, x):
        return self.net(x) + self.held(x + 1.0) * torch.tensor([1.0, -1.0])  # a common shift would change no loss


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_inside_the_model_is_restored(kind):
    def make():
        model = Holding(kind())
        return TorchLearner(model, sgd(model), cross_entropy, loader())

    continues_as_its_twin(make)


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_inside_one_that_is_named_as_stateful_is_restored(kind):
    def make():
        model, wrapper = net(), SimpleNamespace(inner=SimpleNamespace(held=kind()))

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]) * (1 + wrapper.inner.held(batch[0] + 1.0)), batch[1])
            loss.backward()
            optimizer.step()
            return loss

        optimizer = sgd(model)
        return TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer], stateful=[wrapper])

    continues_as_its_twin(make)


class Projected(torch.optim.Optimizer):
    """SGD whose gradients go through an object in its state, as those of GaLore and Shampoo do."""

    def __init__(self, parameters, projector, lr=0.1):
        super().__init__(parameters, {"lr": lr})
        self.projector = projector

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if "projector" not in state:
                    state["projector"] = self.projector()
                scale = state["projector"](parameter.grad + 1.0)
                parameter.add_(parameter.grad * (1 + 0.1 * scale), alpha=-group["lr"])


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_inside_the_state_of_an_optimizer_is_restored(kind):
    def make():
        model = net()
        return TorchLearner(model, Projected(model.parameters(), kind), cross_entropy, loader())

    continues_as_its_twin(make)


# --- what callables reach -------------------------------------------------------------------------------------------------


class Center(nn.Module):
    """The loss of a network whose outputs are centered by a running mean, as DINO's."""

    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.zeros(2))

    def forward(self, output, target):
        self.center.mul_(0.9).add_(0.1 * output.detach().mean(0))
        return cross_entropy(output - self.center, target)


class Late:
    """A loss that creates its prototypes at the first call."""

    prototypes = None

    def __call__(self, output, target):
        if self.prototypes is None:
            self.prototypes = torch.zeros(2)
        self.prototypes = 0.9 * self.prototypes + 0.1 * output.detach().mean(0)
        return cross_entropy(output - self.prototypes, target)


class Trainer:
    """A trainer of a user, whose methods are the loss and the clipping."""

    def __init__(self):
        self.inner = {"center": Center()}
        self.norm = torch.ones(())

    def loss(self, output, target):
        return self.inner["center"](output, target)

    def clip(self, parameters):
        norm = nn.utils.clip_grad_norm_(parameters, float(self.norm))
        self.norm = 0.9 * self.norm + 0.1 * norm


def in_a_closure():
    center = torch.zeros(2)

    def loss(output, target):
        center.mul_(0.9).add_(0.1 * output.detach().mean(0))
        return cross_entropy(output - center, target)

    return loss


def bound_again_in_a_closure():
    center = torch.zeros(2)

    def loss(output, target):
        nonlocal center
        center = 0.9 * center + 0.1 * output.detach().mean(0)
        return cross_entropy(output - center, target)

    return loss


def created_in_a_closure():
    center = None

    def loss(output, target):
        nonlocal center
        center = (0 if center is None else 0.9 * center) + 0.1 * output.detach().mean(0)
        return cross_entropy(output - center, target)

    return loss


GLOBAL = torch.zeros(2)
ARRAYS = {"center": np.zeros(2, np.float32)}


def of_a_global(output, target):
    global GLOBAL  # noqa: PLW0603  (the point)
    GLOBAL = 0.9 * GLOBAL + 0.1 * output.detach().mean(0)
    return cross_entropy(output - GLOBAL, target)


def through_another_function(output, target):
    return of_a_global(output, target)


def of_a_global_array(output, target):
    ARRAYS["center"] += 0.1 * output.detach().mean(0).numpy()
    return cross_entropy(output - torch.from_numpy(ARRAYS["center"].copy()), target)


def of_an_argument(center, output, target):
    return center(output, target)


def with_a_default(output, target, center=Center()):  # noqa: B008  (the point)
    return center(output, target)


class OfAClass:
    center = torch.zeros(2)

    @classmethod
    def loss(cls, output, target):
        cls.center = 0.9 * cls.center + 0.1 * output.detach().mean(0)
        return cross_entropy(output - cls.center, target)


def from_a_queue():
    queue = [torch.zeros(2) for _ in range(3)]

    def loss(output, target):
        queue.append(output.detach().mean(0))
        del queue[0]
        return cross_entropy(output - sum(queue), target)

    return loss


def with_a_generator():
    generator = torch.Generator().manual_seed(0)
    return lambda output, target: cross_entropy(output + 0.1 * torch.randn(2, generator=generator), target)


def with_a_method_of_a_generator():
    draw = np.random.default_rng(0).normal
    return lambda output, target: cross_entropy(output + 0.1 * draw(), target)


class OfItsClass:
    """A loss whose class keeps the center for all its objects."""

    center = torch.zeros(2)

    def __call__(self, output, target):
        self.center.mul_(0.9).add_(0.1 * output.detach().mean(0))
        return cross_entropy(output - self.center, target)


class Warmup:
    """A loss that grows for some calls, and holds numbers alone."""

    calls = 0

    def __call__(self, output, target):
        self.calls += 1
        return cross_entropy(output, target) * min(1.0, self.calls / 20)


def with_a_bank():
    rows = [torch.zeros(2)]

    def loss(output, target):
        rows.append(output.detach().mean(0))
        return cross_entropy(output - sum(rows[-3:]), target)

    return loss


def in_a_tuple():
    how = (in_a_closure(), "pair")
    return lambda output, target: how[0](output, target)


def in_an_object_without_state():
    inner = SimpleNamespace(losses=[bound_again_in_a_closure()])
    return lambda output, target: inner.losses[0](output, target)


def in_a_weak_table():
    key = Center()
    table = weakref.WeakKeyDictionary({key: torch.zeros(2)})

    def loss(output, target):
        table[key] = 0.9 * table[key] + 0.1 * output.detach().mean(0)
        return cross_entropy(output - table[key], target)

    return loss


def of_an_inference_tensor():
    with torch.inference_mode():
        center = torch.zeros(2)

    def loss(output, target):
        with torch.inference_mode():
            center.mul_(0.9).add_(0.1 * output.detach().mean(0))
        return cross_entropy(output - center.clone(), target)

    return loss


class Helping:
    """A loss whose helper names the global, and not the loss itself."""

    def __call__(self, output, target):
        return cross_entropy(output - self.center(output), target)

    def center(self, output):
        ARRAYS["center"] += 0.1 * output.detach().mean(0).numpy()
        return torch.from_numpy(ARRAYS["center"].copy())


class Shifting(torch.autograd.Function):
    """A function of autograd that keeps its shift in a global."""

    @staticmethod
    def forward(ctx, output):
        ARRAYS["center"] += 0.1 * output.detach().mean(0).numpy()
        return output - torch.from_numpy(ARRAYS["center"])

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def of_an_autograd_function(output, target):
    return cross_entropy(Shifting.apply(output), target)


def of_a_module_of_the_user(output, target):
    return cross_entropy(torch_nets_of_a_user.centered(output), target)


torch_nets_of_a_user = ModuleType("torch_nets_of_a_user")
exec(  # a module that a user imports
    "import torch\ncenter = torch.zeros(2)\n"
    "def centered(output):\n    center.mul_(0.9).add_(0.1 * output.detach().mean(0))\n    return output - center\n",
    vars(torch_nets_of_a_user),
)


def of_a_package_of_the_user(output, target):
    return cross_entropy(package_of_a_user.torch_nets.inner.centered(output), target)


package_of_a_user = ModuleType("package_of_a_user")
package_of_a_user.torch_nets = ModuleType("package_of_a_user.torch_nets")
package_of_a_user.torch_nets.inner = torch_nets_of_a_user


@cache
def cached_center():
    return Center()


def of_a_cached_function(output, target):
    return cached_center()(output, target)


def of_a_function_with_a_few_results():
    @lru_cache(maxsize=2)
    def center(kind):
        return {"center": torch.zeros(2), "kind": kind}

    def loss(output, target):
        center("one")["center"] = 0.9 * center("one")["center"] + 0.1 * output.detach().mean(0)
        return cross_entropy(output - center("one")["center"], target)

    return loss


class CachedMethod:
    """A loss with a method that creates its center once."""

    @cache  # noqa: B019  (the point)
    def center(self):
        return Center()

    def __call__(self, output, target):
        return self.center()(output, target)


def of_results_with_noise():
    @cache
    def noise(number):
        return torch.randn(2)

    shift = torch.zeros(())

    def loss(output, target):
        shift.add_(1)
        return cross_entropy(output + 0.1 * noise(int(shift) // 2), target)

    return loss


def in_a_dict_that_is_empty_at_first():
    means = {}

    def loss(output, target):
        means["center"] = 0.9 * means.get("center", 0.0) + 0.1 * output.detach().mean(0)
        return cross_entropy(output - means["center"], target)

    return loss


def of_a_sobol_engine():
    engine = torch.quasirandom.SobolEngine(2, scramble=True, seed=1)
    return lambda output, target: cross_entropy(output + engine.draw(1)[0], target)


class Annealed:
    calls = 0

    def loss(self, output, target):
        self.calls += 1
        return cross_entropy(output, target) * min(1.0, self.calls / 20)


LOSSES = {
    "a helper method": Helping,
    "a function of autograd": lambda: of_an_autograd_function,
    "a module of the user": lambda: of_a_module_of_the_user,
    "a module of a package of the user": lambda: of_a_package_of_the_user,
    "a result of a cached function": lambda: of_a_cached_function,
    "one of few results of a cached function": of_a_function_with_a_few_results,
    "a result of a cached method": CachedMethod,
    "results that were drawn once": of_results_with_noise,
    "a dict that is empty at first": in_a_dict_that_is_empty_at_first,
    "a Sobol engine": of_a_sobol_engine,
    "the class of an object": OfItsClass,
    "a bank that grows": with_a_bank,
    "a function in a tuple": in_a_tuple,
    "a function in an object without state": in_an_object_without_state,
    "a table of weak references": in_a_weak_table,
    "an inference tensor": of_an_inference_tensor,
    "a module": Center,
    "a method": lambda: Trainer().loss,
    "an object that creates its state": Late,
    "a closure": in_a_closure,
    "a closure that binds its name again": bound_again_in_a_closure,
    "a closure that creates its state": created_in_a_closure,
    "a global": lambda: of_a_global,
    "a global of a function that it calls": lambda: through_another_function,
    "a global array": lambda: of_a_global_array,
    "an argument of a partial": lambda: partial(of_an_argument, Center()),
    "a keyword of a partial of a partial": lambda: partial(partial(of_an_argument, center=Center())),
    "a default": lambda: with_a_default,
    "a class": lambda: OfAClass.loss,
    "a queue": from_a_queue,
    "a generator": with_a_generator,
    "a method of a generator": with_a_method_of_a_generator,
}


@pytest.fixture(autouse=True)
def globals_as_at_first():
    """Let both twins begin with the same globals."""
    yield
    reset_globals()


def reset_globals():
    global GLOBAL  # noqa: PLW0603  (the point)
    GLOBAL = torch.zeros(2)
    ARRAYS["center"] = np.zeros(2, np.float32)
    torch_nets_of_a_user.center.zero_()
    cached_center.cache_clear()
    OfAClass.center = OfItsClass.center = torch.zeros(2)
    with_a_default.__defaults__[0].center.zero_()


@pytest.mark.parametrize("kind", LOSSES)
def test_state_that_a_loss_keeps_is_restored_in(kind):
    def make():
        reset_globals()
        model, loss_fn = net(), LOSSES[kind]()

        def called(output, target):
            return loss_fn(
                *((output, target) if not isinstance(loss_fn, partial) else ()),
                **({} if not isinstance(loss_fn, partial) else {"output": output, "target": target}),
            )

        return TorchLearner(model, sgd(model), called, loader())

    continues_as_its_twin(make)


@pytest.mark.parametrize(
    "kind", [*(kind for kind in LOSSES if not kind.startswith(("an argument", "a keyword"))), "numbers alone"]
)
def test_state_of_a_loss_that_is_given_itself_is_restored_in(kind):
    def make():
        reset_globals()
        model = net()
        given = {"numbers alone": Warmup, "numbers alone, by a method": lambda: Annealed().loss}
        loss_fn = (LOSSES | given)[kind]()
        return TorchLearner(model, sgd(model), loss_fn, loader())

    continues_as_its_twin(make)


def test_state_of_forward_and_clip_is_restored():
    def make():
        model, trainer = net(), Trainer()
        teacher = net()

        def forward(model, batch):
            output = model(batch[0])
            with torch.no_grad():
                for own, other in zip(teacher.parameters(), model.parameters(), strict=True):
                    own.lerp_(other, 0.1)
            return trainer.loss(output, batch[1]) + (output - teacher(batch[0]).detach()).square().mean()

        return TorchLearner(model, sgd(model), None, loader(), forward=forward, clip=trainer.clip)

    continues_as_its_twin(make)


def test_state_of_a_step_and_its_hooks_is_restored():
    def make():
        model, means = net(), Mean()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.9)
        model.register_forward_hook(lambda _module, _inputs, output: output + means(output))

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            scheduler.step()
            return loss + scheduler.last_epoch

        return TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer])

    continues_as_its_twin(make)


def kept(learner):
    """Return the ids of what a snapshot of the learner visits."""
    training = learner._state
    walk = Walk(FRAMEWORK, data_objects(training.data))
    walk.visit_roots([*training.modules, *training.optimizers, *training.stateful])
    walk.visit_callables(training.callables)
    return walk.seen


def missing(learner):
    """Return the names of what the check looks at and a snapshot does not hold."""
    seen = kept(learner)
    return [name for name, one in learner._inspection.visited() if id(one) not in seen]


@pytest.mark.parametrize("kind", [kind for kind in LOSSES if not kind.startswith("a keyword")])
def test_a_snapshot_holds_all_that_the_check_looks_at_in_a_loss_with(kind):
    model = net()
    learner = TorchLearner(model, sgd(model), LOSSES[kind](), loader())
    learner.iteration(0.05)
    assert missing(learner) == []


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_snapshot_holds_all_that_the_check_looks_at_in_an_object_that_is_a(kind):
    model = Holding(kind())
    learner = TorchLearner(
        model, Projected(model.parameters(), kind), cross_entropy, loader(), stateful=[SimpleNamespace(held=kind())]
    )
    learner.iteration(0.05)
    assert missing(learner) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NETS)
def test_a_snapshot_holds_all_that_the_check_looks_at_in_the_net(name):
    model = NETS[name]()
    with torch.no_grad():
        model(torch.ones(4, 6))  # which initializes a lazy one
    learner = TorchLearner(model, sgd(model), cross_entropy, loader())
    assert missing(learner) == []


def hooked(register):
    """Return a learner of a net with a hook in which a mean of gradients or outputs lives."""
    model, means = net(), {}

    def mean_of(value):
        means["value"] = 0.9 * means.get("value", 0.0) + 0.1 * value.detach()
        return means["value"]

    register(model, mean_of)
    return TorchLearner(model, sgd(model), cross_entropy, loader())


def of_a_tensor(model, mean_of):
    model[0].weight.register_hook(lambda gradient: gradient + mean_of(gradient))


def of_a_tensor_after_the_backward(model, mean_of):
    def move(weight):
        weight.grad.add_(mean_of(weight.grad))

    model[0].weight.register_post_accumulate_grad_hook(move)


def of_a_module(model, mean_of):
    model.register_forward_hook(lambda module, inputs, output: output + mean_of(output).mean())


@pytest.mark.parametrize("register", [of_a_tensor, of_a_tensor_after_the_backward, of_a_module])
def test_state_of_a_hook_is_restored(register):
    continues_as_its_twin(lambda: hooked(register))


def test_state_of_a_hook_of_all_modules_is_restored():
    handles = []

    def for_all(model, mean_of):
        while handles:
            handles.pop().remove()
        handles.append(
            nn.modules.module.register_module_forward_hook(
                lambda module, inputs, output: output + mean_of(output.mean()) if isinstance(module, nn.ReLU) else None
            )
        )

    try:
        continues_as_its_twin(lambda: hooked(for_all))
    finally:
        handles.pop().remove()


def test_a_data_set_that_is_named_as_stateful_is_restored():
    def make():
        model, samples = net(), pairs_with_noise()

        def step(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            samples.tensors[0].add_(0.01 * loss.item())
            return loss

        optimizer = sgd(model)
        data = DataLoader(samples, 8)
        return TorchLearner.from_step(step, data, modules=[model], optimizers=[optimizer], stateful=[samples])

    learner = make()
    before = learner._state.data.dataset.tensors[0].clone()
    LRFinder(learner).find(1e-4, 2.0, max_iterations=10)
    assert torch.equal(learner._state.data.dataset.tensors[0], before)


def pairs_with_noise():
    return TensorDataset(torch.randn(40, 6), torch.arange(40) % 2)


@pytest.mark.filterwarnings("ignore")
def test_buffers_of_a_traced_model_are_restored():
    inner = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model = torch.jit.trace(inner, torch.randn(8, 6))
    before = [buffer.clone() for buffer in model.buffers()]
    LRFinder(TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.1), cross_entropy, loader())).find(
        max_iterations=5
    )
    assert all(map(torch.equal, model.buffers(), before))


def test_an_iterator_inside_an_object_that_a_step_reads_is_named():
    model, source = net(), SimpleNamespace(numbers=itertools.count(), weight=torch.zeros(()))
    loss_fn = lambda output, target: cross_entropy(output, target) + next(source.numbers) + source.weight
    with pytest.warns(LRFinderWarning, match=r"numbers is not restored: it is an iterator"):
        LRFinder(TorchLearner(model, sgd(model), loss_fn, loader())).find(max_iterations=3)


# --- what is left alone ---------------------------------------------------------------------------------------------------


def test_records_of_a_forward_and_objects_of_the_process_stay_as_they_are():
    model, seen, outputs = net(), [], []
    process = SimpleNamespace(
        lock=threading.Lock(),
        log=logging.getLogger("mine"),
        thread=threading.current_thread(),
        calls=0,
        weight=model[0].weight,
    )

    def forward(model, batch):
        seen.append(1)
        outputs.append(model(batch[0]).detach())
        process.log.mine = len(seen)
        return cross_entropy(model(batch[0]), batch[1])

    LRFinder(TorchLearner(model, sgd(model), None, loader(), forward=forward)).find(max_iterations=5)
    assert (len(seen), len(outputs), process.log.mine) == (5, 5, 5)
    del process.log.mine


def test_plain_numbers_that_a_forward_counts_stay_as_they_are():
    counts = OrderedDict(calls=0)

    def forward(model, batch):
        counts["calls"] += 1
        return cross_entropy(model(batch[0]), batch[1])

    model = net()
    LRFinder(TorchLearner(model, sgd(model), None, loader(), forward=forward)).find(max_iterations=5)
    assert counts["calls"] == 5


class Node:
    """An entry of a linked list, which has no long container."""

    def __init__(self, after):
        self.after = after


def linked(count):
    node = None
    for _ in range(count):
        node = Node(node)
    return node


def test_more_objects_than_a_snapshot_copies_are_named_and_left_alone():
    model, many = net(), SimpleNamespace(weight=torch.zeros(2), node=linked(100_001))
    loss_fn = lambda output, target: cross_entropy(output, target + 0 * (many.node is None))
    with pytest.warns(LRFinderWarning, match=r"closure many of loss_fn is not restored: it leads to more than 100,000"):
        LRFinder(TorchLearner(model, sgd(model), loss_fn, loader())).find(max_iterations=3)
    assert many.node is not None


class WithRows:
    """A mean, and rows without end."""

    def __init__(self, rows):
        self.mean, self.rows = Mean(), rows

    def __call__(self, x):
        return self.mean(x)


def in_the_loss(kept):
    model = net()
    return TorchLearner(model, sgd(model), lambda output, target: cross_entropy(output + kept(output), target), loader())


def in_the_model(kept):
    model = Holding(kept)
    return TorchLearner(model, sgd(model), cross_entropy, loader())


def in_the_optimizer(kept):
    model = net()
    optimizer = sgd(model)
    optimizer.state["kept"] = {"kept": kept}
    loss_fn = lambda output, target: cross_entropy(output + optimizer.state["kept"]["kept"](output), target)
    return TorchLearner(model, optimizer, loss_fn, loader())


ROWS = {
    "a list": lambda: [[k] for k in range(120_000)],
    "a dict": lambda: {k: [k] for k in range(120_000)},
    "lists in a list": lambda: [[[k], [k]] for k in range(60_000)],
}


@pytest.mark.parametrize("where", [in_the_loss, in_the_model, in_the_optimizer])
@pytest.mark.parametrize("rows", ROWS)
def test_a_long_container_is_named_and_what_is_beside_it_is_restored(rows, where):
    kept = WithRows(ROWS[rows]())
    learner, length = where(kept), len(kept.rows)
    for _ in range(3):
        learner.iteration(0.05)
    mean = kept.mean.value.item()
    with pytest.warns(LRFinderWarning, match=rf"\.rows leads to more than 100,000 objects: a restore puts its {length:,}"):
        LRFinder(learner).find(max_iterations=3)
    assert kept.mean.value.item() == mean
    assert len(kept.rows) == length


def test_an_iterator_that_a_step_draws_from_is_named():
    model, numbers = net(), itertools.count()
    loss_fn = lambda output, target: cross_entropy(output, target) + next(numbers)
    learner = TorchLearner(model, sgd(model), loss_fn, loader())
    with pytest.warns(LRFinderWarning, match="closure numbers of loss_fn is not restored: it is an iterator"):
        LRFinder(learner).find(max_iterations=3)


# --- tensors of other kinds -----------------------------------------------------------------------------------------------


class Pair(torch.Tensor):
    """A tensor that wraps two others, as quantized states of optimizers do."""

    @staticmethod
    def __new__(cls, high, low):
        return torch.Tensor._make_wrapper_subclass(cls, high.shape, dtype=high.dtype)

    def __init__(self, high, low):
        self.high, self.low = high, low

    def __tensor_flatten__(self):
        return ["high", "low"], None

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        unwrapped = [one.high + one.low if isinstance(one, Pair) else one for one in args]
        if function is torch.ops.aten.copy_.default:
            args[0].high.copy_(unwrapped[1].to(torch.float16).float())
            args[0].low.copy_(unwrapped[1] - args[0].high)
            return args[0]
        if function is torch.ops.aten.detach.default:
            return Pair(args[0].high, args[0].low)
        raise NotImplementedError(function)


class Opaque(torch.Tensor):
    """A tensor that wraps another and shows it to nobody."""

    @staticmethod
    def __new__(cls, hidden):
        return torch.Tensor._make_wrapper_subclass(cls, hidden.shape, dtype=hidden.dtype)

    def __init__(self, hidden):
        self.hidden = hidden

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.detach.default:
            return args[0]
        raise NotImplementedError(function)


class Momentum(torch.optim.Optimizer):
    """SGD with momentum that is kept in tensors of another class."""

    def __init__(self, parameters, kind):
        super().__init__(parameters, {"lr": 0.1})
        self.kind = kind

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for one in group["params"]:
                state = self.state[one]
                if "momentum" not in state:
                    zeros = torch.zeros_like(one)
                    state["momentum"] = Pair(zeros, zeros.clone()) if self.kind is Pair else Opaque(zeros)
                kept = state["momentum"]
                now = 0.9 * (kept.high + kept.low if self.kind is Pair else kept.hidden) + one.grad
                if self.kind is Pair:
                    kept.copy_(now)
                else:
                    kept.hidden.copy_(now)
                one.add_(now, alpha=-group["lr"])


@pytest.mark.parametrize("kind", [Pair, Opaque])
def test_tensors_that_wrap_others_are_restored(kind):
    def make():
        model = net()
        return TorchLearner(model, Momentum(model.parameters(), kind), cross_entropy, loader())

    continues_as_its_twin(make)


class Unwrapped(torch.autograd.Function):
    """The values of a tensor that wraps others, with a gradient."""

    @staticmethod
    def forward(ctx, wrapped):
        return (wrapped.high if isinstance(wrapped, Pair) else wrapped.hidden).clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class WithAWrapper(nn.Module):
    def __init__(self, wrapped):
        super().__init__()
        self.net, self.wrapped = net(), wrapped.requires_grad_()

    def forward(self, x):
        values = Unwrapped.apply(self.wrapped)
        return self.net(x) * (1 + (values - values.detach()).sum())


def before_the_gradient(wrapped, mean_of, weight):
    def move(gradient):
        with torch.no_grad():
            weight.add_(0.01 * mean_of(gradient).mean())

    wrapped.register_hook(move)


def after_the_gradient(wrapped, mean_of, weight):
    def move(wrapped):
        with torch.no_grad():
            weight.add_(0.01 * mean_of(wrapped.grad).mean())
        wrapped.grad = None

    wrapped.register_post_accumulate_grad_hook(move)


@pytest.mark.parametrize("register", [before_the_gradient, after_the_gradient])
@pytest.mark.parametrize("wrap", [lambda: Pair(torch.zeros(2), torch.zeros(2)), lambda: Opaque(torch.zeros(2))])
def test_state_of_a_hook_of_a_tensor_that_wraps_others_is_restored(wrap, register):
    def make():
        model, means = WithAWrapper(wrap()), {}

        def mean_of(value):
            means["value"] = 0.9 * means.get("value", 0.0) + 0.1 * value.detach()
            return means["value"]

        register(model.wrapped, mean_of, model.net[0].weight)
        return TorchLearner(model, sgd(model.net), cross_entropy, loader())

    continues_as_its_twin(make)


def test_a_tensor_without_data_is_no_obstacle():
    model = Holding(lambda _: 0.0)
    model.register_buffer("shape", torch.zeros(3, device="meta"))
    model.like = nn.Linear(2, 2, device="meta")
    model.like.weight.grad = torch.zeros(2, 2, device="meta")
    LRFinder(TorchLearner(model, sgd(model.net), cross_entropy, loader())).find(max_iterations=5)
    assert model.shape.is_meta
    assert model.like.weight.is_meta


def test_a_snapshot_on_disk_leaves_memory_resizable(tmp_path):
    model = net()
    model.register_buffer("history", torch.zeros(4))
    learner = TorchLearner(model, sgd(model), cross_entropy, loader(), snapshot_dir=tmp_path)
    LRFinder(learner).find(max_iterations=5)
    assert all(one.untyped_storage().resizable() for one in (*model.parameters(), *model.buffers()))
    model.history.resize_(8)
