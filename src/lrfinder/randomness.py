"""Random generators and their states: Python's and numpy's; each framework package adds those of its framework."""

from __future__ import annotations

import random
import warnings
from functools import cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import ProxyTypes

import numpy as np

from lrfinder._state.attributes import attributes_of, is_entered, package_of
from lrfinder._state.callables import attributes_bound, attributes_named, is_function, is_own_code, methods_of, reached
from lrfinder._state.data_attributes import DataAttributes
from lrfinder._state.data_calls import Calls
from lrfinder._state.data_contents import DataContents
from lrfinder._state.data_owners import LEFT_ALONE, FunctionOwner, ObjectOwner
from lrfinder._state.mersenne_twister import cached_reader, looks_at_numpy, looks_at_python
from lrfinder._state.nodes import has_state_dict, is_iterator, items
from lrfinder._state.place_numbers import NUMPY
from lrfinder._state.rollback import restore_all
from lrfinder._state.shared_values import SHARED, is_beyond_restore
from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lrfinder._state.mersenne_twister import Looks
    from lrfinder._state.place_numbers import ArrayKind


_FRAMEWORKS = frozenset({"torch", "keras", "tensorflow", "jax", "jaxlib", "mxnet"})  # whose other objects are not entered
_MAX_MEMBERS = 1000  # of a container that is searched; a longer one holds samples
_OWN_PACKAGE = __name__.partition(".")[0]  # whose objects a collator may lead to, as a method of the script does
_MAX_ITERATORS = 100  # entries of a container in which iterators are looked for
_MAKE_SAMPLES = ("__getitem__", "__getitems__", "__iter__", "__next__", "__call__")  # the methods that run by themselves
_MAX_OBJECTS = 10_000  # in which generators are searched
_NOT_RESTORED = (
    "What makes the batches holds {}, an iterator or an object of another process, which is not restored: batches after a "
    "search may be others. Use numbers, or a random generator."
)


class RandomGenerator(NamedTuple):
    """One source of random numbers.

    Attributes:
        name: its name in error messages.
        get: returns its state, which compares with ``==``.
        set: sets its state.
        glance: returns the state at a lower price, but may miss a small change; by default there is none.
        looks: return values that together change wherever the state does, at a lower price; by default there are none.
    """

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]
    glance: Callable[[], Any] | None = None
    looks: Looks = ()


States = tuple[tuple[RandomGenerator, Any], ...]
"""Generators, each with a state."""


def capture(generators: Iterable[RandomGenerator]) -> States:
    """Return each generator with its present state."""
    return tuple([(generator, generator.get()) for generator in generators])  # runs per batch, where a list is faster


class Glimpses:
    """The states of generators as far as ``glance`` shows them, before and after each batch.

    All looks are taken in one go: after a step of the training, little of this code is left in the caches of the processor,
    and each function written in Python costs several times what it costs alone.
    """

    def __init__(self, generators: tuple[RandomGenerator, ...]) -> None:
        self.generators = generators
        self._looks: list[Callable[[], Any]] = []
        self._places: list[tuple[RandomGenerator, int | None]] = []  # of its state among what is seen, if that is the state
        for generator in generators:
            self._places.append((generator, None if generator.looks else len(self._looks)))
            self._looks += generator.looks or (generator.glance or generator.get,)
        self._last: tuple[list[Any], States] = [], ()

    def __call__(self) -> States:
        """Return each generator with its present state; the same tuple again while none has changed."""
        seen = [look() for look in self._looks]
        if seen != self._last[0]:
            states = [(one, one.get() if place is None else seen[place]) for one, place in self._places]
            self._last = seen, tuple(states)
        return self._last[1]


def restore_states(states: States) -> None:
    """Set each generator to its state.

    Raises:
        RestoreError: some generators rejected theirs; all others are restored.
    """
    restore_all((f"generator {generator.name}", partial(generator.set, state)) for generator, state in states)


