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
    ("hardsigmoid", "gradient"): (1e-7, 0),  # torch keeps a sixth in float32
    # torch's are off by this much, as tests/core/test_special.py shows by identities
    **{(f"special.bessel_{kind}", "float64"): (1e-5, 1e-6) for kind in ("j0", "j1", "y0", "y1")},
    **{("special.airy_ai", dtype): (1e-4, 1e-5) for dtype in ("float32", "float64")},
    ("polygamma", "float64"): (1e-8, 0),
    ("polygamma", "gradient"): (1e-8, 0),
    ("polygamma_of", "float64"): (1e-8, 0),
    ("polygamma_of", "gradient"): (1e-8, 0),
    ("digamma", "gradient"): (1e-8, 0),
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

#: Entries torch has not, each with the reason.
NOT_IN_TORCH = {
    "convolution_input": "the transpose rule of convolution; torch's is private",
    "convolution_weight": "the transpose rule of convolution; torch's is private",
    "convolution": "weft's takes no bias and is not transposed; conv1d to conv3d are compared",
    "index": "takes weft's canonical key; test_indexing.py compares x[key]",
    "index_view": "takes weft's canonical key; test_indexing.py compares x[key]",
    "index_add_into_zeros": "takes weft's canonical key; it is the gradient of x[key]",
    "put": "takes weft's canonical key; test_indexing.py compares x[key] = value",
    "scatter_into_zeros": "the transpose rule of gather, compared through its gradient",
    "piece": "its several settings are one of narrow's; narrow is compared",
    "spaced": "the transpose rule of narrow, compared through its gradient",
    "pieces": "takes lengths that are canonical; split is compared",
    "largest_places": "flat numbers of max_pool's places, compared through return_indices",
    "adaptive_places": "flat numbers of adaptive_max_pool's places, through return_indices",
    "fold_windows": "the transpose rule of unfold, compared through its gradient",
    "half_turn": "the angle of real numbers alone; angle is compared",
    "times_power": "of real numbers alone, and without overflow on the way; ldexp is compared",
}

#: Entries torch has not, each with the reason.
NOT_IN_TORCH = {
    "convolution_input": "the transpose rule of convolution; torch's is private",
    "convolution_weight": "the transpose rule of convolution; torch's is private",
    "convolution": "weft's takes no bias and is not transposed; conv1d to conv3d are compared",
    "index": "takes weft's canonical key; test_indexing.py compares x[key]",
    "index_view": "takes weft's canonical key; test_indexing.py compares x[key]",
    "index_add_into_zeros": "takes weft's canonical key; it is the gradient of x[key]",
    "overwritten": "takes weft's canonical key; test_indexing.py compares x[key] = value",
    "scatter_into_zeros": "the transpose rule of gather, compared through its gradient",
    "piece": "its several settings are one of narrow's; narrow is compared",
    "spaced": "the transpose rule of narrow, compared through its gradient",
    "pieces": "takes lengths that are canonical; split is compared",
    "largest_places": "flat numbers of max_pool's places, compared through return_indices",
    "adaptive_places": "flat numbers of adaptive_max_pool's places, through return_indices",
    "fold_windows": "the transpose rule of unfold, compared through its gradient",
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
    "running_sum": torch.cumsum,
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
}

#: Samples whose gradients differ on purpose.
DIFFERENT_GRADIENT = {
    **{
        name: "torch's gradient has parts in the triangle that is not read; weft's is the slope"
        for name in (
            *(f"cholesky_solve-{i}" for i in range(3)),
            *(f"cholesky_inverse-{i}" for i in range(2)),
        )
    },
    "linalg.vector_norm-4": "the norm of order 0 counts; torch's gradient is 0",
    "linalg.matrix_norm-8": "of an empty matrix: torch's constant 0 has no gradient",
    **{
        f"linalg.cond-{i}": "torch overwrites what its backward needs, and raises"
        for i in (2, 4, 5, 6)
    },
    **{
        f"linalg.eig-{i}": "the tests' weights ask for the phase of eigenvectors; both refuse"
        for i in range(2)
    },
    "linalg.ldl_solve-0": "torch has no derivative of it",
    "linalg.svd-1": "signs of singular vectors are LAPACK's choice; test_linalg.py compares",
    **{f"linalg.lstsq-{i}": "torch gives singular values no gradient" for i in (1, 5)},
    **{
        f"as_strided_scatter-{i}": "torch passes on the gradient of the replaced elements, which "
        "has no effect, and none of the others"
        for i in range(2)
    },
    "index_fill-1": "torch's backward refuses the negative indices that its forward takes",
    **{f"floor_divide-{i}": "zero almost everywhere; torch has no rule" for i in range(6)},
    **{f"trunc_divide-{i}": "zero almost everywhere; torch has no rule" for i in range(6)},
    "view_as_complex_copy-0": "torch does not differentiate it; the view is compared",
    "nan_to_num-2": "torch does not differentiate it by complex numbers",
    "ldexp-0": "torch rounds 2 ** -1 to 0 for exponents that are integers",
    "convert-1": "the result is of integers",
    **{f"native_channel_shuffle-{i}": "torch has no rule for it" for i in range(2)},
    **{
        f"{name}-{i}": "torch's is that of the logits; test_losses.py compares them"
        for name, count in (("ctc_loss", 4), ("weft.ctc_loss", 2))
        for i in range(count)
    },
    **{
        f"native_{name}_norm-{i}": "torch gives the means and scales no gradient"
        for name, numbers in (("batch", (0,)), ("layer", (0, 1)))
        for i in numbers
    },
    "pixel_shuffle-2": "torch's rule fails on an empty batch",
    **{
        f"vander-{i}": "torch's own gradient fails: it has written into what it saved"
        for i in range(3)
    },
    **{f"unique-{i}": "torch has no rule" for i in (0, 5, 6)},
    **{f"unique_consecutive-{i}": "torch has no rule" for i in (0, 5)},
    "bincount-1": "torch has no rule",
}

_BESSEL = ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0", "airy_ai")
_MODIFIED = ("modified_bessel_k0", "modified_bessel_k1")
_POLYNOMIALS = (
    *(f"{shifted}chebyshev_polynomial_{k}" for shifted in ("", "shifted_") for k in "tuvw"),
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
)  # fmt: skip
#: Functions that torch does not differentiate and weft does; finite differences hold them.
NO_GRADIENT_IN_TORCH = {
    f"special.{name}"
    for name in (*_BESSEL, *_MODIFIED, *(f"scaled_{name}" for name in _MODIFIED), *_POLYNOMIALS)
}

#: Variables by which torch has no gradient though weft does: sample -> their numbers.
NOT_BY = {
    # a src longer than its index: torch takes it and fails in the backward pass
    **{f"scatter-{i}": {1} for i in (0, 2, 3)},
    "scatter_add-1": {1},
    **{f"scatter_reduce-{i}": {1} for i in (10, 12)},
    "binary_cross_entropy_with_logits-1": {2, 3},
    "nll_loss-1": {1},
    "cross_entropy-2": {1},
    "weft.binary_cross_entropy_with_logits-1": {2, 3},
    "linear_cross_entropy-1": {3},
    "multi_margin_loss-1": {1},
    "batch_norm-0": {1, 2},
    "instance_norm-2": {1, 2},
    "weft.batch_norm-0": {3, 4},
    "weft.instance_norm-1": {1, 2},
    "native_batch_norm-1": {1, 2},
    "batch_norm-1": {1, 2},
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
