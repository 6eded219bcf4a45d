"""MLflow, through a run that the user has started: ``with mlflow.start_run() as run: log(result, run)``."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lrfinder import _optional
from lrfinder.boards.content import content, require

if TYPE_CHECKING:
    from lrfinder._results.results import Result

MOST_AT_ONCE = 1000  # metrics that MLflow takes in one request


def log(result: Result, run: Any, *, name: str = "lrfinder") -> None:
    """Write losses and rates as metrics, what came of it as tags; figure, page and JSON as artifacts, all under ``name``.

    The step is the iteration within the sweep or the probe; parameters of the run are not touched.

    Raises:
        BoardError: ``run`` is none of ``mlflow.start_run()``.
        MissingExtraError: MLflow is not installed.
    """
    mlflow = _optional.require("mlflow", "mlflow")
    require(run, "info", what="the run that mlflow.start_run() returns")
    from lrfinder.views.matplotlib import figure
    from lrfinder.views.report import report_page

    client, run_id, logged, now = mlflow.MlflowClient(), run.info.run_id, content(result), int(time.time() * 1000)
    metrics = [
        mlflow.entities.Metric(f"{name}/{line}", value, now, iteration)
        for line, values in {**logged.lines, **{number: [value] for number, value in logged.numbers.items()}}.items()
        for iteration, value in enumerate(values)
    ]
    for first in range(0, len(metrics), MOST_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[first : first + MOST_AT_ONCE])
    for title, words in logged.words.items():
        client.set_tag(run_id, f"{name}.{title}", words)
    client.log_figure(run_id, figure(result), f"{name}/figure.png")
    client.log_text(run_id, report_page({"": result}), f"{name}/report.html")
    with TemporaryDirectory() as folder:
        result.to_json(Path(folder) / "result.json")
        client.log_artifact(run_id, str(Path(folder) / "result.json"), name)