def changed(states: States, *others: States) -> States:
    """Return those of ``states`` that differ from any of ``others``, for captures of the same generators."""
    rows = zip(states, *others, strict=True)  # mostly of identical objects: an unchanged state is not read again
    return tuple([one for one, *more in rows if any(one[1] is not other[1] and one[1] != other[1] for other in more)])


@cache
def global_generators() -> tuple[RandomGenerator, ...]:
    """Return the global generators of Python and numpy."""
    python: random.Random = random.getstate.__self__  # pyright: ignore[reportFunctionMemberAccess]  (a bound method)
    numpy: np.random.RandomState = np.random.get_state.__self__  # pyright: ignore[reportFunctionMemberAccess]
    return _of_python("python", python), _of_numpy("numpy", numpy)


def own_generator(value: object) -> RandomGenerator | None:
    """Return ``value`` as a :class:`RandomGenerator` if it is a generator of Python or numpy, or ``None``."""
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):  # which has no state
        return _of_python(repr(value), value)
    if isinstance(value, np.random.Generator | np.random.BitGenerator):
        return _of_bits(repr(value), getattr(value, "bit_generator", value))
    if isinstance(value, np.random.SeedSequence):
        return RandomGenerator(repr(value), lambda: value.n_children_spawned, partial(_respawn, value))
    if isinstance(value, np.random.RandomState):
        return _of_numpy(repr(value), value)
    return None


def data_generators(
    data: object,
    inside: tuple[type, ...],
    own: Callable[[object], RandomGenerator | None] = own_generator,
    arrays: Sequence[ArrayKind] = (),
    leads_to: Callable[[object], Iterable[tuple[str, object]]] = lambda _: (),
) -> tuple[RandomGenerator, ...]:
    """Return the random generators in ``data``, and in its loaders, samplers and data sets.

    Generators count wherever these lead: in transforms and functions that make a batch of samples, of any class. Loaders and
    data sets also are objects of the user's own classes that can be iterated or indexed.
    Attributes with plain values (an epoch number, a counter) and the numbers in containers (the index list of a sampler)
    count as one more generator: replaying a batch leaves them as drawing it did. Call this once for each data, because the
    generators remember what they have read.

    Args:
        data: an iterable of batches, whose attributes are searched.
        inside: types of attributes that are searched too, and in lists, tuples and dicts. Samplers are in any case.
        own: returns the generator that a value is, or ``None``.
        arrays: the classes of a framework's arrays that may hold indices, besides numpy's.
        leads_to: returns what a value of the framework leads to, by names; ``collate_fn`` for what makes batches.
    """
    found: list[RandomGenerator] = []
    owners: list[ObjectOwner | FunctionOwner] = []
    holders: list[object] = []  # of containers
    loose: list[tuple[str, object]] = []  # containers that functions reach, and all attributes of objects of the user
    seen: set[int] = set()
    pending: list[tuple[str, object, bool]] = [("", data, False)]  # the last: whether it makes batches of samples
    lost: list[str] = []  # the names of what a restore does not reach
    code: list[object] = []  # the functions and objects that make batches
    while pending:
        name, value, makes_batches = pending.pop()
        if id(value) in seen or type(value) in ProxyTypes:  # a proxy whose object is gone raises at every look
            continue
        seen.add(id(value))
        makes_batches |= name == "collate_fn"
        generator = own(value)
        if generator is not None:
            found.append(generator)
            continue
        if makes_batches and package_of(type(value)) == _OWN_PACKAGE:
            continue
        pending.extend((key, one, makes_batches) for key, one in leads_to(value))
        if hasattr(value, "__dict__") and (value is data or isinstance(value, inside) or _holds_place(name, value)):
            nested = hasattr(type(value), "__iter__") or not hasattr(type(value), "__getitem__")
            owners.append(ObjectOwner(value, nested, makes_batches and not isinstance(value, inside)))
            holders.append(value)
            pending.extend((key, one, makes_batches) for key, one in vars(value).items())
        elif len(seen) < _MAX_OBJECTS:
            if makes_batches:
                owners += _owners(name, value)
            is_held = _is_apart(value)
            holders += [value] * is_held
            loose += _loose(name, value, is_whole=is_held and not makes_batches)
            pending.extend((key, member, makes_batches) for key, member in _members(name, value, inside))
        code += [value] * makes_batches
        lost += [name] * (is_beyond_restore(value) or (makes_batches and is_iterator(value) and not _is_of_user(value)))
    _name_lost(lost, code, data.name if isinstance(data, Calls) else "collate_fn")
    of_code = set(map(id, code))
    _name_iterators([one for one in holders if id(one) not in of_code and not is_iterator(one)])
    if not owners:
        return tuple(found)
    contents = DataContents(holders, loose, (NUMPY, *arrays))  # before the place, which is exact for each batch
    place = DataAttributes(owners, (NUMPY, SHARED, *arrays))
    return (*found, *(RandomGenerator(one.name, one.get, one.set, one.glance) for one in (contents, place)))


