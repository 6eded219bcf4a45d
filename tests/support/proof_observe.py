"""Observation of a training and of the process around it, without any code of the snapshot."""

import functools
import hashlib
import os
import random
import signal
import tempfile
import threading
import types
import weakref
from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

PARTS = (
    "model",
    "forward",
    "optimizer",
    "scheduler",
    "scaler",
    "average",
    "counter",
    "environment",
    "criterion",
    "clipper",
    "feed",
)
PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.layout, type)
CODE = (types.BuiltinFunctionType, types.ModuleType, weakref.ref, property, types.GeneratorType)
STRANGERS = ("multiprocessing", "threading", "_thread", "torch._dynamo", "torch._C", "concurrent")
OURS = "proof_"  # the modules of these tests, which stand for the user's
GROWS = "grows"  # the attribute of a tensor that the training itself moves as it grows
SCRATCH = "scratch"  # an attribute that is written in full before each use


class Observation(NamedTuple):
    """``values`` can be equal in two trainings. ``places`` are the objects and addresses of one."""

    values: dict
    places: dict


def observe(training):
    """Return everything that can be reached from the training's objects through attributes, and the random generators."""
    walk = _Walk()
    for name in PARTS:
        walk.at(name, getattr(training, name))
    walk.values.update(generators())
    return Observation(walk.values, walk.places)


class _Walk:
    def __init__(self):
        self.values, self.places, self.names, self.alive = {}, {}, {}, []

    def at(self, name, value):
        if isinstance(value, PLAIN):
            self.values[name] = f"{type(value).__name__} {value!r}"
            return
        if id(value) in self.names:
            self.values[name] = f"the same as {self.names[id(value)]}"
            return
        self.names[id(value)] = name
        self.alive.append(value)  # so that its id stays its own
        self.values[name] = type(value).__qualname__
        if not isinstance(value, types.MethodType):  # created at each access
            self.places[name] = id(value)
        self.inside(name, value)

    def inside(self, name, value):  # noqa: C901, PLR0912  (one branch for each kind of object)
        if isinstance(value, torch.Tensor):
            self.tensor(name, value)
        elif isinstance(value, torch.Generator):
            self.values[name] = digest(value.get_state().numpy())
        elif isinstance(value, random.Random):
            self.values[name] = digest(repr(value.getstate()).encode())
        elif isinstance(value, np.random.Generator):
            self.values[name] = repr(value.bit_generator.state)
        elif isinstance(value, np.ndarray):
            self.array(name, value)
        elif isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
            self.callable(name, value)
        elif isinstance(value, (dict, types.MappingProxyType)):
            keys = [self.key(key) for key in value]
            if name.endswith("hooks"):  # numbered throughout the process
                keys, self.places[f"{name}, keys"] = list(range(len(keys))), keys
            self.values[f"{name}, keys"] = keys
            for key, item in zip(keys, value.values(), strict=True):
                self.at(f"{name}[{key}]", item)
            self.attributes(name, value)
        elif isinstance(value, (list, tuple, deque)):
            self.values[f"{name}, length"] = len(value)
            for k, item in enumerate(value):
                self.at(f"{name}[{k}]", item)
            self.attributes(name, value)
        elif isinstance(value, (set, frozenset)):
            self.values[name] = sorted(map(repr, value))
        elif not isinstance(value, CODE) and not type(value).__module__.startswith(STRANGERS):
            self.attributes(name, value)

    def attributes(self, name, value):
        for key, item in [*getattr(value, "__dict__", {}).items(), *slots(value)]:
            open_pass = isinstance(value, DataLoader) and key == "_iterator"  # its own processes, which continue
            if not (open_pass or key == SCRATCH or key.startswith("_dynamo")):  # a mark of compiled code on a parameter
                self.at(f"{name}.{key}", item)

    def callable(self, name, value):
        """Walk into what a function of these tests reaches, and into partials and bound methods."""
        if isinstance(value, functools.partial):
            self.at(f"{name}.function", value.func)
            for key, item in [*enumerate(value.args), *value.keywords.items()]:
                self.at(f"{name}({key})", item)
        elif isinstance(value, types.MethodType):
            if type(value.__self__).__module__.startswith(OURS):
                self.at(f"{name}.owner", value.__self__)
        elif (value.__module__ or "").startswith(OURS):
            self.attributes(name, value)
            self.at(f"{name}.defaults", value.__defaults__)
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            of_module = {key: value.__globals__[key] for key in value.__code__.co_names if key in value.__globals__}
            for key, item in [*((key, cell.cell_contents) for key, cell in cells), *of_module.items()]:
                if not isinstance(item, type):
                    self.at(f"{name}:{key}", item)

    def array(self, name, array):
        if array.dtype == object:
            for k, item in enumerate(array.flat):
                self.at(f"{name}[{k}]", item)
        self.values[name] = (
            digest(array) if array.dtype != object else "",
            array.dtype.str,
            array.shape,
            array.flags.writeable,
        )
        self.places[f"{name}, address"] = array.__array_interface__["data"][0]

    def key(self, key):
        key = key() if isinstance(key, weakref.ref) else key
        if isinstance(key, torch.nn.Module):
            return self.names.get(id(key), "module")
        return self.names.get(id(key), f"tensor of {tuple(key.shape)}") if isinstance(key, torch.Tensor) else repr(key)

    def tensor(self, name, tensor):
        if torch.nn.parameter.is_lazy(tensor):
            self.values[name] = "uninitialized"
            return
        self.values[name] = (content(tensor), tensor.requires_grad, tensor.is_leaf, tensor.is_inference())
        if tensor.layout is torch.strided and not hasattr(tensor, "__tensor_flatten__"):
            if not hasattr(tensor, GROWS):
                self.places[f"{name}, address"] = tensor.data_ptr()
            self.values[f"{name}, resizable"] = tensor.untyped_storage().resizable()
        hooks = tensor._backward_hooks
        self.values[f"{name}, hooks"] = None if hooks is None else len(hooks)
        if tensor.is_leaf:
            self.at(f"{name}.grad", tensor.grad)
        self.attributes(name, tensor)


