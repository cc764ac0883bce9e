"""Matrix factorisations for NumPy arrays, over any leading dims, with LAPACK's own reports.

What NumPy's ``linalg`` has is called there. The rest is LAPACK through SciPy, matrix by matrix. The
functions return an ``info`` array where a matrix may be unfit, and leave the error to the caller,
who knows its name. A backend for another array library offers the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from weft._backend import lapack_stacks as stacks
from weft._backend.cpu import blas
from weft._backend.numpy_ import linalg

INT = np.dtype(np.int32)
Core = tuple[tuple[int, ...], np.dtype[Any]]


def each_matrix(
    function: Callable[..., Any], arrays: Sequence[tuple[Any, int]], results: Sequence[Core]
) -> Any:
    """Call a function once for each place in the leading dims, which broadcast.

    Args:
        function: takes one matrix (or vector) of each array, returns one of each result.
        arrays: each with the number of its last dims that one call takes.
        results: the shape and dtype of each result of one call.
    """
    lead = np.broadcast_shapes(*(a.shape[: a.ndim - core] for a, core in arrays))
    whole = [np.broadcast_to(a, lead + a.shape[a.ndim - core :]) for a, core in arrays]
    outs = tuple(np.zeros(lead + shape, dtype) for shape, dtype in results)
    if any(not a.size for a in whole):
        return outs  # LAPACK takes no matrix of length 0; all its results are empty or zero
    large = max(whole[0].shape[len(lead) :], default=0) >= blas.LARGE
    with blas.Raised() if large else nullcontext():
        for place in np.ndindex(lead):
            for out, one in zip(outs, function(*(a[place] for a in whole)), strict=True):
                out[place] = one
    return outs


def _routines(a: Any, *names: str) -> Any:
    from scipy.linalg import get_lapack_funcs

    found = get_lapack_funcs(names, dtype=a.dtype)
    return found[0] if len(names) == 1 else found


def cholesky(a: Any) -> tuple[Any, Any]:
    """Return the lower factor and info: 0, or the order of the minor that is not positive."""
    found = stacks.cholesky(a)
    if found is not None:
        return found, np.zeros(a.shape[:-2], INT)
    try:
        return linalg.cholesky(a), np.zeros(a.shape[:-2], INT)
    except np.linalg.LinAlgError:
        potrf = _routines(a, "potrf")
        n = a.shape[-1]
        return each_matrix(
            lambda m: potrf(m, lower=True, clean=True), [(a, 2)], [((n, n), a.dtype), ((), INT)]
        )


def lu(a: Any, *, pivot: bool) -> tuple[Any, Any, Any]:
    """Return L and U in one matrix, the row swapped with each (from 1), and info: a zero pivot."""
    rows, columns = a.shape[-2:]
    least = min(rows, columns)
    if not pivot:
        return _lu_as_it_stands(a)
    found = stacks.lu(a)
    if found is not None:
        return found
    getrf = _routines(a, "getrf")

    def one(m: Any) -> Any:
        packed, swaps, info = getrf(m)
        return packed, swaps + 1, info

    return each_matrix(one, [(a, 2)], [((rows, columns), a.dtype), ((least,), INT), ((), INT)])


def _lu_as_it_stands(a: Any) -> tuple[Any, Any, Any]:
    """Eliminate without exchanging rows, all matrices at once."""
    out = np.array(a)
    lead, least = a.shape[:-2], min(a.shape[-2:])
    info = np.zeros(lead, INT)
    for k in range(least):
        pivot = out[..., k, k]
        info = np.where((info == 0) & (pivot == 0), k + 1, info).astype(INT)
        out[..., k + 1 :, k] /= pivot[..., None]
        out[..., k + 1 :, k + 1 :] -= out[..., k + 1 :, k, None] * out[..., k, None, k + 1 :]
    swaps = np.broadcast_to(np.arange(1, least + 1, dtype=INT), (*lead, least)).copy()
    return out, swaps, info


def _side_by_side(b: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return a batch of right sides as one of many columns, and what brings a solution back.

    One matrix for a whole batch is then factorised once; broadcast, it would be each time.
    """
    rows, columns = b.shape[-2:]
    flat = np.moveaxis(b, -2, 0).reshape((rows, -1))
    return flat, lambda x: np.moveaxis(x.reshape((rows, *b.shape[:-2], columns)), 0, -2)


