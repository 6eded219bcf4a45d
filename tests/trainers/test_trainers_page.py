import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trainers.md").read_text(encoding="utf-8")  # whose code tests/docs runs


def test_every_trainer_has_its_code_on_the_page():
    files = (ROOT / "src" / "lrfinder" / "trainers").glob("*.py")
    trainers = {path.stem for path in files if not path.stem.startswith("_")}
    assert trainers == set(re.findall(r"^from lrfinder\.trainers\.(\w+) import", PAGE, re.MULTILINE))
