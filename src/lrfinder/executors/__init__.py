"""Executors: where the cells of a grid and the trials of a search run. In this process, or on Ray."""

from lrfinder.executors._base import Done, Executor, InProcess
from lrfinder.executors._ray import Ray

__all__ = ["Done", "Executor", "InProcess", "Ray"]
