"""Kill this process in the middle of its finder: ``python killed_script.py VERB SIGNAL WORKERS``."""

import os
import signal
import sys

from faulty_training import Training
from torch.utils.data import DataLoader

verb, number, workers = sys.argv[1], signal.Signals[sys.argv[2]], int(sys.argv[3])
records = []


def kill_at_the_third(record):
    records.append(record)
    if len(records) == 3:
        sys.stdout.write("in the middle\n")
        sys.stdout.flush()
        os.kill(os.getpid(), number)


training = Training(data=lambda training: DataLoader(training.samples, 8, shuffle=True, num_workers=workers))
training.on_record = kill_at_the_third
getattr(training, verb)()
