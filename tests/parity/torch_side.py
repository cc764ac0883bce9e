"""Weft's values as torch's and back, and comparisons that say what differed."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import weft

#: Relative and absolute tolerance by the result's dtype.
TOLERANCE = {
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1.6e-2),
    "float32": (1e-6, 1e-6),
    "float64": (1e-12, 1e-12),
    "complex64": (1e-6, 1e-6),
    "complex128": (1e-12, 1e-12),
}
EXACTLY = (0.0, 0.0)

DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def to_torch(value: Any) -> Any:
    """Return a tensor or dtype of weft's, or a container with such, as torch's; else the value."""
    if isinstance(value, weft.Tensor):
        return tensor_of(value.detach().numpy())
    if isinstance(value, (weft.dtype, weft.memory_format, weft.layout)):
        return getattr(torch, value.name)
    if type(value) in (tuple, list):
        return type(value)(map(to_torch, value))
    if type(value) in (dict, OrderedDict):
        return type(value)((k, to_torch(v)) for k, v in value.items())
    return value


def tensor_of(data: np.ndarray) -> torch.Tensor:
    """Return a torch tensor with the elements of an array, bfloat16 too, in new memory."""
    if data.dtype == weft.bfloat16.numpy:
        return torch.from_numpy(np.array(data.view(np.int16))).view(torch.bfloat16)
    return torch.from_numpy(np.array(data))


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """Return torch's elements as an array, widening what NumPy has not."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    return np.asarray((plain.float() if plain.dtype == torch.bfloat16 else plain).numpy(force=True))


def tensors_in(result: Any, kind: type) -> list[Any]:
    """Return what a result holds of a kind, in order; Python scalars count as they are."""
    if isinstance(result, (kind, bool, int, float)):
        return [result]
    if isinstance(result, Sequence) and not isinstance(result, str):
        return [t for part in result for t in tensors_in(part, kind)]
    raise AssertionError(f"a result of {type(result).__name__}")


def assert_same(
    got: Any, expected: Any, where: str = "", within: tuple[float, float] | None = None
) -> None:
    """Assert that weft's result has torch's structure, dtypes, shapes and near values."""
    ours = tensors_in(got, weft.Tensor)
    theirs = tensors_in(expected, torch.Tensor)
    assert len(ours) == len(theirs), f"{where}: {len(ours)} results beside {len(theirs)}"
    for a, b in zip(ours, theirs, strict=True):
        if not isinstance(b, torch.Tensor):
            near = a == b or (isinstance(b, float) and abs(a - b) <= 1e-6 * abs(b))
            assert type(a) is type(b) and near, f"{where}: {a!r} beside {b!r}"
            continue
        assert isinstance(a, weft.Tensor), f"{where}: {a!r} beside a tensor"
        assert a.dtype.name == name_of(b.dtype), f"{where}: {a.dtype} beside {b.dtype}"
        assert tuple(a.shape) == tuple(b.shape), (
            f"{where}: {tuple(a.shape)} beside {tuple(b.shape)}"
        )
        mine = a.detach().numpy()
        if a.dtype is weft.bfloat16:
            mine = mine.astype(np.float32)
        rtol, atol = within or TOLERANCE.get(a.dtype.name, EXACTLY)
        np.testing.assert_allclose(mine, array_of(b), rtol=rtol, atol=atol, err_msg=where)


def name_of(dtype: torch.dtype) -> str:
    """Return a torch dtype's name without the module."""
    return str(dtype).removeprefix("torch.")


def quietly(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call torch without its warnings, which are about its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def assert_same_slopes(line: str, names: dict[str, Any] | None = None) -> None:
    """Compare the gradients of an expression of x and y, whose elements lie at kinks and ties.

    Args:
        line: the expression, of the library ``m`` and its functions ``F`` too.
        names: what else it may name.
    """
    gradients = []
    for m in (weft, torch):
        x = m.tensor([-1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.0], dtype=m.float64, requires_grad=True)
        y = m.tensor([-1.0, 0.5, 0.0, 0.0, 0.25, 1.0, 2.0], dtype=m.float64, requires_grad=True)
        known = {"m": m, "F": m.nn.functional, "x": x, "y": y, **(names or {})}
        out = quietly(eval, line, known)
        (out * m.arange(1, out.numel() + 1, dtype=m.float64).reshape(out.shape)).sum().backward()
        gradients.append((x.grad, y.grad))
    for mine, other in zip(*gradients, strict=True):
        if mine is None or other is None:  # each may know better that there is no path
            for one in (mine, other):
                assert one is None or not one.count_nonzero().item()
        else:
            assert_same(mine, other, f"gradient of {line}")
