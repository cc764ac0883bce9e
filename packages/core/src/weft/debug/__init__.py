"""Looking into a running program: where a NaN was born, what the tape recorded."""

from weft.debug._facts import TensorFacts
from weft.debug._graph import Graph, graph
from weft.debug._nan import allow_nan, nan_origin
from weft.debug._report import NanOrigin, NanOriginError, NanReport

__all__ = [
    "Graph",
    "NanOrigin",
    "NanOriginError",
    "NanReport",
    "TensorFacts",
    "allow_nan",
    "graph",
    "nan_origin",
]
