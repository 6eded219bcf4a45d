"""``lrfinder demo``: a small convolutional network on scikit-learn's handwritten digits."""

from __future__ import annotations

import math
from contextlib import closing
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lrfinder
from lrfinder._cli.output import consoles, print_written
from lrfinder._optional import require
from lrfinder._results.atomic_file import write_atomically
from lrfinder._sweep import DEFAULTS
from lrfinder.errors import MissingExtraError
from lrfinder.views.describe.comparison import Training, trainings
from lrfinder.views.describe.description import Table
from lrfinder.views.live import progress, view_so_far
from lrfinder.views.terminal import table_view, terminal_view
from lrfinder.views.text import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lrfinder._results.results import Comparison, Result, Suggestion
    from lrfinder.torch import TorchLearner

BUDGET = 650  # iterations of the search
CURVE_ALONE = "curve alone"
AROUND = {"a tenth": 0.1, "a third": 1 / 3, "suggested": 1.0, "three times": 3.0, "ten times": 10.0}  # of the suggested rate
WORTH_SAYING = 1.5  # times the lowest loss, from which a rate within the interval is named


def run_demo(directory: Path, iterations: int) -> None:
    """Tell one story: the range test, the suggestion, a check around it, and what the curve alone would have cost."""
    consoles.out.print("A small convolutional network on 1,797 handwritten digits, SGD with momentum 0.9.")
    with closing(digits_learner()) as learner:
        require("torch", "demo").set_num_threads(1)  # so small a network trains no faster on several
        directory.mkdir(parents=True, exist_ok=True)
        finder = lrfinder.LRFinder(learner)
        _head("The range test: one iteration at each of rising rates.")
        with progress(consoles.err, "range test", len(DEFAULTS.plan().lrs), view_so_far) as advance:
            curve = finder.find(on_record=advance)
        consoles.out.print(terminal_view(curve))
        _write(curve, directory, "range-test")
        _say(curve_in_words(curve.suggestion))
        _head(f"The suggestion, for a training of {iterations} iterations: short trainings at a few rates.")
        with progress(consoles.err, "sweep and probes", BUDGET, view_so_far) as advance:
            suggestion = finder.suggest(iterations, max_iterations=BUDGET, on_record=advance)
        _say(suggestion_in_words(suggestion, curve.suggestion))
        _write(suggestion, directory, "suggestion")
        if suggestion.lr is None:
            return
        rates = rates_to_check(suggestion.lr, curve.suggestion.lr)
        _head(f"The check: {iterations} iterations at each rate, from the same start and on the same batches.")
        with progress(consoles.err, "check", len(rates) * iterations) as advance:
            check = finder.compare(list(rates.values()), iterations, on_record=advance)
        consoles.out.print(table_view(check_table(rates, check)))
        _say(check_in_words(rates, check, suggestion))
        _write(check, directory, "check")


def curve_in_words(rate: Suggestion) -> str:
    """Return what the range test alone suggests, and why a search follows."""
    if rate.lr is None or rate.low is None or rate.high is None:
        return f"From this curve alone there is no suggestion ({rate.status}), so a search follows."
    interval = f"In about 8 of 10 cases the best rate lies between {rate.low:.3g} and {rate.high:.3g}."
    return f"Read from this curve alone, the rate is {rate.lr:.3g}. {interval} Short trainings tell more, and come next."


def suggestion_in_words(suggestion: Suggestion, of_curve: Suggestion) -> str:
    """Return the suggestion, and that it takes the place of the rate that was read from the curve."""
    if suggestion.lr is None or of_curve.lr is None:
        return suggestion.explain()
    return f"{suggestion.explain()} This rate takes the place of {of_curve.lr:.3g}, which was read from the curve alone."


def rates_to_check(lr: float, of_curve: float | None) -> dict[str, float]:
    """Return the rates of the check by their names, in rising order."""
    rates = {name: lr * factor for name, factor in AROUND.items()}
    if of_curve is not None:
        rates[CURVE_ALONE] = of_curve
    return dict(sorted(rates.items(), key=lambda named: named[1]))


