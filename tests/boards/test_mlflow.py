from pathlib import Path

import pytest
from example_curves import usual

from lrfinder import load
from lrfinder.boards import mlflow as board
from lrfinder.errors import BoardError

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of MLflow's, about the store of files


@pytest.fixture
def mlflow_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="the session docs has it")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        yield mlflow.MlflowClient(), run


def test_an_object_that_is_not_a_run_is_refused_in_one_sentence():
    pytest.importorskip("mlflow", reason="the session docs has it")
    with pytest.raises(BoardError, match=r"log\(\) was given None; give the run that mlflow\.start_run\(\) returns\."):
        board.log(usual(), None)


def test_mlflow_that_is_not_installed_is_reported_with_the_command_that_installs_it(refused_without):
    refused_without("mlflow", board)


def test_mlflow_has_the_losses_by_iteration_the_rate_the_words_and_the_artifacts(mlflow_run, tmp_path):
    client, run = mlflow_run
    result = usual()
    board.log(result, run)
    history = client.get_metric_history(run.info.run_id, "lrfinder/sweep_loss")
    assert [metric.value for metric in sorted(history, key=lambda metric: metric.step)] == result.losses.tolist()
    data = client.get_run(run.info.run_id).data
    assert data.metrics["lrfinder/suggested_lr"] == result.suggestion.lr
    assert data.tags["lrfinder.confidence"] == "low"
    assert data.params == {}
    assert sorted(Path(one.path).name for one in client.list_artifacts(run.info.run_id, "lrfinder")) == [
        "figure.png", "report.html", "result.json",
    ]  # fmt: skip
    kept = client.download_artifacts(run.info.run_id, "lrfinder/result.json", str(tmp_path))
    assert load(kept) == result


def test_mlflow_accepts_every_result(mlflow_run, any_result):
    client, run = mlflow_run
    board.log(any_result, run, name="mine")
    assert "mine.in_words" in client.get_run(run.info.run_id).data.tags
