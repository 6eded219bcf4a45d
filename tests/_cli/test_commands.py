import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lrfinder import Comparison, Grid, RangeTest, Suggestion, __version__, load
from lrfinder._cli.commands import app

FACTORIES = """
from fake_learners import Bowl, Scripted

created = []

def bowl():
    created.append(Bowl(curvature=100, noise=0.05))
    return created[-1]

class Counted(Bowl):
    def iterations_per_epoch(self):
        return 40

def counted():
    return Counted(curvature=100, noise=0.05)

class Forgets(Bowl):
    def restore(self, state):
        super().restore(state._replace(position=self.position))

    def observe(self):
        return {"parameter: position": self.position}

def forgets():
    created.append(Forgets())
    return created[-1]

def raises():
    raise OSError("no images")

def leaves():
    raise SystemExit(3)

def no_learner():
    return 3

def fails_at_the_third():
    return Scripted([1.0, 0.9, ZeroDivisionError("mine")])

def seeded(seed):
    return bowl()

def hopeless():
    return Scripted([float("nan")] * 200)

number = 3
"""


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train_for_cli.py"
    path.write_text(FACTORIES)
    yield path
    sys.modules.pop("train_for_cli", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_find_shows_the_curve_its_verdict_and_the_rates_of_other_rules(train):
    result = run("find", f"{train}:bowl")
    assert result.exit_code == 0, result.output
    assert "learning rates from 1e-06" in result.output
    assert "Suggested:" in result.output
    assert "Other rules" in result.output


def test_find_writes_the_requested_files(train, tmp_path):
    paths = [tmp_path / name for name in ("r.json", "r.csv", "r.png")]
    result = run("find", f"{train}:bowl", "--json", paths[0], "--csv", paths[1], "--png", paths[2], "--lr-end", "1")
    assert result.exit_code == 0, result.output
    found = load(paths[0])
    assert isinstance(found, RangeTest)
    assert found.settings.lr_end == 1
    assert paths[1].read_text().splitlines()[0] == "iteration,lr,loss"
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    assert all(str(path) in result.output.replace("\n", "") for path in paths)


def test_find_takes_a_number_of_rates(train, tmp_path):
    found = run("find", f"{train}:bowl", "--count", "40", "--lr-end", "0.1", "--json", tmp_path / "r.json")
    assert found.exit_code == 0, found.output
    curve = load(tmp_path / "r.json")
    assert isinstance(curve, RangeTest)
    assert len(curve.lrs) == 40
    refused = run("find", f"{train}:bowl", "--count", "40", "--lr-multiplier", "1.2")
    assert refused.exit_code == 2
    assert "give one" in refused.output


def test_the_learner_is_closed_at_the_end(train):
    run("find", f"{train}:bowl")
    assert [learner.closed for learner in sys.modules["train_for_cli"].created] == [True]


def test_compare_shows_the_table_and_writes_the_comparison(train, tmp_path):
    result = run(
        "compare", f"{train}:bowl", "--lrs", "0.0001, 0.005,0.5", "--iterations", "60", "--json", tmp_path / "c.json"
    )
    assert result.exit_code == 0, result.output
    comparison = load(tmp_path / "c.json")
    assert isinstance(comparison, Comparison)
    assert comparison.lrs.tolist() == [0.0001, 0.005, 0.5]
    assert "0.005 ended lowest" in result.output


def test_suggest_shows_the_probes_and_the_verdict_and_writes_the_requested_files(train, tmp_path):
    paths = [tmp_path / name for name in ("s.json", "s.csv", "s.png")]
    result = run(
        "suggest", f"{train}:bowl", "--horizon", "100", "--max-iterations", "400",
        "--json", paths[0], "--csv", paths[1], "--png", paths[2],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    suggestion = load(paths[0])
    assert isinstance(suggestion, Suggestion)
    assert (suggestion.horizon, suggestion.schedule) == (100, "constant")
    assert suggestion.iterations <= 400
    assert f"{suggestion.lr:.3g} suggested for 100 iterations" in result.output
    assert "lowest" in result.output
    assert "In about 8 of 10 cases the best rate lies between" in " ".join(result.output.split())
    assert len(paths[1].read_text().splitlines()) == 1 + sum(len(probe.losses) for probe in suggestion.probes)
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_suggest_takes_epochs_of_a_learner_that_knows_its_data(train, tmp_path):
    known = run("suggest", f"{train}:counted", "--epochs", "2.5", "--max-iterations", "150", "--json", tmp_path / "s.json")
    assert known.exit_code == 0, known.output
    suggestion = load(tmp_path / "s.json")
    assert isinstance(suggestion, Suggestion)
    assert suggestion.horizon == 100
    for options in ([f"{train}:bowl", "--epochs", "2"], [f"{train}:counted", "--epochs", "2", "--horizon", "300"]):
        refused = run("suggest", *options)
        assert refused.exit_code == 2
        assert "epochs is 2.0, but" in refused.output or "and epochs 2.0" in refused.output


@pytest.mark.parametrize("name", ["cosine", "linear-decay", "warmup-cosine", "warmup-linear"])
def test_suggest_searches_for_each_schedule(train, tmp_path, name):
    run("suggest", f"{train}:bowl", "--schedule", name, "--max-iterations", "150", "--json", tmp_path / "s.json")
    suggestion = load(tmp_path / "s.json")
    assert isinstance(suggestion, Suggestion)
    assert suggestion.schedule.startswith(name.replace("-", "_"))


def test_suggest_knows_the_schedules_by_name(train, tmp_path):
    result = run("suggest", f"{train}:bowl", "--schedule", "one-cycle", "--json", tmp_path / "s.json")
    assert result.exit_code == 0, result.output
    suggestion = load(tmp_path / "s.json")
    assert isinstance(suggestion, Suggestion)
    assert suggestion.schedule == "one_cycle"
    assert suggestion.max_lr == suggestion.lr
    assert "highest rate of that schedule" in " ".join(result.output.split())


def test_suggest_with_few_iterations_shows_the_curve_with_its_rate(train):
    result = run("suggest", f"{train}:bowl", "--max-iterations", "100")
    assert result.exit_code == 0, result.output
    assert "▲ suggested" in result.output
    assert "no probe" in result.output


@pytest.mark.parametrize("command", [["find"], ["suggest"], ["compare", "--lrs", "0.001,0.01"]])
def test_plot_shows_any_result_again(train, tmp_path, command):
    kept = tmp_path / "kept.json"
    run(command[0], f"{train}:bowl", *command[1:], "--json", kept)
    shown = run("plot", kept, "--png", tmp_path / "again.png", "--csv", tmp_path / "again.csv")
    assert shown.exit_code == 0, shown.output
    assert "learning rate" in shown.output
    assert (tmp_path / "again.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "again.csv").stat().st_size > 0


def test_report_writes_a_page_of_several_results(train, tmp_path):
    kept = [tmp_path / "one.json", tmp_path / "other.json"]
    run("find", f"{train}:bowl", "--json", kept[0])
    run("compare", f"{train}:bowl", "--lrs", "0.001,0.01", "--json", kept[1])
    written = run("report", *kept, "-o", tmp_path / "page.html")
    assert written.exit_code == 0, written.output
    page = (tmp_path / "page.html").read_text()
    assert "<title>one · other</title>" in page
    assert f"written: {tmp_path / 'page.html'}" in written.output


def test_results_with_the_same_name_are_distinguished_by_their_folders(train, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        run("find", f"{train}:bowl", "--json", tmp_path / folder / "r.json")
    run("report", tmp_path / "a/r.json", tmp_path / "b/r.json", "-o", tmp_path / "page.html")
    assert f"<h2>{tmp_path}/a/r.json: " in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_the_format_of_a_picture_follows_its_ending(train, tmp_path, ending, begins):
    result = run("find", f"{train}:bowl", "--picture", tmp_path / f"curve.{ending}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / f"curve.{ending}").read_bytes().startswith(begins)


def test_a_terminal_shows_the_curve_during_the_sweep_and_prints_the_same_result(train):
    command = [sys.executable, "-m", "lrfinder", "find", f"{train}:bowl"]
    paths = os.pathsep.join(map(str, (Path(__file__).parents[2] / "src", Path(__file__).parents[1] / "support")))
    runs = [
        subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths, **terminal}, check=True
        )
        for terminal in ({}, {"FORCE_COLOR": "1"})
    ]
    assert runs[0].stderr == ""
    assert "rate 1e-06, loss" in runs[1].stderr
    assert re.sub(r"\x1b\[[0-9;]*m", "", runs[1].stdout) == runs[0].stdout


def test_check_of_a_correct_learner_exits_with_0(train):
    result = run("check", f"{train}:bowl")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Everything is restored")
    assert sys.modules["train_for_cli"].created[0].closed


def test_check_names_what_is_not_restored_and_exits_with_1(train):
    result = run("check", f"{train}:forgets", "--iterations", "5")
    assert result.exit_code == 1
    assert "NO" in result.stdout
    assert "1 thing is not restored: parameter: position." in result.stdout
    assert result.stderr == ""
    assert sys.modules["train_for_cli"].created[0].closed


def test_an_exception_during_a_check_is_reported_in_one_sentence(train):
    result = run("check", f"{train}:fails_at_the_third")
    assert result.exit_code == 1
    assert re.search(r"ZeroDivisionError: mine \(.+\) lrfinder: raised while the learner was checked", result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["find"],
        ["check"],
        ["check", "{train}:bowl", "--iterations", "1"],
        ["find", "{train}:bowl", "--lr-start", "-1"],
        ["find", "{train}:bowl", "--lr-multiplier", "1"],
        ["find", "{train}:bowl", "--lr-start", "1", "--lr-end", "0.5"],
        ["find", "{train}:bowl", "--lr-start", "much"],
        ["find", "{train}:bowl", "--png", "{train}/not/there.png"],
        ["find", "{train}:bowl", "--picture", "curve.jpg"],
        ["report", "{train}"],
        ["report", "-o", "page.html"],
        ["report", "{train}.json", "-o", "page.html"],
        ["report", "{train}", "-o", "{train}/not/there.html"],
        ["suggest"],
        ["suggest", "{train}:bowl", "--horizon", "0"],
        ["suggest", "{train}:bowl", "--max-iterations", "10"],
        ["suggest", "{train}:bowl", "--schedule", "polka"],
        ["compare", "{train}:bowl"],
        ["compare", "{train}:bowl", "--lrs", "a,b"],
        ["compare", "{train}:bowl", "--lrs", "0.1", "--iterations", "0"],
        ["plot", "{train}.json"],
        ["sing"],
    ],
)
def test_a_call_that_is_not_understood_exits_with_2(train, arguments):
    result = run(*(argument.format(train=train) for argument in arguments))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_a_file_that_cannot_be_written_is_reported_before_the_learner_is_created(train):
    run("find", f"{train}:bowl", "--png", train.parent / "no" / "x.png")
    assert "train_for_cli" not in sys.modules


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("{train}", "is a file; give the function that returns a learner as well, as in train_for_cli.py:make_learner"),
        ("{train}:", "'' is not the name of a function"),
        ("{train}:bowl()", "'bowl()' is not the name of a function"),
        ("{train}x:bowl", "is not a file (did you mean {train}?)"),
        ("{folder}/train_for_cli:bowl", "is not a file (did you mean {train}?)"),
        ("{folder}/no/train.py:bowl", "is not a file; give FILE.py:FACTORY"),
        ("{train}:bowls", "has no function 'bowls' (did you mean bowl?); it has bowl, Counted, counted, Forgets"),
        ("{train}:number", "has no function 'number'"),
    ],
)
def test_a_factory_that_does_not_exist_exits_with_2_and_what_is_missing(train, factory, said):
    names = {"train": train, "folder": train.parent}
    result = run("find", factory.format(**names))
    assert result.exit_code == 2
    assert said.format(**names) in result.stderr
    assert "Bowl" not in result.stderr.replace("bowl", "")  # it is imported
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("{train}:raises", "raised OSError: no images ({train}, line {line})."),
        ("{train}:leaves", "raised SystemExit: 3 ("),
        (
            "{train}:no_learner",
            "an object of type int, which is not a learner: it has no iteration, snapshot, restore, close(). Return one",
        ),
        ("{train}:fails_at_the_third", "ZeroDivisionError: mine ("),
        ("{train}:fails_at_the_third", "lrfinder: raised at iteration 2"),
    ],
)
def test_a_failure_exits_with_1_and_one_sentence(train, factory, said):
    result = run("find", factory.format(train=train))
    line = FACTORIES.splitlines().index('    raise OSError("no images")') + 1
    assert result.exit_code == 1
    assert said.format(train=train, line=line) in result.stderr
    assert "Traceback" not in result.output
    assert result.stderr.count("\n") == 1
    assert ("--debug" in result.stderr) is ("no_learner" not in factory)


