"""Matrix functions against torch's for every pairing of shapes: the same values, or both refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import array_of, name_of, quietly, tensors_in

REFUSALS = (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError)


def compare(call: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Assert that weft's results are torch's, or that both refuse.

    Values are compared within 1e-8: the matrices are random, so some are nearly singular.
    """
    given = [np.asarray(a) for a in arrays]
    try:
        expected = quietly(call, torch, *(torch.from_numpy(a) for a in given))
    except REFUSALS:
        with pytest.raises(REFUSALS):
            call(weft, *(weft.from_numpy(a) for a in given))
        return
    got = call(weft, *(weft.from_numpy(a) for a in given))
    pairs = zip(tensors_in(got, weft.Tensor), tensors_in(expected, torch.Tensor), strict=True)
    for a, b in pairs:
        assert (tuple(a.shape), a.dtype.name) == (tuple(b.shape), name_of(b.dtype))
        np.testing.assert_allclose(a.numpy(), array_of(b), rtol=1e-6, atol=1e-8)


def drawn(shape: tuple[int, ...], complex_: bool, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(shape)
    return np.asarray(data + 1j * rng.standard_normal(shape) if complex_ else data)


PAIRS = [
    ((2, 1, 3, 3), (4, 3, 2)), ((3, 3), (4, 3)), ((3, 3), (3,)), ((2, 3, 3), (2, 3)),
    ((2, 3, 3), (3,)), ((2, 3, 3), (2, 3, 1)), ((3, 3), (2, 3, 4)), ((2, 3, 3), (3, 3)),
    ((1, 3, 3), (2, 3)), ((2, 3, 3), (1, 3, 2)), ((0, 3, 3), (0, 3)), ((3, 3), (0, 3, 2)),
    ((3, 3), (3, 0)), ((2, 3), (2, 1)),
]  # fmt: skip
SOLVERS = {
    "solve": lambda lib, a, b: lib.linalg.solve(a, b),
    "solve_right": lambda lib, a, b: lib.linalg.solve(a, b, left=False),
    "solve_triangular": lambda lib, a, b: lib.linalg.solve_triangular(a, b, upper=True),
    "solve_triangular_right": lambda lib, a, b: lib.linalg.solve_triangular(
        a, b, upper=False, left=False, unitriangular=True
    ),
    "cholesky_solve": lambda lib, a, b: lib.cholesky_solve(b, a),
    "triangular_solve": lambda lib, a, b: lib.triangular_solve(b, a, transpose=True),
    "lu_solve": lambda lib, a, b: lib.linalg.lu_solve(*lib.linalg.lu_factor(a), b),
    "lu_solve_right": lambda lib, a, b: lib.linalg.lu_solve(
        *lib.linalg.lu_factor(a), b, left=False, adjoint=True
    ),
}


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_solvers_take_the_shapes_torch_takes(name, a, b, complex_):
    compare(SOLVERS[name], drawn(a, complex_), drawn(b, complex_, 1))


MATRICES = [
    (3, 3), (2, 3, 3), (4, 3), (3, 4), (2, 4, 3), (0, 0), (2, 0, 0), (0, 2, 2), (0, 3), (3, 0),
    (5,),
]  # fmt: skip
ANY = {
    "svdvals": lambda lib, x: lib.linalg.svdvals(x),
    "pinv": lambda lib, x: lib.linalg.pinv(x),
    "pinv_atol": lambda lib, x: lib.linalg.pinv(x, atol=0.5),
    "pinv_rcond": lambda lib, x: lib.linalg.pinv(x, 0.3),
    "matrix_rank": lambda lib, x: lib.linalg.matrix_rank(x),
    "matrix_rank_both": lambda lib, x: lib.linalg.matrix_rank(x, atol=0.5, rtol=0.1),
    "matrix_rank_tol": lambda lib, x: lib.linalg.matrix_rank(x, 1.0),
    "lu": lambda lib, x: lib.linalg.lu(x),
    "lu_factor": lambda lib, x: lib.linalg.lu_factor(x),
    "geqrf": lambda lib, x: lib.geqrf(x),
    "qr": lambda lib, x: lib.linalg.qr(x),
    "qr_complete": lambda lib, x: lib.linalg.qr(x, "complete"),
    "qr_r": lambda lib, x: lib.linalg.qr(x, "r"),
    "trace": lambda lib, x: lib.trace(x),
    "det": lambda lib, x: lib.linalg.det(x),
    "slogdet": lambda lib, x: lib.linalg.slogdet(x),
    "logdet": lambda lib, x: lib.logdet(x),
    "inv": lambda lib, x: lib.linalg.inv(x),
    "inv_ex": lambda lib, x: lib.linalg.inv_ex(x),
    "matrix_exp": lambda lib, x: lib.linalg.matrix_exp(x),
    "tensorinv": lambda lib, x: lib.linalg.tensorinv(x, ind=1),
    "eigvalsh": lambda lib, x: lib.linalg.eigvalsh(x),
    "ldl_factor": lambda lib, x: lib.linalg.ldl_factor(x + x.mH, hermitian=True),
    **{
        f"matrix_power_{n}": lambda lib, x, n=n: lib.linalg.matrix_power(x, n)
        for n in (-2, 0, 1, 7)
    },
    **{
        f"cond_{p}": lambda lib, x, p=p: lib.linalg.cond(x, p)
        for p in (None, -2, 1, -1, "fro", "nuc", math.inf, -math.inf, 3)
    },
    **{
        f"matrix_norm_{p}": lambda lib, x, p=p: lib.linalg.matrix_norm(x, p, keepdim=True)
        for p in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)
    },
}


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("shape", MATRICES)
def test_functions_of_a_matrix_take_the_shapes_torch_takes(name, shape, complex_):
    compare(ANY[name], drawn(shape, complex_))


