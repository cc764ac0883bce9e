"""What torch calls weft's functions, and where the two differ on purpose, with the reasons."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable
from typing import Any

import torch

from weft._core import catalogue

#: Wider tolerances: (name, dtype) -> (rtol, atol).
WIDER: dict[tuple[str, str], tuple[float, float]] = {
    ("hardsigmoid", "gradient"): (1e-7, 0),  # torch keeps a sixth in float32
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
    "convert": torch.Tensor.to,
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
    "prod-2": "torch's prod takes one dim, weft's several",
    "avg_pool1d-4": "torch's avg_pool1d has no divisor_override",
}

#: Samples whose gradients differ on purpose.
DIFFERENT_GRADIENT = {
    **{f"floor_divide-{i}": "zero almost everywhere; torch has no rule" for i in range(6)},
    "convert-1": "the result is of integers",
    **{f"native_channel_shuffle-{i}": "torch has no rule for it" for i in range(2)},
    "pixel_shuffle-2": "torch's rule fails on an empty batch",
}

#: Variables by which torch has no gradient though weft does: sample -> their numbers.
NOT_BY = {
    "binary_cross_entropy_with_logits-1": {2, 3},
    "nll_loss-1": {1},
    "cross_entropy-2": {1},
    "linear_cross_entropy-1": {3},
    "multi_margin_loss-1": {1},
    "batch_norm-0": {1, 2},
    "instance_norm-2": {1, 2},
    "batch_norm-1": {1, 2},
}

_WHOLE = ("uint8", "int32", "int64")
#: What torch computes in a dtype and weft does not, or otherwise: (name, dtype) -> reason.
NOT_IN_DTYPE = {
    ("sign", "bool"): "truth values have no sign: weft raises",
    ("square", "bool"): "truth values are no numbers: weft raises, torch gives int64",
    ("all", "uint8"): "the result is bool, as for every other dtype; torch's is uint8",
    ("any", "uint8"): "the result is bool, as for every other dtype; torch's is uint8",
    **{
        ("power", d): "2 ** -1 is no integer: weft raises, torch gives 0"
        for d in ("int32", "int64")
    },
    **{
        (name, d): "torch cuts a factor of 0.5 to 0 for integers"
        for name in ("addmm", "addcmul", "baddbmm")
        for d in _WHOLE
    },
    **{(f"avg_pool{n}d", "int64"): "torch cuts the means to integers" for n in (1, 2, 3)},
    **{("hinge_embedding_loss", d): "torch cuts margin - input to whole numbers" for d in _WHOLE},
    **{("gaussian_nll_loss", d): "torch cuts a variance of 0.5 to 0 for integers" for d in _WHOLE},
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
