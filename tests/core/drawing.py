"""Draws the arrays that the catalogue's samples describe, and calls functions with them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import weft
from tests.core.tolerances import UP_TO_PHASES
from weft._core.samples import Draw, Sample


def cast(data: np.ndarray, dtype: Any) -> np.ndarray:
    """Return an array in a dtype, or in the complex dtype nearest to it if it is complex."""
    if data.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        dtype = np.complex128 if np.dtype(dtype) == np.float64 else np.complex64
    return np.asarray(data.astype(dtype))


def reads_floats(sample: Sample) -> bool:
    """Whether a floating or complex array is among the sample's arguments."""
    flat = [*sample.args, *sample.kwargs.values()]
    flat += [v for part in flat if isinstance(part, tuple) for v in part]
    return any(isinstance(v, Draw) and v.kind in ("float", "complex") and not v.fixed for v in flat)


def draw(spec: Draw, rng: np.random.Generator, dtype: Any) -> np.ndarray:
    """Return an array as ``spec`` describes it."""
    data: Any
    shape = tuple(reversed(spec.shape)) if spec.step == "transposed" else spec.shape
    if spec.kind in ("int", "int32"):
        data = rng.integers(int(spec.low), max(int(spec.high), int(spec.low) + 1), shape)
        data = np.asarray(data).astype("int64" if spec.kind == "int" else "int32")
    elif spec.kind == "places":
        data = rng.permutation(int(spec.high))[: int(np.prod(shape))].reshape(shape)
    elif spec.kind == "bool":
        data = rng.integers(0, 2, shape).astype(bool)
    elif spec.distinct:
        count = int(np.prod(shape))
        data = rng.permutation(np.linspace(spec.low, spec.high, max(count, 1)))[:count]
        data = data.reshape(shape).astype(dtype)
    else:
        data = rng.uniform(spec.low, spec.high, shape)
        if spec.kind == "complex":
            data = data + 1j * rng.uniform(spec.low, spec.high, shape)
        elif np.dtype(dtype).kind == "c":
            data = data + 1j * rng.uniform(-0.5, 0.5, shape)
        data = cast(formed(np.asarray(data), spec.form), dtype)
    data = np.asarray(data)
    if spec.step == "transposed":
        return data.T
    return data[tuple(slice(None, None, -1) for _ in shape)] if spec.step == "reversed" else data


def formed(data: np.ndarray, form: str) -> np.ndarray:
    """Return matrices of a form, made from any: small noise about a diagonal of 1, 2, 3, ..."""
    if not form:
        return data
    rows, columns = data.shape[-2:]
    out = 0.2 * data + np.eye(rows, columns) * np.arange(1, columns + 1)
    return hermitian(out) if form == "positive" else out


def hermitian(data: np.ndarray) -> np.ndarray:
    """Return the Hermitian part of matrices."""
    return np.asarray(data + np.swapaxes(data, -1, -2).conj()) / 2


