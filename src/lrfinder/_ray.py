"""The Ray executor. Scheduling, retries and transport are Ray's; Ray is imported when it is first used."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrfinder._optional import require
from lrfinder._search.probes import Probing
from lrfinder.errors import ExecutorError
from lrfinder.executors import Done

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from lrfinder._results.records import Probe
    from lrfinder._search.search import Ask
    from lrfinder.executors import Item, Outcome
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Ray:
    """Cells as Ray tasks, and the probes of a search as calls of Ray actors.

    A connection of the program to Ray that exists already is used as it is, and stays.

    Attributes:
        address: of a cluster, ``"auto"`` for the one that this machine belongs to; ``None`` starts Ray on this machine.
        num_cpus: processors that Ray reserves for each cell or worker; it also sets ``OMP_NUM_THREADS`` to it there, unless
            the environment does.
        num_gpus: accelerators reserved for each, fractions too.
        max_retries: how often Ray begins anew what a lost worker or machine was at.
        workers: how many workers make the probes of a search; ``None`` is as many as there are processors for, 4 at most,
            for a search seldom knows more than that at once.
        runtime_env: what Ray is to bring to its workers (``{"working_dir": "."}``); see Ray's documentation.

    Raises:
        MissingExtraError: when it is used: Ray is not installed.
        ExecutorError: when it is used: no cluster answers at ``address``, or it has not what is to be reserved.
    """

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float = 0
    max_retries: int = 3
    workers: int | None = None
    runtime_env: Mapping[str, Any] | None = None

    def stream(self, work: Callable[[Item], Outcome], items: Sequence[Item]) -> Generator[Done]:
        """See :class:`lrfinder.executors.Executor`."""
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
    def crew(self, factory: Callable[[], Learner[Any]], schedule: Schedule, own: object) -> Generator[RayCrew]:
        """See :class:`lrfinder.executors.Executor`."""
        del own
        with self._connected() as ray:
            settings = {"max_restarts": self.max_retries, "max_task_retries": self.max_retries, **self._resources()}
            actor: Any = ray.remote(**settings)(ProbeWorker)
            actors = [actor.remote(factory, schedule) for _ in range(self._crew_size(ray))]
            try:
                yield RayCrew(ray, actors)
            finally:
                for one in actors:
                    ray.kill(one)

    def _resources(self) -> dict[str, float]:
        return {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus}

    def _crew_size(self, ray: Any) -> int:
        if self.workers is not None:
            return max(1, self.workers)
        has = ray.available_resources()
        room = [has.get(name, 0) / need for name, need in (("CPU", self.num_cpus), ("GPU", self.num_gpus)) if need > 0]
        return max(1, min(MOST_WORKERS, math.floor(min(room, default=MOST_WORKERS))))

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
        """No machine has what a cell is to reserve: Ray would wait for one for ever."""
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
    """Something listens at HOST:PORT. Ray itself would try for minutes."""
    from socket import create_connection

    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    hosts = [host, ray.util.get_node_ip_address()] if host in {"127.0.0.1", "localhost"} else [host]  # as Ray takes them
    for number, at in enumerate(hosts, 1):
        try:
            with create_connection((at, int(port)), timeout=SECONDS_TO_ANSWER):
                return
        except (OSError, OverflowError) as error:
            if number == len(hosts):
                raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> ExecutorError:
    where = "on this machine" if address is None else f"at {address!r}"
    said = str(error).strip().splitlines()
    return ExecutorError(
        f"Ray cannot be reached {where} ({said[0] if said else type(error).__name__}): start a cluster with "
        "`ray start --head`, check the address, or start Ray on this machine (address=None, --ray-address local)."
    )


def _attempt(work: Callable[[Item], Outcome], item: Item) -> tuple[int | None, Outcome]:
    """What runs in a Ray task: the work, and which attempt at it this is, as far as this version of Ray says so."""
    worker: Any = require("ray", "ray").get_runtime_context().worker
    number: Callable[[], int] | None = getattr(worker.core_worker, "get_current_task_attempt_number", None)
    return (None if number is None else number() + 1), work(item)


def _done(ray: Any, ready: Any, number: int, max_retries: int) -> Done:
    try:
        attempts, outcome = ray.get(ready)
    except ray.exceptions.RayError as error:
        early = isinstance(error, ray.exceptions.RayTaskError)  # what a cell raises is part of its outcome
        why = "not begun" if early else f"lost by Ray, which was to retry it {max_retries} times"
        return Done(number, None, None, f"{why}: {_last_line(error)}")
    return Done(number, outcome, attempts)


def _last_line(error: Exception) -> str:
    """Of the many that Ray tells an error in: the last says what was raised."""
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


class ProbeWorker:
    """What runs in a Ray actor: a learner from the factory, and probes from its start."""

    def __init__(self, factory: Callable[[], Learner[Any]], schedule: Schedule) -> None:
        self._learner = factory()
        self._schedule = schedule
        self._start = self._learner.snapshot()
        self._probings: dict[float, Probing] = {}

    def probe(self, ask: Ask, keep: Iterable[float]) -> tuple[Probe, int]:
        """The probe, and how many iterations it took."""
        kept = {*keep, ask.lr}
        self._probings = {lr: one for lr, one in self._probings.items() if lr in kept}
        probing = self._probings.get(ask.lr)
        if probing is None or max(probing.runs.get(ask.lr, ()), default=0) > ask.length:  # it went further than it is asked
            probing = self._probings[ask.lr] = Probing(self._learner, self._start, self._schedule, None)
        before = probing.iterations
        return probing.train(*ask), probing.iterations - before


class RayCrew:
    """Actors that make probes; one that has made a probe also lengthens it, since the end lies there."""

    def __init__(self, ray: Any, actors: list[Any]) -> None:
        self._ray = ray
        self._actors = actors
        self._at: dict[float, int] = {}  # which actor has a rate
        self._running: dict[Ask, Any] = {}
        self._kept: tuple[float, ...] = ()
        self._iterations = 0
        self.size = len(actors)
        self.elsewhere = True

    @property
    def made(self) -> int:
        """See :class:`lrfinder.executors.Crew`; of a probe that still runs, all its iterations."""
        return self._iterations + sum(ask.length for ask in self._running)

    def begin(self, asks: Sequence[Ask]) -> None:
        """See :class:`lrfinder.executors.Crew`."""
        for ask in asks:
            if ask not in self._running and self._idle():
                self._start(ask)

    def probe(self, ask: Ask) -> Probe:
        """See :class:`lrfinder.executors.Crew`."""
        if ask not in self._running:
            self._start(ask)
        try:
            probe, iterations = self._ray.get(self._running[ask])
        except self._ray.exceptions.RayActorError as error:
            message = (
                f"The worker of the probe at the rate {ask.lr:.4g} was lost, and so were those begun in its place: "
                f"{_last_line(error)}"
            )
            raise ExecutorError(message) from error
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        del self._running[ask]
        self._iterations += iterations
        return probe

    def keep(self, lrs: Iterable[float]) -> None:
        """See :class:`lrfinder.executors.Crew`."""
        self._kept = tuple(lrs)

    def _start(self, ask: Ask) -> None:
        idle = self._idle() or list(range(self.size))
        place = self._at.setdefault(ask.lr, idle[0])
        kept = (*self._kept, *(other.lr for other in self._running))
        self._running[ask] = self._actors[place].probe.remote(ask, kept)

    def _idle(self) -> list[int]:
        running = {reference: self._at[ask.lr] for ask, reference in self._running.items()}
        if not running:
            return list(range(self.size))
        _, unready = self._ray.wait(list(running), num_returns=len(running), timeout=0)
        busy = {running[reference] for reference in unready}
        return [place for place in range(self.size) if place not in busy]
