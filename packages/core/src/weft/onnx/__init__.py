"""ONNX files read as modules: each operator becomes weft's own functions, and nothing is run."""

from .errors import OnnxError, UnsupportedOperatorsError
from .files import load
from .listing import operators

__all__ = ["OnnxError", "UnsupportedOperatorsError", "load", "operators"]