def test_debug_shows_the_traceback(train):
    result = run("find", f"{train}:fails_at_the_third", "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError: mine" in result.stderr


def test_one_option_writes_files_of_every_kind(train, tmp_path):
    names = ["r.json", "r.csv", "r.png", "r.svg", "r.html", "other"]
    result = run("find", f"{train}:bowl", *(word for name in names for word in ("-o", tmp_path / name)))
    assert result.exit_code == 0, result.output
    begins = [b"{", b"iteration", b"\x89PNG", b"<?xml", b"<!doctype html>", b"{"]
    contents = [(tmp_path / name).read_bytes() for name in names]
    assert [content[: len(start)].lower() for content, start in zip(contents, begins, strict=True)] == [
        start.lower() for start in begins
    ]


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (["-o", "curve.jpg"], "the ending tells what to write"),
        (["-o", "{folder}/r.json", "--json", "{folder}/r.json"], "is named twice"),
        (["-o", "{folder}"], "it is a folder"),
        (["--csv", "{folder}/no/r.csv"], "there is no folder"),
        (["--json", "/dev/fd/99"], "it is not open for writing"),
        (["-o", "-", "--csv", "/dev/stdout"], "is named twice"),
    ],
)
@pytest.mark.parametrize("command", [["find"], ["suggest"], ["compare", "--lrs", "0.1"], ["grid", "--seeds", "1"]])
def test_outputs_are_refused_before_the_learner_is_created(train, command, outputs, said):
    result = run(command[0], f"{train}:bowl", *command[1:], *(text.format(folder=train.parent) for text in outputs))
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "train_for_cli" not in sys.modules


