"""What samples cannot say of reductions, sorting, searching, histograms and distances."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft

NAN, INF = math.nan, math.inf


def leaf(values) -> weft.Tensor:
    return weft.tensor(values, dtype=weft.float64, requires_grad=True)


def second(function, x: weft.Tensor) -> list[float]:
    """Return the gradient of the sum of squares of a function's gradient."""
    (g,) = weft.autograd.grad(function(x), x, create_graph=True)
    (gg,) = weft.autograd.grad((g * g).sum(), x)
    return gg.tolist()


def differences(function, values: list[float], step: float = 1e-5) -> list[float]:
    """Return central differences of the sum of squares of a function's gradient."""

    def squares(at: np.ndarray) -> float:
        x = leaf(at.tolist())
        (g,) = weft.autograd.grad(function(x), x)
        return float((g * g).sum().item())

    slopes = []
    for i, _ in enumerate(values):
        ahead, behind = np.array(values), np.array(values)
        ahead[i] += step
        behind[i] -= step
        slopes.append((squares(ahead) - squares(behind)) / (2 * step))
    return slopes


# --- running reductions ------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0], [0.0, 0.0, 1.0], [1.0, -2.0, 0.5]])
def test_the_second_derivative_of_a_running_product_is_right_at_zeros(values):
    def function(x):
        return (x.cumprod(0) * weft.tensor([1.0, -2.0, 3.0], dtype=weft.float64)).sum()

    assert second(function, leaf(values)) == pytest.approx(differences(function, values), abs=1e-6)


def test_a_running_product_of_ten_thousand_has_an_exact_gradient_by_each():
    x = leaf(np.ones(10_000).tolist())
    (g,) = weft.autograd.grad(x.cumprod(0).sum(), x)
    assert g.tolist() == list(range(10_000, 0, -1))


def test_running_log_sums_do_not_overflow_and_their_weights_sum_to_one():
    x = leaf([1e4, -1e4, 1e4, 5e3])
    out = x.logcumsumexp(0)
    assert out.tolist() == pytest.approx([1e4, 1e4, 1e4 + math.log(2), 1e4 + math.log(2)])
    for i in range(4):
        (g,) = weft.autograd.grad(x.logcumsumexp(0)[i], x)
        assert g.sum().item() == pytest.approx(1)


def test_running_log_sums_of_nothing_but_minus_infinity_have_gradient_0():
    x = leaf([-INF, -INF, 1.0])
    (g,) = weft.autograd.grad(x.logcumsumexp(0).sum(), x)
    assert g.tolist() == [0, 0, 1]


def test_a_recurrence_agrees_with_its_loop_in_both_directions():
    from weft.ops.recurrence import recurrence

    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1, 1, (2, 3, 17))
    for reverse in (False, True):
        got = recurrence(weft.from_numpy(a), weft.from_numpy(b), 1, reverse).numpy()
        state, expected = np.zeros(3), np.zeros((3, 17))
        for i in range(17)[:: -1 if reverse else 1]:
            state = b[:, i] + a[:, i] * state
            expected[:, i] = state
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_in_place_running_sums_keep_the_dtype_and_bump_the_version():
    x = weft.tensor([100, 100, 100], dtype=weft.uint8)
    assert x.cumsum_(0) is x
    assert x.tolist() == [100, 200, 44]
    assert x.dtype is weft.uint8


# --- precision ---------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [weft.float16, weft.bfloat16])
def test_half_precision_is_summed_in_float32(half):
    x = weft.ones(5000, dtype=half)
    assert x.sum().item() == pytest.approx(5000, rel=4e-3)
    assert x.mean().item() == x.nanmean().item() == 1
    assert x.var().item() == 0
    assert x.cumsum(0)[-1].item() == pytest.approx(5000, rel=4e-3)
    assert weft.histc(x, 1, 0, 2).item() == pytest.approx(5000, rel=4e-3)
    assert (weft.arange(5000) / 5000).to(half).quantile(0.5).item() == pytest.approx(0.5, abs=4e-3)


def test_the_mean_of_large_halves_does_not_overflow():
    x = weft.full((4,), 60000.0, dtype=weft.float16)
    assert x.mean().item() == 60000
    assert x.nanmean().item() == 60000


def test_products_of_infinity_and_0_are_nan_without_a_warning():
    infinite, zero = weft.full((1, 1), INF), weft.zeros(1, 1)
    assert (infinite @ zero).isnan().all()
    assert weft.nn.functional.linear(infinite, zero).isnan().all()
    assert weft.tensor([INF, -INF]).sum().isnan()


# --- choices made where torch leaves them open -------------------------------------------------


def test_equal_elements_keep_their_order_both_ways():
    x = weft.tensor([1, 0, 1, 0, 1])
    assert x.sort().indices.tolist() == [1, 3, 0, 2, 4]
    assert x.sort(descending=True).indices.tolist() == [0, 2, 4, 1, 3]
    assert x.topk(3).indices.tolist() == [0, 2, 4]
    assert x.kthvalue(3).indices.item() == 0
    assert x.mode().indices.item() == 4


def test_each_nan_counts_for_itself_in_a_mode():
    assert weft.tensor([NAN, NAN, 1.0]).mode().values.item() == 1


def test_the_median_of_no_integers_is_refused():
    with pytest.raises(IndexError, match=r"median: input of shape \(0,\) and weft.int64"):
        weft.tensor([], dtype=weft.int64).median()


