"""The Ray executor. Ray does the scheduling, retries and transport; it is imported when it is first used."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrfinder._arguments import given, number, whole
from lrfinder._optional import require
from lrfinder._search.probes import LocalRunner, emit
from lrfinder.errors import ExecutorError
from lrfinder.executors._base import Done
from lrfinder.learner import adapted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from lrfinder._search.trial import Losses, Trial
    from lrfinder._sweep import OnRecord
    from lrfinder.executors._base import Item, Outcome
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Ray:
    """The cells of a grid as Ray tasks, and the trials of a search as calls of Ray actors.

    An existing connection of the program to Ray is used as it is, and stays.

    Attributes:
        address: the address of a cluster, ``"auto"`` for the one that this machine belongs to; ``None`` starts Ray on this
            machine.
        num_cpus: processors that Ray reserves for each cell or worker; it also sets ``OMP_NUM_THREADS`` to it there, unless
            the environment does.
        num_gpus: accelerators reserved for each; fractions are allowed.
        max_retries: how often Ray restarts what a lost worker or machine was working on.
        workers: how many workers train the trials of a search; ``None`` is one for each free processor, at most 4, because
            a search seldom knows more trials than that in advance.
        runtime_env: what Ray brings to its workers (``{"working_dir": "."}``); see Ray's documentation.

    Raises:
        MissingExtraError: when it is used: Ray is not installed.
        ExecutorError: when it is used: no cluster answers at ``address``, or it lacks what is to be reserved.
    """

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float = 0
    max_retries: int = 3
    workers: int | None = None
    runtime_env: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ExecutorError: one is out of range.
        """
        for name in ("num_cpus", "num_gpus"):
            if not 0 <= number(value := getattr(self, name)) < math.inf:
                message = f"{name} is {given(value)}; give a number, 0 or more."
                raise ExecutorError(message)
        whole(
            "max_retries", self.max_retries, -1, "it limits how often lost work starts again, and -1 does not", ExecutorError
        )
        if self.workers is not None:
            whole("workers", self.workers, 1, "it is the number of processes that train trials", ExecutorError)
        if not isinstance(self.address, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  (users pass anything)
            message = f"address is {given(self.address)}; give HOST:PORT as a text, or leave it out."
            raise ExecutorError(message)

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        with self._connected() as ray:
            task: Any = ray.remote(max_retries=self.max_retries, **self._resources())(_attempt)
            shared = ray.put(work)
            running = {task.remote(shared, item): number for number, item in enumerate(items)}
            try:
                while running:
                    (ready,), _ = ray.wait(list(running), num_returns=1)
                    yield _done(ray, ready, running.pop(ready), self.max_retries)
            finally:
                for left in running:
                    ray.cancel(left, force=True)

    @contextmanager
    def runner(
        self, factory: Callable[[], Learner[Any]], schedule: Schedule, on_record: OnRecord | None
    ) -> Generator[RayRunner]:
        with self._connected() as ray:
            settings = {"max_restarts": self.max_retries, "max_task_retries": self.max_retries, **self._resources()}
            actor: Any = ray.remote(**settings)(TrialWorker)
            actors = [actor.remote(factory, schedule) for _ in range(self._pool_size(ray))]
            try:
                yield RayRunner(ray, actors, schedule, on_record)
            finally:
                for one in actors:
                    ray.kill(one)

    def _resources(self) -> dict[str, float]:
        return {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus}

    def _pool_size(self, ray: Any) -> int:
        if self.workers is not None:
            return self.workers
        free = ray.available_resources()
        needs = (("CPU", self.num_cpus), ("GPU", self.num_gpus))
        possible = [free.get(name, 0) / need for name, need in needs if need > 0]
        return max(1, min(MOST_WORKERS, math.floor(min(possible, default=MOST_WORKERS))))

    @contextmanager
    def _connected(self) -> Generator[Any]:
        ray = require("ray", "ray")
        ours = not ray.is_initialized()
        if ours:
            self._connect(ray)
        try:
            self._require_resources(ray)
            yield ray
        finally:
            if ours:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        if self.address is not None:
            _require_answer(ray, self.address)
        local = {"include_dashboard": False} if self.address is None else {"address": self.address}
        runtime_env = None if self.runtime_env is None else dict(self.runtime_env)
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", runtime_env=runtime_env, **local)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
            raise _unreachable(self.address, error) from error

    def _require_resources(self, ray: Any) -> None:
        """Refuse what no machine has: Ray would wait for one forever."""
        machines: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        need = {"CPU": self.num_cpus, "GPU": self.num_gpus}
        if not any(all(machine.get(name, 0) >= some for name, some in need.items()) for machine in machines):
            largest = {name: max((machine.get(name, 0) for machine in machines), default=0) for name in need}
            message = (
                f"Each cell is to have num_cpus={self.num_cpus:g} and num_gpus={self.num_gpus:g}, and no machine of the "
                f"cluster has as much; the largest numbers there are {largest['CPU']:g} and {largest['GPU']:g}."
            )
            raise ExecutorError(message)


MOST_WORKERS = 4
SECONDS_TO_ANSWER = 10.0


def _require_answer(ray: Any, address: str) -> None:
    """Check that something listens at HOST:PORT; Ray itself would try for minutes."""
    from socket import create_connection

    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    hosts = [host, ray.util.get_node_ip_address()] if host in {"127.0.0.1", "localhost"} else [host]  # as Ray takes them
    for tried, at in enumerate(hosts, 1):
        try:
            with create_connection((at, int(port)), timeout=SECONDS_TO_ANSWER):
                return
        except (OSError, OverflowError) as error:
            if tried == len(hosts):
                raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> ExecutorError:
    where = "on this machine" if address is None else f"at {address!r}"
    lines = str(error).strip().splitlines()
    return ExecutorError(
        f"Ray cannot be reached {where} ({lines[0] if lines else type(error).__name__}): start a cluster with "
        "`ray start --head`, check the address, or start Ray on this machine (address=None, --ray-address local)."
    )


def _attempt(work: Callable[[Item], Outcome], item: Item) -> tuple[int | None, Outcome]:
    """Do the work inside a Ray task; return the tried of this attempt, if this version of Ray knows it, and the outcome."""
    worker: Any = require("ray", "ray").get_runtime_context().worker
    tried: Callable[[], int] | None = getattr(worker.core_worker, "get_current_task_attempt_number", None)
    return (None if tried is None else tried() + 1), work(item)


def _done(ray: Any, ready: Any, tried: int, max_retries: int) -> Done:
    try:
        attempts, outcome = ray.get(ready)
    except ray.exceptions.RayError as error:
        early = isinstance(error, ray.exceptions.RayTaskError)  # exceptions of a cell are part of its outcome
        why = "not started" if early else f"lost by Ray, which was to retry it {max_retries} times"
        return Done(tried, None, None, f"{why}: {_last_line(error)}")
    return Done(tried, outcome, attempts)


def _last_line(error: Exception) -> str:
    """Return the last of the many lines of a Ray error, which says what was raised."""
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


class TrialWorker:
    """The work of a Ray actor: a learner from the factory, and trials from its start."""

    def __init__(self, factory: Callable[[], Learner[Any]], schedule: Schedule) -> None:
        learner = adapted(factory())
        self._runner = LocalRunner(learner, learner.snapshot(), schedule, None)

    def run(self, trial: Trial, keep: Iterable[float]) -> tuple[Losses, int]:
        """Return the losses of the trial, and how many iterations were trained for them."""
        self._runner.keep({*keep, trial.lr})
        extra = self._runner.extra_iterations
        losses = self._runner.run([trial])
        return losses, len(losses) - trial.done + self._runner.extra_iterations - extra


class RayRunner:
    """A runner on Ray actors; the actor that trained a trial also lengthens it, because the end state is there."""

    def __init__(self, ray: Any, actors: list[Any], schedule: Schedule, on_record: OnRecord | None) -> None:
        self._ray, self._actors = ray, actors
        self._schedule, self._on_record = schedule, on_record
        self._actor_of: dict[float, int] = {}  # by rate
        self._running: dict[tuple[float, int], Any] = {}  # by rate and length
        self._kept: tuple[float, ...] = ()
        self._surplus = 0

    @property
    def extra_iterations(self) -> int:
        """See :class:`lrfinder._search.probes.Runner`; a trial that still runs counts with its full length."""
        return max(0, self._surplus + sum(length for _, length in self._running))

    def run(self, trials: Sequence[Trial]) -> Losses:
        for trial in trials:
            if trial[:2] not in self._running and (trial is trials[0] or self._idle()):
                self._start(trial)
        trial = trials[0]
        losses, trained = self._result(trial)
        self._surplus += trained - (len(losses) - trial.done)
        emit(trial, losses, self._schedule, self._on_record)
        return losses

    def keep(self, lrs: Iterable[float]) -> None:
        self._kept = tuple(lrs)

    def _start(self, trial: Trial) -> None:
        idle = self._idle() or list(range(len(self._actors)))
        tried = self._actor_of.setdefault(trial.lr, idle[0])
        kept = (*self._kept, *(lr for lr, _ in self._running))
        self._running[trial[:2]] = self._actors[tried].run.remote(trial, kept)

    def _result(self, trial: Trial) -> tuple[Losses, int]:
        try:
            result = self._ray.get(self._running[trial[:2]])
        except self._ray.exceptions.RayActorError as error:
            message = (
                f"The worker of the probe at the rate {trial.lr:.4g} was lost, and so were those started in its place: "
                f"{_last_line(error)}"
            )
            raise ExecutorError(message) from error
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        del self._running[trial[:2]]
        return result

    def _idle(self) -> list[int]:
        """Return the numbers of the actors without work."""
        running = {reference: self._actor_of[lr] for (lr, _), reference in self._running.items()}
        if not running:
            return list(range(len(self._actors)))
        _, unready = self._ray.wait(list(running), num_returns=len(running), timeout=0)
        busy = {running[reference] for reference in unready}
        return [tried for tried in range(len(self._actors)) if tried not in busy]
