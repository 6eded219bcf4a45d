"""A walk through containers and objects that visits each of them once and names what it finds."""

from __future__ import annotations

import dis
from collections import UserDict, deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from types import FunctionType
from typing import Any, NamedTuple, cast
from weakref import ProxyTypes

from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder._check.objects import attributes_of, names_in
from lrfinder.torch._inspection.callables import FUNCTIONS
from lrfinder.torch._inspection.objects import DATA, Path, has_contents, has_state_dict, is_own
from lrfinder.torch._inspection.values import PLAIN, entries_of, is_shared, plain_text, shared_content, shared_generators

MAX_OBJECTS = 100_000  # that one object may lead to
MAX_ITEMS = 1000  # of containers in data sets; longer ones hold data rather than the state of a training
MAX_INDICES = 100_000  # in a list or an array of numbers in a data set
MAX_NAMED = 20  # plain values of a dict that have names of their own; more are one thing
BASES = (dict, list, tuple, set, frozenset, deque)
OF_LOADERS = {name for name in vars(DataLoader([0])) if name.startswith("_")}  # pyright: ignore[reportArgumentType]


class Part(Enum):
    """The part of a training that an object belongs to. Of samples, only tensors that may be indices count."""

    TRAINING = "training"
    SAMPLER = "sampler"
    COLLATOR = "collator"
    DATA_SET = "data set"
    SAMPLES = "samples"


OF_DATA = (Part.DATA_SET, Part.SAMPLES)


class Found(NamedTuple):
    """A value that was found: its name, what it compares by, and whether it is a tensor, an array or a generator."""

    name: str
    value: object
    is_state: bool = False


class Visit(NamedTuple):
    """A value to visit next."""

    value: Any
    path: Path
    kind: str = "attribute"
    part: Part = Part.TRAINING


Way = Callable[[Visit], Iterator["Found | Visit"]]


class Walk:
    """The objects that were visited, in order, and the functions that were found among them.

    Attributes:
        visited: the objects by their ids, each with its name; the references keep the ids unique.
        functions: functions and callable objects, whose closures and globals are not visited here.
        too_large: the names of what leads to more than ``MAX_OBJECTS`` objects.
    """

    def __init__(self) -> None:
        self.visited: dict[int, tuple[object, Visit | None]] = {id(one): (one, None) for one in shared_generators()}
        self.functions: list[Visit] = []
        self.too_large: list[str] = []
        self.enters_data = True
        self.names: dict[int, str] = {}  # of parameters, which are keys of dicts

    def ways(self) -> Iterator[tuple[Any, Way]]:
        """Yield how to look into objects of each class; the first class that fits decides."""
        yield BASES, self._container
        yield object, self._object

    def tree(self, *roots: Visit) -> list[Found]:
        """Return everything that values lead to and that was not visited before; nothing, if that is too much."""
        found: list[Found] = []
        pending = list(reversed(roots))
        before = len(self.visited)
        while pending:
            steps = list(self._steps(pending.pop()))
            found += [one for one in steps if isinstance(one, Found)]
            pending += reversed([one for one in steps if isinstance(one, Visit)])
            if len(self.visited) - before > MAX_OBJECTS:
                self.forget_since(before)
                self.too_large += [str(root.path) for root in roots[:1]]
                return []
        return found

    def forget_since(self, number: int) -> None:
        """Treat all but the first ``number`` visited objects as not visited."""
        for key in list(self.visited)[number:]:
            del self.visited[key]

    def mark(self, visit: Visit) -> None:
        """Note that a value is visited."""
        self.visited[id(visit.value)] = visit.value, visit

    def _steps(self, visit: Visit) -> Iterable[Found | Visit]:
        value, path, kind, _ = visit
        if type(value) in ProxyTypes:  # it is another object, or none any longer
            return []
        if isinstance(value, PLAIN):
            return [Found(f"{kind}: {path}", plain_text(value))]
        if id(value) in self.visited or (isinstance(value, DATA) and not self.enters_data):
            return []
        if isinstance(value, FUNCTIONS):
            self.functions.append(visit)
            return []
        return next(way(visit) for kinds, way in self.ways() if isinstance(value, kinds))

    def _container(self, visit: Visit) -> Iterator[Found | Visit]:
        value, path, _, _ = visit
        self.mark(visit)
        base = next(one for one in BASES if isinstance(value, one))
        own = cast("Any", base)  # of a subclass, no method of the user runs
        items = list(own.items(value) if base is dict else own.__iter__(value))
        yield from self._entries(visit, items) if base is dict else self._items(visit, items)
        if type(value) is not base and has_contents(value):
            self.note_calls(visit)
            yield from (visit._replace(value=one, path=path.attribute(key)) for key, one in attributes_of(value).items())

    def _items(self, visit: Visit, items: list[Any]) -> Iterator[Found | Visit]:
        """Yield the items of a container that is no dict; plain values are one thing."""
        value, path, kind, part = visit
        if not items:
            return
        most = MAX_OBJECTS if part is Part.TRAINING else MAX_ITEMS
        is_data = part in OF_DATA and (len(items) > MAX_INDICES or (len(items) > most and isinstance(items[0], str)))
        text = None if is_data else plain_text(frozenset(items) if isinstance(value, set) else items)
        if text is not None:
            yield Found(f"{kind}: {path}", text)
            return
        if part is Part.DATA_SET and not isinstance(value, tuple | frozenset):
            yield Found(f"{kind}: {path}", entries_of(items))
        elif len(items) > most:
            yield Found(f"{kind}: length of {path}", len(items))
        if len(items) <= most:
            plain = tuple((k, repr(one)) for k, one in enumerate(items) if isinstance(one, PLAIN))
            if plain and part not in OF_DATA:
                yield Found(f"{kind}: {path}", plain)
            visit = visit._replace(part=Part.SAMPLES if part is Part.DATA_SET and len(items) > MAX_NAMED else part)
            fields = getattr(type(value), "_fields", ())
            for k, one in enumerate(items):
                if not isinstance(one, PLAIN):
                    yield visit._replace(value=one, path=path.attribute(fields[k]) if k < len(fields) else path.item(k))

    def _entries(self, visit: Visit, items: list[tuple[Any, Any]]) -> Iterator[Found | Visit]:
        """Yield the entries of a dict; many plain values are one thing."""
        _, path, kind, part = visit
        plain = [(key, one) for key, one in items if isinstance(key, PLAIN) and isinstance(one, PLAIN)]
        if len(plain) > MAX_NAMED:
            yield Found(f"{kind}: {path}", plain_text([list(one) for one in plain]))
            items = [(key, one) for key, one in items if not (isinstance(key, PLAIN) and isinstance(one, PLAIN))]
        is_large = len(items) > (MAX_OBJECTS if part is Part.TRAINING else MAX_ITEMS)
        if part is Part.DATA_SET and items:
            yield Found(f"{kind}: {path}", entries_of(items))
        elif is_large:
            yield Found(f"{kind}: length of {path}", len(items))
        if is_large:
            return
        visit = visit._replace(part=Part.SAMPLES if part is Part.DATA_SET and len(items) > MAX_NAMED else part)
        for k, (key, one) in enumerate(items):
            name = repr(key) if isinstance(key, PLAIN) else self.names.get(id(key), repr(k))
            yield visit._replace(value=one, path=path.item(name))
            if not isinstance(key, PLAIN):
                yield visit._replace(value=key, path=path.item(f"key {k}"))

    def _object(self, visit: Visit) -> Iterator[Found | Visit]:
        value, path, kind, part = visit
        if is_shared(value):
            yield Found(f"{kind}: {path}", shared_content(value))
            return
        if not has_contents(value):
            if part is Part.COLLATOR and isinstance(value, Iterator):
                yield Found(f"iterator: {path}", object())  # equal to nothing, since nobody knows
            return
        self.mark(visit)
        own = attributes_of(value)
        if not own and has_state_dict(value):
            yield visit._replace(value=value.state_dict())
        self.note_calls(visit)
        part = _part_of(value, part)
        for name, one in own.items():
            if isinstance(value, UserDict) and name == "data":  # its entries, of which the user knows no attribute
                yield Visit(one, path, kind, part)
            elif not is_setting(value, name, one, part):
                holds_data = name in {"dataset", "data_source"} and isinstance(value, DataLoader | Sampler)
                if part in OF_DATA and makes_samples_with(value, name, one):
                    yield Found(f"iterator: {path.attribute(name)}", object())
                inside = Part.DATA_SET if holds_data else Part.COLLATOR if name == "collate_fn" else part
                yield Visit(one, path.attribute(name), kind, inside)

    def note_calls(self, visit: Visit) -> None:
        """Note a callable object, whose code may reach others."""
        if callable(visit.value):
            self.functions.append(visit)


