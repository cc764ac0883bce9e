"""Every function of the catalogue, held to what its record promises."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import weft
from tests.core.drawing import (
    Call,
    cast,
    floating,
    hermitian,
    outputs,
    reads_floats,
    weights_for,
)
from tests.core.tolerances import (
    BY_DTYPE,
    NO_BATCH,
    NO_META,
    NO_SECOND_ORDER,
    NOT_NEAR_IN_HALF,
    NOT_THE_SLOPE,
    READS_STRIDES,
    REFUSES_HALF,
)
from weft._core import catalogue
from weft._core.errors import DTypeError
from weft._core.op import NotBatchable, NotDifferentiable
from weft.ops import load_all

load_all()
ENTRIES = list(catalogue.public.values())


SAMPLES = [
    pytest.param(entry, sample, id=f"{entry.key}-{i}")
    for entry in ENTRIES
    for i, sample in enumerate(entry.samples)
]
#: Those that compute something from a floating array, the same at every call.
COMPUTING = [p for p in SAMPLES if reads_floats(p.values[1]) and not p.values[0].random]
DIFFERENTIABLE = [
    p for p in COMPUTING if not p.values[0].not_differentiable and p.id not in NOT_THE_SLOPE
]


def except_for(table: dict[str, str], params: list) -> list:
    """Return the parameters whose function or sample a table of exceptions does not name."""
    return [p for p in params if p.values[0].key not in table and p.id not in table]


def refuses_half_in(entry, sample) -> bool:
    """Whether a table says that a module, a function or a sample refuses half precision."""
    number = next(i for i, one in enumerate(entry.samples) if one is sample)
    return not REFUSES_HALF.isdisjoint({entry.module, entry.key, f"{entry.key}-{number}"})


def refuses_half(param) -> bool:
    """Whether a table says that a sample refuses half precision."""
    return refuses_half_in(*param.values)


ERRORS = [
    pytest.param(entry, sample, id=f"{entry.key}-{i}")
    for entry in ENTRIES
    for i, sample in enumerate(entry.errors)
]


def near(actual: weft.Tensor, expected: weft.Tensor, dtype: str) -> None:
    """Assert that two results agree within the tolerance of a dtype."""
    rtol, atol = BY_DTYPE[dtype]
    assert actual.dtype.is_complex == expected.dtype.is_complex
    wide = weft.complex128 if expected.dtype.is_complex else weft.float64
    np.testing.assert_allclose(
        np.asarray(actual.detach().to(wide).numpy()),
        np.asarray(expected.detach().to(wide).numpy()),
        rtol=rtol,
        atol=atol,
    )


# --- the record --------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.key)
def test_every_function_has_samples_and_a_full_docstring(entry):
    assert entry.samples, "a function without samples is a function without tests"
    doc = inspect.getdoc(entry.function)
    assert doc, "no docstring"
    assert "Returns:" in doc
    signature = inspect.signature(entry.function, follow_wrapped=False)
    for parameter in signature.parameters.values():
        if parameter.name in ("out", "axis", "keepdims"):
            continue  # what every function takes is told in one place
        name = parameter.name.lstrip("_")  # `*_size` beside a `size` that may come by name
        assert f"{name}:" in doc, f"the docstring does not tell of {name}"


@pytest.mark.parametrize("op", list(catalogue.ops.values()), ids=lambda o: o.name)
def test_no_rule_is_silently_absent(op):
    for rule in (op.kernel, op.shape):
        assert callable(rule)
    derivatives = [(op.vjp, NotDifferentiable), (op.jvp, NotDifferentiable)]
    for rule, absent in (*derivatives, (op.batch, NotBatchable)):
        assert callable(rule) or (isinstance(rule, absent) and rule.reason)
    assert isinstance(op.vjp, NotDifferentiable) == isinstance(op.jvp, NotDifferentiable)


# --- values, dtypes, shapes --------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "sample"), COMPUTING)
def test_float32_agrees_with_float64(entry, sample):
    wide = Call(entry.function, sample, np.float64, entry.key)
    narrow = Call(entry.function, sample, np.float64, entry.key)
    narrow.variables = [cast(v, np.float32) for v in wide.variables]
    wide.variables = [cast(v, np.float64) for v in narrow.variables]
    results = zip(
        outputs(narrow.run(narrow.tensors())), outputs(wide.run(wide.tensors())), strict=True
    )
    for got, expected in results:
        assert got.shape == expected.shape
        near(got, expected, "float32")


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("entry", "sample"),
    [p for p in except_for(NOT_NEAR_IN_HALF, COMPUTING) if not refuses_half(p)],
)
def test_half_precision_is_computed_in_float32_and_rounded(entry, sample, half):
    call = Call(entry.function, sample, np.float32, entry.key)
    arrays = [cast(v, getattr(weft, half).numpy) for v in call.variables]
    narrow = [weft.from_numpy(v) for v in arrays]
    wide = [weft.from_numpy(cast(v, np.float64)) for v in arrays]
    for got, expected in zip(outputs(call.run(narrow)), outputs(call.run(wide)), strict=True):
        if got.dtype.is_floating_point or got.dtype.is_complex:
            near(got, expected, half)
        assert got.shape == expected.shape


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("entry", "sample"), except_for(NO_META, SAMPLES))
def test_the_meta_device_tells_shape_and_dtype(entry, sample, dtype):
    if dtype.endswith("16") and refuses_half_in(entry, sample):
        return  # the refusal has a test of its own
    call = Call(entry.function, sample, weft.float32.numpy, entry.key)
    call.variables = [cast(v, getattr(weft, dtype).numpy) for v in call.variables]
    try:
        real = outputs(call.run(call.tensors()))
    except weft.DTypeError:  # what refuses a dtype refuses it without data too
        with pytest.raises(weft.DTypeError):
            call.on_meta()
        return
    abstract = outputs(call.on_meta())
    assert [(tuple(t.shape), t.dtype) for t in abstract] == [
        (tuple(t.shape), t.dtype) for t in real
    ]


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize(("entry", "sample"), [p for p in COMPUTING if refuses_half(p)])
def test_half_precision_is_refused_where_lapack_has_none(entry, sample, half):
    if not entry.namespaces:
        return  # an op behind a public function, which checks for it
    call = Call(entry.function, sample, np.float32, entry.key)
    call.variables = [
        v if v.dtype.kind == "c" else cast(v, getattr(weft, half).numpy) for v in call.variables
    ]
    if any(v.dtype.kind == "c" for v in call.variables):
        return  # there are no complex numbers of half precision
    for run in (lambda: call.run(call.tensors()), call.on_meta):
        with pytest.raises(DTypeError, match="half precision"):
            run()


def backwards(data: np.ndarray) -> np.ndarray:
    """Return a view with every dim reversed."""
    return np.asarray(data[(slice(None, None, -1),) * data.ndim])


@pytest.mark.parametrize(("entry", "sample"), except_for(READS_STRIDES, COMPUTING))
def test_strides_of_an_argument_do_not_change_the_result(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    plain = outputs(call.run([weft.from_numpy(v.copy()) for v in call.variables]))
    flipped = [weft.from_numpy(backwards(backwards(v).copy(order="F"))) for v in call.variables]
    for got, expected in zip(outputs(call.run(flipped)), plain, strict=True):
        near(got, expected, "float64")


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "sample"), ERRORS)
def test_wrong_arguments_raise_the_promised_error(entry, sample):
    call = Call(entry.function, sample, np.float32, entry.key)
    with pytest.raises(sample.error, match=sample.match):
        call.run(call.tensors())


# --- derivatives -------------------------------------------------------------------------------


def weighted(call: Call, tensors: list[weft.Tensor]) -> weft.Tensor | None:
    """Return a sum of all floating results with fixed weights, or None if there is none.

    Of complex results it is the real part of the sum, which complex weights make depend on all.
    """
    total = None
    for i, out in enumerate(floating(call.run(tensors))):
        term = weft.real((out * weft.from_numpy(weights_for(out, i))).sum())
        total = term if total is None else total + term
    return total


def directions(call: Call, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = [
        cast(
            rng.standard_normal(v.shape)
            + (1j * rng.standard_normal(v.shape) if v.dtype.kind == "c" else 0),
            np.float64,
        )
        for v in call.variables
    ]
    # a function of Hermitian matrices has a slope only along such
    pairs = zip(drawn, call.forms, strict=True)
    return [hermitian(d) if form == "positive" else d for d, form in pairs]


def moved(call: Call, direction: list[np.ndarray], step: float) -> list[weft.Tensor]:
    pairs = zip(call.variables, direction, strict=True)
    return [weft.from_numpy(np.asarray(v + step * d)) for v, d in pairs]


def slope(call: Call, function, direction: list[np.ndarray], step: float) -> float:
    """Return a central difference of a scalar function of the variables."""
    ahead, behind = (function(moved(call, direction, s)) for s in (step, -step))
    return (ahead.item() - behind.item()) / (2 * step)


def dot(gradients, direction: list[np.ndarray]) -> float:
    """The slope along a direction; of a complex gradient both parts count, as in PyTorch."""
    return math.fsum(
        float((g.detach().numpy().conj() * d).sum().real)
        for g, d in zip(gradients, direction, strict=True)
        if g is not None
    )


@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_the_gradient_agrees_with_finite_differences(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    tensors = call.tensors(requires_grad=True)
    total = weighted(call, tensors)
    assert total is not None, "a differentiable function returned no floating tensor"
    assert total.requires_grad, "no gradient is recorded"
    gradients = weft.autograd.grad(total, tensors, allow_unused=True)
    for g, t in zip(gradients, tensors, strict=True):
        assert g is None or (g.shape == t.shape and g.dtype is t.dtype)
    direction = directions(call, 1)
    expected = slope(call, lambda ts: weighted(call, ts), direction, 1e-6)
    assert dot(gradients, direction) == pytest.approx(expected, rel=2e-6, abs=2e-7)


@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_forward_mode_is_the_adjoint_of_reverse_mode(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    tensors = call.tensors(requires_grad=True)
    total = weighted(call, tensors)
    direction = directions(call, 2)
    primals = tuple(call.tensors())
    tangents = tuple(weft.from_numpy(d) for d in direction)
    _, forward = weft.func.jvp(lambda *ts: weighted(call, list(ts)), primals, tangents)
    gradients = weft.autograd.grad(total, tensors, allow_unused=True)
    assert forward.item() == pytest.approx(dot(gradients, direction), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("entry", "sample"), except_for(NO_SECOND_ORDER, DIFFERENTIABLE))
def test_the_second_derivative_agrees_with_finite_differences(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    along = [weft.from_numpy(d) for d in directions(call, 3)]

    def directional(tensors: list[weft.Tensor]) -> weft.Tensor | None:
        """Return the gradient along a fixed direction, itself differentiable."""
        tensors = [t if t.requires_grad else t.requires_grad_() for t in tensors]
        total = weighted(call, tensors)
        if not total.requires_grad:
            return None
        # squared, so that ops that are linear have a second derivative too
        gradients = weft.autograd.grad(total * total, tensors, create_graph=True, allow_unused=True)
        terms = [
            weft.real((g.conj() * a).sum())
            for g, a in zip(gradients, along, strict=True)
            if g is not None
        ]
        return sum(terms[1:], start=terms[0]) if terms else None

    tensors = call.tensors(requires_grad=True)
    first = directional(tensors)
    if first is None or not first.requires_grad:
        return
    second = weft.autograd.grad(first, tensors, allow_unused=True)
    direction = directions(call, 4)
    expected = slope(call, directional, direction, 1e-5)
    assert dot(second, direction) == pytest.approx(expected, rel=2e-5, abs=2e-5)


# --- batching ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "sample"), except_for(NO_BATCH, COMPUTING))
def test_batching_agrees_with_a_loop(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)
    rng = np.random.default_rng(5)
    for batched in range(len(call.variables)):
        many = np.stack([call.variables[batched] * rng.uniform(0.7, 1.0) for _ in range(3)])

        def one(x, at=batched):
            tensors = call.tensors()
            tensors[at] = x
            return tuple(outputs(call.run(tensors)))

        together = weft.func.vmap(one)(weft.from_numpy(many))
        apart = [one(weft.from_numpy(np.array(many[i]))) for i in range(3)]
        for i, results in enumerate(apart):
            for got, expected in zip(together, results, strict=True):
                near(got[i], expected, "float64")
