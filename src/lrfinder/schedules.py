"""How the rate moves through a training, as a factor of its highest: functions of the progress, from 0 to 1.

``finder.suggest(schedule=...)`` takes any such function; these are the two that are usual. The wings make their
framework's own schedulers from a suggestion.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]

WARM_UP, FIRST, LAST = 0.3, 1 / 25, 1 / 25e4  # the defaults of torch.optim.lr_scheduler.OneCycleLR


def constant(progress: float) -> float:  # noqa: ARG001  (a schedule is a function of it)
    """The same rate from beginning to end."""
    return 1.0


def one_cycle(progress: float) -> float:
    """Up to the highest rate in the first three tenths, then down to almost nothing, both along half a cosine.

    Source: Smith & Topin 2018 (arXiv 1708.07120), section 3, in the form and with the numbers of PyTorch's ``OneCycleLR``.
    """
    if progress < WARM_UP:
        return _along_cosine(FIRST, 1.0, progress / WARM_UP)
    return _along_cosine(1.0, LAST, (progress - WARM_UP) / (1 - WARM_UP))


def _along_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
