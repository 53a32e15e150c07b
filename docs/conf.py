"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from build_reference import write_reference

import recoverymetrics as rm

project = "recoverymetrics"
copyright = "2026, the recoverymetrics contributors"
version = release = rm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
]
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "dollarmath"]
exclude_patterns = ["_build", "jupyter_execute"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]

html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "show_prev_next": False}
html_title = "recoverymetrics"

write_reference(Path(__file__).parent / "reference")
