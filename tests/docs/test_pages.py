"""Every code block of every page runs; of commands that take minutes, only the options are checked."""

import re
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from doc_pages import PAGES, ROOT, SESSIONS, commands, numbers, words
from typer.testing import CliRunner

from lrfinder._cli.commands import app

MINUTES = {"demo", "grid"}
COLUMNS = 88  # of a code block at 1280 pixels, beside the navigation and the table of contents
TOLERANCE = 0.5  # relative; floats differ between processors
WITH_CODE = [page for page in PAGES if page.blocks]


def param(page):
    """Return the page as a test parameter; warnings of other packages are ignored."""
    others = page.session in {"docs", "ecosystem", "oldest"}
    return pytest.param(page, id=str(page), marks=[pytest.mark.filterwarnings("ignore")] if others else [])


@pytest.mark.parametrize("page", WITH_CODE, ids=str)
def test_every_page_has_an_environment_to_run_in(page):
    assert page.session is not None, f"no session of SESSIONS has all of {sorted(page.imports)}"


@pytest.mark.parametrize("page", WITH_CODE, ids=str)
def test_code_fits_the_width_of_the_site(page):
    lines = [(block.line + k, line) for block in page.blocks for k, line in enumerate(block.code.splitlines(), start=1)]
    assert [(number, line) for number, line in lines if len(line) > COLUMNS] == []


@pytest.mark.parametrize("page", [param(page) for page in WITH_CODE])
def test_the_code_of_a_page_runs_and_prints_what_is_shown(page, tmp_path, monkeypatch):
    if page.why_not_here:
        pytest.skip(page.why_not_here)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    printed = None
    exec(page.setup, names)
    for block in page.blocks:
        if block.language == "python":
            printed = run(block, names, page)
        elif block.language == "text":
            printed = compare(printed, block.code)
        elif block.language in {"", "sh"}:
            for command in commands(block):
                printed = RUNNERS[command[0]](command[1:])
        else:
            pytest.fail(f"{page}:{block.line}: blocks are python, sh or text, not {block.language!r}")
    for name in [name for name in names if name.startswith("test_") or name == "after"]:
        if names[name].__module__ == "page":  # not imported by a star
            names[name]()


def run(block, names, page):
    if file := re.match(r"# (\w+\.py)\n", block.code):
        Path(file[1]).write_text(block.code, encoding="utf-8")
    with redirect_stdout(StringIO()) as printed:
        exec(compile("\n" * block.line + block.code, page.path, "exec"), names)
    return printed.getvalue()


def compare(printed, shown):
    """Compare the output of a block with the next text of the page, in which "…" stands for any number of lines."""
    if printed is None:  # text that follows no code
        return
    assert re.fullmatch(re.escape(words(shown)).replace("…", ".*"), words(printed)), f"printed was:\n{printed}"
    if "…" not in shown:
        assert numbers(printed) == pytest.approx(numbers(shown), rel=TOLERANCE)


def run_lrfinder(arguments):
    if arguments[0] in MINUTES or "--ray-address" in arguments:
        return check_options(arguments)
    result = CliRunner().invoke(app, arguments)
    allowed = {0, 1} if arguments[0] == "check" else {0}  # 1: the page shows a learner that is not restored
    assert result.exit_code in allowed, f"lrfinder {arguments}: {result.output} {result.exception!r}"
    return result.output


def check_options(arguments):
    """Check the options of a command that takes minutes or a cluster; other tests run it."""
    options = {option for option in arguments if option.startswith("--")}
    help_text = CliRunner().invoke(app, [arguments[0], "--help"], env={"COLUMNS": "200"}).output
    assert options <= set(re.findall(r"--[\w-]+", help_text)), help_text


def check_make(arguments):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert arguments[0] in targets


def check_pip(arguments):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in re.findall(r"[\w-]+", "".join(re.findall(r"\[(.*)\]", arguments[-1]))):
        assert name in project["optional-dependencies"]


def check_python(arguments):
    script = (ROOT / arguments[0]).read_text(encoding="utf-8")
    for option in [word for word in arguments if word.startswith("--")]:
        assert f'"{option}"' in script, f"{arguments[0]} has no {option}"


RUNNERS = {
    "lrfinder": run_lrfinder,
    "torchrun": lambda arguments: run_lrfinder(arguments[arguments.index("lrfinder") + 1 :]),  # as one process
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_a_page_that_is_not_on_the_site_leads_somewhere(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("session", SESSIONS)
def test_every_session_that_has_pages_runs_them(session):
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    body = re.search(rf"def {session}\(.*?(?=\n@nox|\Z)", noxfile, re.DOTALL)[0]
    assert "PAGES" in body or "without(" in body  # which runs all of tests/ except the given paths
