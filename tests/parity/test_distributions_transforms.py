"""Constraints, transforms and their registries beside PyTorch's."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import weft

OURS, THEIRS = weft.distributions, torch.distributions


def pair(make: Any) -> tuple[Any, Any]:
    """Return what a function makes with our modules and with theirs."""
    double = lambda v: weft.tensor(v, dtype=weft.float64)
    other = lambda v: torch.tensor(v, dtype=torch.float64)
    return make(OURS, double), make(THEIRS, other)


def alike(ours: Any, theirs: Any, rtol: float = 1e-9, atol: float = 1e-10) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)


REAL = [[-2.0, 0.3, 1.5], [0.0, -0.7, 3.0]]
POSITIVE = [[0.2, 1.0, 3.0], [4.0, 0.5, 1.5]]
SQUARE = [[[1.0, -0.5], [0.3, 2.0]], [[0.1, 4.0], [-1.0, -0.2]]]

TRANSFORMS: dict[str, tuple[Any, Any]] = {
    "exp": (lambda D, t: D.ExpTransform(), REAL),
    "sigmoid": (lambda D, t: D.SigmoidTransform(), REAL),
    "softplus": (lambda D, t: D.SoftplusTransform(), REAL),
    "tanh": (lambda D, t: D.TanhTransform(), REAL),
    "abs": (lambda D, t: D.AbsTransform(), POSITIVE),
    "power": (lambda D, t: D.PowerTransform(t([2.0, -1.0, 0.5])), POSITIVE),
    "affine": (lambda D, t: D.AffineTransform(1.0, -2.0), REAL),
    "affine by tensors": (
        lambda D, t: D.AffineTransform(t([1.0, 0.0, 2.0]), t([3.0, -1.0, 2.0])),
        REAL,
    ),
    "affine of events": (
        lambda D, t: D.AffineTransform(0.5, t([3.0, -1.0, 2.0]), event_dim=1),
        REAL,
    ),
    "softmax": (lambda D, t: D.SoftmaxTransform(), REAL),
    "stick breaking": (lambda D, t: D.StickBreakingTransform(), REAL),
    "lower cholesky": (lambda D, t: D.LowerCholeskyTransform(), SQUARE),
    "positive definite": (lambda D, t: D.PositiveDefiniteTransform(), SQUARE),
    "corr cholesky": (lambda D, t: D.CorrCholeskyTransform(), REAL),
    "reshape": (lambda D, t: D.ReshapeTransform((2, 3), (3, 2)), [REAL, REAL]),
    "independent": (lambda D, t: D.IndependentTransform(D.ExpTransform(), 1), REAL),
    "inverse": (lambda D, t: D.ExpTransform().inv, POSITIVE),
    "chain": (
        lambda D, t: D.ComposeTransform(
            [D.TanhTransform(), D.AffineTransform(1.0, 0.5), D.ExpTransform()]
        ),
        REAL,
    ),
    "chain of dims": (
        lambda D, t: D.ComposeTransform([D.AffineTransform(0.0, 2.0), D.StickBreakingTransform()]),
        REAL,
    ),
    "chain after vectors": (
        lambda D, t: D.ComposeTransform([D.StickBreakingTransform(), D.ExpTransform()]),
        REAL,
    ),
    "identity": (lambda D, t: D.identity_transform, REAL),
    "cat": (
        lambda D, t: D.CatTransform(
            [D.ExpTransform(), D.AffineTransform(0.0, 3.0)], dim=-1, lengths=[1, 2]
        ),
        REAL,
    ),
    "cat of rows": (
        lambda D, t: D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=0),
        REAL,
    ),
    "stack": (
        lambda D, t: D.StackTransform(
            [D.ExpTransform(), D.identity_transform, D.TanhTransform()], dim=-1
        ),
        REAL,
    ),
    "cdf": (lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(0.0), t(2.0))), REAL),
}

#: Which move numbers about, map whole rows apart, or leave a simplex: compared with PyTorch alone.
BY_ROWS = {"reshape", "cat of rows", "chain after vectors"}
#: No Jacobian in PyTorch, and so none here.
FLAT = {"abs", "softmax", "lower cholesky", "positive definite"}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_values_inverses_and_jacobians(name: str) -> None:
    make, points = TRANSFORMS[name]
    ours, theirs = pair(make)
    x, a = pair(lambda D, t: t(points))
    y, b = ours(x), theirs(a)
    alike(y, b)
    alike(ours.inv(y), theirs.inv(b), atol=1e-7)
    assert ours.bijective == theirs.bijective
    assert ours.inv.inv is ours
    shape = tuple(np.shape(points))
    assert tuple(ours.forward_shape(shape)) == tuple(theirs.forward_shape(torch.Size(shape)))
    assert tuple(ours.inverse_shape(tuple(y.shape))) == tuple(theirs.inverse_shape(b.shape))
    if name in FLAT:
        with pytest.raises(NotImplementedError, match="log_abs_det_jacobian"):
            ours.log_abs_det_jacobian(x, y)
    else:
        alike(ours.log_abs_det_jacobian(x, y), theirs.log_abs_det_jacobian(a, b))
        alike(ours.inv.log_abs_det_jacobian(y, x), theirs.inv.log_abs_det_jacobian(b, a))
    for what in ("domain", "codomain"):
        mine, other = getattr(ours, what), getattr(theirs, what)
        assert repr(mine).split("object")[0] == repr(other).split("object")[0]
        assert mine.event_dim == other.event_dim
    try:
        sign = theirs.sign
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            _ = ours.sign
    else:
        np.testing.assert_array_equal(np.asarray(ours.sign), np.asarray(sign))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", sorted(TRANSFORMS.keys() - FLAT - BY_ROWS))
def test_the_jacobian_is_that_of_differentiation(name: str) -> None:
    make, points = TRANSFORMS[name]
    t, _ = pair(make)
    x = weft.tensor(points, dtype=weft.float64)
    one = x[0]
    jacobian = weft.func.jacrev(t)(one)
    square = jacobian.reshape((-1, one.numel()))
    if "corr" in name:  # of the free elements: those below the diagonal
        rows, columns = np.tril_indices(3, -1)
        square = jacobian[weft.from_numpy(rows), weft.from_numpy(columns)]
    elif square.shape[0] != square.shape[1]:  # a simplex: the last part follows from the others
        square = square[:-1]
    wanted = np.linalg.slogdet(square.numpy())[1]
    assert t.log_abs_det_jacobian(one, t(one)).sum().item() == pytest.approx(wanted, rel=1e-7)


def test_a_cache_gives_the_argument_back() -> None:
    for t in (OURS.TanhTransform(cache_size=1), OURS.TanhTransform().with_cache()):
        x = weft.tensor([30.0, -40.0])
        assert t.inv(t(x)) is x
        assert t(x) is t(x)
    plain = OURS.TanhTransform()
    assert plain.inv(plain(weft.tensor(30.0))).item() == float("inf")
    chain = OURS.ComposeTransform(
        [OURS.TanhTransform(), OURS.AffineTransform(0.0, 2.0)], cache_size=1
    )
    x = weft.tensor([30.0])
    assert chain.inv(chain(x)) is x
    with pytest.raises(ValueError, match="cache_size must be 0 or 1, got 2"):
        OURS.ExpTransform(cache_size=2)


def test_equal_transforms_are_equal_and_can_be_pickled() -> None:
    D = OURS
    assert D.ExpTransform() == D.ExpTransform() != D.TanhTransform()
    assert D.AffineTransform(0.0, 1.0) == D.AffineTransform(0.0, 1.0) != D.AffineTransform(0.0, 2.0)
    assert D.PowerTransform(2.0) == D.PowerTransform(weft.tensor(2.0))
    assert D.ComposeTransform([D.ExpTransform()]).inv == D.ComposeTransform([D.ExpTransform().inv])
    for t in (D.ExpTransform(), D.AffineTransform(1.0, weft.tensor(2.0)), D.ExpTransform().inv):
        t.inv  # noqa: B018 - what is weak inside must not be in the way
        x = weft.tensor([0.5, 2.0])
        assert weft.equal(pickle.loads(pickle.dumps(t))(x), t(x))


CONSTRAINTS: dict[str, tuple[Any, Any]] = {
    "real": (lambda D, t: D.constraints.real, [1.0, float("nan"), float("inf")]),
    "positive": (lambda D, t: D.constraints.positive, [1.0, 0.0, -1.0, float("nan")]),
    "nonnegative": (lambda D, t: D.constraints.nonnegative, [1.0, 0.0, -1.0]),
    "greater_than": (lambda D, t: D.constraints.greater_than(2.0), [3.0, 2.0, 1.0]),
    "greater_than_eq": (lambda D, t: D.constraints.greater_than_eq(2.0), [3.0, 2.0, 1.0]),
    "less_than": (lambda D, t: D.constraints.less_than(2.0), [3.0, 2.0, 1.0]),
    "interval": (lambda D, t: D.constraints.interval(-1.0, 2.0), [-1.0, 2.0, 3.0]),
    "half_open": (lambda D, t: D.constraints.half_open_interval(-1.0, 2.0), [-1.0, 2.0, 0.0]),
    "unit": (lambda D, t: D.constraints.unit_interval, [0.0, 1.0, 1.1]),
    "boolean": (lambda D, t: D.constraints.boolean, [0.0, 1.0, 0.5]),
    "integers": (lambda D, t: D.constraints.integer_interval(0, 2), [0.0, 1.5, 3.0]),
    "counts": (lambda D, t: D.constraints.nonnegative_integer, [0.0, 1.5, -1.0]),
    "positive_integer": (lambda D, t: D.constraints.positive_integer, [0.0, 1.0, 1.5]),
    "one_hot": (lambda D, t: D.constraints.one_hot, [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]),
    "simplex": (lambda D, t: D.constraints.simplex, [[0.3, 0.7], [1.5, -0.5], [0.3, 0.6]]),
    "multinomial": (
        lambda D, t: D.constraints.multinomial(3),
        [[1.0, 2.0], [2.0, 2.0], [-1.0, 1.0]],
    ),
    "real_vector": (lambda D, t: D.constraints.real_vector, [[1.0, 2.0], [float("nan"), 0.0]]),
    "lower_triangular": (
        lambda D, t: D.constraints.lower_triangular,
        [[[1.0, 0.0], [2.0, 0.0]], [[1.0, 1.0], [0.0, 1.0]]],
    ),
    "lower_cholesky": (
        lambda D, t: D.constraints.lower_cholesky,
        [[[1.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [2.0, 1.0]]],
    ),
    "corr_cholesky": (
        lambda D, t: D.constraints.corr_cholesky,
        [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]],
    ),
    "square": (lambda D, t: D.constraints.square, [[[1.0, 0.0]], [[1.0, 1.0]]]),
    "symmetric": (
        lambda D, t: D.constraints.symmetric,
        [[[1.0, 0.5], [0.5, 0.0]], [[1.0, 1.0], [0.0, 1.0]]],
    ),
    "semidefinite": (
        lambda D, t: D.constraints.positive_semidefinite,
        [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
    ),
    "definite": (
        lambda D, t: D.constraints.positive_definite,
        [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
    ),
    "cat": (
        lambda D, t: D.constraints.cat([D.constraints.positive, D.constraints.real], -1, [1, 2]),
        [[1.0, -1.0, 0.0], [-1.0, 0.0, float("nan")]],
    ),
    "stack": (
        lambda D, t: D.constraints.stack([D.constraints.positive, D.constraints.real], -1),
        [[1.0, -1.0], [-1.0, 0.0]],
    ),
    "independent": (
        lambda D, t: D.constraints.independent(D.constraints.positive, 2),
        [[[1.0], [2.0]], [[1.0], [-1.0]]],
    ),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_hold_the_same_values(name: str) -> None:
    make, points = CONSTRAINTS[name]
    ours, theirs = pair(make)
    x, a = pair(lambda D, t: t(points))
    assert ours.check(x).tolist() == theirs.check(a).tolist()
    assert (ours.is_discrete, ours.event_dim) == (theirs.is_discrete, theirs.event_dim)
    assert repr(ours).split("object")[0] == repr(theirs).split("object")[0]


REGISTERED = {
    "real": REAL,
    "positive": REAL,
    "nonnegative": REAL,
    "greater_than": REAL,
    "greater_than_eq": REAL,
    "less_than": REAL,
    "interval": REAL,
    "half_open": REAL,
    "unit": REAL,
    "simplex": REAL,
    "lower_cholesky": SQUARE,
    "corr_cholesky": REAL,
    "definite": SQUARE,
    "semidefinite": SQUARE,
    "cat": REAL,
    "stack": [[0.5, 1.0], [-1.0, 2.0]],
    "real_vector": REAL,
    "independent": [REAL],
}


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registries_find_the_same_transforms(registry: str, name: str) -> None:
    ours, theirs = pair(CONSTRAINTS[name][0])
    try:
        wanted = getattr(THEIRS, registry)(theirs)
    except NotImplementedError:
        with pytest.raises(NotImplementedError, match="no transform is registered for"):
            getattr(OURS, registry)(ours)
        return
    found = getattr(OURS, registry)(ours)
    if name in ("positive", "nonnegative"):  # PyTorch adds 0 to it
        assert found == OURS.ExpTransform()
    else:
        assert type(found).__name__ == type(wanted).__name__
    x, a = pair(lambda D, t: t(REGISTERED[name]))
    y = found(x)
    alike(y, wanted(a))
    good = ours.check(y)
    assert bool(good.all()) or name == "corr_cholesky"
    if registry == "biject_to":
        assert found.bijective


def test_a_constraint_of_ones_own_is_entered() -> None:
    class Even(OURS.constraints.Constraint):
        def check(self, value: Any) -> Any:
            return value % 2 == 0

    registry = OURS.constraint_registry.ConstraintRegistry()

    @registry.register(Even)
    def _even(constraint: Any) -> Any:
        return OURS.AffineTransform(0.0, 2.0)

    assert registry(Even()) == OURS.AffineTransform(0.0, 2.0)
    with pytest.raises(TypeError, match="a subclass or an instance of Constraint, got 3"):
        registry.register(3, _even)


def test_transformed_distributions_are_pytorchs() -> None:
    chains = [
        lambda D, t: ([D.ExpTransform(), D.AffineTransform(1.0, t([2.0, 3.0]))], (2,)),
        lambda D, t: ([D.StickBreakingTransform()], (3, 2)),
        lambda D, t: ([D.AffineTransform(t([[0.0], [1.0]]), 1.0), D.SigmoidTransform()], (3,)),
        lambda D, t: ([D.ReshapeTransform((4,), (2, 2)), D.TanhTransform()], (3, 4)),
        lambda D, t: (D.ExpTransform().inv, (2,)),
    ]
    for chain in chains:

        def make(D: Any, t: Any, chain: Any = chain) -> Any:
            transforms, shape = chain(D, t)
            base = D.LogNormal if not isinstance(transforms, list) else D.Normal
            return D.TransformedDistribution(base(t(np.zeros(shape).tolist()), t(1.0)), transforms)

        ours, theirs = pair(make)
        assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
        assert tuple(ours.event_shape) == tuple(theirs.event_shape)
        x = ours.sample((2,))
        alike(ours.log_prob(x), theirs.log_prob(torch.from_numpy(np.array(x.numpy()))))
        wide, other = (d.expand((5, *d.batch_shape)) for d in (ours, theirs))
        assert tuple(wide.sample().shape) == tuple(other.sample().shape)
        assert repr(ours.support) == repr(theirs.support)
        try:
            wanted = theirs.cdf(torch.from_numpy(np.array(x.numpy())))
        except NotImplementedError:
            continue
        alike(ours.cdf(x), wanted)
        u = wanted.clamp(0.01, 0.99)
        alike(ours.icdf(weft.from_numpy(u.numpy())), theirs.icdf(u))
    with pytest.raises(TypeError, match="a Transform or a list of them"):
        OURS.TransformedDistribution(OURS.Normal(0.0, 1.0), [3])
    with pytest.raises(weft.ShapeError, match="need at least 1 dims"):
        OURS.TransformedDistribution(OURS.Normal(0.0, 1.0), OURS.StickBreakingTransform())


def test_helpers_are_pytorchs() -> None:
    u, v = OURS.utils, THEIRS.utils
    vec = np.arange(1.0, 13.0).reshape(2, 6)
    for diag in (0, -1):
        mine = u.vec_to_tril_matrix(weft.from_numpy(vec), diag)
        alike(mine, v.vec_to_tril_matrix(torch.from_numpy(vec), diag))
        alike(u.tril_matrix_to_vec(mine, diag), torch.from_numpy(vec))
    p = np.array([[0.0, 0.3, 0.7], [1.0, 0.0, 0.0]])
    for binary in (True, False):
        alike(
            u.probs_to_logits(weft.from_numpy(p), binary),
            v.probs_to_logits(torch.from_numpy(p), binary),
        )
        alike(
            u.logits_to_probs(weft.from_numpy(p), binary),
            v.logits_to_probs(torch.from_numpy(p), binary),
        )
    with pytest.raises(weft.ShapeError, match="5 elements do not fill"):
        u.vec_to_tril_matrix(weft.zeros(5))
    a, b = u.broadcast_all(weft.zeros(3, dtype=weft.float64), 1)
    assert (a.dtype, b.dtype, tuple(b.shape)) == (weft.float64, weft.float64, (3,))
