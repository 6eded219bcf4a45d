import os
import shutil
from pathlib import Path

import mlflow
import wandb
from torch.utils.tensorboard import SummaryWriter

import lrfinder
from lrfinder._cli.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
result = finder.find()
suggestion = result.suggestion
result.to_json("adam.json")
shutil.copy("adam.json", "sgd.json")

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
mlflow.set_tracking_uri((Path.cwd() / "runs").as_uri())
mlflow_run = mlflow.start_run()
settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
wandb_run = wandb.init(mode="offline", dir=Path.cwd(), settings=settings)
writer = SummaryWriter("logs")


def after():
    writer.close()
    wandb_run.finish()
    mlflow_run.__exit__(None, None, None)
