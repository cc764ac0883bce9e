"""What torch calls weft's functions, and where the two differ on purpose, with the reasons."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable
from typing import Any

import torch

from weft._core import catalogue

_WHOLE = ("uint8", "int32", "int64")
#: Wider tolerances: (name, dtype) -> (rtol, atol).
WIDER: dict[tuple[str, str], tuple[float, float]] = {
    ("lstm", "complex64"): (1e-5, 1e-5),  # rounding adds up over layers and steps
    # torch's are off by this much, as tests/core/test_special.py shows by identities
    **{(f"special.bessel_{kind}", "float64"): (1e-5, 1e-6) for kind in ("j0", "j1", "y0", "y1")},
    **{("special.airy_ai", dtype): (1e-4, 1e-5) for dtype in ("float32", "float64")},
    ("polygamma", "float64"): (1e-8, 0),
    ("polygamma_of", "float64"): (1e-8, 0),
    # errors of a sum are relative to its greatest terms, and a frequency may come out near 0
    **{
        (f"fft.{kind}fft{dims}", dtype): (1e-6, 1e-5)
        for kind in ("", "i", "r", "ir", "h", "ih")
        for dims in ("", "2", "n")
        for dtype in (*_WHOLE, "bool", "float16", "bfloat16", "float32", "complex64")
    },
    # torch runs their recurrence in float32, weft in float64
    **{
        (f"special.{shifted}chebyshev_polynomial_{kind}", "float32"): (1e-5, 1e-5)
        for shifted in ("", "shifted_")
        for kind in "tuvw"
    },
}

#: torch's function for a name that differs.
RENAMED: dict[str, Callable[..., Any]] = {
    "plus": operator.add,
    "linear_map": torch.nn.functional.linear,
    "minus": operator.sub,
    "power": operator.pow,
    "bits_and": torch.bitwise_and,
    "bits_or": torch.bitwise_or,
    "bits_xor": torch.bitwise_xor,
    "bits_not": torch.bitwise_not,
    "bits_left": torch.bitwise_left_shift,
    "bits_right": torch.bitwise_right_shift,
    "real_part": torch.real,
    "imaginary_part": torch.imag,
    "is_signed_negative": torch.signbit,
    "step": torch.heaviside,
    "at_least": torch.clamp_min,
    "at_most": torch.clamp_max,
    "common_divisor": torch.gcd,
    "common_multiple": torch.lcm,
    "trunc_divide": lambda input, other: torch.div(input, other, rounding_mode="trunc"),
    "convert": torch.Tensor.to,
    "reinterpreted": torch.Tensor.view,
    "alias": lambda input: torch.Tensor.view_as(input, input),
    "running_sum": lambda input, dim, reverse=False: (
        input.flip(dim).cumsum(dim).flip(dim) if reverse else input.cumsum(dim)
    ),
    "picked": lambda input, index, dim: torch.gather(input, dim, index),
    "joined": torch.cat,
    "normalised_exp": torch.softmax,
    "normalised_log": torch.log_softmax,
    "constant_pad": lambda input, widths, value: torch.nn.functional.pad(
        input, [w for pair in reversed(widths) for w in pair], value=value
    ),
    "reshape": torch.Tensor.reshape,  # the function takes no reshape(x, 2, 3)
    "permute": torch.Tensor.permute,  # likewise
    "flip": torch.Tensor.flip,  # the function takes no int
    "flipped": torch.flip,
    "chosen": torch.where,
    "kept_where": torch.Tensor.where,
    "places": torch.nonzero,
    "reshaped_view": torch.reshape,
    "transposed": torch.permute,
}

#: Samples whose values differ on purpose.
DIFFERENT_VALUE = {
    "linalg.svd-1": "signs of singular vectors are LAPACK's choice; test_linalg.py compares",
    "weft.embedding_bag-2": "torch leaves the results that a sum does not need empty or zero",
    "prod-2": "torch's prod takes one dim, weft's several",
    "avg_pool1d-4": "torch's avg_pool1d has no divisor_override",
    "avg_pool3d-5": "torch's avg_pool3d takes no window larger than its input, as its others do",
}

#: What torch computes in a dtype and weft does not, or otherwise: (name, dtype) -> reason.
NOT_IN_DTYPE = {
    ("cholesky_inverse", "complex64"): "a factor's diagonal is real, that of the sample is not",
    **{("det", d): "torch takes an empty matrix of any dtype" for d in ("float16", "bfloat16")},
    ("complex", "float16"): "weft has no complex32: the result is complex64",
    ("view_as_complex", "float16"): "weft has no complex32: it raises",
    ("view_as_complex_copy", "float16"): "weft has no complex32: it raises",
    **{
        (f"linalg.{name}", d): "torch takes an empty matrix of any dtype; weft checks that first"
        for name in (
            *("cholesky", "cholesky_ex", "solve", "solve_ex", "det", "slogdet", "eigh"),
            *("eigvalsh", "svd", "svdvals", "lu", "lu_factor", "lu_factor_ex"),
        )
        for d in (*_WHOLE, "bool", "float16", "bfloat16")
    },
    **{
        ("matrix_exp", d): "torch's sums overflow in half precision; weft computes in float32"
        for d in ("float16", "bfloat16")
    },
    **{
        ("istft", dtype): "torch squares the window in its own dtype, weft in the signal's"
        for dtype in ("bool", "float16", "bfloat16")
    },
    ("sign", "bool"): "truth values have no sign: weft raises",
    ("all", "uint8"): "the result is bool, as for every other dtype; torch's is uint8",
    ("any", "uint8"): "the result is bool, as for every other dtype; torch's is uint8",
    **{
        ("power", d): "2 ** -1 is no integer: weft raises, torch gives 0"
        for d in ("int32", "int64")
    },
    **{
        (name, d): "torch cuts a factor of 0.5 to 0 for integers"
        for name in ("addmm", "addcmul", "addmv", "addbmm", "baddbmm")
        for d in _WHOLE
    },
    **{(f"avg_pool{n}d", "int64"): "torch cuts the means to integers" for n in (1, 2, 3)},
    **{
        (name, d): "torch cuts margin - input to whole numbers"
        for name in ("hinge_embedding_loss", "weft.hinge_embedding_loss")
        for d in _WHOLE
    },
    **{("gaussian_nll_loss", d): "torch cuts a variance of 0.5 to 0 for integers" for d in _WHOLE},
    **{(f"lp_pool{n}d", "bool"): "torch pools a truth value's mean to 0" for n in (1, 2, 3)},
    ("soft_margin_loss", "complex64"): "softplus of a complex number takes another branch",
    **{
        ("affine_grid_generator", d): "torch cuts the points to whole numbers: weft raises"
        for d in (*_WHOLE, "complex64")
    },
    **{
        (name, d): "torch computes places in half precision, weft in float32"
        for name in ("grid_sample", "grid_sampler", "grid_sampler_2d")
        for d in ("float16", "bfloat16")
    },
    **{("topk", d): "which of equal elements comes first is not defined" for d in _WHOLE},
    **{
        (name, d): "which of equal elements comes first is not defined"
        for name in ("topk", "kthvalue")
        for d in _WHOLE
    },
    **{
        (
            name,
            "complex64",
        ): "weft raises for complex numbers, torch unless there is but one, or none"
        for name in ("cummax", "cummin", "kthvalue", "median", "mode", "hash_tensor")
    },
}


def reference(entry: catalogue.Public) -> Callable[..., Any] | None:
    """Return torch's function for an entry, or None if torch has none.

    An op that is not offered to users is compared where RENAMED says with what; the others are the
    canonical forms and transposes of ops that are.
    """
    if entry.key in RENAMED:
        return RENAMED[entry.key]
    places = [*entry.places, *(f"weft.Tensor.{method}" for method in entry.methods)]
    for place in places:
        with contextlib.suppress(AttributeError):
            found: Callable[..., Any] = operator.attrgetter(place.removeprefix("weft."))(torch)
            return found
    return None
