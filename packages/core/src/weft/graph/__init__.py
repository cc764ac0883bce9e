"""Models without code: a graph of allowed functions and its weights, in one safetensors file."""

from .dims import Dim
from .document import Block, Graph, Input, Node, Output, Ref
from .errors import GraphError
from .files import load, save
from .listing import functions
from .module import GraphModule
from .tracing import trace

__all__ = [
    "Block",
    "Dim",
    "Graph",
    "GraphError",
    "GraphModule",
    "Input",
    "Node",
    "Output",
    "Ref",
    "functions",
    "load",
    "save",
    "trace",
]
