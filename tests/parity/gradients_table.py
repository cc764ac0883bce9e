"""Where derivatives differ from torch's on purpose, or torch has none, each with the reason."""

from __future__ import annotations

#: Relative and absolute tolerance of a derivative by its dtype; the absolute one is in units of
#: its greatest element, if that is above 1.
TOLERANCE = {
    "float32": (1e-5, 1e-6),
    "float64": (1e-10, 1e-12),
    "complex64": (1e-5, 1e-6),
    "complex128": (1e-10, 1e-12),
}

#: Wider tolerances: key -> (rtol, atol).
WIDER = {
    "hardsigmoid": (1e-7, 0),  # torch keeps a sixth in float32
    # torch's polygamma is off by this much, as tests/core/test_special.py shows by identities
    **dict.fromkeys(("polygamma", "polygamma_of", "digamma", "lgamma", "mvlgamma"), (1e-7, 1e-8)),
    "group_norm": (1e-5, 2e-5),  # of a group of one element, whose slope is a difference of equals
    "lstm": (5e-5, 5e-5),  # rounding adds up over layers and steps
}

#: Samples whose gradients differ.
DIFFERENT_GRADIENT = {
    **{
        name: "torch's gradient has parts in the triangle that is not read; weft's is the slope"
        for name in (
            *(f"cholesky_solve-{i}" for i in range(3)),
            *(f"cholesky_inverse-{i}" for i in range(2)),
        )
    },
    "linalg.vector_norm-4": "the norm of order 0 counts; torch's gradient is 0, weft has none",
    "linalg.matrix_norm-8": "of an empty matrix: torch's constant 0 has no gradient",
    **{
        f"linalg.cond-{i}": "torch overwrites what its backward needs, and raises"
        for i in (2, 4, 5, 6)
    },
    "linalg.ldl_solve-0": "torch has no derivative of it",
    **{
        f"as_strided_scatter-{i}": "torch passes on the gradient of the replaced elements, which "
        "has no effect, and none of the others"
        for i in range(2)
    },
    "index_fill-1": "torch's backward refuses the negative indices that its forward takes",
    **{f"floor_divide-{i}": "zero almost everywhere; torch has no rule" for i in range(6)},
    "view_as_real-2": "torch's rule fails on an empty tensor",
    "ldexp-0": "torch rounds 2 ** -1 to 0 for exponents that are integers",
    **{f"native_channel_shuffle-{i}": "torch has no rule for it" for i in range(2)},
    **{
        f"{name}-{i}": "torch's is that of the logits; test_losses.py compares them"
        for name, count in (("ctc_loss", 4), ("weft.ctc_loss", 2))
        for i in range(count)
    },
    "pixel_shuffle-2": "torch's rule fails on an empty batch",
    **{
        f"vander-{i}": "torch's own gradient fails: it has written into what it saved"
        for i in range(3)
    },
    **{f"unique-{i}": "torch has no rule" for i in (0, 5, 6)},
    **{f"unique_consecutive-{i}": "torch has no rule" for i in (0, 5)},
    "bincount-1": "torch has no rule",
    **{f"cat-{i}": "an empty 1-d tensor takes no part; torch's gradient is empty" for i in (2, 3)},
    "cdist-8": "points without coordinates: torch's gradient is empty, weft has none",
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

#: Functions some of whose gradients torch cannot differentiate again; finite differences hold them.
NO_SECOND_IN_TORCH = {
    *("cdist", "pdist", "ctc_loss", "weft.ctc_loss", "segment_reduce", "hardsigmoid"),
    *("embedding_bag", "weft.embedding_bag", "multi_margin_loss", "multilabel_margin_loss"),
}

#: Samples whose second derivatives differ.
DIFFERENT_SECOND = {
    **dict.fromkeys(
        ("embedding-2", "weft.embedding-2"),
        "torch forgets in the second backward pass that it divided by how often a row was read",
    ),
    "batch_norm-1": "torch's rule fails without a weight",
}

#: Functions of which other results need a gradient than torch's; what both have is compared.
OTHER_RESULTS = {
    "linalg.lstsq": "torch gives singular values no gradient, and residuals that are empty one",
    "native_batch_norm": "torch gives the means and scales no gradient",
    "native_layer_norm": "torch gives the means and scales no gradient",
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

#: Functions whose factors may be turned by signs or phases, which no choice makes the right one:
#: compared are the squared absolute values, which all choices share.
UP_TO_PHASES = {"linalg.eig", "linalg.eigh", "linalg.svd", "svd"}

#: Samples, functions and (function, dtype) whose derivative in forward mode differs.
DIFFERENT_FORWARD = {
    **dict.fromkeys(
        ("scatter_reduce-2", "scatter_reduce-3"), "torch's is 0 for products; its gradient is not"
    ),
    ("silu", "complex128"): "torch multiplies by the conjugate derivative",
    **dict.fromkeys(
        ("cholesky_solve", "cholesky_inverse", "triangular_solve"),
        "torch moves along the triangle that is not read",
    ),
    **dict.fromkeys(
        ("embedding-1", "embedding-2", "weft.embedding-2"),
        "torch uses padding_idx and scale_grad_by_freq in reverse mode alone",
    ),
    "ldexp-0": "torch rounds 2 ** -1 to 0 for exponents that are integers",
    "logcumsumexp-3": "torch's rule fails on an empty tensor",
}
