"""How many floating-point operations a product costs: two for each multiplication and addition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.op import Op

Shape = tuple[int, ...]
#: ``formula(shapes, out)`` of the arguments' shapes and the first result's.
Formula = Callable[[Sequence[Shape], Shape], int]


def _contracted(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * math.prod(out) * (shapes[0][-1] if shapes[0] else 1)


def _convolved(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * math.prod(out) * math.prod(shapes[1][1:])  # weight: (out, in / groups, *kernel)


def _convolution_input(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * math.prod(shapes[0]) * math.prod(shapes[1][1:])


def _convolution_weight(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * math.prod(shapes[1]) * math.prod(out[1:])


def _lstm_steps(shapes: Sequence[Shape], out: Shape) -> int:
    gates, weight = shapes[0], shapes[3]
    return 2 * math.prod(gates[:2]) * math.prod(weight)


def _gru_steps(shapes: Sequence[Shape], out: Shape) -> int:
    gates, weight = shapes[0], shapes[2]
    return 2 * math.prod(gates[:2]) * math.prod(weight)


def _gru_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    states = shapes[0]
    return 2 * 2 * math.prod(states) * 3 * states[-1]


def _lstm_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    states = shapes[0]  # (time, batch, hidden): a product with the weight, one with the states
    return 2 * 2 * math.prod(states) * 4 * states[-1]


def _rnn_steps(shapes: Sequence[Shape], out: Shape) -> int:
    drive = shapes[0]
    return 2 * math.prod(drive) * drive[-1]


def _rnn_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * 2 * math.prod(shapes[0]) * shapes[0][-1]


def _unit(shapes: Sequence[Shape], out: Shape) -> int:
    weights = [shape for shape in shapes[-4:] if len(shape) == 2][-2:]  # before the biases
    return 2 * shapes[0][0] * sum(map(math.prod, weights))


def _unit_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * 2 * shapes[0][0] * sum(map(math.prod, shapes[-2:]))


def _attend(shapes: Sequence[Shape], out: Shape) -> int:
    q, v = shapes[0], shapes[2]  # scores of all queries with all keys, and sums of the values
    return 2 * math.prod(q[:3]) * v[2] * (q[3] + v[3])


def _attend_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    _, q, _, v = shapes[:4]  # the scores once more, and four products with the cotangents
    return 2 * math.prod(q[:3]) * v[2] * (3 * q[3] + 2 * v[3])


def _affine_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * 2 * math.prod(shapes[0]) * shapes[1][-1]


def _affine_weight_slopes(shapes: Sequence[Shape], out: Shape) -> int:
    return 2 * math.prod(shapes[0]) * shapes[1][-1]


def _crossed(shapes: Sequence[Shape], out: Shape) -> int:
    return 3 * math.prod(out)  # two products and their difference, for each component


#: By op. A table of its own: no rule of an op asks for it, and most ops are no products.
FORMULAS: dict[str, Formula] = {
    "matmul": _contracted,
    "linear_map": _contracted,
    "affine": _contracted,
    "convolve": _convolved,
    "convolve_bias": _convolved,
    "convolution_input": _convolution_input,
    "convolution_weight": _convolution_weight,
    "cross_products": _crossed,
    "affine_slopes": _affine_slopes,
    "affine_weight_slopes": _affine_weight_slopes,
    "attend": _attend,
    "attend_slopes": _attend_slopes,
    "gru_steps": _gru_steps,
    "gru_slopes": _gru_slopes,
    "gru_unit": _unit,
    "gru_unit_slopes": _unit_slopes,
    "lstm_steps": _lstm_steps,
    "lstm_slopes": _lstm_slopes,
    "lstm_unit": _unit,
    "lstm_unit_slopes": _unit_slopes,
    "rnn_steps": _rnn_steps,
    "rnn_slopes": _rnn_slopes,
    "rnn_unit": _unit,
    "rnn_unit_slopes": _unit_slopes,
}
#: The arguments of each of these whose cotangent is a product as large as the op's own.
_FACTORS = {
    "matmul": (0, 1),
    "linear_map": (0, 1),
    "affine": (0, 1),
    "convolve": (0, 1),
    "convolve_bias": (0, 1),
    "convolution_input": (0, 1),
    "convolution_weight": (0, 1),
    "cross_products": (0, 1),
    "attend": (0, 1),
    "gru_steps": (0, 2),
    "gru_unit": (0, 2),
    "lstm_steps": (0, 3),
    "lstm_unit": (0, 3),
    "rnn_steps": (0, 2),
    "rnn_unit": (0, 2),
}


def forward(op: Op, shapes: Sequence[Shape], out: Shape) -> int:
    """Return what one call costs; 0 for an op that is no product."""
    formula = FORMULAS.get(op.name)
    return 0 if formula is None else formula(shapes, out)


def backward(op: Op, shapes: Sequence[Shape], out: Shape, wanted: Sequence[bool]) -> int:
    """Return what one run of an op's backward rule costs, for the cotangents that are wanted."""
    factors = _FACTORS.get(op.name, ())
    count = sum(bool(wanted[place]) for place in factors if place < len(wanted))
    return count * forward(op, shapes, out) if count else 0


def shapes_of(args: Sequence[Any]) -> list[Any]:
    """Return the shapes of a call's arguments, () for what has none."""
    shapes: list[Any] = []
    for a in args:
        if isinstance(a, (list, tuple)) and a and all(hasattr(one, "shape") for one in a):
            shapes += [tuple(one.shape) for one in a]
        else:
            shapes.append(tuple(a.shape) if hasattr(a, "shape") else ())
    return shapes
