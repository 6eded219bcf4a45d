"""The checkpoint file of a search: an interrupted search continues from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lrfinder._results.atomic_file import append, write_atomically
from lrfinder._results.codec import HEAD, as_line, as_lines, document_of, probe_document
from lrfinder._results.decoding import probe_of, reading, result_of
from lrfinder._results.records import Probe
from lrfinder._results.results import RangeTest
from lrfinder._search.probes import emit
from lrfinder._search.trial import stop_of
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from lrfinder._results.codec import Document
    from lrfinder._search.probes import Runner
    from lrfinder._search.trial import Losses, Trial
    from lrfinder._sweep import OnRecord
    from lrfinder.schedules import Schedule


class Checkpoint:
    """The sweep and the finished trials of one search, one per line of a file.

    Args:
        path: the file; where it exists, its contents are read.
        settings: what identifies the search, as JSON can hold it.

    Attributes:
        curve: the sweep, where an earlier run stored it.

    Raises:
        ResultFileError: the file holds something else than the first part of this search.
    """

    def __init__(self, path: str | PathLike[str], settings: Mapping[str, object]) -> None:
        self._path, self._settings = Path(path), dict(settings)
        self._losses: dict[tuple[float, int], Losses] = {}
        self.curve: RangeTest | None = None
        if self._path.exists():
            with reading(self._path) as (head, lines):
                self._require_same(head)
                self._read(lines)

    def losses_of(self, trial: Trial) -> Losses | None:
        """Return the losses of a trial that an earlier run finished."""
        return self._losses.get((trial.lr, trial.length))

    def wrap(self, runner: Runner, schedule: Schedule, on_record: OnRecord | None) -> Runner:
        """Return a runner that trains no trial of this file again, and appends all others to it."""
        return CheckpointRunner(runner, self, schedule, on_record)

    def store_sweep(self, curve: RangeTest) -> None:
        """Store the sweep: the file begins with it."""
        head = {**HEAD, "result": "Search", "asked": self._settings}
        trials = [_line(lr, length, losses) for (lr, length), losses in self._losses.items()]
        write_atomically(as_lines([head, document_of(curve), *trials]), self._path)

    def store(self, trial: Trial, losses: Losses) -> None:
        """Append a finished trial."""
        append(as_line(_line(trial.lr, trial.length, losses)), self._path)

    def remove(self) -> None:
        """Remove the file: the search has ended."""
        self._path.unlink(missing_ok=True)

    def _require_same(self, head: Document) -> None:
        if head.get("result") != "Search":
            message = f"{self._path} holds a {head.get('result')!s:.40} and no part of a search; give another path."
            raise ResultFileError(message)
        stored = dict(head["asked"])
        differing = [name for name, value in self._settings.items() if stored.get(name) != value]
        if differing:
            message = (
                f"{self._path} holds the first part of a search with another {', '.join(differing)}; resume that one, give "
                "another path, or remove the file."
            )
            raise ResultFileError(message)

    def _read(self, lines: Iterable[Document]) -> None:
        curve, *trials = map(dict, lines)
        sweep = result_of(curve)
        if not isinstance(sweep, RangeTest):
            raise TypeError(type(sweep).__name__)
        self.curve = sweep
        self._losses = {(float(line["probe"]["lr"]), int(line["length"])): probe_of(line["probe"]).losses for line in trials}


class CheckpointRunner:
    """A runner that wraps a runner: a trial that is in the file is not trained again, all others are appended to it."""

    def __init__(self, runner: Runner, checkpoint: Checkpoint, schedule: Schedule, on_record: OnRecord | None) -> None:
        self._runner, self._checkpoint = runner, checkpoint
        self._schedule, self._on_record = schedule, on_record

    @property
    def extra_iterations(self) -> int:
        return self._runner.extra_iterations

    def run(self, trials: Sequence[Trial]) -> Losses:
        trial, stored = trials[0], self._checkpoint.losses_of(trials[0])
        if stored is not None:
            emit(trial, stored, self._schedule, self._on_record)
            return stored
        losses = self._runner.run([one for one in trials if self._checkpoint.losses_of(one) is None])
        self._checkpoint.store(trial, losses)
        return losses

    def keep(self, lrs: Iterable[float]) -> None:
        self._runner.keep(lrs)


def _line(lr: float, length: int, losses: Losses) -> Document:
    return {"length": length, "probe": probe_document(Probe(lr, losses, stop_of(losses, length)))}
