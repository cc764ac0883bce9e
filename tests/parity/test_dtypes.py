"""Dtype tables and the casts of 8-bit floats, beside torch's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import DTYPES, name_of, quietly

FLOAT8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
EVERY = (*DTYPES, *FLOAT8)


def promoted(module, a: str, b: str) -> str:
    """Return the name of the promoted dtype, or "raises"."""
    try:
        out = module.promote_types(getattr(module, a), getattr(module, b))
    except (RuntimeError, TypeError):
        return "raises"
    return name_of(out) if module is torch else out.name


WIDE = {"uint16", "uint32", "uint64"}


def test_promote_types_is_torchs_for_every_pair():
    for a, b in itertools.product(EVERY, EVERY):
        ours, theirs = promoted(weft, a, b), promoted(torch, a, b)
        if theirs == "complex32":  # which weft has not
            assert ours == "complex64"
        elif theirs == "raises" and {a, b} & WIDE:  # torch has no rule: weft has NumPy's
            names = [f"{n}_" if n == "bool" else n for n in (a, b)]
            both = [getattr(np, n, None) for n in names]
            if None not in both and ours != "raises":
                assert ours == np.promote_types(*both).name or ours.startswith("complex")
        else:
            assert ours == theirs, (a, b)


def test_can_cast_is_torchs_for_every_pair():
    for a, b in itertools.product(EVERY, EVERY):
        ours = weft.can_cast(getattr(weft, a), getattr(weft, b))
        assert ours is torch.can_cast(getattr(torch, a), getattr(torch, b)), (a, b)


def test_a_dtype_says_of_itself_what_torchs_does():
    for name in EVERY:
        ours, theirs = getattr(weft, name), getattr(torch, name)
        for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
            assert getattr(ours, attribute) == getattr(theirs, attribute), (name, attribute)
        assert ours.to_real().name == name_of(theirs.to_real())
        if name in ("float32", "float64", "complex64", "complex128"):
            assert ours.to_complex().name == name_of(theirs.to_complex())


@pytest.mark.parametrize("name", [n for n in EVERY if getattr(torch, n).is_floating_point])
def test_finfo_is_torchs(name):
    ours, theirs = weft.finfo(getattr(weft, name)), torch.finfo(getattr(torch, name))
    for attribute in ("bits", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    if name == "float8_e5m2fnuz":
        # 2 bits of fraction: the next number after 1 is 1.25, whatever torch says
        assert (ours.eps, theirs.eps) == (0.25, 0.125)
    else:
        assert ours.eps == theirs.eps


@pytest.mark.parametrize("name", [n for n in DTYPES if "int" in n])
def test_iinfo_is_torchs(name):
    ours, theirs = weft.iinfo(getattr(weft, name)), torch.iinfo(getattr(torch, name))
    for attribute in ("bits", "max", "min", "dtype"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute


# --- 8-bit floats ------------------------------------------------------------------------------


def bits(x: torch.Tensor) -> np.ndarray:
    return x.view(torch.uint8).numpy()


def own_bits(x: weft.Tensor) -> np.ndarray:
    return x.numpy().view(np.uint8)


def every_half() -> np.ndarray:
    """Return every float16 as float32, which reaches all that rounding to 3 bits can meet."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def spread() -> np.ndarray:
    """Return float32 numbers of every exponent, with fractions at and beside each tie."""
    exponents = np.arange(1 << 8, dtype=np.uint32) << 23
    fractions = np.array(
        [i * (1 << 19) + d for i in range(16) for d in (-1, 0, 1) if i * (1 << 19) + d >= 0],
        np.uint32,
    )
    whole = (exponents[:, None] | fractions).reshape(-1)
    return np.concatenate([whole, whole | np.uint32(1 << 31)]).view(np.float32)