def solve(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the solution of a x = b and info: the first zero pivot of a, or 0."""
    if a.ndim == 2 < b.ndim and b.size:
        flat, back = _side_by_side(b)
        x, info = solve(a, flat)
        return back(x), info
    found = stacks.solve(a, b)
    if found is not None:
        return found, np.zeros(a.shape[:-2], INT)
    try:
        return linalg.solve(a, b), np.zeros(a.shape[:-2], INT)
    except np.linalg.LinAlgError:
        packed, swaps, info = lu(a, pivot=True)
        getrs = _routines(a, "getrs")

        def one(m: Any, places: Any, unfit: Any, right: Any) -> Any:
            return (np.nan if unfit else getrs(m, places - 1, right)[0],)

        arrays = [(packed, 2), (swaps, 1), (info, 0), (b, 2)]
        return each_matrix(one, arrays, [(b.shape[-2:], a.dtype)])[0], info


def inv(a: Any) -> tuple[Any, Any]:
    """Return the inverse and info: the first zero pivot, or 0."""
    n = a.shape[-1]
    found = stacks.inv(a)
    if found is not None:
        return found, np.zeros(a.shape[:-2], INT)
    try:
        return linalg.inv(a), np.zeros(a.shape[:-2], INT)
    except np.linalg.LinAlgError:
        getrf, getri = _routines(a, "getrf", "getri")

        def one(m: Any) -> Any:
            packed, swaps, info = getrf(m)
            return (getri(packed, swaps)[0] if not info else np.nan), info

        return each_matrix(one, [(a, 2)], [((n, n), a.dtype), ((), INT)])


def adjugate(a: Any) -> Any:
    """Return the transposed cofactors: det(a) times the inverse, where there is one."""
    try:
        return linalg.det(a)[..., None, None] * linalg.inv(a)
    except np.linalg.LinAlgError:
        u, s, vh = linalg.svd(a)
        n = a.shape[-1]
        rest = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
        turn = linalg.det(u) * linalg.det(vh)
        v, uh = (np.conj(np.swapaxes(m, -1, -2)) for m in (vh, u))
        return np.asarray(turn[..., None, None] * (v * rest[..., None, :]) @ uh).astype(a.dtype)


def solve_triangular(a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """Return the solution of a x = b, of which one triangle of a is read."""
    from scipy.linalg import get_blas_funcs

    if a.ndim == 2 < b.ndim and b.size:
        flat, back = _side_by_side(b)
        return back(solve_triangular(a, flat, upper=upper, unit=unit))
    found = stacks.solve_triangular(a, b, upper=upper, unit=unit)
    if found is not None:
        return found
    trsm = get_blas_funcs("trsm", dtype=a.dtype)

    def one(m: Any, right: Any) -> Any:
        if m.flags.c_contiguous:  # seen by columns it is its transpose, which spares a copy
            return (trsm(1, m.T, right, lower=upper, trans_a=1, diag=unit),)
        return (trsm(1, m, right, lower=not upper, diag=unit),)

    return each_matrix(one, [(a, 2), (b, 2)], [(b.shape[-2:], a.dtype)])[0]


def geqrf(a: Any) -> tuple[Any, Any]:
    """Return R with the reflectors of Q below it, and their factors."""
    rows, columns = a.shape[-2:]
    routine = _routines(a, "geqrf")

    def one(m: Any) -> Any:
        return routine(m)[:2]

    least = min(rows, columns)
    return each_matrix(one, [(a, 2)], [((rows, columns), a.dtype), ((least,), a.dtype)])


def ldl(a: Any, *, hermitian: bool) -> tuple[Any, Any, Any]:
    """Return L and the blocks of D in one matrix, LAPACK's pivots, and info."""
    found = stacks.ldl(a, hermitian=hermitian)
    if found is not None:
        return found
    n = a.shape[-1]
    name = "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf"
    routine, lwork = _routines(a, name, f"{name}_lwork")
    size = int(lwork(n, lower=True)[0].real) if n else 1

    def one(m: Any) -> Any:
        return routine(np.tril(m), lower=True, lwork=size)

    return each_matrix(one, [(a, 2)], [((n, n), a.dtype), ((n,), INT), ((), INT)])


def ldl_solve(packed: Any, pivots: Any, b: Any, *, hermitian: bool) -> Any:
    """Return the solution of a x = b from what :func:`ldl` returned for a."""
    routine = _routines(b, "hetrs" if hermitian and b.dtype.kind == "c" else "sytrs")

    def one(m: Any, places: Any, right: Any) -> Any:
        return (routine(m, places, right, lower=True)[0],)

    arrays = [(packed, 2), (pivots, 1), (b, 2)]
    return each_matrix(one, arrays, [(b.shape[-2:], b.dtype)])[0]


def least_squares(a: Any, b: Any, *, rcond: float, driver: str) -> tuple[Any, Any, Any]:
    """Return the solution of least norm, the rank, and the singular values (0 if not found)."""
    rows, columns = a.shape[-2:]
    least = min(rows, columns)
    wide = np.dtype(np.int64)
    real = np.zeros((), a.dtype).real.dtype
    found = stacks.least_squares(a, b, rcond=rcond, driver=driver)
    if found is not None:
        return *found, np.zeros((*a.shape[:-2], least), real)
    results: list[Core] = [((columns, b.shape[-1]), a.dtype), ((), wide), ((least,), real)]

    def by_qr(m: Any, right: Any) -> Any:
        padded = np.zeros((max(rows, columns), right.shape[1]), a.dtype)
        padded[:rows] = right
        _, x, info = _routines(a, "gels")(m, padded)
        return (x[:columns] if not info else np.nan), least, 0

    def by_scipy(m: Any, right: Any) -> Any:
        from scipy.linalg import lstsq

        x, _, rank, s = lstsq(m, right, cond=rcond, lapack_driver=driver, check_finite=False)
        return x, rank, 0 if s is None else s

    return each_matrix(by_qr if driver == "gels" else by_scipy, [(a, 2), (b, 2)], results)


def expm(a: Any) -> Any:
    """Return the matrix exponentials."""
    from scipy.linalg import expm as exponential

    if not a.size:
        return a.copy()
    finite = np.isfinite(a).all((-2, -1), keepdims=True)
    return np.where(finite, exponential(np.where(finite, a, 0)), np.nan).astype(a.dtype)
