"""Distributions beside PyTorch's: densities, moments, quantiles, entropies, their gradients."""

from __future__ import annotations

import importlib
import inspect
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.core.distributions.cases import EACH, IDS, parameters, tensors_of
from tests.parity.torch_side import tensor_of

OURS, THEIRS = weft.distributions, torch.distributions

#: Relative and absolute tolerance by dtype: sums of several logarithms, each rounded.
TOLERANCE = {"float32": (2e-4, 2e-5), "float64": (1e-8, 1e-10)}

#: Whose formulas PyTorch approximates: ours are right to all digits (tests/core/distributions).
APPROXIMATE = {"VonMises": (1e-4, 1e-6)}

#: What is not PyTorch's, and why.
DIFFERENT = {
    ("Dirichlet", "mode"): "where all concentrations are below 1, PyTorch's is the first corner",
    ("Kumaraswamy", "mode"): "PyTorch's is NaN wherever concentration1 is above 1",
    ("Weibull", "mode"): "PyTorch's is no mode where concentration is below 1: it is 0",
}


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Any:
    """Yield a dtype, in which numbers become tensors too."""
    weft.set_default_dtype(getattr(weft, request.param))
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    weft.set_default_dtype(weft.float32)
    torch.set_default_dtype(torch.float32)


#: For which nothing of that is known in closed form.
WITHOUT_MOMENTS = ("LKJCholesky", "LogisticNormal", "RelaxedBernoulli", "RelaxedOneHotCategorical")


def made(name: str, case: int, dtype: str) -> tuple[Any, Any]:
    """Return a distribution of ours and one of theirs with the same parameters."""
    ours = parameters(name, case, lambda v: weft.tensor(v, dtype=getattr(weft, dtype)))
    theirs = parameters(name, case, lambda v: torch.tensor(v, dtype=getattr(torch, dtype)))
    return getattr(OURS, name)(**ours), getattr(THEIRS, name)(**theirs)


def alike(ours: Any, theirs: Any, dtype: str, name: str = "") -> None:
    """Raise unless values, shapes and dtypes are the same."""
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    rtol, atol = map(max, TOLERANCE[dtype], APPROXIMATE.get(name, (0, 0)))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)


