"""Models that are spread over processes: which ranks they are on, and what of them lies in this one.

Everything is found out from the modules and optimizers. What PyTorch has in modules that are slow to import is looked for
only where somebody else has imported them: without them there can be no object of theirs.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lrfinder._state.object_graph import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

_OF_ALL_MODULES = vars(nn.Module()).keys()


def process_groups(modules: Sequence[nn.Module], optimizers: Sequence[Optimizer]) -> list[ProcessGroup]:
    """The process groups that the modules and optimizers communicate over; empty where they are this process's alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return []
    every = [part for module in modules for part in module.modules()]
    own = [getattr(part, "process_group", None) for part in (*every, *optimizers)]
    meshes = {id(mesh): mesh for module in modules for mesh in map(_mesh, module.parameters()) if mesh is not None}
    of_meshes = [group for mesh in meshes.values() for group in mesh.get_all_groups()]
    found = [group for group in (*own, *of_meshes) if isinstance(group, dist.ProcessGroup)]
    return list({id(group): group for group in found}.values())


def member_ranks(modules: Sequence[nn.Module], groups: Iterable[ProcessGroup]) -> list[int]:
    """The ranks, of all processes that there are, which the groups and the meshes of the parameters reach."""
    meshes = [mesh for module in modules for mesh in map(_mesh, module.parameters()) if mesh is not None]
    of_meshes = [rank for mesh in meshes for rank in mesh.mesh.flatten().tolist()]
    return sorted({*of_meshes, *(rank for group in groups for rank in dist.get_process_group_ranks(group))})


def count_shards(modules: Sequence[nn.Module]) -> int:
    """How many of the parameters are shards."""
    return sum(is_shard(parameter) for module in modules for parameter in module.parameters())


def is_shard(tensor: object) -> bool:
    """Whether a tensor is a ``DTensor``, of which this process holds a part."""
    kind: Any = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return kind is not None and isinstance(tensor, kind)


def local_part(tensor: Tensor) -> Tensor:
    """What of a tensor lies in this process: its shard, or all of it."""
    with torch.no_grad():
        return cast("Any", tensor).to_local() if is_shard(tensor) else tensor


def full_value(loss: object) -> object:
    """A loss that is spread over ranks, as one number on each of them; anything else as it is."""
    return cast("Any", loss).full_tensor() if is_shard(loss) else loss


def reshard(modules: Sequence[nn.Module]) -> None:
    """Let go of the whole parameters that a forward gathered: the next gathers them anew, from what the shards then hold."""
    kind: Any = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    if kind is None:
        return
    for module in modules:
        for part in module.modules():
            if isinstance(part, kind):
                cast("Any", part).reshard()


def forward_communicates(modules: Sequence[nn.Module]) -> bool:
    """Whether a forward waits for other ranks: to gather shards, to take over the first rank's buffers."""
    wrappers = data_parallel_wrappers(modules)
    return count_shards(modules) > 0 or not wrappers or any(wrapper.will_sync_module_buffers() for wrapper in wrappers)


def data_parallel_wrappers(modules: Sequence[nn.Module]) -> list[DistributedDataParallel]:
    """The ``DistributedDataParallel`` among the modules and inside them."""
    return [part for module in modules for part in module.modules() if isinstance(part, DistributedDataParallel)]


def data_parallel_state(module: DistributedDataParallel) -> Taken:
    """What of a ``DistributedDataParallel`` a training changes: what any module has. The rest goes with its reducer, which
    goes on from where it is.
    """
    inside = {name: value for name, value in vars(module).items() if name in _OF_ALL_MODULES}
    return Taken(partial(setattr, module, "training", module.training), inside)


def _mesh(parameter: Tensor) -> Any:
    return cast("Any", parameter).device_mesh if is_shard(parameter) else None
