"""A foreign file is refused, or it is read and can be shown."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from lrfinder import Comparison, RangeTest, Status, Suggestion, load
from lrfinder._cli.commands import app
from lrfinder._results.decoding import BEGINNING
from lrfinder.errors import ResultFileError
from lrfinder.views.describe import verdict
from lrfinder.views.describe.rate import suggestion_in_words
from lrfinder.views.html import html
from lrfinder.views.matplotlib import picture
from lrfinder.views.terminal import terminal_view
from tests._results.test_codec import GOOD

COMPARED = {
    "format": "lrfinder",
    "schema": 1,
    "result": "Comparison",
    "stops": ["MAX_ITERATIONS", "NOT_FINITE"],
    "lrs": [0.1, 1],
    "losses": [[3, 2, 1.5], [3, "inf", "nan"]],
}
SUGGESTED = {
    "format": "lrfinder",
    "schema": 1,
    "result": "Suggestion",
    "status": "OK",
    "lr": 0.1,
    "low": 0.05,
    "high": 0.2,
    "confidence": "low",
    "notes": ["cliff nearby"],
    "iterations": 9,
    "horizon": 300,
    "schedule": "constant",
    "curve": {name: GOOD[name] for name in ("stop", "settings", "lrs", "losses")},
    "probes": [
        {"lr": 0.1, "losses": [3, 2, 1], "stop": "MAX_ITERATIONS"},
        {"lr": 0.4, "losses": [3, "inf"], "stop": "NOT_FINITE"},
    ],
}
OURS = pytest.mark.parametrize("good", [GOOD, COMPARED, SUGGESTED], ids=["range test", "comparison", "suggestion"])
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["nan", "inf", "-inf", "DIVERGED"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(), inner, max_size=5)),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers") / "result.json"


def read_or_refused(place, content):
    """The result, shown in every way there is, or None where the file was refused."""
    place.write_bytes(content)
    try:
        result = load(place)
    except ResultFileError:
        return None
    console = Console(file=io.StringIO(), width=80)  # takes the curve through all that a picture computes
    console.print(terminal_view(result))
    verdict(result)
    assert load(place) == result
    return result


@given(st.binary())
def test_bytes_are_refused(place, content):
    assert read_or_refused(place, content) is None


@given(JSON)
def test_any_other_json_is_refused(place, value):
    assert read_or_refused(place, json.dumps(value).encode()) is None


@OURS
@given(data=st.data())
def test_a_file_cut_short_is_refused(place, good, data):
    whole = json.dumps(good).encode()
    assert read_or_refused(place, whole) is not None
    assert read_or_refused(place, whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@OURS
@given(data=st.data())
def test_a_file_with_a_few_bytes_changed_is_read_or_refused(place, good, data):
    changed = bytearray(json.dumps(good).encode())
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=4)):
        changed[at] = data.draw(st.integers(0, 255))
    read_or_refused(place, bytes(changed))


@st.composite
def replaced(draw, value):
    """The document with one of its parts, at any depth, replaced by some other JSON."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(JSON)
    key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    changed = value.copy()
    changed[key] = draw(replaced(value[key]))
    return changed


@OURS
@given(data=st.data())
def test_a_file_with_a_part_of_another_type_is_read_or_refused(place, good, data):
    read_or_refused(place, json.dumps(data.draw(replaced(good))).encode())


@given(
    lrs=st.lists(st.one_of(st.floats(0, allow_infinity=False), st.sampled_from([0, 5e-324, 1e308]))),
    data=st.data(),
)
def test_any_numbers_that_a_file_may_hold_can_be_shown(place, lrs, data):
    loss = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["nan", "inf", "-inf"]))
    losses = data.draw(st.lists(loss, min_size=len(lrs), max_size=len(lrs)))
    assert read_or_refused(place, json.dumps({**GOOD, "lrs": lrs, "losses": losses}).encode()) is not None