def in_shell(train, line):
    paths = os.pathsep.join(map(str, (Path(__file__).parents[2] / "src", Path(__file__).parents[1] / "support")))
    lrfinder = f"'{sys.executable}' -m lrfinder"
    return subprocess.run(
        ["bash", "-c", line.format(lrfinder=lrfinder, train=train)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}, cwd=train.parent,
    )  # fmt: skip


@pytest.mark.parametrize("output", ["-o -", "--json /dev/stdout", "--json /dev/fd/1"])
@pytest.mark.parametrize("command", ["find {train}:bowl", "grid {train}:seeded --seeds 1"])
def test_a_pipe_gets_the_result_alone_and_the_text_goes_to_standard_error(train, command, output):
    done = in_shell(train, f"{{lrfinder}} {command} {output} | cat > piped.json")
    assert done.stdout == ""
    assert "0.0" in done.stderr
    assert isinstance(load(train.parent / "piped.json"), RangeTest | Grid)


def test_standard_output_that_is_a_file_keeps_what_was_written_before(train):
    done = in_shell(train, "(echo '# mine'; {lrfinder} find {train}:bowl --csv /dev/stdout) > both.csv")
    assert done.returncode == 0, done.stderr
    assert (train.parent / "both.csv").read_text().splitlines()[:2] == ["# mine", "iteration,lr,loss"]


