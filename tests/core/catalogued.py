"""The catalogue's functions and samples as parameters of tests."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core.drawing import reads_floats
from tests.core.tolerances import BY_DTYPE, NOT_THE_SLOPE
from weft._core import catalogue
from weft.ops import load_all

load_all()
ENTRIES = list(catalogue.public.values())
SAMPLES = [
    pytest.param(entry, sample, id=f"{entry.key}-{i}")
    for entry in ENTRIES
    for i, sample in enumerate(entry.samples)
]
#: Those that compute something from a floating array, the same at every call.
COMPUTING = [p for p in SAMPLES if reads_floats(p.values[1]) and not p.values[0].random]
#: Those that have a slope, what draws too: a call of :class:`~tests.core.drawing.Call` seeds it.
DIFFERENTIABLE = [
    p
    for p in SAMPLES
    if reads_floats(p.values[1])
    and not p.values[0].not_differentiable
    and p.id not in NOT_THE_SLOPE
]


def except_for(table: dict[str, str], params: list) -> list:
    """Return the parameters whose function or sample a table of exceptions does not name."""
    return [p for p in params if p.values[0].key not in table and p.id not in table]


def near(actual: weft.Tensor, expected: weft.Tensor, dtype: str) -> None:
    """Assert that two results agree within the tolerance of a dtype."""
    rtol, atol = BY_DTYPE[dtype]
    assert actual.dtype.is_complex == expected.dtype.is_complex
    wide = weft.complex128 if expected.dtype.is_complex else weft.float64
    np.testing.assert_allclose(
        np.asarray(actual.detach().to(wide).numpy()),
        np.asarray(expected.detach().to(wide).numpy()),
        rtol=rtol,
        atol=atol,
    )
