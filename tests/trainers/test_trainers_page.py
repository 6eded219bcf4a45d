import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trainers.md").read_text(encoding="utf-8")  # whose code tests/docs runs


def test_every_trainer_has_its_code_on_the_page():
    shared = {"__init__", "framework", "handing", "standing", "lightning_loop"}
    rooms = {path.stem for path in (ROOT / "src" / "lrfinder" / "trainers").glob("*.py")} - shared
    assert rooms == set(re.findall(r"^from lrfinder\.trainers\.(\w+) import", PAGE, re.MULTILINE))