@given(
    rates=st.lists(
        st.one_of(st.floats(0, allow_infinity=False), st.sampled_from([0, 5e-324, 1e308])), min_size=5, max_size=5
    )
)
def test_any_rates_and_losses_of_a_suggestion_can_be_shown(place, rates):
    low, lr, high, *probed = sorted(rates)
    losses = [rates, [*rates, "nan"]]
    probes = [{"lr": at, "losses": of, "stop": "MAX_ITERATIONS"} for at, of in zip(probed, losses, strict=True)]
    document = {**SUGGESTED, "low": low, "lr": lr, "high": high, "probes": probes}
    assert read_or_refused(place, json.dumps(document).encode()) is not None


def changed_in_text(old, new):
    text = json.dumps(GOOD)
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        changed_in_text("[1.0]", "[NaN]"),
        changed_in_text("[1.0]", "[-Infinity]"),
        changed_in_text("[1.0]", "[1e999]"),
        changed_in_text("[0.1]", "[-0.1]"),
        changed_in_text("[0.1]", '["nan"]'),
        changed_in_text('"max_iterations": 3', '"max_iterations": "3"'),
        changed_in_text('"max_iterations": 3', '"max_iterations": true'),
        changed_in_text('"stopping": "x"', '"stopping": ["x"]'),
        changed_in_text('"schema": 1', '"schema": true'),
        changed_in_text('"schema": 1', '"schema": 1.0'),
        changed_in_text('"schema": 1', '"schema": 1, "schema": 1'),
        changed_in_text('"schema": 1', f'"schema": {"[" * 900 + "]" * 900}'),
        changed_in_text("[1.0]", "[" * 950 + "]" * 950),
        json.dumps({**SUGGESTED, "lr": 0.3}),
        json.dumps({**SUGGESTED, "lr": None}),
        json.dumps({**SUGGESTED, "status": "LOW_SIGNAL"}),
        json.dumps({**SUGGESTED, "low": -0.1}),
        json.dumps({**SUGGESTED, "high": "inf"}),
        json.dumps({**SUGGESTED, "confidence": "certain"}),
        json.dumps({**SUGGESTED, "notes": "cliff nearby"}),
        json.dumps({**SUGGESTED, "notes": [1]}),
        json.dumps({**SUGGESTED, "iterations": True}),
        json.dumps({**SUGGESTED, "iterations": -1}),
        json.dumps({**SUGGESTED, "horizon": 10**400}),
        json.dumps({**SUGGESTED, "schedule": 1}),
        json.dumps({**SUGGESTED, "curve": []}),
        json.dumps({**SUGGESTED, "probes": [{"lr": -1, "losses": [1], "stop": "MAX_ITERATIONS"}]}),
        json.dumps({**SUGGESTED, "probes": [{"lr": 0.1, "losses": [1], "stop": "x"}]}),
        json.dumps({**COMPARED, "losses": [[], []]}),
        json.dumps({**COMPARED, "losses": {"0": [1.0], "1": [1.0]}}),
        json.dumps({**COMPARED, "lrs": [], "losses": [], "stops": []}),
    ],
)
def test_values_that_no_result_can_hold_are_refused(place, text):
    place.write_text(text)
    with pytest.raises(ResultFileError):
        load(place)


def test_a_million_records_are_read(place):
    count = 1_000_000
    place.write_text(json.dumps({**GOOD, "lrs": [0.1] * count, "losses": [1.5] * count}))
    assert len(load(place)) == count


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        (b"", "more than 128 MiB, the limit for such files"),
        (b'{"loss": [', "more than 128 MiB, the limit for such files"),
        (BEGINNING, "control characters"),
        (BEGINNING + b', "result": "Grid", "each": "f", "factory": "f", "axes": [["seed", [0]]]}\n', "control characters"),
    ],
)
def test_a_huge_file_of_a_stranger_is_refused_without_reading_it(place, beginning, said):
    place.write_bytes(beginning)
    os.truncate(place, 1 << 34)  # a hole, which takes no room on the disk
    tracemalloc.start()
    try:
        with pytest.raises(ResultFileError, match=said):
            load(place)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
        place.unlink()