class Call:
    """One sample of a function with its arrays drawn.

    ``variables`` are the arrays a gradient may be taken by, ``fixed`` the other tensors; ``run``
    puts tensors in their places.
    """

    def __init__(self, function: Callable[..., Any], sample: Sample, dtype: Any, name: str) -> None:
        rng = np.random.default_rng(zlib.crc32(f"{name}{sample!r}".encode()))
        self.function = function
        self.name = name
        self.variables: list[np.ndarray] = []
        self.forms: list[str] = []
        self.fixed: list[weft.Tensor] = []
        self._args = [self._read(a, rng, dtype) for a in sample.args]
        self._kwargs = {k: self._read(v, rng, dtype) for k, v in sample.kwargs.items()}

    def _read(self, value: Any, rng: np.random.Generator, dtype: Any) -> Any:
        if isinstance(value, Draw):
            data = draw(value, rng, dtype)
            if value.kind in ("float", "complex") and not value.fixed:
                self.variables.append(data)
                self.forms.append(value.form)
                return _Variable(len(self.variables) - 1)
            self.fixed.append(weft.from_numpy(data))
            return self.fixed[-1]
        if isinstance(value, tuple) and any(isinstance(v, Draw) for v in value):
            return tuple(self._read(v, rng, dtype) for v in value)
        return value

    def tensors(self, **kwargs: Any) -> list[weft.Tensor]:
        """Return the variables as tensors."""
        out = [weft.from_numpy(v) for v in self.variables]
        return [t.requires_grad_() for t in out] if kwargs.get("requires_grad") else out

    def run(
        self, tensors: Sequence[weft.Tensor], fixed: Sequence[weft.Tensor] | None = None
    ) -> Any:
        """Call the function, drawing the same random numbers each time.

        Args:
            tensors: the variables.
            fixed: what to put in the places of the other tensors; themselves if None.
        """
        weft.manual_seed(7)
        places = {} if fixed is None else dict(zip(map(id, self.fixed), fixed, strict=True))
        args = [_filled(a, tensors, places) for a in self._args]
        kwargs = {k: _filled(v, tensors, places) for k, v in self._kwargs.items()}
        return self.function(*args, **kwargs)

    def on_meta(self) -> Any:
        """Call the function with every tensor on the meta device."""
        return self.on("meta")

    def on(self, device: str, tensors: Sequence[weft.Tensor] | None = None) -> Any:
        """Call the function with every tensor on a device.

        Args:
            device: where.
            tensors: the variables, if they are there already.
        """

        def moved(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(moved, value))
            return value.to(device=device) if isinstance(value, weft.Tensor) else value

        weft.manual_seed(7)
        if tensors is None:
            tensors = [t.to(device=device) for t in self.tensors()]
        args = [moved(_filled(a, tensors)) for a in self._args]
        kwargs = {k: moved(_filled(v, tensors)) for k, v in self._kwargs.items()}
        return self.function(*args, **kwargs)

    def ranks(self) -> int:
        """Return how many numbers of dims the tensors among the arguments have, 0-d ones aside."""
        flat: list[Any] = [*self._args, *self._kwargs.values()]
        flat += [part for value in flat if isinstance(value, tuple) for part in value]
        shapes = [self.variables[v.index].shape for v in flat if isinstance(v, _Variable)]
        shapes += [tuple(v.shape) for v in flat if isinstance(v, weft.Tensor)]
        return len({len(shape) for shape in shapes if shape})


_NOTHING: Mapping[int, weft.Tensor] = {}


class _Variable:
    def __init__(self, index: int) -> None:
        self.index = index


def _filled(
    value: Any, tensors: Sequence[weft.Tensor], fixed: Mapping[int, weft.Tensor] = _NOTHING
) -> Any:
    if isinstance(value, _Variable):
        return tensors[value.index]
    if type(value) is tuple:
        return tuple(_filled(v, tensors, fixed) for v in value)
    return fixed.get(id(value), value)


def outputs(result: Any) -> list[weft.Tensor]:
    """Return the tensors in a result."""
    if isinstance(result, weft.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [t for part in result for t in outputs(part)]
    return []


def floating(result: Any) -> list[weft.Tensor]:
    """Return the tensors in a result that can have a gradient."""
    return [t for t in outputs(result) if t.dtype.is_floating_point or t.dtype.is_complex]


def weights_for(out: Any, seed: int) -> np.ndarray:
    """Return fixed weights, complex for a complex result, to make one number of a result."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, tuple(out.shape))
    if out.dtype.is_complex:
        weights = weights + 1j * rng.uniform(0.5, 1.5, tuple(out.shape))
    return np.asarray(weights)


def sloped(name: str, results: Any) -> list[weft.Tensor]:
    """Return what has a slope in the results of a function, free of choices of phases."""
    return [
        out.abs().square() if name in UP_TO_PHASES and out.dtype.is_complex else out
        for out in floating(results)
    ]


def weighted_sum(name: str, results: Any) -> weft.Tensor | None:
    """Return a sum of all floating results with fixed weights, or None if there is none.

    Of complex results it is the real part of the sum, which complex weights make depend on all.
    """
    total = None
    for i, out in enumerate(sloped(name, results)):
        weights = weft.from_numpy(weights_for(out, i)).to(out.device)
        term = weft.real((out * weights).sum())
        total = term if total is None else total + term
    return total


def weighted(call: Call, tensors: Sequence[weft.Tensor]) -> weft.Tensor | None:
    """Return the weighted sum of a call's results."""
    return weighted_sum(call.name, call.run(tensors))
