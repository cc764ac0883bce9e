"""Elementwise formulas as machine code: every op against its formula over NumPy."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend import symbolic, xp
from weft._backend.cpu import compiler, switches
from weft._backend.cpu.language import f32
from weft._backend.cpu.launch import direction, elementwise, formulas
from weft._backend.numpy_ import BFLOAT16
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.kernels import widened
from weft._core.samples import Draw
from weft.ops import load_all
from weft.ops.families.compiled import Compiled

load_all()
pytestmark = needs.codegen
SCIPYS = "a function of SciPy's that kernels do not have"
QUOTIENTS = "whole quotients, which NumPy alone gives and refuses as documented"
BITS = "steps between bits, of which kernels have no words"
#: The ops that stay on NumPy in every dtype, each with the reason.
ON_NUMPY = {
    **dict.fromkeys(
        [
            "airy_ai_slope", "igamma", "igammac", "special.airy_ai", "special.bessel_j0",
            "special.bessel_j1", "special.bessel_y0", "special.bessel_y1",
            "special.modified_bessel_k0", "special.modified_bessel_k1", "special.ndtri",
            "special.scaled_modified_bessel_k0", "special.scaled_modified_bessel_k1",
            "special.zeta",
        ],
        SCIPYS,
    ),
    **dict.fromkeys(["common_divisor", "common_multiple"], QUOTIENTS),
    **dict.fromkeys(["bits_left", "bits_right"], BITS),
    **dict.fromkeys(["dirichlet_slope", "gamma_slope"], "kernels of their own"),
    "orthogonal_polynomial": "asks how many elements its array has",
}  # fmt: skip
OPS = {name: op for name, op in catalogue.ops.items() if op.family == "elementwise"}
ENTRIES = {e.op.name: e for e in catalogue.public.values() if e.op and e.op.name in OPS}
GENERATED = sorted(OPS.keys() - ON_NUMPY.keys())
#: Special functions of which kernels have float32 alone.
SINGLE = [
    "i0", "special.i0e", "special.i1", "special.i1e", "special.log_ndtr", "special.ndtr",
]  # fmt: skip
WHOLE = ["bits_and", "bits_not", "bits_or", "bits_xor"]
DTYPES = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "float16": np.dtype(np.float16),
    "bfloat16": BFLOAT16,
    "int64": np.dtype(np.int64),
    "uint8": np.dtype(np.uint8),
    "bool": np.dtype(np.bool_),
}
TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "float16": 2e-3, "bfloat16": 1e-2}
#: Formulas whose value is a small difference of large ones: so much of the large one.
CANCELLING = {"sine_quotient": 1e-4}


def drawn(op, dtype, *shapes):
    """Return arguments of the shapes given, in turn, and settings: as an op's first sample has."""
    entry = ENTRIES[op.name]
    rng = np.random.default_rng(0)
    sample = entry.samples[0]
    parameters = list(inspect.signature(op.kernel).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    given = dict(zip(inspect.signature(entry.function).parameters, sample.args, strict=False))
    given |= sample.kwargs
    specs = [a for a in given.values() if isinstance(a, Draw)]
    out = []
    for i, _ in enumerate(names):
        spec, shape = specs[min(i, len(specs) - 1)], shapes[i % len(shapes)]
        if spec.kind == "bool" or dtype.kind == "b":
            out.append(rng.integers(0, 2, shape).astype(bool))
        elif dtype.kind in "iu":
            out.append(rng.integers(0, 50, shape).astype(dtype))
        else:
            out.append(np.asarray(rng.uniform(spec.low, spec.high, shape)).astype(dtype))
    settings = {
        p.name: given.get(p.name, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    return out, settings


def generated(op, args, settings):
    """Return the result of the op's machine code, whatever the size; None if it has none."""
    dtype = op.shape(*(Aval(a.shape, a.dtype) for a in args), **settings).dtype
    kinds = tuple(a.dtype for a in args)
    made = elementwise.prepared(op.name, op.kernel, kinds, settings, dtype)
    return None if made is None else made.run(tuple(args), settings)


def reference(op, args, settings):
    with np.errstate(all="ignore"):
        return np.asarray(widened(xp, np.ndarray, op.kernel, op.shape, tuple(args), settings))


def check(op, args, settings):
    out, wanted = generated(op, args, settings), reference(op, args, settings)
    assert out is not None
    assert out.dtype == wanted.dtype
    assert out.strides == wanted.strides
    if wanted.dtype.name not in TOLERANCE:
        np.testing.assert_array_equal(out, wanted)
        return
    near = CANCELLING.get(op.name, TOLERANCE[wanted.dtype.name])
    np.testing.assert_allclose(
        out.astype(np.float64), wanted.astype(np.float64), rtol=near, atol=near
    )


def with_edges(args):
    """Put NaN, inf, zeros and extremes among floats."""
    edges = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1e-40, 3e38, -3e38])
    for i, a in enumerate(args):
        if a.dtype.kind not in "biu":
            with np.errstate(over="ignore"):
                a[: edges.size] = np.roll(edges, 3 * i).astype(a.dtype)
    return args


def test_what_has_no_machine_code_is_listed():
    found = set()
    for name, op in OPS.items():
        dtype = DTYPES["int64" if name in WHOLE else "float32"]
        args, settings = drawn(op, dtype, (4,))
        try:
            symbolic.run(op.kernel, tuple(a.dtype for a in args), settings)
        except symbolic.Unknown:
            found.add(name)
    assert found == ON_NUMPY.keys()


@pytest.mark.parametrize("name", GENERATED)
def test_flat_memory(name):
    op = OPS[name]
    args, settings = drawn(op, DTYPES["int64" if name in WHOLE else "float32"], (1003,))
    check(op, with_edges(args) if name != "sine_quotient" else args, settings)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GENERATED)
