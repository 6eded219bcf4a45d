"""A search in a child process, which never touches what cannot be restored."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import traceback
from typing import TYPE_CHECKING, Any, SupportsFloat
from weakref import WeakSet

from lrfinder.errors import LearnerError
from lrfinder.wrappers import Wrapper

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.gluon.learner import GluonLearner
    from lrfinder.learner import Learner


class IsolatedState:
    """A token that stands for the learner's state in this process."""


class Isolated(Wrapper):
    """A learner that wraps a :class:`GluonLearner` and trains in a forked child as long as a snapshot of it exists.

    For example::

        suggestion = Isolated(learner).suggest(horizon=3000)

    The learner itself never changes, MXNet's own generator included. After ``LRFinder(Isolated(learner)).find()`` a
    training with Dropout continues bit for bit as if the finder had never run. A restore ends the child, and the next
    iteration forks another. Losses are those of the learner, bit for bit; each costs a message between the processes.

    Snapshots do not nest: after an iteration that followed a snapshot, another snapshot is refused.

    Raises:
        LearnerError: the learner is on a GPU or its loader has workers, which a fork does not copy; or the system has no
            fork.
    """

    def __init__(self, learner: GluonLearner) -> None:
        devices = {device for one in learner.net.collect_params().values() for device in one.list_device()}
        workers = getattr(getattr(learner, "data_loader", None), "_num_workers", 0)
        if workers or any(device.device_type != "cpu" for device in devices):
            message = (
                f"The learner is on {sorted(map(str, devices))} and its loader has {workers} workers; a child process can "
                "use neither a GPU nor another's workers. Use the learner itself, or the CPU and num_workers=0."
            )
            raise LearnerError(message)
        if "fork" not in multiprocessing.get_all_start_methods():
            message = "This system has no fork; use the learner itself."
            raise LearnerError(message)
        super().__init__(learner)
        self._states: WeakSet[IsolatedState] = WeakSet()
        self._child: _Child | None = None

    def iteration(self, lr: float) -> SupportsFloat:
        """Train on the next batch at ``lr``, in the child if a snapshot exists; return its mean loss before the update."""
        if not self._states:
            return self.learner.iteration(lr)
        if self._child is None:
            self._child = _Child(self.learner)
        return self._child.iteration(lr)

    def facts(self) -> TrainingFacts | None:
        """Return what the inner learner knows, from the child if there is one: it alone has seen batches."""
        return super().facts() if self._child is None else self._child.call("facts")

    def snapshot(self) -> IsolatedState:
        """Return a token; the state itself is this process."""
        if self._child is not None and self._states:
            message = "Iterations have followed another snapshot of this learner; snapshots of an isolated one do not nest."
            raise LearnerError(message)
        state = IsolatedState()
        self._states.add(state)
        return state

    def restore(self, state: object) -> None:  # noqa: ARG002  (all states are equal)
        """End the child, and so everything that it changed."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def close(self) -> None:
        """End the child, and close the learner."""
        self.restore(IsolatedState())
        super().close()


class _Child:
    """A process forked from this one that trains on request."""

    def __init__(self, learner: Learner[Any]) -> None:
        context: Any = multiprocessing.get_context("fork")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(learner, there), daemon=True)
        self._process.start()
        there.close()

    def iteration(self, lr: float) -> float:
        return float(self.call("iteration", lr))

    def call(self, method: str, *arguments: float) -> Any:
        """Call a method of the learner in the child; return its result, or raise its exception."""
        self._here.send((method, arguments))
        try:
            result, error = self._here.recv()
        except EOFError:
            message = f"The child process ended with code {self._process.exitcode} in the middle of an iteration."
            raise LearnerError(message) from None
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        self._here.close()
        self._process.kill()
        self._process.join()


def _serve(learner: Learner[Any], requests: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes, and the parent ends this one
    while True:
        try:
            method, arguments = requests.recv()
        except EOFError:
            return
        try:
            answer: tuple[Any, Exception | None] = (getattr(learner, method)(*arguments), None)
        except Exception as error:  # noqa: BLE001  (sent to the parent)
            answer = (None, _picklable(error))
        requests.send(answer)


def _picklable(error: Exception) -> Exception:
    """Return the exception with its traceback as a note, or one with its text if it cannot be pickled."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (bytes of the same line)
    except Exception:  # noqa: BLE001  (its own methods may raise anything)
        return LearnerError(f"{type(error).__name__}: {error}")
    return error
