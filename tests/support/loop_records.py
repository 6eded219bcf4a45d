"""The first update of a training, whoever runs its loop: to compare a search with the trainer's own loop."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from lrfinder.torch.inspection import digest


@dataclass
class Update:
    """The first update: its gradients, the bytes kept for its backward, and the modules it called, with their flags."""

    gradients: list = field(default_factory=list)
    kept_bytes: int = 0
    calls: list = field(default_factory=list)
    has_stepped: bool = False

    def note_step(self, parameters):
        if not self.has_stepped:
            self.gradients = [None if one.grad is None else digest(one.grad) for one in parameters]
            self.has_stepped = True


_active = []


def note_step(parameters):
    """Note the step of an optimizer that is not PyTorch's."""
    for update in _active:
        update.note_step(list(parameters))


@contextmanager
def first_update():
    """Record the first update in the block, of whatever optimizer steps first."""
    update = Update()

    def keep(tensor):
        if not update.has_stepped:
            update.kept_bytes += tensor.nbytes
        return tensor

    def note_call(module, _):
        if not update.has_stepped and torch.is_grad_enabled():
            flags = [parameter.requires_grad for parameter in module.parameters(recurse=False)]
            update.calls.append((type(module).__name__, module.training, flags))

    def note_torch_step(optimizer, *_):
        update.note_step([one for group in optimizer.param_groups for one in group["params"]])

    # after the step, as some trainers compute the gradients inside of it
    _active.append(update)
    hooks = [
        register_optimizer_step_post_hook(note_torch_step),
        register_module_forward_pre_hook(note_call),
    ]
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield update
        assert update.kept_bytes
        assert any(update.gradients)
    finally:
        _active.remove(update)
        for hook in hooks:
            hook.remove()


def flags(module):
    """Return class and mode of each part, and dtype and ``requires_grad`` of each parameter and buffer, by name."""
    parts = {name: (type(part), part.training, sorted(vars(part))) for name, part in module.named_modules()}
    tensors = {name: (one.dtype, one.requires_grad) for name, one in [*module.named_parameters(), *module.named_buffers()]}
    return parts | tensors
