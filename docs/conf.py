"""How the site is built: `make docs`. Pages are Markdown, the reference is docstrings, the gallery examples that ran."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util import logging
from sphinx_gallery.sorting import FileNameSortKey

import lrfinder

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
DATA = Path(os.environ.get("LRFINDER_DATA", HERE.parents[1] / "shared" / "data"))
REAL_DATA = r"real_"  # in the names of examples that read data sets of that folder
os.environ.setdefault("LRFINDER_DATA", str(DATA))
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("KERAS_BACKEND", "torch")

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

# The reference. A framework that is not installed is mocked: its wing is described all the same.
FRAMEWORKS = ("torch", "jax", "jaxlib", "optax", "keras", "tensorflow", "mxnet", "sklearn", "pandas")
FRAMEWORKS += ("lightning", "transformers", "ignite", "skorch", "fastai", "fastcore", "accelerate")
FRAMEWORKS += ("ray", "dask", "mlflow", "wandb", "tensorboard", "IPython", "safetensors")
autodoc_mock_imports = [name for name in FRAMEWORKS if find_spec(name) is None]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes that a docstring tells are not described a second time
nitpicky = True
# Types in signatures: those of other packages, and aliases, which autodoc shows under names that no page defines.
nitpick_ignore_regex = [("py:.*", r"(?!lrfinder\b).*"), ("py:(class|obj)", r"lrfinder\..*\.[A-Z]\w*")]

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples" / "gallery")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$" if DATA.is_dir() else rf"^(?!.*{REAL_DATA}).*\.py$",  # those that are run, not only shown
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


def take_up_the_rest(app: Sphinx, docname: str, source: list[str]) -> None:
    """List, where index.md says so, the pages that none of its sections names: a new page needs no line anywhere."""
    if docname == "index":
        named = set(re.findall(r"^(?:.*<)?([\w/-]+)>?$", source[0], re.MULTILINE)) | {"index", "gallery/index"}
        rest = sorted(name for name in app.env.found_docs - named if "/" not in name)
        source[0] = source[0].replace("(the rest)", "\n".join(rest))


def every_public_name_has_its_place(_: Sphinx, env: BuildEnvironment) -> None:
    """Warn, which is an error here, of a public name that the reference leaves out."""
    described = set(env.get_domain("py").objects)
    for name in sorted({f"lrfinder.{name}" for name in lrfinder.__all__} - described):
        logging.getLogger(__name__).warning("%s is public and in no page of docs/reference", name)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", take_up_the_rest)
    app.connect("env-check-consistency", every_public_name_has_its_place)
