"""The one entrance of curves: what is NaN, infinite, unordered or has no logarithm is dealt with here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LARGEST = 1e150  # squares and sums of what lies beyond would overflow
SAME_DIGITS = 12  # of the logarithm: rates that are closer are one, so that slopes do not divide by nothing


class FinitePart(NamedTuple):
    """The part of a curve that can be read: two arrays of one length, the rates rising and above 0, the losses finite."""

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def decades(self) -> float:
        """How many decades of rates it spans."""
        return float(np.log10(self.lrs[-1]) - np.log10(self.lrs[0])) if len(self.lrs) else 0.0


def finite_part(lrs: ArrayLike, losses: ArrayLike) -> FinitePart:
    """The curve up to its first loss (in the order given) that is NaN or infinite, in the order of rising rates.

    Rates that are not above 0, or not finite, have no place on a logarithmic axis and are left out; losses at one and the
    same rate become their mean.

    Args:
        lrs: the rates, shape ``(n,)``.
        losses: the losses, shape ``(n,)``.

    Raises:
        ValueError: the shapes differ, or are not one-dimensional.
    """
    rates, values = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if rates.shape != values.shape or rates.ndim != 1:
        message = f"lrs has shape {rates.shape} and losses {values.shape}; a curve needs two sequences of one length."
        raise ValueError(message)
    broken = np.flatnonzero(~np.isfinite(values))
    end = broken[0] if len(broken) else len(values)
    drawable = (rates[:end] > 0) & np.isfinite(rates[:end])
    rates, values = rates[:end][drawable], np.clip(values[:end][drawable], -LARGEST, LARGEST)
    log_rates = np.round(np.log10(rates), SAME_DIGITS)
    _, first, place, count = np.unique(log_rates, return_index=True, return_inverse=True, return_counts=True)
    return FinitePart(rates[first], np.bincount(place, values, len(first)) / count)