def test_dtypes(name, dtype):
    op = OPS[name]
    args, settings = drawn(op, DTYPES[dtype], (1003,))
    try:
        out = generated(op, args, settings)
    except (DTypeError, TypeError):
        return  # the op refuses this dtype before any kernel
    if out is not None:
        check(op, args, settings)
    else:
        assert (
            DTYPES[dtype].kind in "biu"
            or name in ("sin", "cos", "tan", "sinc", "erfinv", "nextafter", *SINGLE, *WHOLE)
            or (name == "sine_quotient")
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["plus", "maximum", "gt", "chosen", "relu", "square"])
def test_dtypes_of_plain_ops(name, dtype):
    check(OPS[name], *drawn(OPS[name], DTYPES[dtype], (501,)))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["exp", "gelu", "true_divide", "power"])
def test_dtypes_of_floats(name, dtype):
    check(OPS[name], *drawn(OPS[name], DTYPES[dtype], (501,)))


def layouts():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 10, 14)).astype(np.float32)
    y = rng.normal(size=(12, 10, 14)).astype(np.float32)
    return {
        "alike": (x, y),
        "permuted alike": (x.transpose(2, 0, 1), y.transpose(2, 0, 1)),
        "channels last": (x.transpose(0, 2, 1), y.transpose(0, 2, 1)),
        "permuted apart": (x.transpose(1, 0, 2), np.ascontiguousarray(y.transpose(1, 0, 2))),
        "every other": (x[:, :, ::2], y[:, :, 1::2]),
        "reversed": (x[::-1], y[:, ::-1, ::-1]),
        "a row": (x, y[0, 0]),
        "a column": (x, y[:, :1, :1]),
        "a plane": (x, y[:, :1]),
        "both broadcast": (x[:, :1], y[:1, :, :1]),
        "a number's array": (x, y[0, 0, 0]),
        "0-d": (x[0, 0, 0], y[0, 0, 1]),
        "sliced": (x[2:5, 1:7, 3:9], y[1:4, 2:8, 2:8]),
        "empty": (x[:0], y[:0]),
        "length 1": (x[:1, :, :1], y[:1, :, :1]),
    }


@pytest.mark.parametrize("layout", layouts())
def test_layouts(layout):
    args = [np.asarray(a) for a in layouts()[layout]]
    check(OPS["minus"], args, {})
    mixed = [np.asarray(args[0] > 0), *args]
    check(OPS["chosen"], mixed, {})
    check(OPS["exp"], args[:1], {})


