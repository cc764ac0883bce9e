"""Sphinx settings of the API reference; `nox -s docs` builds it into site/api."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for our extensions beside this file

project = "weft"
author = "the weft contributors"
copyright = "2026, the weft contributors"
release = installed_version("weft")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "formulas",
    "sections",
    "signatures",
]
exclude_patterns = ["_build"]
templates_path = ["templates"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
# A method that overrides another and has nothing to add is described once, where it is defined.
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"weft {release}"
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "guide-link.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
