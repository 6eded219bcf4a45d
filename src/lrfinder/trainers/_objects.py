"""The objects that a trainer consists of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from torch import Tensor, nn
from torch.optim import Optimizer


def reachable_objects(roots: Iterable[object], *packages: str) -> list[object]:
    """Return the roots and all objects of classes from ``packages`` that can be reached from them.

    The search follows attributes, lists, tuples, sets and dicts. It does not enter modules and optimizers.
    """
    found: list[object] = []
    pending = list(roots)
    seen: set[int] = set()
    ids_of_roots = set(map(id, pending))
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, nn.Module | Optimizer | Tensor | type):
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            pending.extend(cast("Mapping[object, object]", value).values())
        elif isinstance(value, list | tuple | set):
            pending.extend(cast("list[object]", value))
        elif id(value) in ids_of_roots or type(value).__module__.partition(".")[0] in packages:
            inside = getattr(value, "__dict__", None)
            if inside is not None:
                found.append(value)
                pending.extend(cast("dict[str, object]", inside).values())
    return found