def _only_moves_on(value: object) -> bool:
    """Return whether a value is an iterator of an installed package that cannot be read from any place, as a file can."""
    kind = type(value)
    return issubclass(kind, Iterator) and not is_own(kind) and not (hasattr(kind, "seek") or hasattr(kind, "execute"))


def makes_samples_with(owner: object, name: str, value: object) -> bool:
    """Return whether an attribute of a data set is an iterator that its samples come from and that no pass starts again."""
    inside = list(cast("Any", value)) if type(value) in {list, tuple} and len(cast("Any", value)) <= MAX_NAMED else [value]
    inside = list(cast("Any", value).values()) if type(value) is dict else inside
    if not any(map(_only_moves_on, inside)):
        return False
    codes = [getattr(base, "__dict__", {}) for base in type(owner).__mro__ if is_own(base)]
    methods = {key: one.__code__ for code in reversed(codes) for key, one in code.items() if isinstance(one, FunctionType)}
    starts = methods.pop("__iter__", None)
    is_started = starts is not None and any(
        one.opname == "STORE_ATTR" and one.argval == name for one in dis.get_instructions(starts)
    )
    others = {key: code for key, code in methods.items() if key != "__init__"}
    return not is_started and any(name in names_in(code) for code in [*others.values(), *([starts] if starts else [])])


def _part_of(value: object, part: Part) -> Part:
    if isinstance(value, Dataset):
        return Part.DATA_SET
    return Part.SAMPLER if isinstance(value, DataLoader | Sampler) else part


def is_setting(owner: object, name: str, value: object, part: Part) -> bool:
    """Return whether an attribute of an object of PyTorch is one of its internal values, or a setting of a loader."""
    if isinstance(owner, DataLoader) and name in OF_LOADERS:
        return True
    of_torch = type(owner).__module__.startswith("torch.")
    return of_torch and (name.startswith("_") or (part is not Part.TRAINING and isinstance(value, PLAIN)))
