"""ONNX files read as modules, and modules written as ONNX files; nothing in a file is run."""

from .errors import OnnxError, UnsupportedFunctionsError, UnsupportedOperatorsError
from .exporting import export, functions
from .files import load
from .listing import operators

__all__ = [
    "OnnxError",
    "UnsupportedFunctionsError",
    "UnsupportedOperatorsError",
    "export",
    "functions",
    "load",
    "operators",
]
