"""Linear algebra against torch's where samples cannot say it: arbitrary signs, phases and names."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import array_of, assert_same, quietly


def both(*shape: int, seed: int = 0, complex_: bool = False, hermitian: bool = False):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(shape)
    if complex_:
        data = data + 1j * rng.standard_normal(shape)
    if hermitian:
        data = data + np.swapaxes(data, -1, -2).conj()
    return weft.from_numpy(data).requires_grad_(), torch.from_numpy(data).requires_grad_()


def compare_gradients(loss, ours, theirs, atol: float = 1e-9) -> None:
    (g,) = weft.autograd.grad(loss(weft, ours), ours)
    (e,) = torch.autograd.grad(loss(torch, theirs), theirs)
    np.testing.assert_allclose(g.numpy(), array_of(e), atol=atol)


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (3, 5)])
def test_gradients_through_singular_vectors_are_torchs(shape, complex_):
    ours, theirs = both(*shape, complex_=complex_)

    def loss(lib, x):
        u, s, vh = lib.linalg.svd(x, full_matrices=False)
        part = u[..., :2] * (s[..., None, :2] ** 2)
        return abs(part @ vh[..., :2, :]).sum() + (abs(u) ** 4).sum() + (abs(vh) ** 3).sum()

    compare_gradients(loss, ours, theirs)


@pytest.mark.parametrize("complex_", [False, True])
def test_gradients_through_eigenvectors_are_torchs(complex_):
    def of_hermitian(lib, x):
        w, v = lib.linalg.eigh(x)
        return (abs(v) ** 4).sum() + (w**2 * (abs(v) ** 2)[..., 0, :]).sum()

    def of_any(lib, x):
        w, v = lib.linalg.eig(x)
        return (abs(v) ** 4).sum() + (abs(w) ** 2).sum()

    compare_gradients(of_hermitian, *both(2, 3, 3, complex_=complex_, hermitian=True))
    compare_gradients(of_any, *both(2, 3, 3, complex_=complex_))


@pytest.mark.parametrize("complex_", [False, True])
def test_gradients_of_lu_and_least_squares_are_torchs(complex_):
    ours, theirs = both(2, 4, 4, seed=2, complex_=complex_)
    mine, others = both(2, 4, 2, seed=3, complex_=complex_)

    def by_lu(lib, x):
        b = mine if lib is weft else others
        factors = lib.linalg.lu_factor(x)
        solved = lib.linalg.lu_solve(*factors, b) ** 2
        turned = lib.linalg.lu_solve(*factors, b.mH, left=False, adjoint=True)
        return abs(solved).sum() + abs(turned).sum()

    def by_least_squares(lib, x):
        b = mine if lib is weft else others
        return abs(lib.linalg.lstsq(x[..., :3], b).solution ** 2).sum()

    compare_gradients(by_lu, ours, theirs, 1e-7)
    compare_gradients(by_least_squares, ours, theirs, 1e-7)


def test_gradients_of_determinants_and_exponentials_are_torchs():
    for complex_ in (False, True):
        compare_gradients(
            lambda lib, x: abs(lib.linalg.det(x) ** 2).sum(), *both(2, 3, 3, complex_=complex_)
        )
        compare_gradients(
            lambda lib, x: lib.linalg.slogdet(x).logabsdet.sum(), *both(2, 3, 3, complex_=complex_)
        )
        compare_gradients(
            lambda lib, x: abs(lib.linalg.matrix_exp(x) ** 2).sum(),
            *both(3, 3, complex_=complex_),
        )
        compare_gradients(
            lambda lib, x: abs(lib.linalg.pinv(x) ** 2).sum(), *both(2, 4, 3, complex_=complex_)
        )


ORDERS = (None, "fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf, 0, 0.5, 3)


@pytest.mark.parametrize("ord", ORDERS)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 0), (2, 2, 3)])
@pytest.mark.parametrize("dim", [None, 0, (0, 1), (-1,)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_norms_are_torchs_or_both_refuse(ord, shape, dim, keepdim):
    ours, theirs = both(*shape)
    for name, kwargs in (
        ("linalg.norm", {"ord": ord}),
        ("linalg.vector_norm", {"ord": ord}),
        ("norm", {"p": ord}),
    ):
        mine, other = weft, torch
        for part in name.split("."):
            mine, other = getattr(mine, part), getattr(other, part)
        try:
            expected = quietly(other, theirs.detach(), **kwargs, dim=dim, keepdim=keepdim)
        except (RuntimeError, TypeError, IndexError, ValueError):
            if not (name == "norm" and ord == "nuc"):  # torch's forms of it are few
                with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)):
                    mine(ours, **kwargs, dim=dim, keepdim=keepdim)
            continue
        got = mine(ours.detach(), **kwargs, dim=dim, keepdim=keepdim)
        assert_same(got, expected, f"{name} {kwargs} {shape} {dim}", (1e-10, 1e-10))


def test_what_is_singular_is_refused_with_the_same_kind_of_error():
    assert issubclass(weft.linalg.LinAlgError, RuntimeError)
    zero = np.zeros((2, 2, 2))
    calls = {
        "inv": lambda lib, x: lib.linalg.inv(x),
        "cholesky": lambda lib, x: lib.linalg.cholesky(x),
        "solve": lambda lib, x: lib.linalg.solve(x, x),
        "inverse": lambda lib, x: lib.inverse(x),
        "lu_factor": lambda lib, x: lib.linalg.lu_factor(x),
        "ldl_factor": lambda lib, x: lib.linalg.ldl_factor(x),
        "tensorinv": lambda lib, x: lib.linalg.tensorinv(x[0], ind=1),
    }
    for name, call in calls.items():
        with pytest.raises(RuntimeError):
            quietly(call, torch, torch.from_numpy(zero))
        with pytest.raises(weft.linalg.LinAlgError, match=name):
            call(weft, weft.from_numpy(zero))


def test_reports_are_torchs():
    data = np.random.default_rng(0).standard_normal((3, 3, 3))
    data[1] = 0
    data[2, :, 1] = data[2, :, 0]
    symmetric = data @ np.swapaxes(data, 1, 2)
    for name, x in (
        ("inv_ex", np.round(data)),
        ("lu_factor_ex", np.round(data)),
        ("cholesky_ex", symmetric - 0.1 * np.eye(3)),
    ):
        ours = getattr(weft.linalg, name)(weft.from_numpy(x)).info
        theirs = getattr(torch.linalg, name)(torch.from_numpy(x)).info
        assert ours.tolist() == theirs.tolist(), name
        assert ours.dtype is weft.int32


NAMED = {
    "cholesky_ex": 1,
    "eig": 1,
    "eigh": 1,
    "inv_ex": 1,
    "ldl_factor": 1,
    "ldl_factor_ex": 1,
    "lu": 1,
    "lu_factor": 1,
    "lu_factor_ex": 1,
    "qr": 1,
    "slogdet": 1,
    "svd": 1,
    "lstsq": 2,
    "solve_ex": 2,
}


@pytest.mark.parametrize("name", NAMED)
def test_results_have_torchs_field_names(name):
    ours, theirs = both(3, 3, hermitian=True)
    got = getattr(weft.linalg, name)(*[ours.detach()] * NAMED[name])
    expected = getattr(torch.linalg, name)(*[theirs.detach()] * NAMED[name])
    fields = [
        field for field in dir(expected) if isinstance(getattr(expected, field), torch.Tensor)
    ]
    assert sorted(got._fields) == sorted(f for f in fields if f not in ("H", "T", "mH", "mT"))
    for field in got._fields:
        assert tuple(getattr(got, field).shape) == tuple(getattr(expected, field).shape), field


def test_every_keyword_torch_documents_is_taken():
    """torch's schemas tell argument names; ``self`` is called input."""
    missing = []
    for name in dir(torch.linalg):
        schema_name = f"linalg_{name}"
        if name.startswith("_") or not hasattr(torch.ops.aten, schema_name):
            continue
        packet = getattr(torch.ops.aten, schema_name)
        taken = inspect.signature(getattr(weft.linalg, name), follow_wrapped=False).parameters
        for overload in packet.overloads():
            schema = getattr(packet, overload)._schema
            if any(a.is_out for a in schema.arguments):
                documented = "out=" in (getattr(torch.linalg, name).__doc__ or "")
                assert "out" in taken or not documented, f"{name} takes no out="
                continue
            for argument in schema.arguments:
                own = "input" if argument.name == "self" else argument.name
                if own not in taken:
                    missing.append(f"{name}({own}=)")
    # torch takes both names for this one, and documents x
    assert missing == ["vector_norm(input=)"]
