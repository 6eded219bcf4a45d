"""Trainings by Lightning on ranks, with a search and without."""

import tempfile
import warnings

import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.strategies import DDPStrategy
from lightning_nets import Manual, Net, quiet_trainer
from rank_processes import error_of
from torch.utils.data import DataLoader
from torch_nets import pairs

import lrfinder
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.lightning import LightningLearner, LRFind

TIMEOUT_SECONDS = 24.0


class Recording(Net):
    """A module with BatchNorm that records the data of each batch too, and raises where it is told to."""

    place: str | None = None

    def __init__(self, *args):
        super().__init__(*args)
        self.inputs = []

    def training_step(self, batch, batch_idx):
        if self.place == "loss" and len(self.losses) == 5:
            raise ValueError("loss")
        self.inputs.append(batch[0].sum().item())
        return super().training_step(batch, batch_idx)


class ManualRecording(Manual, Recording):
    """The same for a module that steps two optimizers itself."""


class Raising(Callback):
    """A callback that raises at one place."""

    place: str | None = None

    def on_train_batch_start(self, *_):
        self._raise_in("begin of a step")

    def on_before_backward(self, *_):
        self._raise_in("before the backward")

    def on_before_optimizer_step(self, *_):
        self._raise_in("update")

    def on_train_batch_end(self, *_):
        self._raise_in("end of a batch")

    def on_fit_start(self, *_):
        self._raise_in("preparation")

    def _raise_in(self, place):
        if self.place == place:
            raise ValueError(place)


def loader(bad=False):
    """Return a loader of which each of two ranks gets a last batch that is smaller."""
    data = pairs(84)

    def collate(rows):
        if bad:
            raise ValueError("data")
        return torch.utils.data.default_collate(rows)

    return DataLoader(data, batch_size=8, shuffle=True, collate_fn=collate)


CASES = {  # settings and module
    "defaults": ({}, Recording),
    "accumulation and clipping": ({"accumulate_grad_batches": 2, "gradient_clip_val": 0.1}, Recording),
    "bfloat16, averaged weights": ({"precision": "bf16-mixed", "callbacks": [EMAWeightAveraging]}, Recording),
    "manual optimization": ({}, ManualRecording),
    "a static graph": ({"strategy": "a static graph"}, Recording),
}
PLACES = ("data", "loss", "begin of a step", "before the backward", "update", "end of a batch")
INSIDE = {"in the middle": {3}, "twice": {0, 7}}


def new_training(case=({}, Recording), *callbacks):
    torch.manual_seed(0)
    settings, module = case
    settings = {"strategy": "ddp", "devices": 2, **settings}
    if settings["strategy"] == "a static graph":
        settings["strategy"] = DDPStrategy(static_graph=True)
    own = [callback() for callback in settings.pop("callbacks", [])]
    return module(), quiet_trainer(tempfile.gettempdir(), **settings, callbacks=[*own, *callbacks])


def search(module, trainer):
    losses = LightningLearner(module, trainer, loader()).find(lr_multiplier=1.5).losses.tolist()
    assert len(losses) > 20
    return losses


def fitted(module, trainer):
    """Train; return what can be compared."""
    trainer.fit(module, loader())
    weights = fingerprint(module, *trainer.optimizers)
    return {"data": module.inputs, "losses": module.losses, "weights": weights, "random": torch.get_rng_state().tolist()}


def differences(found, expected):
    return [name for name, value in expected.items() if found[name] != value]


def twin_of(case):
    """Return what differs in a training after a search from one without, and the curve."""
    expected = fitted(*new_training(case))
    training = new_training(case)
    curve = search(*training)
    return differences(fitted(*training), expected), curve


def searched_inside(case, steps):
    """Return what differs in a training with searches inside, and their results."""
    expected, curves = fitted(*new_training(case)), []

    def search(finder, trainer):
        curves.append(finder.find(lr_multiplier=1.5).losses.tolist())
        return finder.suggest(horizon=20, max_iterations=60, rates=[1e-9, 2e-9])  # too low for a rate

    find = LRFind(search, when=lambda trainer: trainer.global_step in steps)
    return differences(fitted(*new_training(case, find)), expected), curves, [one.lr for one in find.suggestions]


def after_fault(place, rank):
    """Return the error of a search that raises on rank 1, and what differs in the training after it."""
    case = ({"accumulate_grad_batches": 2} if place in {"loss", "end of a batch"} else {}, Recording)
    raising = Raising()
    expected, (module, trainer) = fitted(*new_training(case, Raising())), new_training(case, raising)
    if rank == 1:
        raising.place = module.place = place
    data = loader(bad=place == "data" and rank == 1)
    learner = LightningLearner(module, trainer, data, rank_timeout=TIMEOUT_SECONDS)
    error = error_of(lambda: learner.find(lr_multiplier=1.5))
    raising.place = module.place = None
    return error, differences(fitted(module, trainer), expected)


def fault_inside(rank):
    """Return the error of a fit whose search raises on rank 1."""
    find = LRFind(lambda finder, _: finder.find(lr_multiplier=1.5).suggestion, rank_timeout=TIMEOUT_SECONDS)
    module, trainer = new_training(({}, Recording), find)
    module.place = "loss" if rank == 1 else None
    return error_of(lambda: trainer.fit(module, loader()))


def everything(rank):
    """Return all that the tests compare, as processes that import Lightning start slowly."""
    warnings.simplefilter("ignore")
    learner = LightningLearner(*new_training(), loader())
    with lrfinder.restored(learner):
        iterations = [float(learner.iteration(0.01)) for _ in range(5)]
    again = new_training()
    fitted(*again)
    failing = Raising()
    failing.place = "preparation" if rank == 1 else None
    return {
        "twins": {name: twin_of(case) for name, case in CASES.items()},
        "inside": {name: searched_inside(CASES["defaults"], steps) for name, steps in INSIDE.items()},
        "rank": (learner.rank, learner.ranks),
        "iterations": iterations,
        "own losses": fitted(*new_training())["losses"][:5],
        "after a fit": search(*again),
        "faults": {place: after_fault(place, rank) for place in PLACES},
        "fault inside": fault_inside(rank),
        "broken": error_of(  # so it comes last
            lambda: LightningLearner(*new_training(({}, Recording), failing), loader(), rank_timeout=TIMEOUT_SECONDS).find()
        ),
    }