def check_table(rates: Mapping[str, float], check: Comparison) -> Table:
    """Return one table: each rate, its name, how its training ended, and how far above the lowest."""
    rows = trainings(check)
    cells = [(number(one.lr), name, number(one.final, digits=3), one.outcome) for name, one in zip(rates, rows, strict=True)]
    window = max(1, check.iterations // 10)
    best = next((place for place, one in enumerate(rows) if one.best), None)
    return Table(("learning\nrate", "", f"mean of\nlast {window}", "above the lowest"), cells, best)


def check_in_words(rates: Mapping[str, float], check: Comparison, suggestion: Suggestion) -> str:
    """Return how the suggested rate did, what the curve alone would have cost, and what the interval does not say."""
    rows = dict(zip(rates, trainings(check), strict=True))
    if check.best is None:
        return "The losses are the same at every rate." if check.is_same else "No training reached its end."
    return " ".join(filter(None, [_of_suggested(rows), _cost(rates, rows, check), _of_interval(rows, suggestion)]))


def _of_suggested(rows: Mapping[str, Training]) -> str:
    suggested, best = rows["suggested"], next(one for one in rows.values() if one.best)
    if suggested.best:
        return f"The suggested rate, {suggested.lr:.3g}, ended lowest."
    if suggested.tied:
        return f"{best.lr:.3g} ended lowest, and the suggested {suggested.lr:.3g} within the noise ({suggested.distance})."
    above = suggested.final - best.final
    if not math.isfinite(above):
        return f"{best.lr:.3g} ended lowest; the suggested {suggested.lr:.3g} did not reach its end."
    return f"{best.lr:.3g} ended lowest; the suggested {suggested.lr:.3g} ended higher {_by(above, suggested, best)}."


def _by(above: float, one: Training, best: Training) -> str:
    """Return a difference of losses, also as a part of the fall of the lowest training."""
    fall = float(one.losses[0]) - best.final
    return f"by {above:.2g}" + (f", which is {above / fall:.2g} of the fall since the beginning" if fall > 0 else "")


def _cost(rates: Mapping[str, float], rows: Mapping[str, Training], check: Comparison) -> str:
    """Return what it would have cost to train at the rate of the curve alone."""
    if CURVE_ALONE not in rows or not math.isfinite(rows["suggested"].final):
        return ""
    alone, names, ends = rows[CURVE_ALONE], list(rates), f"{rows['suggested'].final:.3g}"
    rate = f"The rate of the curve alone, {alone.lr:.3g},"
    if not math.isfinite(alone.final):
        return f"{rate} would have diverged."
    pairs = zip(combinations(names, 2), check.differences, strict=True)
    both, pair = next((both, pair) for both, pair in pairs if {CURVE_ALONE, "suggested"} == set(both))
    order = (pair if both[0] == CURVE_ALONE else pair.turned()).order
    ended = f"it ended at {alone.final:.3g}, the suggested one at {ends}"
    if order is lrfinder.Order.TIE:
        return f"{rate} would have cost nothing here that stands out of the noise: {ended}."
    return f"{rate} would have {'been better here' if order is lrfinder.Order.LOWER else 'cost more here'}: {ended}."


def _of_interval(rows: Mapping[str, Training], suggestion: Suggestion) -> str:
    """Return a sentence about a rate within the interval that ended far above the lowest, if there is one."""
    low, high = suggestion.low or math.nan, suggestion.high or math.nan
    lowest = min(one.final for one in rows.values())
    within = [one for one in rows.values() if low <= one.lr <= high and one.final > WORTH_SAYING * lowest > 0]
    if not within:
        return ""
    worst = max(within, key=lambda one: one.final)
    times = f"{worst.final / lowest:.2g} times as high as the lowest" if math.isfinite(worst.final) else "by diverging"
    return (
        "The interval says where the best rate may lie, and not that all rates in it are as good: "
        f"{worst.lr:.3g} is in it, and ended {times}."
    )


def _head(text: str) -> None:
    consoles.out.print(f"\n{text}\n", style="bold", highlight=False, markup=False)


def _say(text: str) -> None:
    consoles.out.print(f"\n{text}", highlight=False, markup=False)


def _write(result: Result, directory: Path, name: str) -> None:
    from lrfinder.views import matplotlib

    paths = directory / f"{name}.json", directory / f"{name}.png"
    result.to_json(paths[0])
    write_atomically(matplotlib.picture(result, "png"), paths[1])
    print_written(*paths)


def digits_learner(seed: int = 0) -> TorchLearner:
    """Return a learner of 1,797 images, 8 x 8 pixels in 10 classes: two convolutions with batch normalization, SGD.

    Raises:
        MissingExtraError: PyTorch or scikit-learn is not installed.
    """
    pixels, labels = _digits()
    require("torch", "demo")
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from lrfinder.torch import TorchLearner

    torch.manual_seed(seed)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    digits = TensorDataset(images, torch.tensor(labels))
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return TorchLearner(
        model, optimizer, nn.CrossEntropyLoss(), DataLoader(digits, batch_size=64, shuffle=True, drop_last=True)
    )


def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the pixels and labels of scikit-learn's digits, from its file: importing it takes longer than a range test."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        package_name = "scikit-learn"
        raise MissingExtraError.of(package_name, "demo")
    file = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    if not file.is_file():
        return require("sklearn.datasets", "demo").load_digits(return_X_y=True)
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)
