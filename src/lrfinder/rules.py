"""The rules of other finders, functions ``(lrs, losses) -> lr``, under a short name; see :mod:`lrfinder.analysis.rules`."""

from lrfinder.analysis.rules import RULES, answers, half_edge, minimum, slide, steepest, valley

__all__ = ["RULES", "answers", "half_edge", "minimum", "slide", "steepest", "valley"]