def test_a_process_substitution_and_a_named_pipe_get_the_result(train):
    done = in_shell(
        train,
        "mkfifo named; cat named > from_named & {lrfinder} find {train}:bowl --json named --csv >(cat > table) -o c.json "
        "&& wait && sleep 0.2",
    )
    assert done.returncode == 0, done.stderr
    folder = train.parent
    assert (folder / "from_named").read_bytes() == (folder / "c.json").read_bytes()
    assert (folder / "table").read_text().startswith("iteration,lr,loss")


def test_a_reader_that_leaves_costs_no_file(train):
    in_shell(train, "{lrfinder} find {train}:bowl -o kept.json | true")
    assert isinstance(load(train.parent / "kept.json"), RangeTest)


def test_a_failed_run_leaves_the_old_file(train, tmp_path):
    (tmp_path / "r.json").write_text("old")
    assert run("find", f"{train}:fails_at_the_third", "-o", tmp_path / "r.json").exit_code == 1
    assert (tmp_path / "r.json").read_text() == "old"


@pytest.mark.parametrize("command", [["find"], ["compare", "--lrs", "0.1,0.2", "--iterations", "20"]])
def test_a_result_without_a_rate_is_written_and_exits_with_1(train, tmp_path, command):
    result = run(command[0], f"{train}:hopeless", *command[1:], "-o", tmp_path / "r.json")
    assert result.exit_code == 1
    assert run("plot", tmp_path / "r.json").exit_code == 0


@pytest.mark.parametrize("command", [[], ["find"], ["grid"], ["doctor"]])
def test_help_lists_the_exit_codes(command):
    said = " ".join(run(*command, "--help").output.split())
    assert "1 failed, or there is no rate" in said
    assert "130 interrupted" in said


def test_a_foreign_file_is_refused_in_a_process_of_its_own(tmp_path):
    (tmp_path / "foreign.json").write_text(json.dumps({"loss": [1, 2]}))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-m", "lrfinder", "plot", str(tmp_path / "foreign.json")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "holds no result of lrfinder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_version_is_printed():
    assert run("--version").output == f"lrfinder {__version__}\n"
