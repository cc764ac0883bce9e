"""Tolerances and exceptions of the catalogue's tests, each with its reason."""

from __future__ import annotations

#: Relative and absolute tolerance when a result in one dtype is compared with float64.
BY_DTYPE = {
    "float64": (1e-12, 1e-12),
    "float32": (2e-5, 2e-6),
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
}

#: Functions whose half-precision result is not near the float64 one, and why.
NOT_NEAR_IN_HALF = {
    "remainder": "rounding an argument moves it across a multiple of the divisor",
    "fmod": "rounding an argument moves it across a multiple of the divisor",
    "floor_divide": "rounding an argument moves it across a multiple of the divisor",
    "round": "rounding an argument moves it across a half",
    "frac": "rounding an argument moves it across a whole number",
    "equal": "compares exactly",
    "view_as_complex": "no complex dtype has half-precision parts",
    "view_as_complex_copy": "no complex dtype has half-precision parts",
    "randperm": "draws whole numbers",
}

#: Modules whose functions refuse half precision, as LAPACK and torch do, and samples that do.
REFUSES_HALF = {
    *(
        f"weft.ops.{module}"
        for module in (
            "cholesky",
            "determinants",
            "eigen",
            "ldl",
            "least_squares",
            "legacy_factors",
            "lobpcg",
            "low_rank",
            "lu",
            "orthogonal",
            "pseudo_inverses",
            "singular",
            "solve_triangular",
            "solving",
        )
    ),
    "matrix_power-3",  # of an inverse
    *(f"linalg.matrix_norm-{i}" for i in (1, 2, 3)),  # of singular values
    *(f"linalg.norm-{i}" for i in (2, 6)),
    "linalg.cond",
    "nuclear_norm",
}

#: Functions that the meta device cannot answer, and why.
NO_META = {
    "lobpcg": "its steps end when the data have converged",
    "one_hot": "without num_classes the number of classes is read from the data",
    "nonzero": "the result's shape depends on the data",
    "places": "the result's shape depends on the data",
    "argwhere": "the result's shape depends on the data",
    "masked_select": "the result's shape depends on the data",
    "unique": "the result's shape depends on the data",
    "unique_consecutive": "the result's shape depends on the data",
    "bincount": "the result's length depends on the data",
    "equal": "its result is a Python bool, read from the data",
    "allclose": "its result is a Python bool, read from the data",
    **{
        f"repeat_interleave-{i}": "repeats in a tensor, without output_size=, are data"
        for i in (3, 4, 5)
    },
}

#: Functions whose batching rule cannot be held to a loop, and why.
NO_BATCH = {
    "one_hot-1": "the number of classes is read from the data",
    "nonzero": "the result's shape depends on the data",
    "places": "the result's shape depends on the data",
    "argwhere": "the result's shape depends on the data",
    "masked_select": "the result's shape depends on the data",
    "unique": "the result's shape depends on the data",
    "unique_consecutive": "the result's shape depends on the data",
    "equal": "its result is a Python bool, read from the data",
    "allclose": "its result is a Python bool, read from the data",
    "embedding_renorm_": "it writes into the table",
}

#: Functions whose integer tensors must be the same for all examples of a batch, and why.
SHARED = {
    "bincount": "the result's length depends on them",
    "repeat_interleave": "the result's length depends on them",
}

#: Functions whose second derivative is not tested, and why.
NO_SECOND_ORDER: dict[str, str] = {}

#: Functions whose result depends on how memory is laid out, and why.
READS_STRIDES = {
    "reinterpreted": "refuses memory whose last dim is not contiguous",
    "is_contiguous": "tells how memory is laid out",
    "view": "refuses memory that is not contiguous",
    "view_as": "refuses memory that is not contiguous",
    "view_as_complex": "refuses memory whose parts are not side by side",
    "view_as_complex_copy": "refuses memory whose parts are not side by side",
    "strided_view": "refuses memory that is not contiguous",
    "as_strided": "shows memory as it lies",
    "as_strided_copy": "shows memory as it lies",
}

#: Samples whose gradient is deliberately not the slope, and why.
NOT_THE_SLOPE = {
    "linalg.vector_norm-4": "the norm of order 0 counts",
    **{
        name: "the factors that are given have no gradient; test_linalg.py takes that of B"
        for name in ("ldl_solution-0", "linalg.ldl_solve-0")
    },
    "embedding-1": "the row of padding_idx gets no gradient, whatever its slope",
    "embedding-2": "the gradient is divided by how often a row was read",
    "weft.embedding-1": "the row of padding_idx gets no gradient, whatever its slope",
    "weft.embedding-2": "the gradient is divided by how often a row was read",
    **{
        f"lobpcg-{i}": "its steps end when it has converged to half of the digits; test_linalg.py "
        "compares its gradient with that of eigh"
        for i in range(2)
    },
    "gumbel_softmax-2": "with hard=True it has, on purpose, the gradient of the soft choice",
    "convert-1": "a floating tensor converted to integers has none",
}

#: Functions whose complex results are turned by phases that no choice makes the right ones:
#: squared absolute values, which all choices share, have derivatives.
UP_TO_PHASES = {
    *("general_eigen", "linalg.eig", "hermitian_eigen", "linalg.eigh"),
    *("singular_parts", "linalg.svd", "svd", "svd_lowrank", "pca_lowrank"),
}

#: Internal ops that are not tested with complex numbers, and why.
REAL_INSIDE = {
    **dict.fromkeys(
        ("row_lengths", "largest_modulus", "largest", "window_max", "adaptive_places"),
        "of real numbers alone: what users call checks that",
    ),
    "phase_free": "refuses any loss but such as no phase changes; the decompositions that call it "
    "are tested",
}
