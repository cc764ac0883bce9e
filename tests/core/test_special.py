"""Special functions by the identities that hold between them, and at the ends of their ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

import weft

INF, NAN = math.inf, math.nan
special = weft.special

#: Every function of one real argument, and a place where it is finite.
UNARY = {
    "airy_ai": 0.5, "bessel_j0": 0.5, "bessel_j1": 0.5, "bessel_y0": 0.5, "bessel_y1": 0.5,
    "digamma": 0.5, "entr": 0.5, "erf": 0.5, "erfc": 0.5, "erfcx": 0.5, "erfinv": 0.5,
    "gammaln": 0.5, "i0": 0.5, "i0e": 0.5, "i1": 0.5, "i1e": 0.5, "log_ndtr": 0.5,
    "modified_bessel_i0": 0.5, "modified_bessel_i1": 0.5, "modified_bessel_k0": 0.5,
    "modified_bessel_k1": 0.5, "ndtr": 0.5, "ndtri": 0.5, "psi": 0.5,
    "scaled_modified_bessel_k0": 0.5, "scaled_modified_bessel_k1": 0.5,
    "spherical_bessel_j0": 0.5,
}  # fmt: skip


def grid(low: float, high: float, count: int = 200) -> weft.Tensor:
    return weft.linspace(low, high, count, dtype=weft.float64)


def near(got: weft.Tensor, expected: object, rtol: float = 1e-12, atol: float = 1e-13) -> None:
    if isinstance(expected, weft.Tensor):
        expected = expected.detach().numpy()
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=rtol, atol=atol)


def at(name: str, *values: float) -> list[float]:
    """Return a function's results at given places, in float64."""
    found: list[float] = getattr(special, name)(weft.tensor(values, dtype=weft.float64)).tolist()
    return found


# --- dtypes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNARY)
def test_the_dtype_is_the_arguments_and_for_integers_the_default_one(name):
    function = getattr(special, name)
    for dtype in (weft.float16, weft.bfloat16, weft.float32, weft.float64):
        assert function(weft.tensor([UNARY[name]], dtype=dtype)).dtype is dtype
    for whole in (weft.bool, weft.uint8, weft.int64):
        assert function(weft.tensor([1], dtype=whole)).dtype is weft.float32


@pytest.mark.parametrize("name", UNARY)
def test_complex_numbers_are_refused_by_name(name):
    with pytest.raises(weft.DTypeError, match=r"expected real numbers, got .*complex64"):
        getattr(special, name)(weft.tensor([1j]))


@pytest.mark.parametrize("name", UNARY)
def test_nan_stays_nan(name):
    assert math.isnan(at(name, NAN)[0])


# --- Bessel and Airy functions -----------------------------------------------------------------


def test_bessel_functions_agree_with_those_of_any_order():
    x = grid(0.05, 60)
    data = x.numpy()  # SciPy's jv and yv are another algorithm than its j0, j1, y0, y1
    near(special.bessel_j0(x), scipy.special.jv(0, data), atol=1e-14)
    near(special.bessel_j1(x), scipy.special.jv(1, data), atol=1e-14)
    near(special.bessel_y0(x), scipy.special.yv(0, data), atol=1e-14)
    near(special.bessel_y1(x), scipy.special.yv(1, data), atol=1e-14)


def test_the_wronskians_of_bessel_functions():
    x = grid(0.1, 30)
    plain = special.bessel_j1(x) * special.bessel_y0(x) - special.bessel_j0(x) * special.bessel_y1(
        x
    )
    near(plain, 2 / (math.pi * x))
    modified = special.i0e(x) * special.scaled_modified_bessel_k1(x)
    modified = modified + special.i1e(x) * special.scaled_modified_bessel_k0(x)
    near(modified, 1 / x)


def test_scaled_functions_are_the_plain_ones_times_an_exponential():
    x = grid(-20, 20)
    near(special.i0e(x), special.i0(x) * weft.exp(-x.abs()))
    near(special.i1e(x), special.modified_bessel_i1(x) * weft.exp(-x.abs()))
    x = grid(0.1, 20)
    near(special.scaled_modified_bessel_k0(x), special.modified_bessel_k0(x) * weft.exp(x))
    near(special.scaled_modified_bessel_k1(x), special.modified_bessel_k1(x) * weft.exp(x))


