"""Make real results of many kinds, and draw each in every view, for whoever changes a view to look at.

    python docs/specimens.py FOLDER [NAME ...]

Each result is stored in ``FOLDER/NAME.json`` and read from there the next time; delete the file to train again. The names
``cifar`` and ``cifar-check`` need the official binary files of CIFAR-10 in the folder ``LRFINDER_CIFAR10``, and 10 minutes.
The others take two minutes together. With playwright and Chromium the pages become pictures, too.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import shapes
import torch
from matplotlib import pyplot as plt
from rich.console import Console
from torch import nn

import lrfinder
from lrfinder.schedules import one_cycle
from lrfinder.torch import TorchLearner
from lrfinder.views.describe import verdict
from lrfinder.views.report import write_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder._results.results import Result

sys.path.append(str(Path(__file__).parents[1] / "examples"))
COLUMNS = 80  # of the terminal
SCHEMES = "light", "dark"
WIDTHS = 1280, 390  # of the page, in pixels


def mlp(batch_size: int = 64) -> TorchLearner:
    """Return the learner of the README."""
    model = shapes.perceptron()
    return TorchLearner(model, shapes.sgd(model), nn.CrossEntropyLoss(), shapes.digits(batch_size))


def resumed() -> TorchLearner:
    """Return a learner after 150 iterations of training at 0.05."""
    model, loader = shapes.perceptron(), shapes.digits(64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss = nn.CrossEntropyLoss()
    for inputs, labels in islice((batch for _ in range(10) for batch in loader), 150):
        optimizer.zero_grad()
        loss(model(inputs), labels).backward()
        optimizer.step()
    return TorchLearner(model, optimizer, loss, loader)


def cifar() -> TorchLearner:
    """Return the learner of the tutorial of MXNet Gluon, in PyTorch."""
    from cifar10_torch import cifar10_learner

    return cifar10_learner(Path(os.environ["LRFINDER_CIFAR10"]))


def grid() -> Result:
    """Return a grid of two axes and two seeds."""
    from digits_grid import make_learner

    return lrfinder.grid(make_learner, weight_decay=[0.0, 0.01, 0.1], momentum=[0.5, 0.9], seed=[0, 1])


def found(make: Callable[[], Any], **settings: Any) -> Callable[[], Result]:
    """Return a function that runs a range test."""
    return lambda: _finder(make).find(**settings)


def suggested(make: Callable[[], Any], horizon: int = 300, **settings: Any) -> Callable[[], Result]:
    """Return a function that runs a search."""
    return lambda: _finder(make).suggest(horizon, **settings)


def compared(make: Callable[[], Any], lrs: list[float], iterations: int = 300) -> Callable[[], Result]:
    """Return a function that runs a comparison."""
    return lambda: _finder(make).compare(lrs, iterations)


def _finder(make: Callable[[], Any]) -> lrfinder.LRFinder:
    torch.manual_seed(0)
    return lrfinder.LRFinder(make())


SPECIMENS: dict[str, Callable[[], Result]] = {
    "textbook": found(shapes.textbook),
    "mlp": found(mlp),
    "coarse": found(mlp, lr_multiplier=2.0),
    "fine": found(mlp, lr_multiplier=1.02),
    "flat": found(shapes.flat),
    "flat-coarse": found(shapes.flat, lr_multiplier=3.0),
    "late-cliff": found(shapes.late_cliff),
    "negative": found(shapes.negative_loss),
    "noisy": found(shapes.noisy),
    "linear": found(mlp, rates=list(lrfinder.linear(0.005, 1.0, 120))),
    "suggest-350": suggested(mlp, max_iterations=350),
    "suggest-650": suggested(mlp),
    "suggest-1050": suggested(mlp, max_iterations=1050),
    "suggest-low": suggested(shapes.noisy, 1000, max_iterations=200),
    "suggest-none": suggested(shapes.flat, max_iterations=350),
    "suggest-negative": suggested(shapes.negative_loss, max_iterations=650),
    "suggest-resumed": suggested(resumed),
    "suggest-schedule": suggested(mlp, schedule=one_cycle),
    "suggest-curve": suggested(mlp, max_iterations=150),
    "compare": compared(mlp, [0.0125, 0.125, 1.25]),
    "compare-ties": compared(mlp, [0.03, 0.05, 0.08, 0.1, 0.12], 100),
    "grid": grid,
    "cifar": found(cifar),
    "cifar-check": compared(cifar, [0.005, 0.05, 0.5]),
}


def result_of(name: str, folder: Path) -> Result:
    """Return a result from its file, which is written if it is missing."""
    path = folder / f"{name}.json"
    if not path.exists():
        SPECIMENS[name]().to_json(path)
    return lrfinder.load(path)


def draw(name: str, result: Result, folder: Path) -> None:
    """Draw a result as pictures on white and on black, as page, for a notebook, and as text."""
    for scheme, style in zip(SCHEMES, ("default", "dark_background"), strict=True):
        with plt.style.context(style):
            result.plot().figure.savefig(folder / f"{name}-{scheme}.png", dpi=100)
            plt.close("all")
    write_report({"": result}, folder / f"{name}.html")
    (folder / f"{name}-notebook.html").write_text(result._repr_html_())
    with (folder / f"{name}.txt").open("w") as file:
        console = Console(file=file, width=COLUMNS)
        console.print(result)
        console.print(verdict(result), markup=False)


def photograph(names: list[str], folder: Path) -> None:
    """Take pictures of the pages in Chromium, in two widths, in the dark, and on paper."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        with closing(browser):
            page = browser.new_page()
            for name in names:
                page.goto((folder / f"{name}.html").resolve().as_uri())
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 900})
                    page.wait_for_timeout(500)  # until the figures have their new width
                    page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
                page.set_viewport_size({"width": WIDTHS[0], "height": 900})
                page.pdf(path=folder / f"{name}.pdf", format="A4")
                page.goto((folder / f"{name}-notebook.html").resolve().as_uri())
                page.screenshot(path=folder / f"{name}-notebook.png", full_page=True)


def main() -> None:
    """Make the results that are named, or all, and draw them."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(SPECIMENS)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        draw(name, result_of(name, folder), folder)
        print(name, flush=True)
    try:
        photograph(names, folder)
    except ImportError:
        print("no playwright: the pages are not photographed")


if __name__ == "__main__":
    main()
