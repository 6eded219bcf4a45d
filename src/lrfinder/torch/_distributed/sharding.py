"""Models that are spread over processes: the ranks that they reach, and the part that lies in this process.

Everything is read from the modules and optimizers. Where PyTorch keeps a class in a module that is slow to import, it is
looked up only if that module is imported already: without it there can be no object of the class.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lrfinder._state.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

_MODULE_ATTRIBUTES = vars(nn.Module()).keys()


def process_groups(modules: Sequence[nn.Module], optimizers: Sequence[Optimizer]) -> list[ProcessGroup]:
    """Return the process groups over which modules and optimizers communicate; none where they belong to one process."""
    if not (dist.is_available() and dist.is_initialized()):
        return []
    every = [part for module in modules for part in module.modules()]
    own = [getattr(part, "process_group", None) for part in (*every, *optimizers)]
    of_meshes = [group for mesh in _meshes(modules) for group in mesh.get_all_groups()]
    found = [group for group in (*own, *of_meshes) if isinstance(group, dist.ProcessGroup)]
    return list({id(group): group for group in found}.values())


def member_ranks(modules: Sequence[nn.Module], groups: Iterable[ProcessGroup]) -> list[int]:
    """Return the global ranks that the groups and the meshes of the parameters reach."""
    of_meshes = [rank for mesh in _meshes(modules) for rank in mesh.mesh.flatten().tolist()]
    return sorted({*of_meshes, *(rank for group in groups for rank in dist.get_process_group_ranks(group))})


def _meshes(modules: Sequence[nn.Module]) -> list[Any]:
    parameters = [cast("Any", parameter) for module in modules for parameter in module.parameters()]
    return [parameter.device_mesh for parameter in parameters if is_shard(parameter)]


def count_shards(modules: Sequence[nn.Module]) -> int:
    """Return the number of parameters that are shards."""
    held = (parameter for module in modules for part in module.modules() for parameter in _own_parameters(part))
    return len(set(map(id, filter(is_shard, held))))


def _own_parameters(module: Any) -> Iterable[object]:
    return module._parameters.values()  # noqa: SLF001  (``parameters()`` is much slower)


def is_shard(tensor: object) -> bool:
    """Return True for a ``DTensor``, of which this process holds a part."""
    kind: Any = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", ())
    return isinstance(tensor, kind)


def local_part(tensor: Tensor) -> Tensor:
    """Return what lies in this process of a tensor: its shard, or all of it."""
    with torch.no_grad():
        return cast("Any", tensor).to_local() if is_shard(tensor) else tensor


def reshard(modules: Sequence[nn.Module]) -> None:
    """Release the full parameters that a forward gathered, so that the next gathers them from the shards again."""
    kind: Any = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", ())
    for part in (part for module in modules for part in module.modules() if isinstance(part, kind)):
        cast("Any", part).reshard()


def data_parallel_wrappers(modules: Sequence[nn.Module]) -> list[DistributedDataParallel]:
    """Return each ``DistributedDataParallel`` among the modules and inside them."""
    return [part for module in modules for part in module.modules() if isinstance(part, DistributedDataParallel)]


def release_reducers(wrappers: Iterable[DistributedDataParallel]) -> None:
    """Remove the hooks of wrappers that nobody uses again.

    After an interrupted iteration, these would join the next backward of the same parameters, by whichever wrapper, and the
    other ranks would wait in vain.
    """
    for wrapper in wrappers:
        vars(wrapper).update(reducer=None, logger=None)  # the last references; C++ removes the hooks


def data_parallel_state(module: DistributedDataParallel) -> Node:
    """Return what a training changes in a ``DistributedDataParallel``: what any module has, without its reducer's state."""
    inside = {name: value for name, value in vars(module).items() if name in _MODULE_ATTRIBUTES}
    return Node(partial(setattr, module, "training", module.training), inside)