def test_bessel_functions_at_zero_and_at_infinity():
    assert at("bessel_j0", 0.0) == [1.0]
    assert at("bessel_j1", 0.0) == [0.0]
    for name in ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "i0", "i1"):
        assert math.isnan(at(name, INF)[0])  # as in PyTorch, though there is a limit
    assert at("bessel_y0", 0.0) == [-INF]
    assert math.isnan(at("bessel_y1", -1.0)[0])
    assert at("modified_bessel_k0", 0.0, INF) == [INF, 0.0]
    assert at("modified_bessel_i0", 0.0, 720.0, -720.0) == [1.0, INF, INF]
    assert at("i1", 0.0, 720.0, -720.0) == [0.0, INF, -INF]
    assert at("spherical_bessel_j0", 0.0, INF, -INF) == [1.0, 0.0, 0.0]


def test_slopes_at_zero_are_the_limits():
    x = weft.zeros(1, dtype=weft.float64, requires_grad=True)
    for name, slope, bend in (("bessel_j1", 0.5, 0.0), ("i1", 0.5, 0.0), ("i1e", 0.5, -1.0)):
        (first,) = weft.autograd.grad(getattr(special, name)(x).sum(), [x], create_graph=True)
        assert first.item() == slope, name
        (second,) = weft.autograd.grad(first.sum(), [x])
        if name != "i1e":  # its slope has a kink at 0
            assert second.item() == bend, name


def test_spherical_bessel_has_accurate_derivatives_of_every_order_at_zero():
    expected = [1.0, 0.0, -1 / 3, 0.0, 1 / 5, 0.0, -1 / 7]  # of sin(x) / x
    x = weft.zeros((), dtype=weft.float64, requires_grad=True)
    value = special.spherical_bessel_j0(x)
    for derivative in expected:
        assert value.item() == pytest.approx(derivative, abs=1e-14)
        (value,) = weft.autograd.grad(value, [x], create_graph=True)


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_sine_over_x_join_where_series_and_recurrence_meet(order):
    from weft.ops.bessel import sine_quotient

    edge = max(1.0, float(order))
    x = weft.tensor([edge - 1e-9, edge + 1e-9], dtype=weft.float64)
    below, above = sine_quotient(x, order=order).tolist()
    assert below == pytest.approx(above, abs=5e-9)
    inner = sine_quotient(grid(0.1, 12), order=order)
    again = scipy.special.spherical_jn(0, grid(0.1, 12).numpy()) if order == 0 else None
    if again is not None:
        near(inner, again)


def test_airy_solves_its_equation_and_agrees_with_bessel_of_order_a_third():
    x = grid(0.1, 10)
    data = x.numpy()
    zeta = 2 / 3 * data**1.5
    near(special.airy_ai(x), np.sqrt(data / 3) / math.pi * scipy.special.kv(1 / 3, zeta), atol=0)
    x = grid(-8, 3).requires_grad_()
    y = special.airy_ai(x)
    (first,) = weft.autograd.grad(y.sum(), [x], create_graph=True)
    (second,) = weft.autograd.grad(first.sum(), [x])
    near(second, x * y)


def test_airy_and_its_slope_agree_with_scipys_over_all_their_pieces():
    x = weft.cat([grid(-60, 60, 2001), grid(-11, 11, 501)]).requires_grad_()
    value = special.airy_ai(x)
    (slope,) = weft.autograd.grad(value.sum(), [x])
    expected, expected_slope, _, _ = scipy.special.airy(x.detach().numpy())
    swing = np.where(x.detach().numpy() < 0, 1.0, np.abs(expected))  # of the waves, near zeros
    np.testing.assert_array_less(np.abs(value.detach().numpy() - expected), 3e-14 * swing)
    swing = np.where(x.detach().numpy() < 0, 3.0, np.abs(expected_slope))
    np.testing.assert_array_less(np.abs(slope.numpy() - expected_slope), 3e-14 * swing)


