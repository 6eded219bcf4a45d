"""Configure Sphinx for `make docs`: pages in Markdown, a reference from docstrings, a gallery of examples that run."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging
from sphinx_gallery.sorting import FileNameSortKey

import lrfinder

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
DATA = Path(os.environ.get("LRFINDER_DATA", HERE.parents[1] / "shared" / "data"))
REAL_DATA = r"real_"  # in the names of examples that read data sets from that folder
SHORT_DEFAULTS = {r"<function (\w+)>": r"\1", r"\b1073741824\b": "2**30", r"\((?:[\d.e+-]+, ){5,}[\d.e+-]+\)": "(...)"}
NOT_RUN = """.. admonition:: Not run here

   This example reads a data set that the build of this site did not have, so it has no figures and no output.
   ``LRFINDER_DATA=FOLDER make docs`` runs it.
"""
os.environ.setdefault("LRFINDER_DATA", str(DATA))
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, two threads of a small network wait for each other

project = "lrfinder"
author = copyright = "The lrfinder authors"  # noqa: A001  (Sphinx's name)
version = release = "" if lrfinder.__version__.startswith("0+") else lrfinder.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build"]
suppress_warnings = ["config.cache"]  # the sorting key of the gallery is a class

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "lrfinder"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
pygments_style, pygments_dark_style = "tango", "monokai"

# The reference. A framework that is not installed is mocked, so that the reference still covers its package.
FRAMEWORKS = ("torch", "jax", "jaxlib", "optax", "keras", "tensorflow", "mxnet", "sklearn", "pandas")
FRAMEWORKS += ("lightning", "transformers", "ignite", "skorch", "fastai", "fastcore", "accelerate")
FRAMEWORKS += ("ray", "dask", "mlflow", "wandb", "tensorboard", "IPython")
autodoc_mock_imports = [name for name in FRAMEWORKS if find_spec(name) is None]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_use_rtype = False
napoleon_use_ivar = True  # do not list attributes twice that a docstring describes
nitpicky = True
# Types in signatures: those of other packages, and aliases, which autodoc shows under names without a page.
nitpick_ignore_regex = [("py:.*", r"(?!lrfinder\b).*"), ("py:(class|obj)", r"lrfinder\..*\.[A-Z]\w*")]

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples" / "gallery")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$" if DATA.is_dir() else rf"^(?!.*{REAL_DATA}).*\.py$",  # the examples that run
    "ignore_pattern": r"^$",
    "within_subsection_order": FileNameSortKey,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "capture_repr": (),
    "remove_config_comments": True,
    "matplotlib_animations": False,
}


def list_other_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add to index.md the pages that none of its sections names, so that a new page needs no other change."""
    if docname == "index":
        named = set(re.findall(r"^(?:.*<)?([\w/-]+)>?$", source[0], re.MULTILINE)) | {"index", "gallery/index"}
        rest = sorted(name for name in app.env.found_docs - named if "/" not in name)
        source[0] = source[0].replace("(the rest)", "\n".join(rest))


def shorten_defaults(*arguments: Any) -> tuple[str | None, str | None]:
    """Return a signature with functions by their names, a gibibyte as a power, and a long tuple as an ellipsis."""
    signature, returns = arguments[-2:]
    for pattern, short in SHORT_DEFAULTS.items():
        signature = signature and re.sub(pattern, short, signature)
    return signature, returns


def name_examples_without_data(_: Sphinx, docname: str, source: list[str]) -> None:
    """Say in the examples that read data sets, where the build has none, that they were not run."""
    if not DATA.is_dir() and re.match(rf"gallery/.*{REAL_DATA}", docname):
        source[0] = re.sub(r"(\n=+\n)", rf"\1\n{NOT_RUN}\n", source[0], count=1)


def check_public_names(_: Sphinx, env: BuildEnvironment) -> None:
    """Warn about public names that are missing in the reference; a warning is an error here."""
    described = set(env.get_domain("py").objects)
    for name in sorted({f"lrfinder.{name}" for name in lrfinder.__all__} - described):
        logging.getLogger(__name__).warning("%s is public, but no page of docs/reference describes it", name)


def setup(app: Sphinx) -> None:
    """Connect the handlers; Sphinx calls this."""
    app.connect("source-read", list_other_pages)
    app.connect("source-read", name_examples_without_data)
    app.connect("autodoc-process-signature", shorten_defaults)
    app.connect("env-check-consistency", check_public_names)