@pytest.mark.parametrize("name", FLOAT8)
def test_float8_is_rounded_as_torch_rounds(name):
    for values in (every_half(), spread()):
        ours = weft.from_numpy(values).to(getattr(weft, name))
        theirs = torch.from_numpy(values).to(getattr(torch, name))
        a, b = ours.to(weft.float32).numpy(), theirs.to(torch.float32).numpy()
        np.testing.assert_array_equal(a, b)
        number = ~np.isnan(a)
        np.testing.assert_array_equal(own_bits(ours)[number], bits(theirs)[number])


@pytest.mark.parametrize("name", FLOAT8)
@pytest.mark.parametrize("source", ["bool", "uint8", "int32", "int64", "float16", "bfloat16",
                                    "float64", "complex64"])  # fmt: skip
def test_float8_of_other_dtypes_is_torchs(name, source):
    values = [0, 1, 3, 17, 100, 255] if source != "bool" else [0, 1]
    ours = weft.tensor(values, dtype=getattr(weft, source)).to(getattr(weft, name))
    theirs = quietly(torch.tensor(values, dtype=getattr(torch, source)).to, getattr(torch, name))
    np.testing.assert_array_equal(own_bits(ours), bits(theirs))


@pytest.mark.parametrize("name", FLOAT8)
@pytest.mark.parametrize("target", ["int32", "float16", "bfloat16", "float64", "complex64"])
def test_other_dtypes_of_float8_are_torchs(name, target):
    codes = np.arange(1, 127, dtype=np.uint8)
    theirs = torch.from_numpy(codes.copy()).view(getattr(torch, name))
    finite = np.isfinite(theirs.float().numpy()) & (np.abs(theirs.float().numpy()) < 2**31)
    theirs = theirs[torch.from_numpy(finite)]
    ours = weft.from_numpy(codes[finite].view(getattr(weft, name).numpy))
    a = ours.to(getattr(weft, target)).to(weft.complex128).numpy()
    b = theirs.to(getattr(torch, target)).to(torch.complex128).numpy()
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", FLOAT8)
def test_float8_prints_as_torchs(name):
    values = [1.0, 2.0, 0.25, 3.5]
    ours = weft.tensor(values, dtype=getattr(weft, name))
    theirs = torch.tensor(values, dtype=getattr(torch, name))
    assert repr(ours) == repr(theirs).replace("torch.", "weft.")
    assert ours.tolist() == theirs.tolist()
    assert ours[3].item() == theirs[3].item()


def test_float8_that_overflows_is_the_largest_an_infinity_or_nan_as_in_torch():
    for name in FLOAT8:
        for value in (1e4, 1e5, 1e30, math.inf, -math.inf, -1e5):
            ours = weft.tensor([value]).to(getattr(weft, name)).to(weft.float32).item()
            theirs = torch.tensor([value]).to(getattr(torch, name)).float().item()
            assert ours == theirs or (math.isnan(ours) and math.isnan(theirs)), (name, value)


def test_float8_is_stored_moved_and_compared():
    for name in FLOAT8:
        own = getattr(weft, name)
        x = weft.tensor([[1.0, 2.0], [4.0, 0.5]], dtype=own)
        assert x.t().reshape(4).tolist() == [1.0, 4.0, 2.0, 0.5]
        assert weft.cat([x, x]).shape == (4, 2)
        assert x[weft.tensor([1])].tolist() == [[4.0, 0.5]]
        assert (x == x).all().item()
        assert weft.full((2,), 2.0, dtype=own).tolist() == [2.0, 2.0]
        assert x.diagonal().tolist() == [1.0, 0.5]
        assert x.as_strided((2,), (2,), 1).tolist() == [2.0, 0.5]
        assert x.unfold(1, 1, 1).shape == (2, 2, 1)
        assert weft.empty_strided((2, 2), (1, 2), dtype=own).stride() == (1, 2)
        assert x.view(weft.uint8).view(own).tolist() == x.tolist()
        assert x.clone().zero_().to(weft.float32)[0, 0].item() in (0.0, 2.0**-127)


