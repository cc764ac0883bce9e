"""The bilinear layer: a form of two inputs for each output."""

from __future__ import annotations

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul


@composite(
    samples=(
        Sample(array(2, 3), array(2, 4), array(5, 3, 4), array(5)),
        Sample(array(3), array(4), array(2, 3, 4)),
        Sample(array(2, 2, 3), array(2, 2, 1), array(2, 3, 1)),
        Sample(array(0, 3), array(0, 4), array(2, 3, 4)),
    ),
    errors=(
        ErrorSample(array(2, 3), array(3, 4), array(5, 3, 4), error=ShapeError, match="must agree"),
        ErrorSample(array(2, 3), array(2, 3), array(5, 3, 4), error=ShapeError, match="3 and 4"),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A learned form of two vectors for each output: y[o] = input1 weight[o] input2 + bias[o].

    Args:
        input1: (..., I1), floating.
        input2: (..., I2), of the same leading dims.
        weight: (O, I1, I2).
        bias: (O,).

    Returns:
        Tensor: (..., O).

    Raises:
        ShapeError: the leading dims differ, or the last ones do not fit the weight.
    """
    if weight.ndim != 3:
        raise ShapeError(f"bilinear: weight must be (O, I1, I2), got {tuple(weight.shape)}")
    outputs, first, second = weight.shape
    lead = tuple(input1.shape)[:-1]
    if lead != tuple(input2.shape)[:-1]:
        raise ShapeError(
            f"bilinear: all dims but the last must agree, got {tuple(input1.shape)} and "
            f"{tuple(input2.shape)}"
        )
    if (input1.shape[-1], input2.shape[-1]) != (first, second):
        raise ShapeError(
            f"bilinear: weight of shape {tuple(weight.shape)} expects last dims {first} and "
            f"{second}, got {input1.shape[-1]} and {input2.shape[-1]}"
        )
    rows = weight.permute(1, 0, 2).reshape((first, outputs * second))
    partial = matmul(input1, rows).reshape((*lead, outputs, second))
    out = matmul(partial, input2.unsqueeze(-1)).squeeze(-1)
    return out if bias is None else out + bias
