import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "trainers.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
PACKAGES = {
    "Lightning": "lightning",
    "Hugging Face Transformers": "transformers",
    "Ignite": "ignite",
    "fastai": "fastai",
    "skorch": "skorch",
}


@pytest.mark.filterwarnings("ignore")  # of the packages' own
@pytest.mark.parametrize("name", PACKAGES)
def test_the_code_of_each_section_runs(name, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES[name], reason=f"{name} is not installed")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", SECTIONS[name], re.DOTALL)
    assert blocks
    names = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, f"trainers.md, {name}", "exec"), names)
    assert names["suggestion"].iterations > 20


def test_every_trainer_has_a_section():
    rooms = Path(__file__).parents[2] / "src" / "lrfinder" / "trainers"
    shared = {"__init__", "framework", "handing", "standing", "lightning_loop"}
    assert {path.stem for path in rooms.glob("*.py")} - shared == set(PACKAGES.values())
