"""Small Lightning trainings for the tests."""

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

WARNINGS = [
    "ignore:.*LeafSpec.*",  # Lightning calls PyTorch's old names
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:Trying to infer the .batch_size.",
    "ignore:.*bfloat16 Automatic Mixed Precision.*",
]


class Net(LightningModule):
    """A module with dropout, BatchNorm, logs, an optional scheduler and two parameter groups."""

    def __init__(self, make_schedulers=None):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
        self.make_schedulers = make_schedulers
        self.losses = []

    def training_step(self, batch, batch_idx):
        inputs, target = batch
        loss = nn.functional.cross_entropy(self.layers(inputs), target)
        self.log("loss", loss, on_step=True, on_epoch=True)
        self.losses.append(float(loss.detach()))
        return loss

    def configure_optimizers(self):
        groups = [{"params": self.layers[:3].parameters(), "lr": 0.005}, {"params": self.layers[3:].parameters()}]
        optimizer = torch.optim.Adam(groups, lr=0.01)
        return optimizer if self.make_schedulers is None else ([optimizer], [self.make_schedulers(optimizer)])


class Manual(Net):
    """A module that steps two optimizers itself."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.layers[:3].parameters(), lr=0.01), torch.optim.SGD(self.layers[3:].parameters(), lr=0.1)


def quiet_trainer(tmp_path, **settings):
    return Trainer(
        **{
            "accelerator": "cpu",
            "max_epochs": 2,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": tmp_path,
            **settings,
        }
    )
