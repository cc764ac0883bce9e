"""The extensions linalg and fft: beside the reference, and by what defines their results."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft
import weft.array_api as xp
from tests.core.array_api.test_against_reference import (
    COMPLEX,
    FLOATING,
    INTEGERS,
    NUMERIC,
    REAL,
    compare,
    drawn,
    mine,
    newest_standard,
)

__all__ = ["newest_standard"]  # the fixture, for this file's tests too
LOOSE = 50
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-10, "complex128": 1e-10}


def near(got: weft.Tensor, wanted: weft.Tensor, dtype: str) -> None:
    assert got.shape == wanted.shape
    np.testing.assert_allclose(
        got.numpy(), wanted.numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


def part(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def positive(dtype: str) -> np.ndarray:
    """Hermitian, positive definite matrices."""
    x = drawn(dtype, (2, 3, 3), 7)
    return (x @ x.conj().swapaxes(-1, -2) + 3 * np.eye(3)).astype(dtype)


# --- linalg ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATING)
def test_functions_with_one_answer(dtype):
    x, wide = drawn(dtype, (2, 3, 3), 1), drawn(dtype, (2, 3, 4), 2)
    compare("linalg.cholesky", positive(dtype), loose=LOOSE)
    compare("linalg.cholesky", positive(dtype), upper=True, loose=LOOSE)
    compare("linalg.det", x, loose=LOOSE)
    compare("linalg.inv", positive(dtype), loose=LOOSE)
    compare("linalg.slogdet", x, loose=LOOSE)
    for n in (0, 1, 3):
        compare("linalg.matrix_power", x, n, loose=LOOSE)
    compare("linalg.matrix_power", positive(dtype), -2, loose=LOOSE)
    compare("linalg.svdvals", wide, loose=LOOSE)
    compare("linalg.pinv", wide, loose=100 * LOOSE)
    compare("linalg.pinv", wide, rtol=0.3, loose=100 * LOOSE)
    compare("linalg.matrix_rank", wide)
    compare("linalg.matrix_rank", wide, rtol=0.5)
    compare("linalg.matrix_rank", np.zeros((3, 3), dtype))
    compare("linalg.eigvalsh", positive(dtype), loose=LOOSE)
    for ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        for keepdims in (False, True):
            compare("linalg.matrix_norm", wide, ord=ord, keepdims=keepdims, loose=LOOSE)


@pytest.mark.parametrize("dtype", FLOATING)
def test_vector_norms(dtype):
    x = drawn(dtype, (2, 3, 4), 1)
    for ord in (0, 1, 2, 3, 0.5, -1, math.inf, -math.inf):
        for axis in (None, 0, (0, 2)):
            for keepdims in (False, True):
                compare("linalg.vector_norm", x, axis=axis, ord=ord, keepdims=keepdims, loose=LOOSE)
    compare("linalg.vector_norm", np.asarray(x[0, 0, 0]))


@pytest.mark.parametrize("dtype", FLOATING)
def test_factors_multiply_to_the_matrix(dtype):
    x = mine(drawn(dtype, (2, 4, 3), 1))
    for mode, columns in (("reduced", 3), ("complete", 4)):
        q, r = xp.linalg.qr(x, mode=mode)
        assert q.shape == (2, 4, columns)
        near(q @ r, x, dtype)
        near(xp.conj(q.mT) @ q, xp.eye(columns, dtype=x.dtype).expand(2, columns, columns), dtype)
        assert xp.linalg.qr(x, mode=mode)._fields == ("Q", "R")
    for full, count in ((True, 4), (False, 3)):
        u, s, vh = xp.linalg.svd(x, full_matrices=full)
        assert u.shape == (2, 4, count)
        assert str(s.dtype) == f"weft.{part(dtype)}"
        near(u[..., :3] * xp.expand_dims(s, -2).to(x.dtype) @ vh, x, dtype)
    assert xp.linalg.svd(x)._fields == ("U", "S", "Vh")


@pytest.mark.parametrize("dtype", FLOATING)
def test_eigenvectors_are_only_stretched(dtype):
    x = mine(positive(dtype))
    values, vectors = found = xp.linalg.eigh(x)
    assert found._fields == ("eigenvalues", "eigenvectors")
    assert str(values.dtype) == f"weft.{part(dtype)}"
    assert vectors.dtype is x.dtype
    near(x @ vectors, vectors * xp.expand_dims(values, -2).to(x.dtype), dtype)
    any_matrix = mine(drawn(dtype, (2, 3, 3), 3))
    values, vectors = found = xp.linalg.eig(any_matrix)
    assert found._fields == ("eigenvalues", "eigenvectors")
    assert values.dtype is vectors.dtype
    assert values.dtype is (xp.complex64 if part(dtype) == "float32" else xp.complex128)
    wide = any_matrix.to(values.dtype)
    near(wide @ vectors, vectors * xp.expand_dims(values, -2), dtype)
    alone = xp.linalg.eigvals(any_matrix)
    assert alone.dtype is values.dtype
    near(xp.sum(alone, axis=-1), xp.linalg.trace(wide), dtype)


@pytest.mark.parametrize("dtype", FLOATING)
def test_solve_takes_one_dimension_alone_for_a_vector(dtype):
    x = positive(dtype)
    for right in ((3,), (3, 2), (2, 3, 1), (1, 3, 2)):
        compare("linalg.solve", x, drawn(dtype, right, 4), loose=LOOSE)
    compare("linalg.solve", x[0], drawn(dtype, (3,), 4), loose=LOOSE)
    # (3, 3) beside a stack of three 3x3 matrices: matrices, never a stack of vectors
    stack = np.concatenate([x, x[:1]])
    compare("linalg.solve", stack, drawn(dtype, (3, 3), 4), loose=LOOSE)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_functions_of_any_number(dtype):
    x = drawn(dtype, (2, 3, 4), 1)
    for offset in (-3, -1, 0, 2, 4):
        compare("linalg.diagonal", x, offset=offset)
        compare("linalg.trace", x, offset=offset)
    compare("linalg.outer", x[0, 0], x[1, 1, :3])
    compare("linalg.cross", x[0, :, :3], x[1, 0, :3])
    compare("linalg.cross", x, x[:1], axis=-2)


def test_linalg_refuses_what_the_standard_leaves_out():
    square = xp.ones((2, 2))
    for name in ("cholesky", "det", "eigh", "eigvals", "inv", "qr", "svd", "matrix_norm"):
        with pytest.raises(TypeError, match=f"^{name}: expected a floating-point dtype"):
            getattr(xp.linalg, name)(xp.ones((2, 2), dtype=xp.int64))
        with pytest.raises(ValueError, match=f"^{name}: expected at least two dimensions"):
            getattr(xp.linalg, name)(xp.ones(2))
    with pytest.raises(ValueError, match="mode must be 'reduced' or 'complete', got 'r'"):
        xp.linalg.qr(square, mode="r")
    with pytest.raises(ValueError, match="3 long in both, got 2 and 2"):
        xp.linalg.cross(square, square)
    with pytest.raises(ValueError, match="axis must be negative"):
        xp.linalg.cross(xp.ones((3, 3)), xp.ones((3, 3)), axis=0)
    with pytest.raises(ValueError, match="expected two vectors"):
        xp.linalg.outer(square, square)


# --- fft ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATING)
def test_transforms_along_one_axis(dtype):
    x = drawn(dtype, (3, 6), 1)
    names = ["fft", "ifft", "irfft", "hfft"] if dtype in COMPLEX else ["rfft", "ihfft"]
    for name in names:
        for axis in (0, -1):
            for norm in ("backward", "ortho", "forward"):
                for n in (None, 4, 9):
                    compare(f"fft.{name}", x, n=n, axis=axis, norm=norm, loose=LOOSE)


@pytest.mark.parametrize("dtype", FLOATING)
def test_transforms_along_several_axes(dtype):
    x = drawn(dtype, (2, 4, 6), 1)
    for name in ["fftn", "ifftn", "irfftn"] if dtype in COMPLEX else ["rfftn"]:
        compare(f"fft.{name}", x, loose=LOOSE)
        compare(f"fft.{name}", x, axes=(0, 2), norm="ortho", loose=LOOSE)
        compare(f"fft.{name}", x, s=(3, 8), axes=(-1, 1), norm="forward", loose=LOOSE)


def test_frequencies_and_shifts():
    for n in (1, 4, 5):
        for name in ("fftfreq", "rfftfreq"):
            for dtype in REAL:
                got = getattr(xp.fft, name)(n, d=0.5, dtype=getattr(xp, dtype))
                np.testing.assert_allclose(got.numpy(), getattr(np.fft, name)(n, 0.5), rtol=1e-6)
                assert str(got.dtype) == f"weft.{dtype}"
            assert getattr(xp.fft, name)(n).dtype is weft.get_default_dtype()
    for dtype in [*INTEGERS, *FLOATING]:
        x = drawn(dtype, (3, 4), 0)
        for name in ("fftshift", "ifftshift"):
            for axes in (None, 0, (0, 1)):
                agreed = getattr(np.fft, name)(x, axes)
                assert getattr(xp.fft, name)(mine(x), axes=axes).numpy().tolist() == agreed.tolist()


def test_fft_refuses_what_the_standard_leaves_out():
    with pytest.raises(TypeError, match=r"^rfft: expected a real-valued floating-point dtype"):
        xp.fft.rfft(xp.ones(4, dtype=xp.complex64))
    with pytest.raises(TypeError, match=r"^fft: expected a floating-point dtype, got weft.int64"):
        xp.fft.fft(xp.ones(4, dtype=xp.int64))
    with pytest.raises(ValueError, match=r"norm must be one of backward, ortho, forward, got 'x'"):
        xp.fft.fft(xp.ones(4), norm="x")
    with pytest.raises(ValueError, match="s= needs axes="):
        xp.fft.fftn(xp.ones((4, 4)), s=(2, 2))
    with pytest.raises(TypeError, match=r"^fftfreq: expected a real-valued floating dtype"):
        xp.fft.fftfreq(4, dtype=xp.int64)