def test_airy_vanishes_for_huge_arguments():
    assert at("airy_ai", 1e3, 1e300, INF) == [0.0, 0.0, 0.0]


# --- the gamma function's kin ------------------------------------------------------------------


def test_the_recurrence_and_the_reflection_of_digamma():
    x = grid(0.05, 20)
    near(weft.digamma(x + 1), weft.digamma(x) + 1 / x)
    x = grid(0.05, 0.95, 50)
    near(weft.digamma(1 - x) - weft.digamma(x), math.pi / weft.tan(math.pi * x), rtol=1e-10)


def test_digamma_and_lgamma_at_their_poles():
    assert at("digamma", 0.0, -0.0) == [-INF, INF]
    assert all(map(math.isnan, at("digamma", -1.0, -2.0, -INF)))
    assert at("gammaln", 0.0, -0.0, -1.0, -2.0, INF, -INF) == [INF] * 6
    assert at("gammaln", 1.0, 2.0) == [0.0, 0.0]
    assert at("gammaln", 171.5, -0.5) == pytest.approx([math.lgamma(171.5), math.lgamma(-0.5)])


def test_the_gamma_chain_differentiates_without_end():
    x = grid(0.3, 6, 30).requires_grad_()
    value = weft.lgamma(x)
    for order in range(4):
        (value,) = weft.autograd.grad(value.sum(), [x], create_graph=True)
        near(value, weft.polygamma(order, x), rtol=1e-13)


def test_polygamma_of_high_order_neither_overflows_nor_loses_its_sign():
    x = weft.tensor([2.0, 50.0], dtype=weft.float64)
    value = weft.polygamma(180, x)
    # 180! = Gamma(181); the first term of the sum rules for x = 2
    expected = -math.exp(math.lgamma(181) - 181 * math.log(2))
    assert value[0].item() == pytest.approx(expected, rel=1e-10)
    assert value[1].item() < 0
    assert weft.polygamma(2, weft.tensor([1.0, 2.0])).dtype is weft.float32
    assert math.isnan(weft.polygamma(1, weft.tensor([-INF])).item())


def test_polygamma_as_a_method_takes_the_order_alone():
    x = weft.tensor([1.0, 2.5], dtype=weft.float64)
    near(x.polygamma(1), weft.polygamma(1, x))
    near(weft.special.polygamma(0, x), x.digamma())
    with pytest.raises(ValueError, match="at least 0, got -1"):
        x.polygamma(-1)


def test_multigammaln_is_lgamma_in_one_dimension_and_refuses_truth_values():
    x = grid(2, 9)
    near(weft.mvlgamma(x, 1), weft.lgamma(x))
    near(weft.mvlgamma(x, 4), [scipy.special.multigammaln(v, 4) for v in x.tolist()])
    with pytest.raises(weft.DTypeError, match="boolean"):
        weft.mvlgamma(weft.tensor([True]), 1)


def test_the_incomplete_gamma_functions_add_up_to_one():
    a, x = grid(0.1, 30, 40).reshape(-1, 1), grid(0.0, 40, 41)
    near(weft.igamma(a, x) + weft.igammac(a, x), np.ones((40, 41)))
    x = grid(0, 30)
    near(weft.igamma(weft.ones(1, dtype=weft.float64), x), -weft.expm1(-x))


def test_the_incomplete_gamma_functions_at_the_ends():
    a = weft.tensor([0.0, 0.0, 1.0, 1.0, -1.0, INF, 2.0], dtype=weft.float64)
    x = weft.tensor([1.0, 0.0, 0.0, INF, 1.0, 1.0, -1.0], dtype=weft.float64)
    np.testing.assert_array_equal(weft.igamma(a, x).numpy(), [1.0, NAN, 0.0, 1.0, NAN, 0.0, NAN])
    np.testing.assert_array_equal(weft.igammac(a, x).numpy(), [0.0, NAN, 1.0, 0.0, NAN, 1.0, NAN])


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_a_gradient_without_a_formula_raises_and_does_not_come_out_as_zero(name):
    a = weft.tensor([2.0], requires_grad=True)
    out = getattr(special, name)(a, weft.tensor([1.5]))
    with pytest.raises(weft.GradError, match="no closed formula is known"):
        out.sum().backward()


