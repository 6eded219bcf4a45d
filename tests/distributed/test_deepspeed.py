"""A DeepSpeed engine without sharded parameters (ZeRO stages 0 and 1), through ``from_step``; in a process of its own."""

import importlib.util
import subprocess
import sys

import pytest

if importlib.util.find_spec("deepspeed") is None:
    pytest.skip("deepspeed is not installed", allow_module_level=True)

SCRIPT = """
import os, sys
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29617", DS_ACCELERATOR="cpu",
                  RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
import deepspeed, torch
from torch import nn
import lrfinder
from lrfinder.torch import TorchLearner

stage = int(sys.argv[1])
deepspeed.init_distributed("gloo")
inputs = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
data = list(zip(inputs.split(8), (inputs.sum(1) > 0).long().split(8)))


def engine_and_optimizer():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    config = {"train_micro_batch_size_per_gpu": 8, "zero_optimization": {"stage": stage}, "gradient_clipping": 1.0,
              "zero_allow_untested_optimizer": True}
    return deepspeed.initialize(model=net, optimizer=torch.optim.AdamW(net.parameters(), lr=0.01), config=config)[:2]


def trained(engine, batch):
    loss = nn.functional.cross_entropy(engine(batch[0]), batch[1])
    engine.backward(loss)
    engine.step()
    return loss


def losses(engine):
    torch.manual_seed(5)
    return [trained(engine, batch).item() for batch in data]


engine, optimizer = engine_and_optimizer()
learner = TorchLearner.from_step(
    lambda batch: trained(engine, batch), data,
    modules=[engine.module], optimizers=[getattr(optimizer, "optimizer", optimizer)], stateful=[engine, optimizer],
)
with lrfinder.restored(learner) as start:
    first = [float(learner.iteration(0.01)) for _ in range(6)]
    learner.restore(start)
    assert [float(learner.iteration(0.01)) for _ in range(6)] == first
assert len(learner.find(max_iterations=40)) == 40
assert engine.global_steps == engine.micro_steps == 0
assert losses(engine) == losses(engine_and_optimizer()[0])
print("as if there had been no search")
"""


@pytest.mark.parametrize("stage", [0, 1])
def test_time_repeats_and_a_search_leaves_no_trace(stage):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(stage)], capture_output=True, text=True, check=False)
    assert "as if there had been no search" in done.stdout, done.stderr[-2000:]
