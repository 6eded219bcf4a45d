"""The sessions of `make test` and `make check`: `nox --list` shows them, `nox --session tests` runs one.

As many sessions run at a time as there are processors. Frameworks that can be installed together share an environment.
Budgets in minutes on one processor, installation from a warm download cache included; on two processors the whole run takes
at most 25:

    tests           14
    jax_and_keras    8
    ecosystem       13
    docs             4
    oldest           4
    core             2, for each version of Python
    lint             2
    package          1

Two more run every week, and when they are named: `dependencies` (6) and `extras` (25).
"""

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.allow_parallel = True
nox.options.error_on_missing_interpreters = False  # the core is tested on those versions of Python that are installed
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))  # it keeps most of its interpreters off the path
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, sorted(PYENV.glob("versions/*/bin")))])

TORCH = "torch==2.13.0"
JAX = ("jax==0.10.2", "optax==0.2.8")
FOREIGN_STATE = ("torchao==0.18.0", "pytorch_optimizer==4.1.0", "peft==0.21.2")  # state in classes of their own
TESTING = ("pytest>=8", "hypothesis>=6.100")
PAGES = "tests/docs"  # a session runs those pages of the documentation that need its packages
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # the networks of tests are so small that a second thread slows them down
SEVERAL_PROCESSES = ("tests/distributed", "tests/trainers")
WITH_FRAMEWORKS = (*SEVERAL_PROCESSES, "tests/torch", "tests/proof", "tests/faults", "tests/_cli/test_demo.py")
WRITE_REPORT = """
import lrfinder, sys
settings = lrfinder.Settings(None, None, None, 1, 0.3, "")
lrfinder.RangeTest((), lrfinder.Stop.DATA_ENDED, settings).report(sys.argv[1])
"""  # it needs the scripts and styles in the package

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
PURE = ("rich", "typer")  # dependencies whose oldest versions install on any Python; the others need wheels of that time
USES = {
    "torch": "import lrfinder.torch",
    "jax": "import lrfinder.jax",
    "keras": "import lrfinder.keras",
    "gluon": "import lrfinder.gluon",
    "lightning": "from lrfinder.trainers.lightning import LightningLearner",
    "transformers": "from lrfinder.trainers.transformers import TrainerLearner",
    "ignite": "from lrfinder.trainers.ignite import EngineLearner",
    "fastai": "from lrfinder.trainers.fastai import FastaiLearner",
    "skorch": "from lrfinder.trainers.skorch import SkorchLearner",
    "pandas": "import lrfinder, pandas",
    "ray": "import lrfinder.executors, ray",
    "accelerate": "import lrfinder.torch, accelerate",
    "notebook": "import lrfinder.views.live, IPython",
    "tensorboard": "import lrfinder.boards.tensorboard, tensorboard",
    "mlflow": "import lrfinder.boards.mlflow, mlflow",
    "wandb": "import lrfinder.boards.wandb, wandb",
    "demo": "import lrfinder._cli.demo, torch, sklearn",
}
"""By extra: a line that must run where nothing else is installed."""


def install(session: nox.Session, *packages: str) -> None:
    """Install packages without compiling them: Python compiles the few modules that it imports."""
    session.install("--no-compile", *packages)


def without(*paths: str) -> list[str]:
    """Return the options of pytest that leave out some tests."""
    return [f"--ignore={path}" for path in paths]


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests of one process, with PyTorch, and print the branch coverage."""
    install(session, "-e", ".[demo,pandas,tensorboard]", TORCH, *TESTING, "coverage>=7.10")
    session.run("coverage", "run", "-m", "pytest", *without(*SEVERAL_PROCESSES), *session.posargs, env=ONE_THREAD)
    session.run("coverage", "report")


@nox.session
def jax_and_keras(session: nox.Session) -> None:
    """Test JAX with models of Flax and Equinox, then Keras on each of its backends."""
    frameworks = (*JAX, "flax==0.12.8", "equinox==0.13.8", TORCH, "tensorflow-cpu")
    install(session, "-e", ".[jax,keras]", *frameworks, *TESTING)
    session.run("pytest", "tests/jax", *session.posargs)
    for backend in ("torch", "jax", "tensorflow"):
        session.run("pytest", "tests/keras", PAGES, *session.posargs, env={"KERAS_BACKEND": backend, **ONE_THREAD})


@nox.session
def ecosystem(session: nox.Session) -> None:
    """Test the trainers on PyTorch, and ranks and Ray in several processes of this machine."""
    trainers = ("-r", "benchmarks/trainers/requirements.txt", "torch-lr-finder==0.2.2")  # the last for a page
    install(session, "-e", ".[accelerate,ray]", TORCH, *trainers, *FOREIGN_STATE, *TESTING)
    install(session, "--no-deps", "fastai==2.8.12", "fastdownload", "fastprogress==1.0.3")
    session.run("pytest", *SEVERAL_PROCESSES, PAGES, *session.posargs, env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, with warnings as errors; test reports in Chromium (where there is one), in notebooks and on boards."""
    browser = ("playwright==1.65.2", "nbclient", "ipykernel")
    install(session, "-e", ".[docs,pandas,mlflow,wandb,tensorboard,notebook]", TORCH, *browser, *TESTING)
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build", env=ONE_THREAD)
    session.run("pytest", "tests/report", "tests/boards", PAGES, *session.posargs, env=ONE_THREAD)