def turned_layouts():
    """Return pairs of which one is read across its lines of memory, several tiles wide."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 3, 101, 150))
    return {
        "one turned": (x[0].T, y[0].T.copy()),
        "whole tiles": (x[0, :96, :128].T, y[0, :96, :128].T.copy()),
        "the other turned": (x[0].T.copy(), y[0].T),
        "turned and a row": (x[0].T, y[0, :, 0].copy()),
        "turned and a column": (x[0].T, y[0, 0, :, None].copy()),
        "turned beside every other": (x[0].T, np.repeat(y[0].T.copy(), 2, 1)[:, ::2]),
        "batches": (x.transpose(0, 2, 1), y.transpose(0, 2, 1).copy()),
        "outer dim inside": (x.transpose(2, 1, 0), y.transpose(2, 1, 0).copy()),
        "backwards": (x[0, ::-1].T, y[0].T.copy()),
        "sliced": (x[0, 3:90, 5:].T, y[0, 3:90, 5:].T.copy()),
    }


@pytest.mark.parametrize("layout", turned_layouts())
def test_turned_layouts(layout, monkeypatch):
    used = []
    tiled = formulas.tiled
    monkeypatch.setattr(formulas, "tiled", lambda *args: used.append(args) or tiled(*args))
    args = [a.astype(np.float32) for a in turned_layouts()[layout]]
    check(OPS["minus"], args, {})
    check(OPS["chosen"], [np.asarray(args[0] > args[1]), *args], {})
    # elsewhere the result lies as the turned array does
    in_order = ("turned and a row", "turned and a column", "outer dim inside", "backwards")
    assert used or layout in in_order


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "uint8", "bool"])
def test_dtypes_of_turned_layouts(dtype):
    x, y = ((a * 4).astype(DTYPES[dtype]) for a in turned_layouts()["one turned"])
    check(OPS["maximum"], [x, np.ascontiguousarray(y)], {})


def test_what_is_not_finite_stays_so_in_tiles():
    (x,) = with_edges([np.zeros((40, 50), np.float32).reshape(-1)])
    x = x.reshape(40, 50)
    check(OPS["maximum"], [x.T, np.ones((50, 40), np.float32)], {})


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_a_number_to_choose_beside_floats_runs_as_machine_code(dtype):
    op = OPS["chosen"]
    choose = Compiled("chosen", op.kernel, op.shape)
    x = np.linspace(-3, 3, 5001).astype(DTYPES[dtype])
    for other in (0.1, 2, float("nan"), float("-inf"), 1e300):
        with np.errstate(over="ignore"):
            wanted = np.where(x > 1, x, np.asarray(other).astype(x.dtype))
        for got in (choose(x > 1, x, other), weft.where(weft.tensor(x > 1), weft.tensor(x), other)):
            assert got is not None
            np.testing.assert_array_equal(
                np.asarray(got).astype(np.float64), wanted.astype(np.float64)
            )
    assert choose(x > 1, np.arange(5001), 2) is None  # beside whole numbers those come as arrays


def test_more_dims_than_kernels_take_are_numpys():
    x = np.zeros((5, 5, 5, 5, 5), np.float32)[:3, :3, :3, :3, :3]
    assert generated(OPS["exp"], [x], {}) is None


def test_memory_at_odd_places_is_numpys():
    packed = np.zeros(50, np.dtype([("a", np.int8), ("b", np.float32)]))
    assert generated(OPS["exp"], [packed["b"]], {}) is None


@pytest.mark.parametrize("other", [2, 3, -1, 0.5, 1.7, 0])
def test_numbers_beside_arrays(other):
    x = weft.tensor(np.linspace(-3, 3, 40_000, dtype=np.float32))
    for function in (weft.add, weft.pow, weft.sub):
        fast = function(x, other)
        switches.codegen = False
        try:
            slow = function(x, other)
        finally:
            switches.codegen = True
        np.testing.assert_allclose(fast.numpy(), slow.numpy(), rtol=1e-6, atol=1e-6)
        assert fast.dtype is slow.dtype


def test_settings_that_stay_open_share_one_kernel():
    x = weft.tensor(np.linspace(-3, 3, 40_000, dtype=np.float32))
    for slope in (0.1, 0.2, 0.3):
        out = weft.nn.functional.leaky_relu(x, slope).numpy()
        np.testing.assert_allclose(
            out, np.where(x.numpy() > 0, x.numpy(), x.numpy() * np.float32(slope)), rtol=1e-6
        )


def test_the_call_and_the_short_path_give_the_same_bits():
    x = weft.tensor(np.linspace(-3, 3, 5000, dtype=np.float32))
    apart = weft.func.vmap(weft.tanh)(x.reshape((1, 5000)))
    assert (weft.tanh(x).numpy() == apart.numpy().ravel()).all()


def test_half_of_one_and_erf_is_one_function():
    root, _ = symbolic.run(OPS["gelu"].kernel, (np.dtype(np.float32),), {"approximate": "none"})
    assert "ndtr(" in formulas.flat("gelu", root, [0], []).source


@pytest.mark.parametrize(
    "formula",
    [
        lambda xp, x: 0.25 * (1 + xp.erf(x * math.sqrt(0.5))),
        lambda xp, x: 0.5 * (2 + xp.erf(x * math.sqrt(0.5))),
        lambda xp, x: 0.5 * (1 + xp.erf(x * 0.5)),
        lambda xp, x: 0.5 * (1 + xp.erf(x)),
        lambda xp, x: 0.5 * (1 - xp.erf(x * math.sqrt(0.5))),
    ],
)
def test_what_looks_like_it_is_computed_as_it_stands(formula):
    root, _ = symbolic.run(formula, (np.dtype(np.float32),), {})
    assert "ndtr(" not in formulas.flat("alike", root, [0], []).source


def test_equal_parts_are_computed_once():
    root, _ = symbolic.run(lambda xp, x: xp.exp(x) / (1 + xp.exp(x)), (np.dtype(np.float32),), {})
    assert [n.op for n in symbolic.ordered(root)].count("exp") == 1


def test_a_kernels_text_and_assembly_can_be_read():
    root, _ = symbolic.run(OPS["sigmoid"].kernel, (np.dtype(np.float32),), {})
    kernel = formulas.flat("sigmoid", root, [0], [])
    assert "exp(" in kernel.source
    assert "ret" in compiler.assembly(kernel.text(A0=f32, R=f32))


@pytest.mark.parametrize("n", [0, 1, 8191, 8192, 8193, 3 * 8192 + 5])
def test_a_pass_that_runs_back_gives_the_same_bits(n):
    root, _ = symbolic.run(OPS["sigmoid"].kernel, (np.dtype(np.float32),), {})
    function = formulas.flat("sigmoid", root, [0], []).at(A0=f32, R=f32)
    x = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    there, back = np.full((2, n + 1), 7, np.float32)
    function(n, 1 << 20, x, there, 0)
    function(n, 1 << 20, x, back, 1)
    assert (there == back).all()
    assert back[n] == 7


def test_large_passes_run_against_each_other(monkeypatch):
    told = []
    monkeypatch.setattr(
        elementwise, "against", lambda: told.append(direction.against()) or told[-1]
    )
    x = weft.randn(512, 512)
    first, second = (x + x[0]).exp(), (x + x[0]).exp()
    assert told == [1, 0, 1, 0] or told == [0, 1, 0, 1]
    weft.randn(16, 16).exp()
    assert len(told) == 4
    assert (first.numpy() == second.numpy()).all()


@pytest.mark.parametrize("name", ["fmod", "remainder"])
def test_rests_of_large_quotients_are_exact_and_no_warning_is_printed(name, capfd):
    rng = np.random.default_rng(0)
    x = (10.0 ** rng.uniform(-30, 38, 5000) * rng.choice([-1, 1], 5000)).astype(np.float32)
    y = (10.0 ** rng.uniform(-38, 30, 5000) * rng.choice([-1, 1], 5000)).astype(np.float32)
    wanted = getattr(np, name)(x, y)
    for layout in (lambda a: a, lambda a: a[::-1], lambda a: a.reshape(50, 100).T):
        out = getattr(weft, name)(weft.asarray(layout(x)), weft.asarray(layout(y)))
        np.testing.assert_allclose(out.numpy(), layout(wanted), rtol=1.2e-7)
    assert capfd.readouterr().err == ""


def test_what_broadcasts_to_much_is_compiled(monkeypatch):
    asked = []
    own = Compiled.__call__
    monkeypatch.setattr(
        Compiled, "__call__", lambda self, *a, **s: asked.append(1) or own(self, *a, **s)
    )
    x = weft.randn(300)
    out = weft.outer(x, x)
    assert asked
    assert (out.numpy() == np.outer(x.numpy(), x.numpy())).all()
    asked.clear()
    weft.randn(8, 1) + weft.randn(8)
    weft.randn(64, 64) + weft.randn(64)
    assert not asked
