from pathlib import Path

import lrfinder
from lrfinder._cli.demo import digits_learner

Path("train.py").write_text("from lrfinder._cli.demo import digits_learner as make_learner\n", encoding="utf-8")
for name in ("adam.json", "sgd.json"):
    lrfinder.LRFinder(digits_learner()).find(max_iterations=40).to_json(name)
