"""Sphinx settings of the API reference; `nox -s docs` builds it into site/api."""

from importlib.metadata import version as installed_version

project = "weft"
author = "the weft contributors"
copyright = "2026, the weft contributors"
release = installed_version("weft")
version = release

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autosummary_generate = False

html_theme = "furo"
html_title = f"weft {release}"
html_show_sphinx = False