def test_zeta_at_known_places():
    two = weft.tensor(2.0, dtype=weft.float64)
    one = weft.tensor(1.0, dtype=weft.float64)
    assert special.zeta(two, one).item() == pytest.approx(math.pi**2 / 6)
    assert special.zeta(one, one).item() == INF
    assert special.zeta(two, one * 0).item() == INF
    assert math.isnan(special.zeta(one / 2, one).item())
    assert math.isnan(special.zeta(two + 0.5, -one / 2).item())
    assert special.zeta(2, one).item() == special.zeta(two, 1).item()
    x, q = grid(1.2, 8, 30), grid(0.2, 5, 30)
    near(special.zeta(x, q), special.zeta(x, q + 1) + q**-x)


# --- the error function's kin ------------------------------------------------------------------


def test_error_functions_complement_and_invert_each_other():
    x = grid(-5, 5)
    near(special.erf(x) + special.erfc(x), np.ones(200))
    near(special.erfinv(special.erf(grid(-3, 3))), grid(-3, 3), rtol=1e-9)
    near(special.ndtri(special.ndtr(grid(-6, 6))), grid(-6, 6), rtol=1e-8)
    near(special.erfcx(x), special.erfc(x) * weft.exp(x * x))
    assert at("erfinv", 1.0, -1.0) == [INF, -INF]
    assert math.isnan(at("erfinv", 1.5)[0])
    assert at("ndtri", 0.0, 1.0, 0.5) == [-INF, INF, 0.0]


def test_tails_that_vanish_in_floating_point_keep_their_scaled_forms():
    assert at("erfc", 40.0) == [0.0]
    assert at("erfcx", 40.0) == pytest.approx([1 / (40 * math.sqrt(math.pi))], rel=1e-3)
    assert at("ndtr", -40.0) == [0.0]
    assert at("log_ndtr", -40.0, 40.0, -INF, INF)[0] == pytest.approx(-804.6084420137539)
    assert at("log_ndtr", -INF, INF) == [-INF, 0.0]
    x = weft.tensor([-100.0], dtype=weft.float64, requires_grad=True)
    (g,) = weft.autograd.grad(special.log_ndtr(x).sum(), [x])
    assert g.item() == pytest.approx(100.00999800099926)  # the hazard: x + 1 / x - 2 / x^3 ...


# --- products with a logarithm -----------------------------------------------------------------


def test_entropy_at_zero_and_below():
    assert at("entr", 0.0, -1.0, 1.0, INF) == [0.0, -INF, 0.0, -INF]


def test_xlog1py_is_zero_where_its_factor_is():
    x = weft.tensor([0.0, 0.0, 0.0, 1.0, 0.0], dtype=weft.float64, requires_grad=True)
    y = weft.tensor([-1.0, -3.0, INF, -1.0, NAN], dtype=weft.float64)
    out = special.xlog1py(x, y)
    np.testing.assert_array_equal(out.detach().numpy(), [0.0, 0.0, 0.0, -INF, NAN])
    (g,) = weft.autograd.grad(out.sum(), [x])
    np.testing.assert_array_equal(g.numpy(), [0.0, 0.0, INF, -INF, NAN])
    assert special.xlog1py(2, weft.tensor(1.0)).item() == pytest.approx(2 * math.log(2))
    assert special.xlog1py(weft.tensor(2.0), 1).item() == pytest.approx(2 * math.log(2))


# --- orthogonal polynomials --------------------------------------------------------------------

POLYNOMIALS = {
    "chebyshev_polynomial_t": scipy.special.eval_chebyt,
    "chebyshev_polynomial_u": scipy.special.eval_chebyu,
    "shifted_chebyshev_polynomial_t": scipy.special.eval_sh_chebyt,
    "shifted_chebyshev_polynomial_u": scipy.special.eval_sh_chebyu,
    "hermite_polynomial_h": scipy.special.eval_hermite,
    "hermite_polynomial_he": scipy.special.eval_hermitenorm,
    "laguerre_polynomial_l": scipy.special.eval_laguerre,
    "legendre_polynomial_p": scipy.special.eval_legendre,
}
ALL_POLYNOMIALS = [
    *POLYNOMIALS,
    *(f"{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "vw"),
]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_agree_with_scipys(name):
    n, x = weft.arange(30).reshape(-1, 1), grid(-1, 1.5, 60)
    expected = POLYNOMIALS[name](n.numpy(), x.numpy())
    scale = np.abs(expected).max(axis=1, keepdims=True)
    got = getattr(special, name)(x, n).numpy()
    np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=1e-12)