def content(tensor):
    """Return a tensor bit for bit, with shape, strides and dtype; of a sparse one, its indices and values."""
    if hasattr(tensor, "__tensor_flatten__"):  # its parts are attributes
        return type(tensor).__name__, tuple(tensor.shape), str(tensor.dtype)
    tensor = tensor.detach()
    if tensor.is_meta:
        return "no data", tuple(tensor.shape), tensor.stride(), str(tensor.dtype)
    if tensor.layout is torch.sparse_coo:
        return "sparse", tensor.is_coalesced(), content(tensor._indices()), content(tensor._values())
    copied = tensor.contiguous().to("cpu", copy=True)  # numpy() would make the memory of the tensor itself not resizable
    data = copied.reshape(-1).view(torch.uint8).numpy()
    return digest(data), tuple(tensor.shape), tensor.stride(), str(tensor.dtype), str(tensor.device)


def slots(value):
    """Return the names and values of the slots of these tests' objects."""
    names = [
        name for cls in type(value).__mro__ if cls.__module__.startswith(OURS) for name in vars(cls).get("__slots__", ())
    ]
    return [(name, getattr(value, name)) for name in names if hasattr(value, name)]


def digest(data):
    return hashlib.blake2b(np.ascontiguousarray(data).tobytes() if isinstance(data, np.ndarray) else data).hexdigest()


def generators():
    """Return the state of the global generators of Python, numpy and torch, the latter on the CPU and every CUDA device."""
    seen = {
        "python's generator": digest(repr(random.getstate()).encode()),
        "numpy's generator": digest(repr([np.asarray(part).tolist() for part in np.random.get_state()]).encode()),
        "torch's generator": digest(torch.get_rng_state().numpy()),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for k, state in enumerate(torch.cuda.get_rng_state_all()):
            seen[f"generator of CUDA device {k}"] = digest(state.numpy())
    return seen


def process():
    """Return what a finder could leave behind: files, descriptors, threads, child processes, global settings."""
    return {
        "files in the working directory": files(Path.cwd()),
        "files in the temporary directory": files(Path(tempfile.gettempdir())),
        "open file descriptors": descriptors(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "threads of the system": tasks(),
        "child processes": children(),
        "working directory": str(Path.cwd()),
        "environment": dict(os.environ),
        "handler of SIGINT": signal.getsignal(signal.SIGINT),
        "gradients on": torch.is_grad_enabled(),
        "autocast on": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")),
        "default dtype": torch.get_default_dtype(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "threads of torch": torch.get_num_threads(),
    }


def files(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, digest(path.read_bytes()) if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


def descriptors():
    """Return the target of each open descriptor, where the system lists them (Linux)."""
    seen = {}
    folder = Path("/proc/self/fd")
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        try:
            seen[path.name] = str(path.readlink())
        except FileNotFoundError:  # the listing's own
            continue
    return seen


def tasks():
    folder = Path("/proc/self/task")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def children():
    """Return the ids of the child processes, zombies included, where the system lists them (Linux)."""
    return sorted(
        int(number) for path in Path("/proc/self/task").glob("*/children") for number in path.read_text("ascii").split()
    )
