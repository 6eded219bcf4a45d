from pathlib import Path

import pytest
from example_curves import usual

from lrfinder.boards import wandb as board
from lrfinder.errors import BoardError


@pytest.fixture
def wandb_run(tmp_path):
    wandb = pytest.importorskip("wandb", reason="the session docs has it")
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    with wandb.init(project="tests", mode="offline", dir=tmp_path, settings=settings) as run:
        yield run


def test_an_object_that_is_not_a_run_is_refused_in_one_sentence():
    pytest.importorskip("wandb", reason="the session docs has it")
    with pytest.raises(BoardError, match=r"log\(\) was given None; give the run that wandb\.init\(\) returns\."):
        board.log(usual(), None)


def test_wandb_that_is_not_installed_is_reported_with_the_command_that_installs_it(refused_without):
    refused_without("wandb", board)


def test_wandb_has_table_figure_page_and_summary_and_the_runs_step_stays(wandb_run):
    wandb_run.log({"loss": 1.0})
    result = usual()
    board.log(result, wandb_run)
    assert wandb_run.step == 1
    wandb_run.log({"loss": 0.9})
    assert wandb_run.step == 2
    assert wandb_run.summary["lrfinder/suggested_lr"] == result.suggestion.lr
    media = {
        path.relative_to(wandb_run.dir).as_posix().rpartition("_1_")[0] for path in Path(wandb_run.dir).rglob("media/**/*.*")
    }
    assert media >= {"media/table/lrfinder/table", "media/images/lrfinder/figure", "media/html/lrfinder/report"}


def test_wandb_accepts_every_result(wandb_run, any_result):
    board.log(any_result, wandb_run, name="mine")
    assert "mine/in_words" in wandb_run.summary.keys()  # noqa: SIM118  (wandb's has no `in`)