@nox.session
def oldest(session: nox.Session) -> None:
    """Test the core on the oldest numpy and matplotlib that it supports, and Gluon, which needs that numpy."""
    if sys.version_info >= (3, 12):
        session.skip("numpy 1.23 has no wheels for Python 3.12 and later")
    # newer versions of pyparsing warn about calls of this matplotlib, and tests treat warnings as errors
    install(session, "-e", ".[gluon]", "numpy==1.23.5", "matplotlib==3.8.4", "pyparsing<3.3", *TESTING)
    session.run("pytest", *without(*WITH_FRAMEWORKS), *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13"])
def core(session: nox.Session) -> None:
    """Test the core without any framework, on each supported version of Python that is installed."""
    install(session, "-e", ".", *TESTING)
    session.run("pytest", *without(*WITH_FRAMEWORKS), *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types; pyright needs the frameworks for their types."""
    install(session, "ruff==0.17.6", "pyright[nodejs]==1.1.414", "-e", ".[demo,pandas]", TORCH, *JAX, *TESTING)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("pyright")
    session.run("pyright", "--project", "tests")


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist; check each and install it in an empty environment, where the command line must answer."""
    folder = Path(session.create_tmp())
    dist, empty = folder / "dist", folder / "empty"
    shutil.rmtree(dist, ignore_errors=True)
    install(session, "build", "twine")
    session.run("python", "-m", "build", "--outdir", str(dist))
    archives = sorted(map(str, dist.glob("lrfinder-*")))
    session.run("twine", "check", "--strict", *archives)
    for archive in archives:
        session.run("python", "-m", "venv", "--clear", str(empty))
        session.run(str(empty / "bin" / "pip"), "install", "--no-compile", "--quiet", archive, external=True)
        for command in ("--version", "doctor --import", "find --help"):
            session.run(str(empty / "bin" / "lrfinder"), *command.split(), external=True)
        session.run(str(empty / "bin" / "python"), "-c", WRITE_REPORT, str(folder / "page.html"), external=True)


@nox.session(python=["3.11", "3.12", "3.13"], default=False)
def dependencies(session: nox.Session) -> None:
    """Run the README from the wheel with the newest dependencies, with each as old as promised, and with all of them so.

    The oldest versions are those of pyproject.toml. For another PyTorch: `nox --session dependencies -- torch==2.4.0`.
    """
    wheel = build_wheel(session)
    pinned = [name for name in PROJECT["dependencies"] if session.python == "3.11" or name.startswith(PURE)]
    for old in ([], *([name] for name in pinned), pinned):
        newest = [name for name in PROJECT["dependencies"] if name not in old]
        oldest = [f"{name.replace('>=', '==')}.*" for name in old]
        session.log("the oldest: %s", ", ".join(oldest) or "none")
        torch = session.posargs or [TORCH]
        install(session, "--upgrade", "--only-binary=:all:", wheel, *newest, *oldest, *torch, *TESTING, "markdown-it-py")
        # the newest of their own dependencies warn about calls of the oldest
        options = ("-W", "ignore::DeprecationWarning", "-k", "README or start")
        session.run("pytest", *options, "tests/docs/test_pages.py", env=ONE_THREAD)


@nox.session(default=False)
def extras(session: nox.Session) -> None:
    """Install the wheel alone, then with each extra, in an empty environment; `nox --session extras -- jax ray` for some."""
    wheel, empty = build_wheel(session), Path(session.create_tmp()) / "empty"
    for extra in session.posargs or ["", *sorted(PROJECT["optional-dependencies"].keys() - {"docs", "dev"})]:
        packages = [f"{wheel}[{extra}]" if extra else wheel, *(["jax"] if extra == "keras" else [])]  # a backend of Keras
        if any(name.startswith("torch>") for name in PROJECT["optional-dependencies"].get(extra, [])):
            packages.append(TORCH)
        session.run("python", "-m", "venv", "--clear", str(empty))
        session.run(str(empty / "bin" / "pip"), "install", "--no-compile", "--quiet", *packages, external=True)
        backend = {"KERAS_BACKEND": "jax"}
        session.run(str(empty / "bin" / "python"), "-c", USES.get(extra, "import lrfinder"), external=True, env=backend)
        session.run(str(empty / "bin" / "lrfinder"), "doctor", "--import", external=True, env=backend)
    shutil.rmtree(empty)


def build_wheel(session: nox.Session) -> str:
    """Build the wheel of this working tree, and return its path."""
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    install(session, "build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder))
    return str(next(folder.glob("*.whl")))
