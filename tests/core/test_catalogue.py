"""Every function of the catalogue, held to what its record promises."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import weft
from tests.core.catalogued import COMPUTING, ENTRIES, SAMPLES, except_for, near
from tests.core.drawing import Call, cast, outputs
from tests.core.tolerances import (
    NO_META,
    NOT_NEAR_IN_HALF,
    READS_STRIDES,
    REFUSES_HALF,
)
from weft._core import catalogue
from weft._core.errors import DTypeError
from weft._core.op import NotBatchable, NotDifferentiable


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


@pytest.mark.parametrize(("entry", "sample"), except_for(NO_META, SAMPLES))
def test_the_meta_device_tells_shape_and_dtype(entry, sample):
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        if not (dtype.endswith("16") and refuses_half_in(entry, sample)):  # tested of its own
            agrees_on_meta(entry, sample, dtype)


def agrees_on_meta(entry, sample, dtype):
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
