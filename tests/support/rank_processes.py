"""Real processes that train together on this machine, over gloo on loopback; each run has a time limit and cleans up.

The processes are forked from a server that has imported PyTorch already, so that a start takes milliseconds. The parent
holds the store at which they meet, as the agent of ``torchrun`` does, so that it outlives every rank.
"""

import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from datetime import timedelta
from multiprocessing.connection import wait
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch", "torch.distributed.tensor", "torch.distributed.fsdp", "lrfinder.torch"])


def error_of(function):
    """Return the class and the text of what a function raises; None if it raises nothing."""
    try:
        function()
    except Exception as error:  # noqa: BLE001  (reported)
        return f"{type(error).__name__}: {error}"
    return None


class Outcome(NamedTuple):
    """The end of one rank: its value, or its error, or its exit code where it has neither."""

    value: Any = None
    error: BaseException | None = None
    traceback: str = ""
    exit_code: int | str | None = None
    seconds: float = 0.0

    @property
    def hung(self):
        return self.exit_code == "time limit"


def run(function, *arguments, ranks=2, limit=60):
    """Call ``function(rank, *arguments)`` in each process of one process group; return the outcomes by rank."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    pipes, processes = [], []
    for rank in range(ranks):
        ours, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_rank, args=(theirs, rank, ranks, store.port, function, arguments))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    started = time.monotonic()
    try:
        outcomes = _collect(pipes, started + limit)
    finally:
        for process in processes:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()
    return [
        outcome if outcome is not None else Outcome(exit_code=process.exitcode)
        for outcome, process in zip(outcomes, processes, strict=True)
    ]


def values(function, *arguments, **settings):
    """Return the value of each rank; raise every other outcome here."""
    outcomes = run(function, *arguments, **settings)
    failures = [
        f"rank {rank}: {outcome.exit_code} {outcome.traceback}"
        for rank, outcome in enumerate(outcomes)
        if outcome.traceback or outcome.exit_code is not None
    ]
    if failures:
        raise AssertionError("\n".join(failures))
    return [outcome.value for outcome in outcomes]


def _collect(pipes, deadline):
    outcomes: list[Any] = [None] * len(pipes)
    open_pipes: dict[Any, int] = dict(zip(pipes, range(len(pipes)), strict=True))
    while open_pipes:
        ready: list[Any] = wait(open_pipes, timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            for rank in open_pipes.values():
                outcomes[rank] = Outcome(exit_code="time limit")
            return outcomes
        for pipe in ready:
            rank = open_pipes.pop(pipe)
            try:
                outcomes[rank] = pipe.recv()
            except EOFError:
                outcomes[rank] = None  # killed, as it sent no outcome
            pipe.close()
    return outcomes


def _rank(pipe, rank, ranks, port, function, arguments):  # noqa: PLR0913, PLR0917  (all that a process needs)
    faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    torch.set_num_threads(1)
    random.seed(rank)
    np.random.seed(rank)
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()}, MASTER_ADDR="127.0.0.1")
    started = time.monotonic()
    store = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=timedelta(seconds=30))
    dist.init_process_group("gloo", store=store, rank=rank, world_size=ranks)
    store.set(f"connected/{rank}", "")
    store.wait([f"connected/{other}" for other in range(ranks)])  # a rank that ends now would break the others' connection
    try:
        outcome = Outcome(function(rank, *arguments))
    except BaseException as error:  # noqa: BLE001  (reported)
        outcome = Outcome(error=error, traceback="".join(traceback.format_exception(error)))
    outcome = outcome._replace(seconds=time.monotonic() - started)
    try:
        pipe.send(outcome)
    except Exception as error:  # noqa: BLE001  (an outcome that cannot be pickled is reported)
        pipe.send(Outcome(error=RuntimeError(repr(outcome.error)), traceback=outcome.traceback + repr(error)))
    pipe.close()
