"""A convolution with constant weights, and what follows it in the same pass: activations, a sum."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.cpu import onednn
from weft._backend.cpu import onednn_convolution as by_onednn
from weft._core import catalogue
from weft.ops import convolution_bias  # noqa: F401  # whose op is run where oneDNN is not

#: What an activation is to oneDNN: its number and two parameters, by its settings here.
ACTIVATIONS: dict[str, Any] = {
    "relu": lambda: (onednn.RELU, 0.0, 0.0),
    "leaky_relu": lambda negative_slope: (onednn.RELU, negative_slope, 0.0),
    "hardtanh": lambda min_val, max_val: (onednn.CLIP, min_val, max_val),
    "clipped": lambda least, most: (onednn.CLIP, least, most),
    "sigmoid": lambda: (onednn.LOGISTIC, 0.0, 0.0),
    "silu": lambda: (onednn.SWISH, 1.0, 0.0),
    "tanh": lambda: (onednn.TANH, 0.0, 0.0),
    "elu": lambda alpha: (onednn.ELU, alpha, 0.0),
    "gelu": lambda approximate: (
        onednn.GELU_TANH if approximate == "tanh" else onednn.GELU_ERF, 0.0, 0.0,
    ),
    "hardswish": lambda: (onednn.HARDSWISH, 1 / 6, 0.5),
    "hardsigmoid": lambda: (onednn.HARDSIGMOID, 1 / 6, 0.5),
    "mish": lambda: (onednn.MISH, 0.0, 0.0),
}  # fmt: skip
_SUM = (onednn.SUM, 0.0, 0.0)


def activation(op: Any, params: dict[str, Any]) -> tuple[int, float, float] | None:
    """Return what an op of one argument is to oneDNN; None if it has no such."""
    known = ACTIVATIONS.get(op.name)
    if known is None or any(value is None for value in params.values()):
        return None
    number, alpha, beta = known(**params)
    return number, float(alpha), float(beta)


class FusedConvolution:
    """Runs on arrays: ``self(x)``, or ``self(x, added)`` where a sum is among what follows.

    Args:
        weight: an array, (O, C / groups, *kernel), which nobody writes to.
        bias: (O,), likewise, or None.
        settings: the convolution's geometry.
        after: what follows, in order: an op of one argument and its settings, or None for the sum.
        overwrites: whether the array that is added is read by nobody else, so that the result may
            be written over it.
    """

    def __init__(
        self, weight: Any, bias: Any, settings: dict[str, Any], after: Any, *, overwrites: bool
    ) -> None:
        self._weight, self._bias, self._settings = weight, bias, settings
        self._after = tuple(after)
        self._overwrites = overwrites
        self._numbers: Any = tuple(
            _SUM if one is None else activation(one[0], one[1]) for one in self._after
        )
        self._made: list[Any] = []  # the weight as oneDNN wants it

    def __call__(self, x: Any, added: Any = None) -> Any:
        """Return the result, an array."""
        out = None
        if type(x) is ndarray and (added is None or self._overwrites):
            by_onednn.constant(self._weight, self._made)
            try:
                out = by_onednn.forward(
                    x, self._weight, self._bias, after=self._numbers, held=added, **self._settings
                )
            finally:
                by_onednn.constant(None, None)
        return self._in_turn(x, added) if out is None else out

    def _in_turn(self, x: Any, added: Any) -> Any:
        """Run one op after the other."""
        if self._bias is None:
            out = _run("convolve", (x, self._weight), self._settings)
        else:
            out = _run("convolve_bias", (x, self._weight, self._bias), self._settings)
        for one in self._after:
            if one is None:
                out = _run("plus", (out, added), {})
            else:
                out = one[0].kernels[type(out)](out, **one[1])
        return out


def _run(name: str, arrays: Any, settings: dict[str, Any]) -> Any:
    return catalogue.ops[name].kernels[type(arrays[0])](*arrays, **settings)
