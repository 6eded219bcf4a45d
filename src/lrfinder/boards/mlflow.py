"""MLflow, through a run that the user has started: ``with mlflow.start_run() as run: log(result, run)``."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lrfinder import _optional
from lrfinder.boards import require_methods

if TYPE_CHECKING:
    from lrfinder._results.results import Result

METRICS_PER_REQUEST = 1000  # MLflow accepts no more


def log(result: Result, run: Any, *, name: str = "lrfinder") -> None:
    """Log losses and rates as metrics, the outcome as tags, and figure, page and JSON as artifacts, all under ``name``.

    The step is the iteration within the sweep or the training. Parameters of the run are not touched.

    Raises:
        BoardError: ``run`` is not a run of ``mlflow.start_run()``.
        MissingExtraError: MLflow is not installed.
    """
    mlflow = _optional.require("mlflow", "mlflow")
    require_methods(run, "info", expected="the run that mlflow.start_run() returns")
    from lrfinder.views.describe import describe
    from lrfinder.views.matplotlib import figure
    from lrfinder.views.report import report_page

    client, run_id, described, now = mlflow.MlflowClient(), run.info.run_id, describe(result), int(time.time() * 1000)
    numbers = {title: [value] for title, value in described.outcome.items() if not isinstance(value, str)}
    metrics = [
        mlflow.entities.Metric(f"{name}/{title}", value, now, iteration)
        for title, values in {**described.curves(), **numbers}.items()
        for iteration, value in enumerate(values)
    ]
    for first in range(0, len(metrics), METRICS_PER_REQUEST):
        client.log_batch(run_id, metrics=metrics[first : first + METRICS_PER_REQUEST])
    for title, value in {**described.outcome, "in_words": described.verdict()}.items():
        if isinstance(value, str):
            client.set_tag(run_id, f"{name}.{title}", value)
    client.log_figure(run_id, figure(result), f"{name}/figure.png")
    client.log_text(run_id, report_page({"": result}), f"{name}/report.html")
    with TemporaryDirectory() as folder:
        result.to_json(Path(folder) / "result.json")
        client.log_artifact(run_id, str(Path(folder) / "result.json"), name)
