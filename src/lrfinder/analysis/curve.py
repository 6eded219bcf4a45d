"""The readable part of a curve. NaN, infinities, unordered rates and rates without a logarithm are handled here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LARGEST_LOSS = 1e150  # squares and sums of larger ones would overflow
LOG_DIGITS = 12  # decimal places: rates with the same logarithm count as one, so that no slope divides by zero


class FinitePart(NamedTuple):
    """Two arrays of one length: rising rates above 0, and finite losses."""

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def decades(self) -> float:
        """The span of the rates, in decades."""
        return float(np.log10(self.lrs[-1]) - np.log10(self.lrs[0])) if len(self.lrs) else 0.0


def finite_part(lrs: ArrayLike, losses: ArrayLike) -> FinitePart:
    """Return the curve up to its first NaN or infinite loss, sorted by rate.

    Rates that are not positive and finite have no logarithm and are left out. Losses at the same rate become their mean.

    Raises:
        ValueError: the shapes are not both ``(n,)``.
    """
    rates, values = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if rates.shape != values.shape or rates.ndim != 1:
        message = f"lrs has shape {rates.shape} and losses {values.shape}; a curve needs two sequences of one length."
        raise ValueError(message)
    broken = np.flatnonzero(~np.isfinite(values))
    end = broken[0] if len(broken) else len(values)
    drawable = (rates[:end] > 0) & np.isfinite(rates[:end])
    rates, values = rates[:end][drawable], np.clip(values[:end][drawable], -LARGEST_LOSS, LARGEST_LOSS)
    log_rates = np.round(np.log10(rates), LOG_DIGITS)
    _, first, index, count = np.unique(log_rates, return_index=True, return_inverse=True, return_counts=True)
    return FinitePart(rates[first], np.bincount(index, values, len(first)) / count)
