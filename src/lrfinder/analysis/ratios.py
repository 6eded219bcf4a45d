"""The ratios between the rates of several optimizers, which a search keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrfinder.errors import OptimizerError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

STEPS = (0, 1, 10, 100, 1000, 10_000)
"""Updates from now on at which the rates of schedules are compared."""

TOLERANCE = 1e-3  # of the ratio between two schedules, relative


def constant_ratios(rates: Mapping[str, Sequence[float]], reference: Collection[str] = ()) -> dict[str, float]:
    """Return the ratio of each optimizer's rate to the highest of them.

    Args:
        rates: by the name of each optimizer, its rates at the updates of :data:`STEPS`.
        reference: the names of those that may be the highest; all by default.

    Raises:
        OptimizerError: a ratio changes during the training, because schedules have different shapes.
    """
    peaks = {name: max(own) for name, own in rates.items()}
    highest = max(reference or peaks, key=lambda name: peaks[name])
    if peaks[highest] == 0:
        return dict.fromkeys(rates, 1.0)
    shape = np.array(rates[highest]) / peaks[highest]
    for name, own in rates.items():
        if not np.allclose(own, peaks[name] * shape, rtol=TOLERANCE, atol=TOLERANCE * peaks[name]):
            message = (
                f"The ratio between the rates of {highest} and {name} changes during the training, so that no rate stands "
                "for both. Give both a constant rate for the search, or schedules of one shape."
            )
            raise OptimizerError(message)
    return {name: peak / peaks[highest] for name, peak in peaks.items()}
