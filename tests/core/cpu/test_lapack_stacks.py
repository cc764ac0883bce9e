"""Stacks of matrices by LAPACK where they lie: what comes out multiplies to what went in."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend import lapack, lapack_stacks
from weft._backend.cpu import threads

pytestmark = needs.codegen

TYPES = [np.float32, np.float64, np.complex64, np.complex128]
LEADS = [(), (1,), (7,), (3, 50)]


@pytest.fixture(scope="module", autouse=True)
def openblas():
    if lapack_stacks.inv(np.eye(2)) is None:
        pytest.skip("NumPy's LAPACK is not OpenBLAS here, or it cannot be called")


@pytest.fixture(params=[1, 3])
def team(request):
    before = threads.count()
    threads.set_count(request.param)
    yield request.param
    threads.set_count(before)


def drawn(dtype, *shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def near(out, wanted):
    tolerance = 2e-4 if out.dtype.char in "fF" else 1e-10
    np.testing.assert_allclose(out, wanted, rtol=tolerance, atol=tolerance)


def positive(dtype, lead, n):
    a = drawn(dtype, *lead, n, n)
    return a @ np.conj(np.swapaxes(a, -1, -2)) + n * np.eye(n, dtype=dtype)


@pytest.mark.parametrize("n", [1, 3, 20])
@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda d: np.dtype(d).name)
def test_factors_give_the_matrices_back(dtype, lead, n, team):
    a = drawn(dtype, *lead, n, n) + (2 * n + 3) * np.eye(n, dtype=dtype)
    for own in (a, np.swapaxes(a, -1, -2)):
        near(own @ lapack_stacks.inv(own), np.broadcast_to(np.eye(n), own.shape))
        b = drawn(dtype, *lead, n, 4)
        near(own @ lapack_stacks.solve(own, b), b)
        for upper in (True, False):
            half = (np.triu if upper else np.tril)(own) + 3 * np.eye(n, dtype=dtype)
            x = lapack_stacks.solve_triangular(half + 0, b, upper=upper, unit=False)
            near(half @ x, b)
    p = positive(dtype, lead, n)
    lower = lapack_stacks.cholesky(p)
    assert (np.triu(lower, 1) == 0).all()
    near(lower @ np.conj(np.swapaxes(lower, -1, -2)), p)


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (4, 6)], ids=str)
@pytest.mark.parametrize("dtype", TYPES, ids=lambda d: np.dtype(d).name)
def test_exchanged_rows_are_those_of_the_product(dtype, shape, team):
    a = weft.tensor(drawn(dtype, 9, *shape))
    p, lower, upper = weft.linalg.lu(a)
    near((p @ lower @ upper).numpy(), a.numpy())


@pytest.mark.parametrize("dtype", TYPES, ids=lambda d: np.dtype(d).name)
def test_symmetric_factors_solve(dtype, team):
    a = drawn(dtype, 9, 5, 5)
    a = a + np.conj(np.swapaxes(a, -1, -2))
    b = drawn(dtype, 9, 5, 2)
    packed, pivots = weft.linalg.ldl_factor(weft.tensor(a), hermitian=True)
    near(a @ weft.linalg.ldl_solve(packed, pivots, weft.tensor(b), hermitian=True).numpy(), b)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)], ids=str)
@pytest.mark.parametrize("dtype", TYPES[:2], ids=lambda d: np.dtype(d).name)
def test_least_squares_of_full_and_of_lower_rank(dtype, shape, team):
    a, b = drawn(dtype, 9, *shape), drawn(dtype, 9, shape[0], 2)
    a[3, :, 0] = a[3, :, 1]
    x, rank = lapack_stacks.least_squares(a, b, rcond=1e-5, driver="gelsy")
    near(x, np.linalg.pinv(a, rcond=1e-5) @ b)
    full = min(shape)
    assert rank.tolist() == [full - (i == 3 and full == shape[1]) for i in range(9)]


def test_right_sides_without_a_stack_are_broadcast(team):
    a, b = drawn(np.float64, 7, 3, 3), drawn(np.float64, 3, 2)
    near(a @ lapack_stacks.solve(a, b), np.broadcast_to(b, (7, 3, 2)))


def test_what_is_unfit_is_left_to_who_tells_why():
    a = np.stack([np.eye(3), np.zeros((3, 3))])
    assert lapack_stacks.inv(a) is None
    assert lapack_stacks.solve(a, a) is None
    assert lapack_stacks.cholesky(-np.eye(2)) is None
    assert lapack.inv(a)[1].tolist() == [0, 1]
    with pytest.raises(weft.linalg.LinAlgError, match=r"linalg\.inv"):
        weft.linalg.inv(weft.tensor(a))


def test_what_is_not_taken():
    assert lapack_stacks.inv(np.eye(2, dtype=np.longdouble)) is None
    assert lapack_stacks.inv(np.zeros((0, 3, 3))) is None
    with weft.backends.codegen.flags(enabled=False):
        assert lapack_stacks.inv(np.eye(2)) is None