def both(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Return what two functions return, None where they say that it is not there."""
    out = []
    for call in (ours, theirs):
        try:
            out.append(call())
        except NotImplementedError:
            out.append(None)
    return out[0], out[1]


def drawn(distribution: Any, *shape: int) -> Any:
    """Return draws of ours, always the same."""
    weft.manual_seed(11)
    return distribution.sample(shape)


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_log_prob_and_its_gradients(name: str, case: int, dtype: str) -> None:
    ours, theirs = made(name, case, dtype)
    x = drawn(ours, 4)
    alike(ours.log_prob(x), theirs.log_prob(tensor_of(x.numpy())), dtype, name)
    own = parameters(
        name, case, lambda v: weft.tensor(v, dtype=getattr(weft, dtype), requires_grad=True)
    )
    others = parameters(
        name, case, lambda v: torch.tensor(v, dtype=getattr(torch, dtype), requires_grad=True)
    )
    continuous = not theirs.support.is_discrete
    given = x.clone().requires_grad_(continuous)
    point = tensor_of(x.numpy()).requires_grad_(continuous)
    if (not continuous or name == "Uniform") and not list(tensors_of(own)):
        return  # numbers alone: there is nothing to differentiate by
    getattr(OURS, name)(**own).log_prob(given).sum().backward()
    getattr(THEIRS, name)(**others).log_prob(point).sum().backward()
    for key in own:
        a, b = own[key], others[key]
        if isinstance(a, weft.Tensor):
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None and (name, key) == ("GeneralizedPareto", "concentration"):
                # at 0 PyTorch's formula is a constant, and its slope 0: test_gradients.py has ours
                inside = b.detach().numpy() != 0
                alike(a.grad * weft.from_numpy(inside), b.grad * torch.from_numpy(inside), dtype)
            elif a.grad is not None:  # above the diagonal of a lower triangle there is none
                lower = key == "scale_tril"
                alike(*((g.tril() if lower else g) for g in (a.grad, b.grad)), dtype, name)
    if continuous and name != "Uniform":  # whose density is the same everywhere
        mine, other = given.grad, point.grad
        if name == "LogisticNormal":  # along the simplex: off it, there is no density
            mine, other = mine - mine[..., -1:], other - other[..., -1:]
        alike(mine, other, dtype, name)


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_moments_mode_and_entropy(name: str, case: int, dtype: str) -> None:
    ours, theirs = made(name, case, dtype)
    compared = 0
    for what in ("mean", "mode", "variance", "stddev"):
        a, b = both(lambda w=what: getattr(ours, w), lambda w=what: getattr(theirs, w))
        if (name, what) in DIFFERENT:
            continue
        assert b is None or a is not None, what
        if b is not None:
            alike(a, b, dtype, name)
            compared += 1
    for what in ("entropy", "perplexity"):
        a, b = both(getattr(ours, what), getattr(theirs, what))
        assert b is None or a is not None, what
        if b is not None:
            alike(a, b, dtype, name)
            compared += 1
    a, b = both(ours.enumerate_support, theirs.enumerate_support)
    assert (a is None) == (b is None)
    if a is not None:
        alike(a, b, dtype)
        alike(ours.enumerate_support(False), theirs.enumerate_support(False), dtype)
        compared += 1
    assert compared or name in WITHOUT_MOMENTS


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_cdf_and_icdf(name: str, case: int, dtype: str) -> None:
    ours, theirs = made(name, case, dtype)
    x = drawn(ours, 3)
    a, b = both(lambda: ours.cdf(x), lambda: theirs.cdf(tensor_of(x.numpy())))
    assert b is None or a is not None
    if b is not None:
        alike(a, b, dtype)
    shape = (3, *ours.batch_shape)
    u = np.random.default_rng(3).uniform(0.02, 0.98, shape).astype(dtype)
    a, b = both(lambda: ours.icdf(weft.from_numpy(u)), lambda: theirs.icdf(torch.from_numpy(u)))
    assert b is None or a is not None
    if b is not None:
        alike(a, b, dtype)
        np.testing.assert_allclose(
            ours.cdf(a).numpy(), u, rtol=1e-3 if dtype == "float32" else 1e-7
        )


@pytest.mark.parametrize(("name", "case"), EACH, ids=IDS)
def test_shapes_repr_and_flags(name: str, case: int) -> None:
    ours, theirs = made(name, case, "float32")
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert repr(ours).replace("weft.", "torch.") == repr(theirs)
    assert repr(ours.support) == repr(theirs.support) or "tensor" in repr(theirs.support)
    assert (ours.has_rsample, ours.has_enumerate_support) == (
        theirs.has_rsample,
        theirs.has_enumerate_support,
    )
    assert ours.support.is_discrete == theirs.support.is_discrete
    assert ours.support.event_dim == theirs.support.event_dim
    assert {k: repr(v) for k, v in ours.arg_constraints.items()}.keys() == dict(
        theirs.arg_constraints
    ).keys()
    batch = (2, *ours.batch_shape)
    wide, other = ours.expand(batch), theirs.expand(batch)
    assert tuple(wide.batch_shape) == tuple(other.batch_shape) == batch
    assert type(wide) is type(ours)
    x = drawn(wide, 3)
    assert tuple(x.shape) == (3, *batch, *ours.event_shape)
    alike(wide.log_prob(x), other.log_prob(tensor_of(x.numpy())), "float32")


@pytest.mark.parametrize("name", sorted({name for name, _ in EACH}))
def test_arguments_are_pytorchs(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(m, name)) for m in (OURS, THEIRS))
    assert list(ours.parameters) == list(theirs.parameters)
    for a, b in zip(ours.parameters.values(), theirs.parameters.values(), strict=True):
        assert (a.name, a.default) == (b.name, b.default)


def test_every_name_of_pytorchs_is_there() -> None:
    for module in ("", ".constraints", ".transforms", ".utils", ".constraint_registry", ".kl"):
        ours, theirs = (
            importlib.import_module(f"{m}.distributions{module}") for m in ("weft", "torch")
        )
        assert [n for n in theirs.__all__ if not hasattr(ours, n)] == [], module


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("Normal", {"loc": 0.0, "scale": -1.0}, None),
        ("Normal", {"loc": math.nan, "scale": 1.0}, None),
        ("Normal", {"loc": 0.0, "scale": 1.0}, [math.nan]),
        ("Exponential", {"rate": 1.0}, [-1.0]),
        ("Bernoulli", {"probs": 1.5}, None),
        ("Bernoulli", {"probs": 0.5}, [0.5]),
        ("Bernoulli", {}, None),
        ("Bernoulli", {"probs": 0.5, "logits": 0.0}, None),
        ("Categorical", {"probs": [[-1.0, 2.0]]}, None),
        ("Categorical", {"probs": [0.5, 0.5]}, [2.0]),
        ("Uniform", {"low": 1.0, "high": 0.0}, None),
        ("Poisson", {"rate": 1.0}, [0.5]),
        ("HalfNormal", {"scale": -1.0}, None),
        ("Normal", {"loc": [0.0, 0.0, 0.0], "scale": 1.0}, [0.0, 0.0]),
        ("OneHotCategorical", {"probs": [0.5, 0.5]}, [1.0, 1.0]),
    ],
)
def test_what_pytorch_refuses_is_refused(name: str, arguments: Any, value: Any) -> None:
    for module, tensor in ((OURS, weft.tensor), (THEIRS, torch.tensor)):
        with pytest.raises(ValueError, match=r"."):
            one = getattr(module, name)(
                **{k: tensor(v) if isinstance(v, list) else v for k, v in arguments.items()}
            )
            assert value is not None
            one.log_prob(tensor(value))


def test_unchecked_arguments_are_taken_as_they_are() -> None:
    for module, tensor in ((OURS, weft.tensor), (THEIRS, torch.tensor)):
        one = module.Exponential(tensor(2.0), validate_args=False)
        assert one.log_prob(tensor(-1.0)).item() == pytest.approx(math.log(2) + 2)
        assert re.match(r"Exponential\(rate: 2\.0\)", repr(one))
