import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
NUMBER = r"\d+\.\d+"


def test_the_readmes_code_runs_and_prints_about_what_is_shown(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn", reason="the README's images are scikit-learn's")
    monkeypatch.chdir(tmp_path)
    code, shown = re.search(r"```python\n(.*?)```\n+```text\n(.*?)```", README, re.DOTALL).groups()
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.sub(NUMBER, "#", printed) == re.sub(NUMBER, "#", shown)
    rates, expected = ([float(number) for number in re.findall(NUMBER, text)] for text in (printed, shown))
    assert rates == pytest.approx(expected, rel=0.5)  # floats differ between processors
    assert (tmp_path / "suggestion.png").is_file()
