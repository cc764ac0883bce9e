"""Linear algebra beyond the catalogue's samples: identities, and what is arbitrary or undefined."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import weft
from weft import linalg
from weft._core.errors import GradError
from weft.linalg import LinAlgError


def drawn(*shape: int, seed: int = 0, complex_: bool = False) -> weft.Tensor:
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(shape)
    return weft.from_numpy(data + 1j * rng.standard_normal(shape) if complex_ else data)


def hermitian(*shape: int, complex_: bool = False) -> weft.Tensor:
    x = drawn(*shape, complex_=complex_)
    return x + x.mH


def near(got: weft.Tensor, expected: weft.Tensor, atol: float = 1e-10) -> None:
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), atol=atol)


def check_gradient(loss, x: weft.Tensor, direction: weft.Tensor, *, second: bool = True) -> None:
    """Hold the first and second derivative of a loss to finite differences along a direction."""

    def first(at: weft.Tensor) -> weft.Tensor:
        at = at.detach().requires_grad_()
        (g,) = weft.autograd.grad(loss(at), at, create_graph=True)
        return weft.real((g.conj() * direction).sum())

    def difference(function, step: float) -> float:
        ahead, behind = (function(x + direction * s).item() for s in (step, -step))
        return (ahead - behind) / (2 * step)

    assert first(x).item() == pytest.approx(difference(loss, 1e-6), rel=1e-6, abs=1e-7)
    if second:
        at = x.detach().requires_grad_()
        (g,) = weft.autograd.grad(loss(at), at, create_graph=True)
        (gg,) = weft.autograd.grad(weft.real((g.conj() * direction).sum()), at)
        slope = weft.real((gg.conj() * direction).sum()).item()
        assert slope == pytest.approx(difference(first, 1e-5), rel=1e-4, abs=1e-5)


# --- eigenvectors and singular vectors ---------------------------------------------------------


@pytest.mark.parametrize("complex_", [False, True])
def test_eigenvectors_diagonalise(complex_):
    h = hermitian(2, 4, 4, complex_=complex_)
    values, vectors = linalg.eigh(h)
    near(vectors @ (values.unsqueeze(-1) * vectors.mH), h)
    x = drawn(2, 4, 4, complex_=complex_)
    values, vectors = linalg.eig(x)
    near(x.to(weft.complex128) @ vectors, vectors * values.unsqueeze(-2))


def projections(vectors: weft.Tensor) -> weft.Tensor:
    """What of eigenvectors is determined: v v^H for each, weighted so that all matter."""
    n = vectors.shape[-1]
    weights = drawn(n, n, n, seed=3)
    each = vectors.mT.unsqueeze(-1) * vectors.mT.conj().unsqueeze(-2)
    return (weft.real(each) * weights).sum() + (weft.imag(each) * weights.flip((0,))).sum()


def test_eigh_of_complex_matrices_has_the_slope_of_what_is_determined():
    def loss(x):
        values, vectors = linalg.eigh(x)
        return projections(vectors) + (values**3).sum()

    check_gradient(loss, hermitian(3, 3, complex_=True), hermitian(3, 3, complex_=True) * 0.7)


@pytest.mark.parametrize("complex_", [False, True])
def test_eig_has_the_slope_of_what_is_determined(complex_):
    def loss(x):
        values, vectors = linalg.eig(x)
        # eig gives no order; sums over all are symmetric
        each = vectors.unsqueeze(-2) * vectors.conj().unsqueeze(-3)
        kernel = drawn(3, 3, seed=4).unsqueeze(-1)
        return (
            weft.real((each**2).sum(-1).unsqueeze(-1) * kernel).sum() + weft.real(values**3).sum()
        )

    check_gradient(loss, drawn(3, 3, complex_=complex_), drawn(3, 3, seed=1, complex_=complex_))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
def test_svd_of_complex_matrices_has_the_slope_of_what_is_determined(shape):
    def loss(x):
        u, s, vh = linalg.svd(x, full_matrices=False)
        both = u.mT.unsqueeze(-1) * vh.unsqueeze(-2)  # u_i v_i^H, which no phase changes
        weights = drawn(3, *shape, seed=5)
        return weft.real(both * weights).sum() + weft.imag(both * weights).sum() + (s**3).sum()

    check_gradient(loss, drawn(*shape, complex_=True), drawn(*shape, seed=1, complex_=True))


def test_a_loss_that_depends_on_phases_is_refused():
    x = hermitian(3, 3, complex_=True).requires_grad_()
    for vectors in (linalg.eigh(x)[1], linalg.eig(x)[1], linalg.svd(x)[0]):
        loss = weft.real(vectors * drawn(3, 3, seed=2, complex_=True)).sum()
        with pytest.raises(GradError, match="determined only up to a factor exp"):
            loss.backward()


def test_vectors_that_are_not_determined_have_no_gradient():
    x = drawn(4, 3).requires_grad_()
    with pytest.raises(GradError, match="pass full_matrices=False"):
        linalg.svd(x)[0].sum().backward()
    with pytest.raises(GradError, match="use mode='reduced'"):
        linalg.qr(x, mode="complete")[0].sum().backward()


def test_equal_eigenvalues_and_singular_values_have_gradients():
    for function in (linalg.eigvalsh, linalg.svdvals):
        x = weft.eye(3, dtype=weft.float64).requires_grad_()
        (g,) = weft.autograd.grad(function(x).sum(), x)
        near(g, weft.eye(3, dtype=weft.float64))


def test_eigh_reads_one_triangle():
    x = drawn(3, 3)
    lower, upper = x.tril(), x.triu()
    near(linalg.eigvalsh(x), linalg.eigvalsh(lower + lower.tril(-1).mT))
    near(linalg.eigvalsh(x, "U"), linalg.eigvalsh(upper + upper.triu(1).mT))


def test_eigh_of_nan_is_nan_and_svd_of_nan_is_refused():
    x = weft.stack([weft.eye(2), weft.full((2, 2), math.nan)])
    values, vectors = linalg.eigh(x)
    assert values[0].tolist() == [1, 1]
    assert weft.isnan(values[1]).all()
    assert weft.isnan(vectors[1]).all()
    for function in (linalg.svd, linalg.svdvals, linalg.pinv, linalg.eig):
        with pytest.raises(LinAlgError, match=r"NaN|nan"):
            function(x)


# --- singular matrices -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        linalg.inv,
        linalg.lu_factor,
        linalg.ldl_factor,
        linalg.cholesky,
        lambda x: linalg.solve(x, x),
        lambda x: linalg.matrix_power(x, -1),
    ],
)
def test_the_error_names_the_matrix_of_the_batch(call):
    x = weft.eye(2).expand(2, 3, 2, 2).clone()
    x[1, 2] = 0
    with pytest.raises(LinAlgError, match=r"matrix \(1, 2\) of the batch is"):
        call(x)


def test_reports_say_which_pivot_is_zero():
    x = weft.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]])
    assert linalg.inv_ex(x).info.tolist() == [0, 2]
    assert linalg.solve_ex(x, weft.ones(2, 2)).info.tolist() == [0, 2]
    assert linalg.lu_factor_ex(x).info.tolist() == [0, 2]
    assert linalg.cholesky_ex(x).info.tolist() == [0, 2]
    assert linalg.inv_ex(x).inverse[0].tolist() == [[1, 0], [0, 1]]
    assert linalg.solve_ex(x, weft.ones(2, 2)).result[0].tolist() == [1, 1]
    with pytest.raises(LinAlgError, match="inv_ex: matrix 1"):
        linalg.inv_ex(x, check_errors=True)


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    x = weft.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=weft.float64, requires_grad=True)
    (g,) = weft.autograd.grad(linalg.det(x), x)
    near(g, weft.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=weft.float64))
    zero = weft.zeros(3, 3, dtype=weft.float64, requires_grad=True)
    (g,) = weft.autograd.grad(linalg.det(zero), zero)
    assert not g.count_nonzero().item()


def test_slogdet_of_a_singular_matrix_is_zero_and_minus_infinity():
    sign, logarithm = linalg.slogdet(weft.zeros(2, 2))
    assert (sign.item(), logarithm.item()) == (0, -math.inf)
    assert weft.logdet(weft.zeros(2, 2)).item() == -math.inf
    assert math.isnan(weft.logdet(-weft.eye(3)).item())


def test_cond_of_a_singular_matrix_is_infinite():
    x = weft.ones(2, 2)
    for p in (1, math.inf, "fro"):
        assert linalg.cond(x, p).item() == math.inf
    assert linalg.cond(weft.zeros(0, 0)).item() == 0


# --- factors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_lu_solve_solves_what_lu_factor_took_apart(left, adjoint, complex_):
    a, b = drawn(2, 4, 4, complex_=complex_), drawn(4, 4, seed=1, complex_=complex_)
    x = linalg.lu_solve(*linalg.lu_factor(a), b, left=left, adjoint=adjoint)
    matrix = a.mH if adjoint else a
    near(matrix @ x if left else x @ matrix, b.expand(2, 4, 4))


@pytest.mark.parametrize("shape", [(4, 4), (2, 5, 3), (3, 5)])
def test_lu_without_exchanging_rows_multiplies_to_the_matrix(shape):
    a = drawn(*shape)
    p, lower, upper = linalg.lu(a, pivot=False)
    assert tuple(p.shape) == (0,)
    near(lower @ upper, a, 1e-9)
    assert (
        linalg.lu_factor(a, pivot=False).pivots.tolist()
        == linalg.lu_factor_ex(a, pivot=False).pivots.tolist()
    )


@pytest.mark.parametrize("is_complex", [False, True])
def test_ldl_solve_solves_what_ldl_factor_took_apart(is_complex):
    b = drawn(4, 2, seed=1, complex_=is_complex)
    a = hermitian(2, 4, 4, complex_=is_complex)  # indefinite, so that some blocks are 2 x 2
    packed = linalg.ldl_factor(a, hermitian=True)
    near(a @ linalg.ldl_solve(*packed, b, hermitian=True), b.expand(2, 4, 2), 1e-9)
    symmetric = drawn(4, 4, complex_=is_complex)
    symmetric = symmetric + symmetric.mT
    packed = linalg.ldl_factor(symmetric)
    near(symmetric @ linalg.ldl_solve(*packed, b), b, 1e-9)
    for hermitian_, factors in ((False, packed), (True, linalg.ldl_factor(a[0], hermitian=True))):
        check_gradient(
            lambda x, f=factors, h=hermitian_: weft.real(
                linalg.ldl_solve(*f, x, hermitian=h) ** 3
            ).sum(),
            b,
            drawn(4, 2, seed=2, complex_=is_complex),
        )


def test_one_matrix_serves_a_batch_of_right_sides_and_dtypes_are_promoted():
    a, b = drawn(3, 3) + 4 * weft.eye(3, dtype=weft.float64), drawn(2, 5, 3, 2, seed=1)
    for x in (linalg.solve(a, b), weft.func.vmap(lambda own: linalg.solve(a, own))(b)):
        near(a @ x, b)
    near(a.triu() @ linalg.solve_triangular(a, b, upper=True), b)
    turned = linalg.solve(a.to(weft.complex128), b)
    assert turned.dtype is weft.complex128
    near(turned.real, linalg.solve(a, b))
    h = hermitian(3, 3, complex_=True)
    x = linalg.ldl_solve(*linalg.ldl_factor(h, hermitian=True), b, hermitian=True)
    near(h @ x, b.to(weft.complex128))
    with pytest.raises(LinAlgError, match="solve: input is singular"):
        linalg.solve(weft.zeros(2, 2), weft.ones(3, 2, 1))


@pytest.mark.parametrize("complex_", [False, True])
def test_reflections_multiply_to_q(complex_):
    a = drawn(2, 5, 3, complex_=complex_)
    packed, tau = weft.geqrf(a)
    q = linalg.householder_product(packed, tau)
    near(q @ packed[:, :3].triu(), a)
    other = drawn(2, 5, 4, seed=1, complex_=complex_)
    whole = weft.ormqr(packed, tau, weft.eye(5, dtype=a.dtype).expand(2, 5, 5))
    near(whole[..., :3], q)
    near(weft.ormqr(packed, tau, other, transpose=True), whole.mH @ other)
    near(weft.ormqr(packed, tau, other.mT, left=False), other.mT @ whole)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("cholesky", linalg.cholesky),
        ("inv", linalg.inv),
        ("eigh", linalg.eigh),
        ("eig", linalg.eig),
        ("svd", linalg.svd),
        ("qr", linalg.qr),
        ("lu", linalg.lu),
        ("ldl_factor", linalg.ldl_factor),
        ("slogdet", linalg.slogdet),
        ("matrix_exp", linalg.matrix_exp),
        ("pinv", linalg.pinv),
        ("geqrf", weft.geqrf),
        ("solve", lambda x: linalg.solve(x, x)),
    ],
)
def test_empty_matrices_and_batches_pass_through(name, call):
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3)):
        result = call(weft.zeros(shape))
        first = result if isinstance(result, weft.Tensor) else result[0]
        assert first.ndim == 0 or first.shape[0] == shape[0], name


def test_the_matrix_exponential_of_a_nilpotent_matrix_is_a_polynomial():
    x = weft.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]], dtype=weft.float64)
    near(linalg.matrix_exp(x), weft.eye(3, dtype=weft.float64) + x + x @ x / 2)
    assert weft.isnan(linalg.matrix_exp(weft.full((2, 2), math.inf))).all()


# --- least squares and pseudo-inverses ---------------------------------------------------------


def test_the_drivers_of_lstsq_agree_and_give_what_each_finds():
    a, b = drawn(2, 5, 3), drawn(2, 5, 2, seed=1)
    expected = linalg.pinv(a) @ b
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        found = linalg.lstsq(a, b, driver=driver)
        near(found.solution, expected)
        assert found.rank.tolist() == ([] if driver == "gels" else [3, 3])
        by_values = driver in ("gelsd", "gelss")
        assert tuple(found.singular_values.shape) == ((2, 3) if by_values else (0,))
        assert tuple(found.residuals.shape) == ((0,) if driver == "gelsy" else (2, 2))
        if driver != "gelsy":
            near(found.residuals, ((b - a @ expected) ** 2).sum(-2))


def test_lstsq_of_deficient_rank_gives_the_smallest_solution():
    a = drawn(5, 2) @ drawn(2, 3, seed=1)
    b = drawn(5, 2, seed=2)
    for driver in ("gelsy", "gelsd"):
        found = linalg.lstsq(a, b, driver=driver)
        assert found.rank.item() == 2
        assert tuple(found.residuals.shape) == (0,)
        near(found.solution, linalg.pinv(a) @ b)


@pytest.mark.parametrize("hermitian_", [False, True])
def test_pinv_has_the_four_properties_of_penrose(hermitian_):
    a = drawn(4, 2, complex_=True) @ drawn(2, 4, seed=1, complex_=True)
    a = a + a.mH if hermitian_ else a
    p = linalg.pinv(a, hermitian=hermitian_, rtol=1e-10)
    near(a @ p @ a, a, 1e-8)
    near(p @ a @ p, p, 1e-8)
    near((a @ p).mH, a @ p, 1e-8)
    near((p @ a).mH, p @ a, 1e-8)


def test_matrix_rank_counts_above_a_tolerance_for_each_matrix():
    x = weft.diag_embed(weft.tensor([[3.0, 2.0, 1.0], [3.0, 0.0, 0.0]]))
    assert linalg.matrix_rank(x).tolist() == [3, 1]
    assert linalg.matrix_rank(x, atol=weft.tensor([1.5, 4.0])).tolist() == [2, 0]
    assert linalg.matrix_rank(x, rtol=0.5).tolist() == [2, 1]
    assert linalg.matrix_rank(x, 1.0).tolist() == [2, 1]
    assert linalg.matrix_rank(-x, hermitian=True).tolist() == [3, 1]
    assert linalg.matrix_rank(weft.zeros(2, 0, 3)).tolist() == [0, 0]


# --- norms -------------------------------------------------------------------------------------


def test_norms_of_half_precision_do_not_overflow_inside():
    x = weft.full((4,), 300.0, dtype=weft.float16)
    assert linalg.vector_norm(x).item() == 600
    assert linalg.matrix_norm(x.reshape(2, 2)).item() == 600


def test_the_gradient_of_norms_at_zero_is_zero():
    for ord in (2, 3, 1, 0.5):
        x = weft.zeros(3, dtype=weft.float64, requires_grad=True)
        (g,) = weft.autograd.grad(linalg.vector_norm(x, ord), x)
        assert g.tolist() == [0, 0, 0], ord


def test_norms_of_nothing_are_zero_where_they_are_defined():
    assert linalg.vector_norm(weft.zeros(0)).item() == 0
    assert linalg.vector_norm(weft.zeros(0, 3), math.inf, dim=1).tolist() == []
    for ord in ("fro", "nuc", 1, 2, math.inf):
        assert linalg.matrix_norm(weft.zeros(2, 0), ord).item() == 0


# --- products ----------------------------------------------------------------------------------


def test_a_beta_of_zero_ignores_what_input_holds():
    nan = weft.tensor(math.nan)
    a, v = weft.eye(2), weft.ones(2)
    assert weft.addmm(nan, a, a, beta=0).tolist() == [[1, 0], [0, 1]]
    assert weft.addmv(nan, a, v, beta=0).tolist() == [1, 1]
    assert weft.addr(nan, v, v, beta=0).tolist() == [[1, 1], [1, 1]]
    assert weft.baddbmm(nan, a[None], a[None], beta=0).tolist() == [[[1, 0], [0, 1]]]


def test_products_are_added_in_place_and_into_out():
    x = weft.ones(2, 2)
    assert x.addmm_(x, weft.eye(2), beta=2, alpha=3) is x
    assert x.tolist() == [[5, 5], [5, 5]]
    out = weft.zeros(2, 2)
    assert weft.addmm(x, x, weft.eye(2), out=out) is out
    assert out.tolist() == [[10, 10], [10, 10]]
    values, vectors = weft.empty(2), weft.empty(2, 2)
    linalg.eigh(weft.eye(2), out=(values, vectors))
    assert values.tolist() == [1, 1]


def test_whole_numbers_multiply_exactly():
    big = 2**53 + 1
    x = weft.tensor([[big, 1], [0, 1]])
    assert (x @ weft.tensor([[1, 0], [1, 1]])).tolist() == [[big + 1, 1], [1, 1]]
    assert weft.vdot(weft.tensor([big, 1]), weft.tensor([1, 1])).item() == big + 1
    assert linalg.matrix_power(weft.tensor([[1, 1], [1, 0]]), 80)[0, 1].item() == 23416728348467685
    assert linalg.vecdot(x, weft.tensor([1, 1])).tolist() == [big + 1, 1]
    assert weft.ones(2, 300, dtype=weft.uint8).matmul(
        weft.ones(300, 1, dtype=weft.uint8)
    ).tolist() == [
        [300 % 256],
        [300 % 256],
    ]


def test_cross_without_a_dim_warns_which_it_takes():
    with pytest.warns(UserWarning, match="first dim of length 3, 1, is taken"):
        out = weft.cross(weft.ones(2, 3), weft.ones(2, 3))
    assert out.tolist() == [[0, 0, 0], [0, 0, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert linalg.cross(weft.ones(2, 3), weft.ones(1, 3)).tolist() == [[0, 0, 0]] * 2


def test_einsum_takes_numbers_for_letters():
    x, y = drawn(2, 3), drawn(3, 4, seed=1)
    near(weft.einsum(x, [0, 1], y, [1, 2]), x @ y)
    near(weft.einsum(x, [0, 1], y, [1, 2], [2, 0]), (x @ y).mT)
    near(weft.einsum(x, [..., 30], [30, ...]), x.mT)
    near(weft.einsum("ij,kj->ik", x[:, :1], y), (x[:, :1] * y.sum(1)))
    with pytest.raises(TypeError, match="after each tensor, a list of numbers"):
        weft.einsum(x, y)


def test_the_permutation_of_a_meta_tensor_has_its_rows():
    assert linalg.lu(weft.zeros(2, 4, 3, device="meta")).P.shape == (2, 4, 4)


# --- iteration and random projection -----------------------------------------------------------


@pytest.mark.parametrize("largest", [False, True])
def test_lobpcg_finds_what_eigh_finds_and_has_its_gradient(largest):
    weft.manual_seed(0)
    base = drawn(24, 24)
    a = (base @ base.mT + weft.diag(weft.arange(24.0).to(weft.float64)) * 4).requires_grad_()

    def loss(values, vectors):
        return (values**2).sum() + (vectors**4).sum()

    values, vectors = weft.lobpcg(a, 3, largest=largest, tol=1e-10)
    all_values, all_vectors = linalg.eigh(a)
    order = list(range(23, 20, -1)) if largest else [0, 1, 2]
    near(values, all_values[order], 1e-8)
    (got,) = weft.autograd.grad(loss(values, vectors), a)
    (expected,) = weft.autograd.grad(loss(all_values[order], all_vectors[:, order]), a)
    near(got + got.mT, expected + expected.mT, 1e-4)


def test_lobpcg_of_a_pencil_gives_vectors_of_length_one_under_b():
    weft.manual_seed(0)
    base, other = drawn(15, 15), drawn(15, 15, seed=1)
    a, b = base @ base.mT, other @ other.mT / 15 + weft.eye(15, dtype=weft.float64)
    values, vectors = weft.lobpcg(a, 2, b, iK=linalg.inv(a), largest=False, tol=1e-9)
    near(a @ vectors, b @ vectors * values, 1e-5)
    near(vectors.mT @ b @ vectors, weft.eye(2, dtype=weft.float64), 1e-8)


@pytest.mark.parametrize("shape", [(20, 9), (9, 20)])
@pytest.mark.parametrize("complex_", [False, True])
def test_low_rank_decompositions_find_a_matrix_of_low_rank(shape, complex_):
    weft.manual_seed(0)
    a = drawn(shape[0], 3, complex_=complex_) @ drawn(3, shape[1], seed=1, complex_=complex_)
    u, s, v = weft.svd_lowrank(a, q=4)
    near(u @ (s.unsqueeze(-1) * v.mH), a, 1e-8)
    near(s[:3], linalg.svdvals(a)[:3], 1e-8)
    centred = a - a.mean(0, keepdim=True)
    u, s, v = weft.pca_lowrank(a, q=4)
    near(u @ (s.unsqueeze(-1) * v.mH), centred, 1e-8)
    shifted = a + 5.0
    u, s, v = weft.svd_lowrank(shifted, q=4, M=weft.full((1, shape[1]), 5.0, dtype=a.dtype))
    near(u @ (s.unsqueeze(-1) * v.mH), a, 1e-8)
