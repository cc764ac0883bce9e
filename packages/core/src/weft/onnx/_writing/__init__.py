"""What each function of a graph is in ONNX: importing this package fills the table of forms."""

from weft.onnx._writing import layers, pairs, pointwise, recurrent, reducing, shaping
from weft.onnx._writing.writer import FORMS, Writer

__all__ = ["FORMS", "Writer", "layers", "pairs", "pointwise", "recurrent", "reducing", "shaping"]
