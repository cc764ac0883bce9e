"""Products of matrices."""

from __future__ import annotations

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


@operator("MatMul")
def matmul(call: Call) -> Value:
    return call.emit("matmul", call[0], call[1])


@operator("Gemm")
def gemm(call: Call) -> Value:
    alpha, beta = float(call.attribute("alpha", 1.0)), float(call.attribute("beta", 1.0))
    left, right, added = call[0], call[1], call.get(2)
    if call.flag("transA"):
        left = call.emit("transpose", left, dim0=0, dim1=1)
    # weft's linear layers have their weight transposed, as most files do.
    plain = alpha == 1.0 and (added is None or (beta == 1.0 and added.rank == 1))
    if plain and call.flag("transB"):
        return call.emit("linear", left, right, added)
    if call.flag("transB"):
        right = call.emit("transpose", right, dim0=0, dim1=1)
    product = call.emit("matmul", left, right)
    if alpha != 1.0:
        product = call.emit("mul", product, alpha)
    if added is None or beta == 0.0:
        return product
    return call.emit("add", product, added if beta == 1.0 else call.emit("mul", added, beta))
