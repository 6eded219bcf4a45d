"""The picture: regret against steps spent, and the performance profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from figures import Figures, Runs
    from matplotlib.axes import Axes

COLORS = {"ours": "tab:red", "rival": "tab:blue", "control": "tab:gray", "no rate": "tab:green"}
FLOOR = 1e-4  # lower regrets are drawn here
REPEATED = ", repeated"


def draw(runs: Mapping[str, Runs], table: Mapping[str, Figures], file: Path, title: str) -> None:
    """Draw both panels side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 7), layout="constrained")
    _against_steps(left, runs, table)
    _profile(right, runs)
    figure.suptitle(title)
    figure.savefig(file, dpi=80)
    plt.close(figure)


def _against_steps(ax: Axes, runs: Mapping[str, Runs], table: Mapping[str, Figures]) -> None:
    for name, some in table.items():
        color = COLORS[runs[name].kind]
        low, high = max(some.median.value, FLOOR), max(some.p90.value, FLOOR)
        ax.plot([some.steps, some.steps], [low, high], color=color, alpha=0.3)
        ax.plot(some.steps, low, "o", color=color)
        ax.annotate(name, (some.steps, low), xytext=(5, 2), textcoords="offset points", fontsize=7)
    ax.set_xscale("symlog", linthresh=50)
    ax.set_yscale("log")
    ax.set(xlabel="iterations spent", ylabel="regret: median, and up to the 90th percentile", xlim=(-5, None))
    ax.grid(visible=True, alpha=0.3)


def _profile(ax: Axes, runs: Mapping[str, Runs]) -> None:
    """Draw a line for each finder; a finder that repeats another has its color, dotted."""
    names = list(dict.fromkeys(name.removesuffix(REPEATED) for name in runs))
    colors = dict(zip(names, plt.get_cmap("turbo")(np.linspace(0, 1, len(names))), strict=True))
    for name, some in runs.items():
        regrets = np.sort(np.maximum([one.regret for judged in some.by_task.values() for one in judged], FLOOR))
        shares = np.arange(1, len(regrets) + 1) / len(regrets)
        style = ":" if name.endswith(REPEATED) else "-"
        width = 3 if some.kind == "ours" else 1
        color = colors[name.removesuffix(REPEATED)]
        ax.step(regrets, shares, style, where="post", label=name, linewidth=width, color=color)
    ax.set_xscale("log")
    ax.set(xlabel="regret", ylabel="share of runs with at most this regret", xlim=(FLOOR, 1), ylim=(0, 1))
    ax.grid(visible=True, alpha=0.3)
    ax.legend(fontsize=7, ncols=2)