def _loose(name: str, value: object, *, is_whole: bool) -> list[tuple[str, object]]:
    """Return all attributes of an object of the user that is taken as a whole, or what a function reaches, by name."""
    if is_whole:
        return [(type(value).__name__, vars(value))]
    return [(name, value)] if name and not name.isidentifier() else []


def _name_lost(names: Sequence[str], code: Sequence[object], function: str) -> None:
    """Warn about what a restore does not reach, except for attributes that only other methods of an object use."""
    used = _names_used(code) if names else ()
    for name in names:
        if not name.isidentifier() or name in used:
            warnings.warn(_NOT_RESTORED.format(name.replace("collate_fn", function)), LRFinderWarning, stacklevel=3)


def _name_iterators(holders: Sequence[object]) -> None:
    """Warn about iterators that data sets, or objects that these lead to, make samples with."""
    for name in [name for one in holders for name in _iterators_in(one)]:
        warnings.warn(_NOT_RESTORED.format(name), LRFinderWarning, stacklevel=3)


def _iterators_in(owner: object) -> list[str]:
    """Return the attributes that are iterators and that samples are made with, without those that each pass starts again."""
    held = {
        name: [value, *(items(value) if isinstance(value, list | tuple | dict) and len(value) <= _MAX_ITERATORS else ())]
        for name, value in vars(owner).items()
        if name not in LEFT_ALONE and type(value) not in ProxyTypes
    }
    found = [name for name, values in held.items() if any(is_iterator(one) and not _is_of_user(one) for one in values)]
    if not found:  # as in most
        return []
    methods = list(methods_of(type(owner)))
    used = set(_MAKE_SAMPLES)
    while more := {name for method, code in methods if method in used for name in attributes_named(code)} - used:
        used |= more
    started = {name for method, code in methods if method == "__iter__" for name in attributes_bound(code)}
    return [f"{type(owner).__name__}.{name}" for name in found if name in used - started]


def _names_used(code: Sequence[object]) -> set[str]:
    """Return the names that functions and callable objects use, and so on for the methods that these names call."""
    functions = [one for one in code if isinstance(one, FunctionType)]
    names = {name for one in functions for name in (*one.__code__.co_freevars, *one.__code__.co_names)}
    methods = [pair for one in code if _is_of_user(one) for pair in methods_of(type(one))]
    called = {"__call__", *names}
    while more := {name for method, function in methods if method in called for name in attributes_named(function)} - called:
        called |= more
    return called


def _holds_place(name: str, value: object) -> bool:
    """Return whether the numbers of an object in a loader count: samplers, collators, and loaders of the user's own."""
    if name and not name.isidentifier():  # a name that a function reaches
        return False
    is_collator = name == "collate_fn" and not is_function(value) and is_entered(type(value), _FRAMEWORKS)
    return "sampler" in name or is_collator or _is_loader(value)


def _is_loader(value: object) -> bool:
    """Return whether an object of the user's own class can be iterated or indexed, as loaders and data sets are."""
    reads = hasattr(type(value), "__iter__") or hasattr(type(value), "__getitem__")
    is_other = isinstance(value, list | tuple | dict | set) or is_iterator(value) or has_state_dict(value)
    return reads and not is_other and _is_of_user(value)


