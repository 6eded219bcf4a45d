"""The pages of the site: their code blocks, the packages that these import, and the nox session that runs them."""

import ast
import os
import re
import shlex
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import dropwhile
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
SETUP = Path(__file__).parent / "doc_setup"  # by page: code that runs before its blocks
SAME_SETUP = {"README": "index"}  # pages that begin with the training of another page

CORE = {"numpy", "matplotlib", "lrfinder", "rich"}
SESSIONS = {
    "tests": {"torch", "sklearn", "pandas"},
    "jax_and_keras": {"jax", "optax", "flax", "equinox", "keras", "torch", "tensorflow"},
    "oldest": {"mxnet"},
    "ecosystem": {
        "torch", "sklearn", "accelerate", "ray",
        "lightning", "transformers", "ignite", "fastai", "skorch", "torch_lr_finder",
    },
    "docs": {"torch", "sklearn", "mlflow", "wandb", "tensorboard"},
}  # fmt: skip
"""The packages of nox sessions, without those of the core. A page runs in the first session that has all of its packages."""
PARTS = {
    "torch": {"torch"},
    "jax": {"jax", "optax"},
    "keras": {"keras"},
    "gluon": {"mxnet"},
    "_cli": {"torch", "sklearn"},
    "boards": {"mlflow", "wandb", "tensorboard"},
}


@dataclass(frozen=True)
class Block:
    language: str  # "" for an indented one
    line: int
    code: str


@dataclass(frozen=True)
class Page:
    path: Path

    def __str__(self):
        return str(self.path.relative_to(ROOT))

    @cached_property
    def blocks(self):
        tokens = MarkdownIt().parse(self.path.read_text(encoding="utf-8"))
        code = [token for token in tokens if token.type in {"fence", "code_block"} and not token.info.startswith("{")]
        return [Block(token.info.strip().split(" ")[0], token.map[0] + 1, token.content) for token in code]

    @property
    def setup(self):
        file = SETUP / f"{SAME_SETUP.get(self.path.stem, self.path.stem)}.py"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @cached_property
    def imports(self):
        """Return the top-level packages that its code needs in addition to those of the core."""
        code = [self.setup, *(block.code for block in self.blocks if block.language == "python")]
        names = {name for source in code for name in _imported(source)}
        parts = {name.split(".")[1] for name in names if name.startswith("lrfinder.")}
        packages = {name.partition(".")[0] for name in names} - CORE - sys.stdlib_module_names
        return packages.union(*(PARTS.get(part, set()) for part in parts))

    @property
    def session(self):
        return next((session for session, packages in SESSIONS.items() if self.imports <= packages), None)

    @property
    def why_not_here(self):
        """Return the reason why the page does not run in this environment, or None."""
        here = os.environ.get("NOX_CURRENT_SESSION")
        if here in SESSIONS and here != self.session:
            return f"it runs in the session {self.session}"
        missing = sorted(name for name in self.imports if not installed(name))
        return f"not installed: {', '.join(missing)}" if missing and here != self.session else None


def installed(name):
    """Return whether a package is installed; ignore folders of tests with the name of a framework, which have no origin."""
    spec = find_spec(name)
    return spec is not None and spec.origin is not None


def _imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "lrfinder")


def commands(block):
    """Return the commands of a shell block as lists of words, without the variables that are set before them."""
    whole = block.code.replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in whole.splitlines()]
    return [[*dropwhile(lambda word: re.match(r"[A-Z_]+=", word), line)] for line in lines if line]


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def words(text):
    """Return the text without its numbers and without repeated spaces, which depend on the width of numbers."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?(e-?\d+)?", "#", text)).strip()


PAGES = [Page(ROOT / "README.md")]
PAGES += [Page(path) for path in sorted((ROOT / "docs").rglob("*.md")) if not {"_build", "gallery"} & set(path.parts)]