PRODUCTS = {
    **{f"vecdot_{d}": lambda lib, x, y, d=d: lib.linalg.vecdot(x, y, dim=d) for d in (-1, 0, -2)},
    **{f"cross_{d}": lambda lib, x, y, d=d: lib.linalg.cross(x, y, dim=d) for d in (-1, 0, 1)},
    "inner": lambda lib, x, y: lib.inner(x, y),
    "outer": lambda lib, x, y: lib.outer(x, y),
    "vdot": lambda lib, x, y: lib.vdot(x, y),
    "dot": lambda lib, x, y: lib.dot(x, y),
    "kron": lambda lib, x, y: lib.kron(x, y),
    "matmul": lambda lib, x, y: lib.matmul(x, y),
    "mv": lambda lib, x, y: lib.mv(x, y),
    "mm": lambda lib, x, y: lib.mm(x, y),
    "tensordot": lambda lib, x, y: lib.tensordot(x, y, dims=1),
}
VECTORS = [
    ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((4, 1, 3), (2, 3)), ((3, 2), (3, 1)),
    ((2, 3), (2, 1)), ((2, 1), (2, 3)), ((2, 3), (3, 2)), ((), (3,)), ((0, 3), (3, 0)),
]  # fmt: skip


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize(("a", "b"), VECTORS)
def test_products_take_the_shapes_torch_takes(name, a, b, complex_):
    if name == "vecdot_-2" and a == b == (3,):
        return  # torch takes any dim of two vectors; weft checks it
    compare(PRODUCTS[name], drawn(a, complex_), drawn(b, complex_, 1))


SUMS = {
    "addmm": lambda lib, i, x, y: lib.addmm(i, x[0], y[0], beta=0.5, alpha=2),
    "addmm_0": lambda lib, i, x, y: lib.addmm(i, x[0], y[0], beta=0),
    "addmv": lambda lib, i, x, y: lib.addmv(i, x[0], y[0, :, 0]),
    "addr": lambda lib, i, x, y: lib.addr(i, x[0, :, 0], y[0, 0]),
    "addbmm": lambda lib, i, x, y: lib.addbmm(i, x, y, alpha=3),
    "baddbmm": lambda lib, i, x, y: lib.baddbmm(i, x, y, beta=2),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("shape", [(2, 4), (4,), (), (1, 4), (2, 1), (3, 4), (1, 2, 4), (2,)])
def test_sums_with_products_take_the_shapes_torch_takes(name, shape):
    compare(SUMS[name], drawn(shape, False), drawn((5, 2, 3), False, 1), drawn((5, 3, 4), False, 2))
