"""The learner: a model, its loss, its optimizer and its data, seen as one thing that trains. It obeys one law:

    After ``restore(state)``, time repeats: the next iterations see the same batches, draw the same random numbers and give
    bit for bit the same losses and weights as they did after the ``snapshot()`` that made ``state``.

Fine print. A state can be restored any number of times and lives as long as its object. Making a learner draws no random
number, starts no worker and asks the loader for nothing; that happens at the first iteration. The random numbers that
drawing a batch consumes belong to the batch. ``snapshot()`` of a learner whose parameters do not exist yet first makes them,
by one forward without gradients in evaluation mode on the next batch, which stays the next.

:class:`Learner` has the four required methods, :class:`BaseLearner` defaults for the optional ones. :mod:`lrfinder.testing`
states the law as functions that any learner can be put through.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, SupportsFloat, TypeVar
from weakref import ref

from lrfinder._arguments import given
from lrfinder._state.interrupts import DeferredSignals
from lrfinder.errors import BusyError, LearnerError, RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import FrameType

    from numpy.typing import NDArray

    from lrfinder._results.facts import TrainingFacts
    from lrfinder._results.results import Comparison, RangeTest, Suggestion

State = TypeVar("State")


class Restorable(Protocol[State]):
    """An object whose state can be stored and restored."""

    def snapshot(self) -> State:
        """Return a copy of the state."""
        ...

    def restore(self, state: State) -> None:
        """Restore everything to what it was when ``state`` was taken."""
        ...


class Learner(Restorable[State], Protocol[State]):
    """The four methods that every learner has. :class:`BaseLearner` describes those that it may have as well."""

    def iteration(self, lr: float) -> SupportsFloat:
        """Train on the next batch at ``lr``.

        Returns:
            The loss of the batch before the update, detached; a later iteration does not overwrite it.

        Raises:
            DataEndedError: the stream of data has ended.
        """
        ...

    def snapshot(self) -> State:
        """Return a copy of everything that ``iteration`` changes."""
        ...

    def restore(self, state: State) -> None:
        """Restore everything to what it was when ``state`` was taken."""
        ...

    def close(self) -> None:
        """End what the learner itself started (worker processes, open iterators), and nothing else."""
        ...


class BaseLearner(Learner[Any] if TYPE_CHECKING else object):
    """Defaults for the optional abilities of a learner, and the finder's methods.

    For example::

        class MyLearner(BaseLearner):
            def iteration(self, lr): ...
            def snapshot(self): ...
            def restore(self, state): ...
            def close(self): ...

        MyLearner().suggest(horizon=300)

    Subclass it to have them. A class with the four methods of :class:`Learner` alone works everywhere too.

    Attributes:
        rank: the number of this process among those that train together; rank 0 alone prints and writes files.
        ranks: how many processes train together; with several, every exception of a training passes through.
    """

    rank: int = 0
    ranks: int = 1

    def iterations(self, lrs: Sequence[float]) -> Iterable[SupportsFloat] | None:  # noqa: ARG002  (for subclasses)
        """Train one iteration at each rate; return their losses one by one, which may arrive late or in chunks.

        The finder may stop reading before the end, and ignores what was trained beyond. After the last loss is read, the
        learner is where its last iteration left it.

        Returns:
            The losses, shape ``(len(lrs),)``, fewer where the data end; ``None`` where ``iteration`` is as fast.

        Raises:
            DataEndedError: while the losses are read: the stream of data has ended.
        """
        return None

    def trainings(
        self,
        states: Sequence[Any],  # noqa: ARG002  (for subclasses)
        lrs: Sequence[Sequence[float]],  # noqa: ARG002
    ) -> tuple[NDArray[Any], Sequence[Any]] | None:
        """Train from each state at the rates of its row of ``lrs``, all at once and on the same batches.

        The learner's own state is undefined afterwards.

        Args:
            states: snapshots of this learner.
            lrs: the rates, shape ``(len(states), iterations)``.

        Returns:
            The losses, of the shape of ``lrs``, narrower where the data end, equal to those of ``iteration`` to rounding;
            and the state after each training. ``None``, with the learner unchanged, where one after the other is faster.
        """
        return None

    def untrained(self, count: int) -> Iterable[SupportsFloat] | None:  # noqa: ARG002  (for subclasses)
        """Return the losses of the next ``count`` iterations as they are before any update, one by one.

        They equal those of ``iteration(0.0)`` bit for bit, for an optimizer that changes nothing at that rate. So they need
        the same batches and random numbers, and training mode. Only the update, and what it needs, is left out. Afterwards
        the learner can go on from there, and a restore undoes all of it.

        Returns:
            The losses, fewer where the data end; ``None``, with the learner unchanged, where that is not possible. Then the
            finder trains at the rate 0.

        Raises:
            DataEndedError: while the losses are read: the stream of data has ended.
        """
        return None

    def trim(self) -> None:
        """Release what the next iteration replaces before it reads it, such as gradients; iterations do not change.

        A search calls it before it takes a snapshot at the end of a trial, which is smaller then.
        """

    def iterations_per_epoch(self) -> float | None:
        """Return how many iterations one pass over the data takes, or ``None`` where that is unknown.

        An iteration is one update. Where it takes several batches, the number may be a fraction.
        """
        return None

    def observe(self) -> Mapping[str, object]:
        """Return everything that can be compared: names (``"kind: name"``) to values that compare with ``==``.

        :func:`lrfinder.check` reports by these names what is not restored.
        """
        return {}

    def unrestored(self) -> Mapping[str, object]:
        """Return what the training can read and a restore leaves as it is, such as a global number; as ``observe()`` does.

        Where a training does not repeat although everything observed is restored, :func:`lrfinder.check` names those of
        these values that it changed.
        """
        return {}

    def facts(self) -> TrainingFacts | None:
        """Return what is known about the training and helps to read its curve; ``None`` where nothing is."""
        return None

    def scheduler_note(self) -> str | None:
        """Return a remark on a scheduler of this training, which a search leaves out; ``None`` where there is none.

        A result at a constant rate has it among its notes. It names the scheduler, and the ``schedule=`` with its shape.
        """
        return None

    def applied_rate(self, lr: float) -> float:
        """Return the rate that training uses where ``lr`` is asked for: half-precision optimizers round it.

        A sweep records the applied rates. The rounding to single precision is left out of them.
        """
        return lr

    def mean_over_ranks(self, loss: float) -> float:
        """Return the mean of a loss that each process computes by itself, the same on all of them.

        Each process of a training calls it at the same point.
        """
        return loss

    def parts(self) -> Iterable[object]:
        """Return the objects that are trained, such as a model and an optimizer.

        A second thread that sweeps any of them is refused, even if it uses another learner.
        """
        return ()

    def block_ended(self, state: Any) -> None:
        """Undo what ``snapshot`` set up for the block of :class:`restored` that began with ``state`` and has just ended.

        The learner is restored to ``state`` already. Most learners set up nothing.
        """

    def find(self, *args: Any, **kwargs: Any) -> RangeTest:
        """Run a range test: ``learner.find(lr_end=1.0)``; see :meth:`lrfinder.LRFinder.find`."""
        from lrfinder.finder import LRFinder

        return LRFinder(self).find(*args, **kwargs)

    def suggest(self, *args: Any, **kwargs: Any) -> Suggestion:
        """Search for the best rate: ``learner.suggest(horizon=3000)``; see :meth:`lrfinder.LRFinder.suggest`."""
        from lrfinder.finder import LRFinder

        return LRFinder(self).suggest(*args, **kwargs)

    def compare(self, *args: Any, **kwargs: Any) -> Comparison:
        """Compare trainings at a few rates: ``learner.compare([0.01, 0.1])``; see :meth:`lrfinder.LRFinder.compare`."""
        from lrfinder.finder import LRFinder

        return LRFinder(self).compare(*args, **kwargs)


REQUIRED = ("iteration", "snapshot", "restore", "close")
OPTIONAL = (  # and parts
    "rank",
    "ranks",
    "iterations",
    "trainings",
    "untrained",
    "trim",
    "iterations_per_epoch",
    "facts",
    "scheduler_note",
    "applied_rate",
    "mean_over_ranks",
    "observe",
    "unrestored",
    "block_ended",
)


def require_methods(learner: object, methods: Sequence[str] = REQUIRED) -> None:
    """Require an object with the methods of a learner.

    Raises:
        LearnerError: it lacks one, or it is a class.
    """
    missing = [name for name in methods if not callable(getattr(learner, name, None))]
    if isinstance(learner, type):
        message = f"The learner is {given(learner)}; give an object of it."
        raise LearnerError(message)
    if missing:
        message = (
            f"The learner is {given(learner)}, which has no {', '.join(missing)}(); give a learner, such as "
            "lrfinder.torch.TorchLearner(model, optimizer, loss_fn, data)."
        )
        raise LearnerError(message)


class _Adapted(BaseLearner):
    """An object that is not a :class:`BaseLearner`: its own abilities, and the defaults for those that it lacks."""

    def __init__(self, learner: Restorable[Any]) -> None:
        self._learner = learner
        for name in (*REQUIRED, *OPTIONAL):
            ability = getattr(learner, name, None)
            if ability is not None:
                setattr(self, name, ability)

    def parts(self) -> Iterable[object]:
        own: Callable[[], Iterable[object]] | None = getattr(self._learner, "parts", None)
        return [self._learner, *(own() if own is not None else ())]


def adapted(learner: Restorable[Any]) -> BaseLearner:
    """Return the learner with every optional ability: itself, if it is a :class:`BaseLearner`."""
    return learner if isinstance(learner, BaseLearner) else _Adapted(learner)  # pyright: ignore[reportAbstractUsage]  (it has them by assignment)


_holders: dict[int, _ModelLock] = {}  # by the id of a part, the first lock on it


class _ModelLock:
    """A lock that reserves the parts of a model for this thread, which may lock them again.

    Two sweeps of a model at once would each train on the changes of the other.
    It is not a ``threading.Lock``, which an interrupt could leave locked: ``dict.setdefault`` tests and sets in one step.
    """

    def __init__(self, parts: Iterable[object]) -> None:
        self._parts = {id(part): part for part in parts}  # references, so that no other object gets the same id
        self._thread = threading.current_thread()

    def acquire(self) -> None:
        for key, part in self._parts.items():
            thread = _holders.setdefault(key, self)._thread  # noqa: SLF001  (of another lock)
            if thread is not self._thread:
                message = (
                    f"The {type(part).__name__} is being swept in the thread {thread.name!r}; wait until that sweep has "
                    "ended, or give this finder a copy."
                )
                raise BusyError(message)

    def release(self) -> None:
        for key in self._parts:
            if _holders.get(key) is self:
                del _holders[key]


class restored(Generic[State]):  # noqa: N801  (read as a function: ``with restored(learner) as state``)
    """Restore the learner at the end of the block, however the block ends.

    A signal that arrives in the block interrupts it as usual. One that arrives during the restore, a Ctrl-C for example,
    waits until the restore is complete. An exception of the block passes through unchanged.

    The value of ``as`` is the state, for further restores inside the block.

    For example::

        with restored(learner) as state:
            for lr in (0.01, 0.1):
                learner.restore(state)
                losses = [float(learner.iteration(lr)) for _ in range(100)]

    Raises:
        BusyError: another thread is sweeping the same model.
        RestoreError: something could not be restored; an exception of the block is then its context.
    """

    def __init__(self, learner: Restorable[State]) -> None:
        require_methods(learner, ("snapshot", "restore"))
        self._learner = learner
        self._claim = _ModelLock([learner, *adapted(learner).parts()])
        # weak, since a cycle would keep the learner and its workers; a WeakMethod has a callback, which can swallow errors
        block = ref(self)
        self._signals = DeferredSignals(lambda frame: (this := block()) is not None and this._leaving(frame))  # noqa: SLF001

    def __enter__(self) -> State:
        try:
            self._claim.acquire()
            self._signals.install()
            self._state = self._snapshot()
            return self._state  # noqa: TRY300  (an interrupt on this line is one of the block's)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self._signals.install()  # again, for handlers that were set in the block
        finally:
            try:
                self._learner.restore(self._state)
                if isinstance(error, RestoreError):
                    error.add_note("lrfinder: the learner was restored at the end.")
            finally:
                try:
                    adapted(self._learner).block_ended(self._state)
                finally:
                    self._leave()

    def _snapshot(self) -> State:
        try:
            return self._learner.snapshot()
        except Exception as error:
            error.add_note("lrfinder: raised while the snapshot was taken, before any iteration.")
            raise

    def _leave(self) -> None:
        self._claim.release()
        self._signals.uninstall()

    def _leaving(self, frame: FrameType | None) -> bool:
        """Return whether ``frame`` was called, directly or indirectly, by the end of this block.

        Reading the stack leaves no gap: an exception raised between the last line of the block and the first of a ``try``
        would skip the restore.
        """
        ends = (restored.__exit__.__code__, restored._leave.__code__)
        while frame is not None:
            if frame.f_code in ends and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False
