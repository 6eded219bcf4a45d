"""The environments of `make test`. Frameworks that cannot share one get one each; the fewer the better.

Budgets on 2 cores, installation included; the whole run is to stay under 30 minutes:

    lint     2 minutes
    tests    8 minutes, 2 of them the sample of the fuzz in tests/proof
    oldest   2 minutes
    gluon    4 minutes
"""

import sys

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"

TORCH = "torch==2.13.0"
TESTING = ("pytest>=8", "hypothesis>=6.100")
WITHOUT_TORCH = ("tests/torch", "tests/proof", "tests/test_demo.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types; torch is there for its types."""
    session.install("ruff==0.17.6", "pyright[nodejs]==1.1.414", "-e", ".[demo,pandas]", TORCH)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("pyright")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with PyTorch."""
    session.install("-e", ".[demo,pandas]", TORCH, *TESTING)
    session.run("pytest", *session.posargs)


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
    session.run("pytest", "tests/gluon", *session.posargs)