def _owners(name: str, value: object) -> list[ObjectOwner | FunctionOwner]:
    """Return what a function or an object that makes batches adds to the place: not what it shares with the training."""
    if is_function(value):
        attributes = isinstance(value, FunctionType) and is_own_code(value.__module__)
        owners = [
            FunctionOwner(value, name, _FRAMEWORKS),
            *([ObjectOwner(value, nested=True, all_arrays=True)] * attributes),
        ]
        return [owner for owner in owners if attributes or owner.namespace()]
    return [ObjectOwner(value, nested=True, all_arrays=True)] if _is_apart(value) else []


def _is_apart(value: object) -> bool:
    """Return whether an object of the user is one of the data alone: it holds no part of a training, as a script does."""
    return hasattr(value, "__dict__") and _is_of_user(value) and not any(map(has_state_dict, (value, *vars(value).values())))


def _is_of_user(value: object) -> bool:
    """Return whether the class of an object is the user's own code."""
    return is_entered(type(value), _FRAMEWORKS) and is_own_code(type(value).__module__)


def _members(name: str, value: object, inside: tuple[type, ...]) -> Iterable[tuple[str, object]]:
    """Return what a value leads to where a generator may be: attributes, short containers, and what a function reaches."""
    if is_function(value):
        return [(one.name, one.value) for one in reached(value, name or "a function", _FRAMEWORKS)]
    if isinstance(value, list | tuple | dict):
        held = items(cast("list[object]", value))
        is_short = len(cast("list[object]", value)) <= _MAX_MEMBERS
        is_searched = is_short or isinstance(next(iter(held)), inside)  # as ConcatDataset holds many data sets
        return [("", one) for one in held] if is_searched else ()
    is_trained = has_state_dict(value)
    found = attributes_of(value).values() if is_entered(type(value), _FRAMEWORKS) and not is_trained else ()
    return [("", one) for one in found]


class _Array(NamedTuple):
    """An array that compares to one truth value."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes


def _of_python(name: str, value: random.Random) -> RandomGenerator:
    looks = looks_at_python(value)
    return RandomGenerator(name, cached_reader(value.getstate, looks), value.setstate, looks=looks)


def _of_numpy(name: str, value: np.random.RandomState) -> RandomGenerator:
    looks = looks_at_numpy(value)
    read = cached_reader(lambda: _comparable(value.get_state(legacy=False)), looks)
    return RandomGenerator(name, read, lambda state: value.set_state(_as_numpy(state)), looks=looks)


def _of_bits(name: str, bits: Any) -> RandomGenerator:
    """Return a bit generator of numpy with its seed, which counts the generators that it has spawned."""
    seed = getattr(bits, "seed_seq", None)
    own_seed = own_generator(seed) if isinstance(seed, np.random.SeedSequence) else None

    def write(state: Any) -> None:
        bits.state = _as_numpy(state[0])
        if own_seed is not None:
            own_seed.set(state[1])

    return RandomGenerator(name, lambda: (_comparable(bits.state), None if own_seed is None else own_seed.get()), write)


def _respawn(seed: np.random.SeedSequence, count: int) -> None:
    """Set the number of generators that a seed has spawned, which is not writable: the seed is initialized again."""
    if seed.n_children_spawned != count:
        state: dict[str, Any] = {**seed.state, "n_children_spawned": count}
        np.random.SeedSequence.__init__(seed, **state)


def _comparable(state: object) -> object:
    """Return a state as numpy gives it, with its arrays as values that compare to one truth value."""
    if isinstance(state, dict):
        return {key: _comparable(value) for key, value in cast("dict[str, object]", state).items()}
    if isinstance(state, np.ndarray):
        array = cast("np.ndarray[Any, Any]", state)
        return _Array(array.dtype.str, array.shape, array.tobytes())
    return state


def _as_numpy(state: object) -> Any:
    if isinstance(state, dict):
        return {key: _as_numpy(value) for key, value in cast("dict[str, object]", state).items()}
    if isinstance(state, _Array):
        return np.frombuffer(state.content, state.dtype).reshape(state.shape)
    return state