def test_logsumexp_of_minus_infinity_alone_has_gradient_0():
    x = leaf([-INF, -INF])
    (g,) = weft.autograd.grad(x.logsumexp(0), x)
    assert g.tolist() == [0, 0]


# --- gradients that torch does not have --------------------------------------------------------


def test_the_gradient_of_unique_elements_goes_to_the_first_of_equal_elements():
    x = leaf([3.0, 1.0, 3.0, 2.0])
    weights = weft.tensor([1.0, 10.0, 100.0], dtype=weft.float64)
    (g,) = weft.autograd.grad((x.unique() * weights).sum(), x)
    assert g.tolist() == [100, 1, 0, 10]
    y = leaf([1.0, 1.0, 5.0, 1.0])
    (g,) = weft.autograd.grad((y.unique_consecutive() * weights).sum(), y)
    assert g.tolist() == [1, 0, 10, 100]


def test_histograms_are_linear_in_their_weights():
    places = weft.tensor([0, 2, 2])
    w = leaf([1.0, 2.0, 3.0])
    (g,) = weft.autograd.grad((weft.bincount(places, w) * weft.tensor([1.0, 5.0, 7.0])).sum(), w)
    assert g.tolist() == [1, 7, 7]
    x = weft.tensor([0.1, 0.9, 5.0], dtype=weft.float64)
    hist, _ = weft.histogram(x, 2, range=(0.0, 1.0), weight=w)
    (g,) = weft.autograd.grad((hist * weft.tensor([1.0, 10.0])).sum(), w)
    assert g.tolist() == [1, 10, 0]


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, INF])
def test_distances_block_by_block_are_those_of_one_block(p, monkeypatch):
    from weft.ops import row_distances

    rng = np.random.default_rng(4)
    a, b = leaf(rng.standard_normal((5, 7)).tolist()), leaf(rng.standard_normal((3, 7)).tolist())

    def all_of_it() -> list:
        out = weft.cdist(a, b, p)
        first = weft.autograd.grad((out * out).sum(), (a, b), create_graph=True)
        again = weft.autograd.grad((first[0] * first[0]).sum(), (a, b), allow_unused=True)
        _, forward = weft.func.jvp(lambda x: weft.cdist(x, b, p), (a,), (weft.ones_like(a),))
        return [t.detach().numpy() for t in (out, *first, *again, forward) if t is not None]

    whole = all_of_it()
    monkeypatch.setattr(row_distances, "_AT_ONCE", 40)
    for one, other in zip(whole, all_of_it(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


# --- batching and meta -------------------------------------------------------------------------


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(("sequence", "values"), [(0, None), (None, 0), (0, 0)])
def test_searching_batches_over_sequences_and_values(sequence, values, right):
    rng = np.random.default_rng(2)
    rows = np.sort(rng.integers(0, 9, (3, 7)), -1)
    wanted = rng.integers(-1, 10, (3, 2, 4))
    a = weft.from_numpy(rows if sequence == 0 else rows[0])
    b = weft.from_numpy(wanted if values == 0 else wanted[0])

    def one(s, v):
        return weft.searchsorted(s, v, right=right)

    together = weft.func.vmap(one, in_dims=(sequence, values))(a, b)
    for i in range(3):
        s, v = a[i] if sequence == 0 else a, b[i] if values == 0 else b
        side = "right" if right else "left"
        expected = np.searchsorted(s.numpy(), v.numpy(), side)
        assert together[i].tolist() == expected.tolist()


@pytest.mark.parametrize("function", ["unique", "unique_consecutive", "bincount"])
def test_what_depends_on_data_says_so_on_meta(function):
    x = weft.empty(3, dtype=weft.int64, device="meta")
    with pytest.raises(RuntimeError, match="meta"):
        getattr(weft, function)(x)


def test_extremes_over_everything_batch_with_kept_dims():
    x = weft.arange(24.0).reshape(2, 3, 4)
    assert weft.func.vmap(lambda a: a.argmax(keepdim=True))(x).tolist() == [[[11]], [[11]]]


# --- out= --------------------------------------------------------------------------------------


def test_named_results_are_written_into_out():
    x = weft.tensor([[3.0, 1.0, 2.0]])
    values, places = weft.empty(1), weft.empty(1, dtype=weft.int64)
    got = weft.max(x, 1, out=(values, places))
    assert got[0] is values
    assert (values.tolist(), places.tolist()) == ([3], [0])
    for name, args in (("median", (1,)), ("kthvalue", (1,)), ("mode", (1,)), ("cummax", (1,))):
        shape = (1, 3) if name == "cummax" else (1,)
        pair = weft.empty(shape), weft.empty(shape, dtype=weft.int64)
        expected = getattr(weft, name)(x, *args)
        getattr(weft, name)(x, *args, out=pair)
        assert pair[0].tolist() == expected.values.tolist()
        assert pair[1].tolist() == expected.indices.tolist()


def test_axis_and_keepdims_are_taken_by_the_composites():
    x = weft.arange(6.0).reshape(2, 3)
    assert x.median(axis=1).values.tolist() == x.median(dim=1).values.tolist()
    assert x.quantile(0.5, axis=0, keepdims=True).shape == (1, 3)
    assert x.unique(axis=1).shape == (2, 3)
    assert x.diff(axis=0).tolist() == [[3, 3, 3]]
    assert weft.trapezoid(x, axis=0).tolist() == [1.5, 2.5, 3.5]