def test_chebyshev_polynomials_of_the_third_and_fourth_kind_by_their_angles():
    angle = grid(0.1, 3.0, 50)
    for n in (0, 1, 2, 7, 12):
        v = special.chebyshev_polynomial_v(weft.cos(angle), n)
        near(v * weft.cos(angle / 2), weft.cos((n + 0.5) * angle), atol=1e-12)
        w = special.chebyshev_polynomial_w(weft.cos(angle), n)
        near(w * weft.sin(angle / 2), weft.sin((n + 0.5) * angle), atol=1e-12)
        x = weft.cos(angle)
        near(special.shifted_chebyshev_polynomial_v((x + 1) / 2, n), v, rtol=1e-10, atol=1e-11)
        near(special.shifted_chebyshev_polynomial_w((x + 1) / 2, n), w, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ALL_POLYNOMIALS)
def test_polynomials_of_degrees_that_are_none(name):
    function = getattr(special, name)
    x = weft.tensor([0.5], dtype=weft.float64)
    assert function(x, -3).item() == 0
    assert function(x, 2.7).item() == function(x, 2).item()
    assert math.isnan(function(x, NAN).item())
    assert function(x, 0).item() == 1
    assert function(weft.zeros(0), weft.zeros(0, dtype=weft.int64)).shape == (0,)
    assert function(0.5, weft.tensor([1, 2])).dtype is weft.float32


def test_slopes_at_the_ends_where_the_usual_formulas_divide_by_zero():
    n = weft.arange(6).to(weft.float64)
    x = weft.ones(6, dtype=weft.float64, requires_grad=True)
    for name, slope in (
        ("chebyshev_polynomial_t", n * n),
        ("chebyshev_polynomial_u", n * (n + 1) * (n + 2) / 3),
        ("legendre_polynomial_p", n * (n + 1) / 2),
    ):
        (g,) = weft.autograd.grad(getattr(special, name)(x, n).sum(), [x])
        near(g, slope)


def test_hermite_slopes_are_the_polynomials_of_one_degree_less():
    x = grid(-2, 2, 20).requires_grad_()
    for n in (1, 2, 5):
        (g,) = weft.autograd.grad(special.hermite_polynomial_h(x, n).sum(), [x])
        near(g, 2 * n * special.hermite_polynomial_h(x, n - 1))
        (g,) = weft.autograd.grad(special.hermite_polynomial_he(x, n).sum(), [x])
        near(g, n * special.hermite_polynomial_he(x, n - 1))


# --- the names ---------------------------------------------------------------------------------


def test_in_place_forms_write_into_their_tensor():
    for name, args in (
        ("digamma_", ()), ("lgamma_", ()), ("polygamma_", (1,)), ("mvlgamma_", (1,)),
        ("i0_", ()), ("igamma_", (weft.tensor([1.0, 2.0]),)), ("erfinv_", ()),
        ("igammac_", (weft.tensor([1.0, 2.0]),)), ("erf_", ()), ("erfc_", ()),
    ):  # fmt: skip
        x = weft.tensor([0.25, 0.5])
        expected = getattr(x, name[:-1])(*args)
        assert getattr(x, name)(*args) is x
        near(x, expected, rtol=0, atol=0)


def test_out_receives_the_result():
    out = weft.empty(2)
    x = weft.tensor([0.25, 0.5])
    for call in (special.zeta, special.gammainc, special.chebyshev_polynomial_t):
        assert call(x + 2, x, out=out) is out
        near(out, call(x + 2, x), rtol=0, atol=0)
    assert special.bessel_j0(x, out=out) is out
    assert weft.polygamma(1, x, out=out) is out
