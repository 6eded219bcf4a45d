"""The environments of `make test`. Frameworks that cannot share one get one each; the fewer the better.

Budgets on 2 cores, installation included; the whole run is to stay under 30 minutes:

    lint     2 minutes
    package  2 minutes
    tests    8 minutes, 2 of them the sample of the fuzz in tests/proof
    oldest   2 minutes
    gluon    4 minutes
    jax      4 minutes
    keras    6 minutes, for all three back ends
    trainers 6 minutes
    docs     4 minutes, most of them the gallery's
    report   3 minutes
    distributed  4 minutes
"""

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"

TORCH = "torch==2.13.0"
JAX = ("jax==0.10.2", "optax==0.2.8")
PAGES = "tests/docs"  # the code of the documentation: each session runs the pages of its framework
TESTING = ("pytest>=8", "hypothesis>=6.100")
REPORT = """
import lrfinder, sys
settings = lrfinder.Settings(None, None, None, 1, 0.3, "")
lrfinder.RangeTest((), lrfinder.Stop.DATA_ENDED, settings).report(sys.argv[1])
"""  # it needs what lies beside the code
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # networks of tests are small: a second thread costs more than it does
APART = ("tests/distributed", "tests/trainers")
WITHOUT_TORCH = (*APART, "tests/torch", "tests/proof", "tests/faults", "tests/_cli/test_demo.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types; frameworks are there for their types."""
    session.install("ruff==0.17.6", "pyright[nodejs]==1.1.414", "-e", ".[demo,pandas]", TORCH, *JAX)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("pyright")


@nox.session
def package(session: nox.Session) -> None:
    """Wheel and sdist: built, checked, and installed in an empty environment, where the command line must answer."""
    room = Path(session.create_tmp())
    built, empty = room / "dist", room / "empty"
    shutil.rmtree(built, ignore_errors=True)
    session.install("build", "twine")
    session.run("python", "-m", "build", "--outdir", str(built))
    made = sorted(map(str, built.glob("lrfinder-*")))
    session.run("twine", "check", "--strict", *made)
    for file in made:
        session.run("python", "-m", "venv", "--clear", str(empty))
        session.run(str(empty / "bin" / "pip"), "install", "--quiet", file, external=True)
        for command in ("--version", "doctor", "find --help"):
            session.run(str(empty / "bin" / "lrfinder"), *command.split(), external=True)
        session.run(str(empty / "bin" / "python"), "-c", REPORT, str(room / "page.html"), external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests of one process, with PyTorch."""
    session.install("-e", ".[demo,pandas,tensorboard]", TORCH, *TESTING)
    session.run("pytest", *(f"--ignore={path}" for path in APART), *session.posargs, env=ONE_THREAD)


@nox.session
def oldest(session: nox.Session) -> None:
    """The core on the oldest numpy and matplotlib that it promises, without any framework."""
    if sys.version_info >= (3, 12):
        session.skip("numpy 1.23 has no wheels for Python 3.12 and later")
    # a pyparsing of today warns of what this matplotlib calls, and tests take warnings for errors
    session.install("-e", ".", "numpy==1.23.5", "matplotlib==3.8.4", "pyparsing<3.3", *TESTING)
    session.run("pytest", *(f"--ignore={path}" for path in WITHOUT_TORCH), *session.posargs)


@nox.session
def gluon(session: nox.Session) -> None:
    """The MXNet wing, on the numpy that MXNet needs."""
    if sys.version_info >= (3, 12):
        session.skip("numpy 1.23 has no wheels for Python 3.12 and later")
    session.install("-e", ".[gluon]", "pyparsing<3.3", *TESTING)
    session.run("pytest", "tests/gluon", PAGES, *session.posargs)


@nox.session
def jax(session: nox.Session) -> None:
    """The JAX wing, and the models of Flax and Equinox that go into it."""
    session.install("-e", ".[jax]", *JAX, "flax==0.12.8", "equinox==0.13.8", *TESTING)
    session.run("pytest", "tests/jax", PAGES, *session.posargs)


@nox.session
def keras(session: nox.Session) -> None:
    """The Keras wing, on each back end in turn."""
    session.install("-e", ".[keras]", TORCH, "jax", "tensorflow-cpu", *TESTING)
    for back_end in ("torch", "jax", "tensorflow"):
        session.run("pytest", "tests/keras", PAGES, *session.posargs, env={"KERAS_BACKEND": back_end, **ONE_THREAD})


@nox.session
def docs(session: nox.Session) -> None:
    """The site, any warning an error, its gallery run; and the page on boards."""
    session.install("-e", ".[docs,mlflow,wandb,tensorboard]", TORCH, *TESTING)
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build", env=ONE_THREAD)
    session.run("pytest", PAGES, *session.posargs, env=ONE_THREAD)


@nox.session
def distributed(session: nox.Session) -> None:
    """Several processes, on this machine alone: ranks of one training, grids and searches on Ray."""
    session.install("-e", ".[accelerate,ray]", TORCH, *TESTING)
    session.run("pytest", "tests/distributed", "tests/test_ray.py", PAGES, *session.posargs, env=ONE_THREAD)


@nox.session
def trainers(session: nox.Session) -> None:
    """The trainers on the PyTorch wing."""
    session.install("-e", ".", TORCH, *TESTING)
    session.install(TORCH, "-r", "benchmarks/trainers/requirements.txt")
    session.install("torch-lr-finder==0.2.2")  # for the page on other finders
    session.install("--no-deps", "fastai==2.8.12", "fastdownload", "fastprogress==1.0.3")
    session.run("pytest", "tests/trainers", PAGES, *session.posargs, env=ONE_THREAD)


@nox.session
def report(session: nox.Session) -> None:
    """The report in a real browser (skipped where there is no chromium), results in a notebook and on boards."""
    session.install("-e", ".[pandas,mlflow,wandb,notebook]", "playwright==1.65.2", "nbclient", "ipykernel", *TESTING)
    session.run("pytest", "tests/report", "tests/boards", *session.posargs)