def test_a_line_longer_than_any_cell_is_refused_at_its_limit(place):
    with place.open("wb") as file:
        file.write(BEGINNING + b', "result": "Grid", "each": "f", "factory": "f", "axes": [["seed", [0]]]}\n')
        for _ in range(130):
            file.write(b" " * (1 << 20))
    with pytest.raises(ResultFileError, match="a line of more than 128 MiB, the limit for one result"):
        load(place)


def test_files_that_never_end_or_never_begin_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ResultFileError):
            load(tmp_path / name)


def test_folders_and_circular_links_are_errors_of_the_operating_system(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path in (tmp_path, tmp_path / "circle"):
        with pytest.raises(OSError):
            load(path)


HOSTILE = "\x1b]0;title\x07\x1b[31m[bold]<script>alert(1)</script>$\\frac{1}{0}$\u202e\ud800"


def test_text_of_a_foreign_file_reaches_no_view_unescaped(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps({**GOOD, "settings": {**GOOD["settings"], "stopping": HOSTILE}}))
    result = load(tmp_path / "r.json")
    assert isinstance(result, RangeTest)
    assert result.settings.stopping == HOSTILE
    assert "<script" not in html(result)
    assert picture(result, "png").startswith(b"\x89PNG")
    shown = CliRunner().invoke(app, ["plot", str(tmp_path / "r.json")])
    assert shown.exit_code == 0
    assert "\x1b" not in shown.output
    assert "\u202e" not in shown.output


def test_a_note_of_a_foreign_file_reaches_no_view_unescaped(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({**SUGGESTED, "notes": [HOSTILE], "schedule": HOSTILE}))
    result = load(tmp_path / "s.json")
    assert isinstance(result, Suggestion)
    assert result.notes == (HOSTILE,)
    assert "<script" not in html(result)
    assert picture(result, "png").startswith(b"\x89PNG")
    shown = CliRunner().invoke(app, ["plot", str(tmp_path / "s.json")])
    assert shown.exit_code == 0
    assert "\x1b" not in shown.output
    assert "\u202e" not in shown.output


def test_a_note_is_shown_without_control_sequences():
    words = suggestion_in_words(Suggestion(0.1, 0.05, 0.2, "low", Status.OK, (HOSTILE,), 3))
    assert "\\x1b]0;title\\x07" in words
    assert "\x1b" not in words
    words.encode()  # and without what no encoding has


@pytest.mark.parametrize("part", ["stop", "result", "schema", "lrs"])
def test_a_refusal_is_shown_without_control_sequences(tmp_path, part):
    (tmp_path / "\x1b[31m.json").write_text(json.dumps({**GOOD, part: HOSTILE}))
    refused = CliRunner().invoke(app, ["plot", str(tmp_path / "\x1b[31m.json")])
    assert refused.exit_code == 1
    assert "\x1b" not in refused.output


def test_showing_a_result_runs_no_code_from_its_folder(tmp_path):
    for name in ("numpy", "rich", "typer", "matplotlib", "json", "msgspec", "torch", "result", "sitecustomize", "conftest"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()")
    (tmp_path / "result.json").write_text(json.dumps(GOOD))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "lrfinder").write_text(
        "from lrfinder._cli.commands import main; main()"
    )  # as installing it makes one
    done = subprocess.run(
        [sys.executable, "bin/lrfinder", "plot", "result.json", "--png", "result.png"],
        cwd=tmp_path, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result.png").exists()
    assert not (tmp_path / "ran").exists()


def test_a_comparison_of_a_file_has_the_numbers_of_the_file(place):
    result = read_or_refused(place, json.dumps(COMPARED).encode())
    assert isinstance(result, Comparison)
    assert result.best == 0.1
