"""Everything that a user can see of a Gluon training, for comparison: the ``observe`` of :mod:`lrfinder.testing`."""

from __future__ import annotations

from typing import Any

from lrfinder.testing import random_states


def fingerprint(net: Any, trainer: Any) -> dict[str, object]:
    """Return everything of a network and its trainer, bit for bit, under readable names, and the global generators.

    It covers parameters and gradients on every device, the optimizer's state and counters, the rate, and the scheduler. It
    shares no code with the snapshot, so that neither hides the other's faults. MXNet's own generator cannot be read.
    """
    found = random_states()
    for name, parameter in net.collect_params().items():
        for kind, arrays in (("parameter", parameter._data), ("gradient", parameter._grad)):
            found |= {f"{kind}: {name} {k}": _content(array) for k, array in enumerate(arrays or [])}
    for k, updater in enumerate([*trainer._updaters, getattr(trainer._kvstore, "_updater", None)]):
        states = getattr(updater, "states", {})
        found |= {f"optimizer: state {k} {index}": _content(state) for index, state in states.items()}
    optimizer = trainer.optimizer
    counters = (optimizer.num_update, optimizer._all_index_update_counts, optimizer.rescale_grad)
    scheduler = optimizer.lr_scheduler
    found |= {"optimizer: counters": repr(counters), "optimizer: rate": optimizer.lr}
    return found | {"scheduler": None if scheduler is None else repr(vars(scheduler))}


def _content(value: Any) -> object:
    if isinstance(value, list | tuple):
        return tuple(map(_content, value))
    return None if value is None else value.asnumpy().tobytes()
