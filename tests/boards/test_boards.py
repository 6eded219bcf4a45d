"""Results on boards, through the boards' own packages, without a network."""

import importlib.util
from pathlib import Path

import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl
from fake_learners import Scripted

import lrfinder.boards.mlflow
import lrfinder.boards.tensorboard
import lrfinder.boards.wandb
from lrfinder import LRFinder, MissingExtraError, grid, load
from lrfinder.errors import BoardError
from lrfinder.views.describe import describe


def compared(*rates):
    return LRFinder(Scripted([3.0, 2.0, 1.0])).compare(rates, iterations=3)


RESULTS = {
    "a range test": usual(),
    "a suggestion": suggested(),
    "a comparison": compared(0.1, 0.2),
    "a grid": grid(bowl, weight_decay=[0.0, None], seed=range(2)),
    "nothing": swept([]),
}
every_result = pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)


def test_a_result_without_a_rate_is_logged_with_its_reason():
    assert describe(swept([1.0] * 40)).outcome == {"status": swept([1.0] * 40).suggestion.status, "confidence": "low"}


@pytest.mark.parametrize("board", [lrfinder.boards.tensorboard, lrfinder.boards.mlflow, lrfinder.boards.wandb])
def test_an_object_that_is_not_a_board_is_refused_in_one_sentence(board):
    package = board.__name__.rpartition(".")[2]
    if package != "tensorboard":
        pytest.importorskip(package, reason="the session docs has it")
    with pytest.raises(BoardError, match=r"log\(\) was given None; give"):
        board.log(usual(), None)


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_a_board_that_is_not_installed_is_reported_with_the_command_that_installs_it(package):
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed; the other sessions lack it")
    with pytest.raises(MissingExtraError, match=rf'pip install "lrfinder\[{package}\]"'):
        getattr(lrfinder.boards, package).log(usual(), object())


@pytest.fixture
def writer(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="the session tests has it")
    with tensorboard.SummaryWriter(tmp_path / "logs") as opened:
        yield opened


def seen(writer):
    """Return the log as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    writer.flush()
    return EventAccumulator(str(writer.log_dir)).Reload()


def test_tensorboard_has_the_losses_by_iteration_the_rate_the_words_and_the_figure(writer):
    result = usual()
    lrfinder.boards.tensorboard.log(result, writer)
    board = seen(writer)
    losses = board.Scalars("lrfinder/sweep_loss")
    assert [one.value for one in losses] == pytest.approx(result.losses)
    assert [one.step for one in losses] == list(range(90))
    assert board.Scalars("lrfinder/suggested_lr")[0].value == pytest.approx(result.suggestion.lr)
    assert b"suggested learning rate is" in board.Tensors("lrfinder/in_words/text_summary")[0].tensor_proto.string_val[0]
    assert board.Images("lrfinder/figure")[0].encoded_image_string.startswith(b"\x89PNG")


@every_result
def test_tensorboard_accepts_every_result(writer, result):
    lrfinder.boards.tensorboard.log(result, writer, name="mine")
    assert seen(writer).Tags()["images"] == ["mine/figure"]


@pytest.fixture
def mlflow_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="the session docs has it")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        yield mlflow.MlflowClient(), run


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of MLflow's, about the store of files
def test_mlflow_has_the_losses_by_iteration_the_rate_the_words_and_the_artifacts(mlflow_run, tmp_path):
    client, run = mlflow_run
    result = usual()
    lrfinder.boards.mlflow.log(result, run)
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


@pytest.mark.filterwarnings("ignore::FutureWarning")
@every_result
def test_mlflow_accepts_every_result(mlflow_run, result):
    client, run = mlflow_run
    lrfinder.boards.mlflow.log(result, run, name="mine")
    assert "mine.in_words" in client.get_run(run.info.run_id).data.tags


@pytest.fixture
def wandb_run(tmp_path):
    wandb = pytest.importorskip("wandb", reason="the session docs has it")
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    with wandb.init(project="tests", mode="offline", dir=tmp_path, settings=settings) as run:
        yield run


def test_wandb_has_table_figure_page_and_summary_and_the_runs_step_stays(wandb_run):
    wandb_run.log({"loss": 1.0})
    result = usual()
    lrfinder.boards.wandb.log(result, wandb_run)
    assert wandb_run.step == 1
    wandb_run.log({"loss": 0.9})
    assert wandb_run.step == 2
    assert wandb_run.summary["lrfinder/suggested_lr"] == result.suggestion.lr
    media = {
        path.relative_to(wandb_run.dir).as_posix().rpartition("_1_")[0] for path in Path(wandb_run.dir).rglob("media/**/*.*")
    }
    assert media >= {"media/table/lrfinder/table", "media/images/lrfinder/figure", "media/html/lrfinder/report"}


@every_result
def test_wandb_accepts_every_result(wandb_run, result):
    lrfinder.boards.wandb.log(result, wandb_run, name="mine")
    assert "mine/in_words" in wandb_run.summary.keys()  # noqa: SIM118  (wandb's has no `in`)