@pytest.mark.parametrize(
    "compute",
    [lambda x: x + x, lambda x: x * 2, lambda x: -x, lambda x: x.sum(), lambda x: x.tanh(),
     lambda x: x @ x],
    ids=["add", "mul", "neg", "sum", "tanh", "matmul"],
)  # fmt: skip
def test_nothing_is_computed_in_float8(compute):
    x = weft.ones(2, 2).to(weft.float8_e4m3fn)
    with pytest.raises(weft.DTypeError, match=r"nothing is computed in weft\.float8_e4m3fn, which"):
        compute(x)


def test_float8_and_another_dtype_have_no_common_one():
    x = weft.ones(2).to(weft.float8_e5m2)
    with pytest.raises(weft.DTypeError, match=r"8-bit floats are for storage; convert with"):
        x + weft.ones(2)


def test_the_gradient_flows_through_a_cast_to_float8():
    x = weft.tensor([1.0, 2.0], requires_grad=True)
    (x.to(weft.float8_e5m2).to(weft.float32) * weft.tensor([3.0, 5.0])).sum().backward()
    assert x.grad.tolist() == [3.0, 5.0]


def test_half_precision_complex_numbers_are_refused_with_the_reason():
    for ask in (lambda: weft.zeros(2, dtype="complex32"), lambda: weft.complex32):
        with pytest.raises((weft.DTypeError, AttributeError), match="neither NumPy nor CuPy has"):
            ask()


# --- wide unsigned integers --------------------------------------------------------------------

UNSIGNED = ("uint16", "uint32", "uint64")
UNARY = (
    "sum", "prod", "all", "any", "sin", "sqrt", "isnan", "floor", "ceil", "sort", "unique", "exp",
    "bitwise_and", "bitwise_xor", "mul", "div", "eq", "ne", "cat", "cumsum",
)  # fmt: skip


@pytest.mark.parametrize("name", UNSIGNED)
@pytest.mark.parametrize("function", UNARY)
def test_what_torch_computes_of_wide_unsigned_integers_weft_does_too(name, function):
    values = [3, 1, 200, 1]

    def run(module):
        x = module.tensor(values, dtype=getattr(module, name))
        if function == "cat":
            return module.cat([x, x])
        if function == "cumsum":
            return module.cumsum(x, 0)
        two = function in ("bitwise_and", "bitwise_xor", "mul", "div", "eq", "ne")
        out = getattr(module, function)(x, x) if two else getattr(module, function)(x)
        return out[0] if isinstance(out, tuple) else out

    ours, theirs = run(weft), run(torch)
    assert ours.dtype.name == name_of(theirs.dtype)
    np.testing.assert_allclose(ours.to(weft.float64).numpy(), theirs.double().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_torch_lacks_for_wide_unsigned_integers_weft_computes(name):
    own = getattr(weft, name)
    x = weft.tensor([3, 1, 200], dtype=own)
    assert (x + x).tolist() == [6, 2, 400]
    assert (x - 1).dtype is own
    assert (x // 2).tolist() == [1, 0, 100]
    assert x.max().item() == 200
    assert x.argmin().item() == 1
    assert weft.arange(3, dtype=own).tolist() == [0, 1, 2]
    assert (weft.tensor([0], dtype=own) - 1).item() == int(np.iinfo(own.numpy).max)


@pytest.mark.parametrize("name", UNSIGNED)
def test_casts_to_wide_unsigned_integers_are_torchs(name):
    for source, values in (
        (torch.float32, [1.5, 3e4, -1.5]),
        (torch.int64, [-1, 70000, 5]),
        (torch.bool, [True, False, True]),
    ):
        theirs = torch.tensor(values, dtype=source)
        ours = weft.from_numpy(theirs.numpy().copy())
        assert ours.to(getattr(weft, name)).tolist() == theirs.to(getattr(torch, name)).tolist()
        back = ours.to(getattr(weft, name)).to(weft.float64).tolist()
        assert back == theirs.to(getattr(torch, name)).double().tolist()
